"""Large and many outputs of Tapis v3, by both ways, fetched by the command: the same hashes.

    python -m tests.campaigns.tapis_outputs                       1 GiB, 2,000 files
    python -m tests.campaigns.tapis_outputs --bytes 3000000 --files 50

One job writes a large file, another many; alice fetches both by the Files service, bob, with whom
they are shared, by the jobs service, which sends large files as zips. What lands is hashed, and
held against what the jobs wrote, and against ``jobsync.lock``.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

from jobsync.testing import local_service
from tests.fakes.tapis_world import add_app
from tests.line.tapis_lab import TapisLab

WRITE = """\
cd "$_tapisExecSystemOutputDir"
mkdir many
if [ "$what" = large ]; then
  openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in /dev/zero 2>/dev/null |
    head -c "$count" > large.bin
else
  i=0; while [ $i -lt "$count" ]; do echo "$i of $count" > many/$i.txt; i=$((i+1)); done
fi
"""
JOBS = """\
large:
  appId: write
  appVersion: "1.0"
  maxMinutes: 60
  parameterSet: {envVariables: [{key: what, value: large}, {key: count, value: "BYTES"}]}
  permissions: {bob: READ}
  outputs: [{path: large.bin, to: large/}]
many:
  appId: write
  appVersion: "1.0"
  parameterSet: {envVariables: [{key: what, value: many}, {key: count, value: "FILES"}]}
  permissions: {bob: READ}
  outputs: [{path: "many/*.txt", to: many/}]
"""
PINNED = """\
large: {id: LARGE, appId: write, appVersion: "1.0", outputs: [{path: large.bin, to: large/}]}
many: {id: MANY, appId: write, appVersion: "1.0", outputs: [{path: "many/*.txt", to: many/}]}
"""


def digest(path: Path) -> str:
    """The SHA-256 of a file of any size."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def check(folder: Path, source: dict[str, str], size: int, count: int) -> None:
    """That *folder* has the outputs, as they were written, and that its lock file says so."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".bin", ".txt"))
    found = {path.name: digest(path) for path in files}
    assert len(found) == count + 1, len(found)
    assert (folder / "large/large.bin").stat().st_size == size
    assert found == source, "other bytes than were written"
    lines = [line.split("\t") for line in (folder / "jobsync.lock").read_text().splitlines()]
    recorded = {Path(line[2]).name: line[6] for line in lines if line[0] == "file"}
    assert recorded == found, "the lock file has other hashes"


def campaign(folder: Path, size: int, count: int) -> list[str]:
    """Run it in *folder*; what took how long."""
    add_app(folder / "service", "write", WRITE)
    told = []
    with local_service(folder / "service", api="tapis/v3", users=("alice", "bob")) as service:
        alice = TapisLab(folder / "alice", service)
        (folder / "alice").mkdir()
        alice.environ["TAPIS_ACCESS_TOKEN"] = service.jwt("alice")
        alice.write(JOBS.replace("BYTES", str(size)).replace("FILES", str(count)))
        alice.patience = 1800
        began = time.monotonic()
        alice.apply()
        told.append(f"alice: jobs and outputs in {time.monotonic() - began:.1f} s")
        runs = {row["name"].split(".")[1]: row["uuid"] for row in alice.mine()}
        archive = service.state / "archive/jobs"
        written = {
            path.name: digest(path)
            for run in runs.values()
            for path in (archive / run).rglob("*")
            if path.suffix in (".bin", ".txt")
        }
        check(folder / "alice", written, size, count)

        bob = TapisLab(folder / "bob", service)
        (folder / "bob").mkdir()
        bob.patience = 1800
        bob.environ["TAPIS_ACCESS_TOKEN"] = service.jwt("bob")
        bob.write(PINNED.replace("LARGE", runs["large"]).replace("MANY", runs["many"]))
        began = time.monotonic()
        bob.apply()
        told.append(
            f"bob, by zips and the jobs service: outputs in {time.monotonic() - began:.1f} s"
        )
        check(folder / "bob", written, size, count)
        assert alice.run("plan", "--detailed-exitcode").code == 0
        service.stop_jobs()
        alice.close()
        bob.close()
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--files", type=int, default=2000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tapis-outputs-") as folder:
        for line in campaign(Path(folder), asked.bytes, asked.files):
            print(line)
    print(f"{asked.bytes:,} bytes and {asked.files:,} files by both ways: every hash is right")


if __name__ == "__main__":
    main()
