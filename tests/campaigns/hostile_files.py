"""Does any text that a stranger wrote keep a command busy, crash it, or make it write elsewhere?

    python tests/campaigns/hostile_files.py [--seconds 60] [--seed 1] [KIND ...]

Kinds: globs, patterns, expressions, manifests, apps, plans, locks, states. Each is tried for so
many seconds: made-up and mutated cases, each with a clock. A case fails that takes longer than a
second, or that ends with anything but an answer or one of jobsync's own errors.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobsync import globs, java_regex, lock_format
from jobsync.errors import JobsyncError
from jobsync.local import patterns
from jobsync.local.apps import registry, tapis_apps
from jobsync.local.state import adopt, prepare
from jobsync.local.store.counting import look
from jobsync.local.store.database import Store
from jobsync.local.tie import Owner
from jobsync.manifest.app_folders import AppFolders
from jobsync.model import OutputChange
from jobsync.plan.output_rules import compile_glob
from jobsync.platforms import PLATFORMS
from jobsync.platforms.loading import load
from jobsync.render import FORMATS, RenderOptions, plan_json
from jobsync.structs import replace

LIMIT = 1.0
"""Seconds that one case may take on a machine that does other work too, beside the noise."""

GOLDEN = Path(__file__).parents[1] / "render/golden/plan.json"
SET = """\
apiVersion: jobsync/v1
project: p
ignore: ["*.x.yaml", "**/a*b/"]
env: [HOME]
variables: {v: 1, w: {default: x, sensitive: true}}
outputsRoot: out
jobs:
  one: {appId: a-1.0, parameters: {k: "${var.v}"}, outputs: [{path: "**/*.y", to: r/}]}
  two: {appId: a-1.0, needs: [one], permissions: {bob: READ}}
"""
APP = """\
{"name": "a", "version": "1.0", "templatePath": "w.sh", "defaultNodeCount": 1, "tags": [],
"inputs": [{"id": "f", "details": {"label": "x"}, "value": {"default": "y", "order": 0}}],
"parameters": [{"id": "k", "value": {"type": "string", "validator": "[a-z]+", "default": "d"},
"semantics": {"minCardinality": 0}}]}
"""
TAPIS_APP = """\
{"id": "t", "version": "1.0", "runtime": "ZIP", "containerImage": "x.zip", "maxJobs": 1,
"jobAttributes": {"fileInputs": [{"name": "f", "sourceUrl": "u", "targetPath": "t"}],
"parameterSet": {"appArgs": [{"name": "n", "arg": "x"}], "envVariables": [{"key": "k"}]},
"maxMinutes": 10}}
"""
VALUES = [
    "null",
    "-1",
    "1e999",
    "NaN",
    "[]",
    "{}",
    "true",
    '"\\ud800"',
    '"../x"',
    "1" * 5000,
    "[" * 2000,
]
LOCK = "# jobsync.lock 1\nfile\tone\tr/a\ta\t1-007\t3\t" + "a" * 64 + "\nexpect\tone\t1-007\n"
PIECES = ["*", "**", "**/", "?", "[a-z]", "[!a]", "/", "a", "b", ".", "..", "\\", "{", "é", "\0"]
SIGNS = [
    "(",
    ")",
    "a",
    "b",
    "+",
    "*",
    "?",
    "{2,9}",
    "|",
    "[a-z]",
    ".",
    "^",
    "$",
    "\\d",
    "\\1",
    "(?i)",
]
BITS = [
    "\t",
    "\n",
    "${",
    "}",
    "../",
    ".git/",
    "*",
    "&a ",
    "*a",
    "!!x ",
    "[",
    "{",
    '"',
    "\0",
    "é",
    "- ",
]

Case = Callable[[random.Random], None]


def mutated(text: str, chance: random.Random) -> str:
    """*text* with some of it cut, doubled, or made of something else."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((0, 1, 3, 20)))
        middle = chance.choice(("", text[start:end] * 2, "".join(chance.choices(BITS, k=3))))
        text = text[:start] + middle + text[end:]
    return text


def some_globs(chance: random.Random) -> None:
    unit = "".join(chance.choices(PIECES, k=chance.randint(1, 5)))
    glob = unit * chance.choice((1, 2, 30, 200)) + chance.choice(("", "b", "/"))
    path = "".join(chance.choices(("a", "b", "/", "."), k=4)) * chance.choice((1, 20, 500))
    globs.covers(glob, path)
    globs.matches(path, glob)
    compile_glob(glob).matches(path)


def some_patterns(chance: random.Random) -> None:
    unit = "".join(chance.choices(SIGNS, k=chance.randint(1, 6)))
    pattern = f"({unit})" * chance.choice((1, 2, 10)) + chance.choice(("", "+$", "{9}b"))
    text = "".join(chance.choices("ab1", k=3)) * chance.choice((1, 20, 3000)) + "!"
    try:
        patterns.search(pattern, text)
    except patterns.PatternRefused:
        return


def some_expressions(chance: random.Random) -> None:
    unit = "".join(chance.choices(SIGNS, k=chance.randint(1, 6)))
    expression = f"({unit})" * chance.choice((1, 2, 10)) + chance.choice(("", "+$", "{9}b"))
    text = "".join(chance.choices("ab1", k=3)) * chance.choice((1, 20, 3000)) + "!"
    with suppress(java_regex.Uncheckable):
        java_regex.found(expression, text)


