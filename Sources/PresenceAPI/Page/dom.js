// Elements and words. Whatever comes from the service becomes text, never markup.

/** An element: `h("p", { class: "note" }, "text", otherElement)`. Functions are listeners. */
export function h(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (typeof value === "function") element.addEventListener(name, value);
        else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
}

/** Sets a text only where it changed, so that nothing is laid out or read out anew. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
    if (node.className !== name) node.className = name;
}

/**
 * Makes the rows of a table those of the items: rows are kept by key and told what changed.
 * `make(item)` gives an element with a method `update(item)`.
 */
export function keepRows(body, items, key, make) {
    const known = new Map([...body.children].map((row) => [row.rowKey, row]));
    const rows = items.map((item) => {
        const name = key(item);
        const row = known.get(name) ?? Object.assign(make(item), { rowKey: name });
        row.update(item);
        return row;
    });
    if (rows.length !== body.children.length || rows.some((row, index) => row !== body.children[index])) {
        body.replaceChildren(...rows);
    }
}

/** A row of cells, each with a class, and texts that change. The first cell heads the row. */
export function textRow(classes, texts) {
    const cells = classes.map((name, index) =>
        h(index === 0 ? "th" : "td", { class: name, scope: index === 0 ? "row" : null }));
    const row = h("tr", {}, ...cells);
    row.update = (item) => texts(item).forEach((text, index) => {
        if (typeof text === "string") setText(cells[index], text);
        else cells[index].replaceChildren(text);
    });
    return row;
}

/** A table with its head. Columns are `[title, class]`. */
export function table(caption, columns, attributes = {}) {
    const body = h("tbody");
    const element = h("table", attributes,
        h("caption", { class: "unseen" }, caption),
        h("thead", {}, h("tr", {},
            ...columns.map(([title, name]) => h("th", { scope: "col", class: name ?? "" }, title)))),
        body);
    return { element, body };
}

/** A part of the page with its heading. */
export function card(title, { scope, class: name = "", level = 2, id } = {}, ...children) {
    const heading = id ?? `part-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
    return h("section", { class: `card ${name}`, "aria-labelledby": heading },
        h("div", { class: "card-head" },
            h(`h${level}`, { id: heading }, title),
            scope ? h("span", { class: "scope" }, scope) : null),
        ...children);
}

const whole = new Intl.NumberFormat("en");
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const number = (value) => (value === undefined || value === null ? "–" : whole.format(value));
export const rate = (value) => (value === undefined || value === null ? "–" : value < 100 ? tenth.format(value) : whole.format(Math.round(value)));

/** `350 ms`, `1.4 s`, `41 s`, `3 min`, `6 h`, `5 d`. */
export function span(ms) {
    if (ms === undefined || ms === null) return "–";
    if (ms < 1_000) return `${Math.round(ms)} ms`;
    if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
    if (ms < 120_000) return `${Math.floor(ms / 1_000)} s`;
    if (ms < 7_200_000) return `${Math.floor(ms / 60_000)} min`;
    if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h`;
    return `${Math.floor(ms / 86_400_000)} d`;
}

export const ago = (ms, now) => (ms <= now ? `${span(now - ms)} ago` : `in ${span(ms - now)}`);

export function bytes(count) {
    if (count === undefined || count === null) return "–";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let [value, unit] = [count, 0];
    while (value >= 1_000 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
    return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

/** `14:03:59` of today, otherwise with the day. */
export function time(ms, now = Date.now()) {
    const at = new Date(ms);
    if (Number.isNaN(at.getTime())) return "–";
    const text = clock.format(at);
    return day.format(at) === day.format(new Date(now)) ? text : `${day.format(at)} ${text}`;
}

/** `3 min ago`, which `passTime` keeps true. */
export const agoElement = (ms, now) => h("span", { class: "ago muted", "data-at": String(ms) }, ago(ms, now));

export function passTime(element, now) {
    for (const node of element.querySelectorAll(".ago")) setText(node, ago(Number(node.dataset.at), now));
}

/** A time with all of it in the title. */
export function timeElement(ms, now) {
    const at = new Date(ms);
    const iso = Number.isNaN(at.getTime()) ? "" : at.toISOString();
    return h("time", { datetime: iso, title: iso }, time(ms, now));
}

/** An id as it is, kept apart from what stands around it, whatever direction it is written in. */
export const id = (text) => h("bdi", { class: "id" }, text);

export const userLink = (user) => h("a", { class: "user", href: `#/users/${encodeURIComponent(user)}` }, id(user));

const statusClasses = { Online: "online", PushOnline: "push", Offline: "offline" };

export const status = (name) => h("span", { class: `status ${statusClasses[name] ?? "offline"}` }, name);
