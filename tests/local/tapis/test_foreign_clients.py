"""What others wrote against the platform works against a bare ``jobsync serve``.

``JOBSYNC_TAPIPY_PYTHON`` and ``JOBSYNC_DAPI_PYTHON`` name Pythons that have tapipy 25.4.0 and dapi
0.6.3; without them they are made from the package index, which takes a minute or two.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.tapis.conftest import write_app

HERE = Path(__file__).parent
DEMO = 'echo "$# $1 from $WHO"; echo made > "$_tapisExecSystemOutputDir/made file.txt"\n'


CASE = """
echo "ran $tclScript"
cp "$_tapisExecSystemInputDir/case/run.txt" "$_tapisExecSystemOutputDir/result.txt"
"""


def python_with(package: str, variable: str, folder: Path) -> str:
    """The Python that *variable* names, else a new one with *package* from the index."""
    given = os.environ.get(variable)
    if given:
        return given
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    if done.returncode:
        why = f"{package} cannot be installed: {done.stderr.strip().splitlines()[-1:]}"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return python


@pytest.fixture(scope="session")
def tapipy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tapipy")
    return python_with("tapipy==25.4.0", "JOBSYNC_TAPIPY_PYTHON", folder)


@pytest.fixture(scope="session")
def dapi(tmp_path_factory: pytest.TempPathFactory) -> str:
    return python_with("dapi==0.6.3", "JOBSYNC_DAPI_PYTHON", tmp_path_factory.mktemp("dapi"))


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


@pytest.mark.slow
def test_dapi(dapi: str, tmp_path: Path) -> None:
    inputs = [{"name": "Input Directory", "inputMode": "REQUIRED", "targetPath": "*"}]
    variables = [{"key": "tclScript", "inputMode": "REQUIRED"}]
    attributes = {"fileInputs": inputs, "parameterSet": {"envVariables": variables}}
    write_app(tmp_path, "demo", CASE, jobAttributes=attributes)
    write_app(tmp_path, "slow", "sleep 60\n")
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "run.txt").write_text("from the case\n")
    with serving(tmp_path) as (url, passwords):
        done = subprocess.run(
            [dapi, HERE / "drive_dapi.py", url, "alice", passwords["alice"], "bob"],
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("steps PASS")


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Node finds the package; skipped where there is no Node."""
    given = os.environ.get("JOBSYNC_TAPIS_TYPESCRIPT")
    if given:
        return Path(given)
    folder, why = tmp_path_factory.mktemp("typescript"), "there is no Node with npm"
    if shutil.which("npm"):
        (folder / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund",
                   "@tapis/tapis-typescript@0.0.62"]  # fmt: skip
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=280)
        if done.returncode == 0:
            return folder
        why = "@tapis/tapis-typescript 0.0.62 cannot be installed"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.mark.slow
def test_typescript(typescript: Path, tmp_path: Path) -> None:
    script = DEMO + 'mkdir "$_tapisExecSystemOutputDir/sub"\n'
    script += 'echo x > "$_tapisExecSystemOutputDir/sub/x.txt"\n'
    write_app(tmp_path, "demo", script)
    write_app(tmp_path, "slow", "sleep 60\n")
    with serving(tmp_path) as (url, passwords):
        done = subprocess.run(
            ["node", HERE / "drive_typescript.js", url, _token(url, passwords["alice"]), "bob"],
            cwd=typescript, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("calls PASS")


def _token(url: str, password: str) -> str:
    body = {"username": "alice", "password": password, "grant_type": "password"}
    request = urllib.request.Request(
        f"{url}/v3/oauth2/tokens",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        token: str = json.load(answer)["result"]["access_token"]["access_token"]
    return token
