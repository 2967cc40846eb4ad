"""Refuse trailing whitespace, tabs for indents in Python, and files without a last newline.

Usage: python tests/architecture/whitespace.py FILE...
"""

from __future__ import annotations

import sys
from pathlib import Path


def faults(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return []
    found = [
        f"{path}:{number}: trailing whitespace"
        for number, line in enumerate(text.split("\n"), 1)
        if line != line.rstrip()
    ]
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        found.append(f"{path}: must end in exactly one newline")
    return found


if __name__ == "__main__":
    lines = [line for name in sys.argv[1:] for line in faults(Path(name))]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(bool(lines))
