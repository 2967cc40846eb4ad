"""Generated file names: does one that passes ever leave its folder or land under another name?

    python tests/campaigns/hostile_names.py [NAMES] [SEED]

Names are put together from pieces that are dangerous somewhere. What the choke point lets through
is judged by rules written here anew (the paths of two operating systems, what the service deletes
from a path), and a sample is really written, among planted links. Prints one line of JSON; exit 1
for an escape or a silent rename.
"""

from __future__ import annotations

import json
import ntpath
import os
import posixpath
import random
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from pathlib import Path, PureWindowsPath

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync import filenames
from jobsync.model import OutputRule, RemoteFile
from jobsync.outputs.destination import OutputsRoot, mark_of
from jobsync.outputs.failures import FileFailed
from jobsync.plan.output_rules import choose_files
from tests.outputs.names_corpus import HOSTILE, ORDINARY

PIECES = [
    *("a", "b.txt", "data", "x", "1", "-", "_", "results", "run 1", "\u00e9", "e\u0301", "\u65e5"),
    *(
        ".",
        "..",
        "...",
        "/",
        "/",
        "//",
        "\\",
        "~",
        ":",
        " ",
        "\t",
        "\n",
        "\x00",
        "\x1b",
        "%2e",
        "%2f",
    ),
    *("con", "NUL", "com1", "aux", ".git", ".jobsync", "jobsync.lock", "C:", "\\\\", "$", "*", "?"),
    *("\u202e", "\u200b", "\ufeff", "\ud800", "\udcff", "\uff0e", "\uff0f", "\u2025", "\u00a0"),
    *("x" * 100, "\u00e9" * 60, "d/" * 20, "link/", "pipe/", "K", "\u212a", "\u0130", "\ufb01"),
]
SAMPLE = 25
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}


def generate(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.1:
        base = list(rng.choice(HOSTILE + ORDINARY))
        for _ in range(rng.randint(0, 2)):
            base.insert(rng.randint(0, len(base)), rng.choice(PIECES))
        return "".join(base)
    if kind < 0.15:
        return "".join(
            chr(rng.choice([rng.randrange(256), rng.randrange(0x11000)])) for _ in "12345"
        )
    return "".join(rng.choices(PIECES, k=rng.randint(1, 5)))


def escapes(name: str) -> bool:
    """Judged without the code under test: is *name* more than a plain path below a folder?"""
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError:
        return True
    windows = PureWindowsPath(name)
    return (
        posixpath.normpath(posixpath.join("/root", name)) != f"/root/{name}"
        or ntpath.normpath(name) != name.replace("/", "\\")
        or bool(windows.drive or windows.root)
        or name.replace("..", "").replace("~", "") != name
        or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name)
        or any(unicodedata.bidirectional(c) in _BIDI for c in name)
        or any(len(part) > 255 for part in data.split(b"/"))
        or any(_is_kept(part) for part in name.split("/"))
    )


_BIDI = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


def _is_kept(part: str) -> bool:
    return (
        part.upper().split(".")[0].rstrip() in _RESERVED
        or part.lower() in (".git", "jobsync.lock")
        or part.lower().startswith(".jobsync")
        or part.rstrip(" .") != part
    )


def renamed(name: str) -> bool:
    """Whether the selection would put *name* anywhere but at its own place, or drop it unsaid."""
    rules = [OutputRule("**", "out/"), OutputRule("**/.*", "out/"), OutputRule(".*/**", "out/")]
    selection = choose_files([*rules, OutputRule(_literal(name), f"out/{name}")], (), [_file(name)])
    if selection.fetches:
        return any(f.path != name or f.to != f"out/{name}" for f in selection.fetches)
    return [path for path, _ in selection.refused] != [name]


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _file(name: str) -> RemoteFile:
    return RemoteFile(name, 1, "t")


def write(root: OutputsRoot, folder: Path, name: str, counts: Counter[str]) -> None:
    """Really write *name*: it must be there under exactly that name, or be refused."""
    try:
        with root.place(name) as place, place.open_part() as handle:
            os.write(handle, b"!")
            place.commit(mark_of(os.fstat(handle)))
    except FileFailed:
        counts["refused by the disk"] += 1
        return
    parent = os.fsencode(folder / name).rpartition(b"/")[0]
    counts["renames"] += os.fsencode(name.rpartition("/")[2]) not in os.listdir(parent)  # noqa: PTH208
    counts["written"] += 1


def campaign(number: int, seed: int, folder: Path) -> Counter[str]:
    rng, counts = random.Random(seed), Counter[str](escapes=0, renames=0)
    outside, inside = folder / "outside", folder / "root"
    outside.mkdir()
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    os.mkfifo(inside / "pipe")
    with OutputsRoot(str(inside)) as root:
        for _ in range(number):
            name = generate(rng)
            counts["names"] += 1
            if filenames.refusal(name):
                counts["refused"] += 1
                continue
            counts["accepted"] += 1
            counts["escapes"] += escapes(name)
            if counts["accepted"] % SAMPLE == 0:
                counts["renames"] += renamed(name)
                write(root, inside, name, counts)
    counts["escapes"] += len(list(outside.iterdir()))
    outside.rmdir()
    return counts


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = campaign(number, seed, Path(folder))
    print(json.dumps({"seed": seed, **counts, "seconds": round(time.monotonic() - began, 1)}))
    return 1 if counts["escapes"] or counts["renames"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
