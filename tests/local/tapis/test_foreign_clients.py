"""What others wrote against the platform works against a bare ``jobsync serve``.

``JOBSYNC_TAPIPY_PYTHON`` names a Python that has tapipy 25.4.0; without it one is made from the
package index, which takes a minute.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.tapis.conftest import write_app

HERE = Path(__file__).parent
TAPIPY = "tapipy==25.4.0"
DEMO = 'echo "$# $1 from $WHO"; echo made > "$_tapisExecSystemOutputDir/made file.txt"\n'


@pytest.fixture(scope="session")
def tapipy(tmp_path_factory: pytest.TempPathFactory) -> str:
    given = os.environ.get("JOBSYNC_TAPIPY_PYTHON")
    if given:
        return given
    folder = tmp_path_factory.mktemp("tapipy")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", TAPIPY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode:
        why = f"{TAPIPY} cannot be installed: {done.stderr.strip().splitlines()[-1:]}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return python


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a ``jobsync serve`` and the passwords of alice and bob."""
    command = [sys.executable, "-m", "jobsync", "serve", "--port", "0", "--user", "alice",
               "--user", "bob", *options]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        yield url, json.loads((folder / ".jobsync" / "users.json").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["25Q4", "1.7"])
def test_tapipy(tapipy: str, profile: str, tmp_path: Path) -> None:
    write_app(tmp_path, "demo", DEMO)
    write_app(tmp_path, "slow", "sleep 60\n")
    with serving(tmp_path, "--dialect", f"tapis-{profile}") as (url, passwords):
        done = subprocess.run(
            [tapipy, HERE / "drive_tapipy.py", url, "alice", passwords["alice"], "bob", profile],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("operations PASS")