def some_plans(chance: random.Random) -> None:
    """Texts that are mutated, and plans that somebody wrote who can compute their digests."""
    text = GOLDEN.read_text("utf-8")
    if chance.random() < 0.5:
        plan_json.loads(mutated(text, chance))
    plan = plan_json.loads(text)
    [some] = [one for one in plan.changes if isinstance(one, OutputChange) and one.files]
    assert some.files
    odd = replace(
        chance.choice(some.files),
        to=chance.choice(BITS) * 9,
        length=chance.choice((0, 10**30, 10**400)),
    )
    changes = (*plan.changes, replace(some, files=(odd,)))
    forged = plan_json.loads(plan_json.dumps(replace(plan, changes=changes)))
    for form in FORMATS.values():
        form(forged, RenderOptions())


def some_locks(chance: random.Random) -> None:
    data = mutated(LOCK * chance.choice((1, 50)), chance).encode("utf-8", "surrogatepass")
    list(lock_format.destinations(data))
    lock_format.parse(data, "jobsync.lock")


@contextmanager
def manifests() -> Iterator[Case]:
    """Mutated sets, loaded; nothing but the set lies in the folder afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "set"
        folder.mkdir()

        def some_manifests(chance: random.Random) -> None:
            (folder / "set.yaml").write_text(mutated(SET, chance), "utf-8", "surrogatepass")
            try:
                load([folder], environ={"HOME": "/"})
            finally:
                assert {path.name for path in Path(name).rglob("*")} == {"set", "set.yaml"}

        yield some_manifests


@contextmanager
def apps() -> Iterator[Case]:
    """Mutated definitions of apps, read by the manifests and by the local service."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "apps/a"
        folder.mkdir(parents=True)
        (folder / "w.sh").write_text("true\n")

        def some_apps(chance: random.Random) -> None:
            for file, text in (("app.json", APP), ("app.v3.json", TAPIS_APP)):
                for _ in range(chance.randint(0, 3)):
                    start = chance.randrange(len(text))
                    end = text.find(chance.choice(",]}"), start)
                    text = f"{text[:start]}{chance.choice(VALUES)}{text[end:]}"
                text = text if chance.random() < 0.5 else mutated(text, chance)
                (folder / file).write_text(text, "utf-8", "surrogatepass")
            found = registry.load([folder.parent])
            for app in found.list():
                found.get(app.id)
            found.trouble("a-1.0")
            of_tapis = tapis_apps.TapisApps([folder.parent])
            of_tapis.latest()
            of_tapis.trouble()
            for platform in PLATFORMS.values():
                for app_id in ("a-1.0", "t", "t-1.0"):
                    AppFolders(name, platform).get(app_id)
            assert len(list(Path(name).rglob("*"))) == 5

        yield some_apps


@contextmanager
def states() -> Iterator[Case]:
    """Mutated state folders of a stranger, looked at and adopted; nothing beside them changes."""
    with tempfile.TemporaryDirectory() as name:
        root, whose = Path(name), Owner(b"k" * 32, lambda _: False)
        made = root / "made"
        prepare(made, whose)
        Store(made / "jobs.db").close()
        with sqlite3.connect(made / "jobs.db") as database:
            database.execute("PRAGMA journal_mode = DELETE")
        database.close()
        (made / "owner.json").unlink()
        content = (made / "jobs.db").read_bytes()

        def some_states(chance: random.Random) -> None:
            state = root / ".jobsync"
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir(mode=0o700)
            data = bytearray(content)
            for _ in range(chance.choice((0, 1, 50))):
                data[chance.randrange(len(data))] = chance.randrange(256)
            (state / "jobs.db").write_bytes(data[: chance.choice((len(data), 5000))])
            (state / "owner.json").write_text(
                mutated(json.dumps({"id": "a" * 32, "hmac": "b" * 64}), chance), "utf-8"
            )
            look(state)
            adopt(state, whose)
            prepare(state, whose)
            assert {path.name for path in root.iterdir()} == {"made", ".jobsync"}

        yield some_states


@contextmanager
def plainly(case: Case) -> Iterator[Case]:
    yield case


KINDS = {
    "globs": lambda: plainly(some_globs),
    "patterns": lambda: plainly(some_patterns),
    "expressions": lambda: plainly(some_expressions),
    "manifests": manifests,
    "apps": apps,
    "plans": lambda: plainly(some_plans),
    "locks": lambda: plainly(some_locks),
    "states": states,
}


def campaign(kind: str, seconds: float, seed: int, limit: float = LIMIT) -> tuple[int, float]:
    """How many cases were tried, and the longest that one took in seconds of the processor.

    Raises :class:`AssertionError` for a case that took longer than *limit*, and whatever a case
    raised that is no error of jobsync.
    """
    chance, tried, worst = random.Random(seed), 0, 0.0
    until = time.monotonic() + seconds
    with KINDS[kind]() as case:
        while time.monotonic() < until:
            began = time.process_time()
            try:
                case(chance)
            except JobsyncError:
                pass
            except Exception as error:
                raise AssertionError(f"{kind}: case {tried} of seed {seed}") from error
            took = time.process_time() - began
            assert took < limit, f"{kind}: {took:.1f} s for case {tried} of seed {seed}"
            tried, worst = tried + 1, max(worst, took)
    return tried, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    given = parser.parse_args()
    logging.disable()
    for kind in given.kinds or KINDS:
        tried, worst = campaign(kind, given.seconds, given.seed)
        print(f"{kind:10} {tried:8} cases, the longest {worst:.3f} s", flush=True)


if __name__ == "__main__":
    main()
