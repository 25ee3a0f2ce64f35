"""Measures what a failing Redis costs, with the workers and servers of the tests: what is lost when (about 3 minutes), then
how soon writes go on after a kill -9 of the master, some times over (about 10 s each)."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=10, help="how often the master is killed (10)")


def check_options(parser, options):
    if options.binary:
        parser.error("--binary has no effect: what is measured is the worker that was built with the tests")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")


def run(options, _):
    subprocess.run(["swift", "build", "--build-tests"], cwd=ROOT, stdout=sys.stderr, check=True)
    lost = figures("LossFigures", PRESENCE_FAULT_FIGURES="1")
    back = figures("SentinelFailoverTests/killed", PRESENCE_FAULT_ROUNDS=str(options.rounds))
    return {"lost": lost, "back": back}


def figures(tests, **environment):
    """Prints the lines of a suite that tell figures, and those of tests that failed; the figures."""
    command = ["swift", "test", "--skip-build", "--disable-xctest", "--filter", tests]
    found = []
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            if line.startswith("figure: "):
                found.append(line.removeprefix("figure: ").strip())
                print(found[-1], flush=True)
            elif re.match("✘|error:", line):
                print(line, end="", flush=True)
    if process.returncode != 0:
        sys.exit(process.returncode)
    return found
