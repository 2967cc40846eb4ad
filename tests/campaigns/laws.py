"""Does any law fall? Every test with generated cases, again and again, with fresh seeds.

    python tests/campaigns/laws.py --minutes 60 [PYTEST ARGUMENT...]

Each round runs all of them with one new seed. A falsifying example is printed with the seed that
found it; the campaign goes on without that test and ends with 1. ``--seed N`` repeats one round.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def laws(arguments: list[str]) -> tuple[list[str], int]:
    """The files that have laws, so that a round collects nothing else, and how many laws."""
    done = _pytest("--collect-only", "-qq", *(arguments or ["tests"]))
    counts = dict(re.findall(r"^(tests/\S+\.py): (\d+)$", done.stdout, re.MULTILINE))
    if not counts:
        sys.exit(f"no laws found:\n{done.stdout}{done.stderr}")
    return sorted(counts), sum(int(count) for count in counts.values())


def _pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0"]
    command += ["-m", "hypothesis", "--hypothesis-profile=fresh", "--timeout=0", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, help="repeat the round of this seed")
    options, arguments = parser.parse_known_args()
    files, count = laws(arguments)
    print(f"{count} laws in {len(files)} files", flush=True)
    began, rounds, fallen = time.monotonic(), 0, list[str]()
    seed = int(time.time()) if options.seed is None else options.seed
    while True:
        skipped = [f"--deselect={name}" for name in fallen]
        done = _pytest("-q", "-rfE", f"--hypothesis-seed={seed}", *skipped, *(arguments or files))
        rounds += 1
        minutes = (time.monotonic() - began) / 60
        new = _FAILED.findall(done.stdout)
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n")
            if not new:
                sys.exit(f"seed {seed}: pytest ended with {done.returncode}")
            fallen += new
        print(f"seed {seed}: {', '.join(new) or 'all hold'} ({minutes:.1f} min)", flush=True)
        if options.seed is not None or minutes >= options.minutes:
            break
        seed += 1
    print(f"{rounds} rounds of {count} laws in {minutes:.0f} minutes: {len(fallen)} fell")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
