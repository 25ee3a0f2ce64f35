"""The pages of the reference, with the links DocC wants: catalogue.py CATALOGUE FOLDER.

`[Errors](API.md#how-requests-are-read)` becomes `[Errors](doc:API#How-requests-are-read)`. A link out of the catalogue,
or to a page that is not there, becomes its text, and an item of a list that is no more than that is left out: what is
missing a test tells. The symbol graph is that of an empty module: the pages are about the service, not its source.
"""

import json
import pathlib
import re
import sys

LINK = r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)"


def slug(heading):
    """As code hosts name a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def fragment(heading):
    """As DocC does."""
    return re.sub(r"-+", "-", re.sub(r"[^\w/.~:@!$&()*+,;=-]", "-", heading)).strip("-")


def headings(text):
    prose = re.sub(r"(?ms)^```.*?^```$", "", text)
    return {slug(title): fragment(title) for title in re.findall(r"(?m)^#+ (.+)$", prose)}


def converted(page, texts):
    def name_of(target):
        return target.partition("#")[0].removesuffix(".md") or page

    def link(match):
        text, target = match.groups()
        name, anchor = name_of(target), target.partition("#")[2]
        if "://" in target:
            return match.group()
        if name not in texts:
            return text
        path = "presence" if name == "Presence" else name
        return f"[{text}](doc:{path}{'#' + headings(texts[name])[anchor] if anchor else ''})"

    def item(match):
        return match.group() if name_of(match.group(2)) in texts else ""

    return re.sub(LINK, link, re.sub(rf"(?m)^- {LINK}\n", item, texts[page]))


catalogue, folder = map(pathlib.Path, sys.argv[1:])
texts = {path.stem: path.read_text() for path in sorted(catalogue.glob("*.md"))}
for name in ("Documentation.docc", "symbols"):
    (folder / name).mkdir()
for page in texts:
    (folder / "Documentation.docc" / f"{page}.md").write_text(converted(page, texts))
graph = {
    "metadata": {"formatVersion": {"major": 0, "minor": 6, "patch": 0}, "generator": "catalogue.py"},
    "module": {"name": "presence", "platform": {}},
    "symbols": [],
    "relationships": [],
}
(folder / "symbols" / "presence.symbols.json").write_text(json.dumps(graph))
