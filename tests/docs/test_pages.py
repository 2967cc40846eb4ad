"""Whatever a page of the documentation shows for a reader to type or to write works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jobsync.local.apps.app_file import read_app
from jobsync.local.apps.tapis_apps import TapisApps
from jobsync.platforms.loading import load
from tests.docs.blocks import ROOT, Block, blocks, every_block
from tests.docs.not_run import NOT_RUN, why_not
from tests.docs.session import SHELL, Session
from tests.docs.shell_pages import ON_SLURM, PAGES, Page
from tests.engine.engine_lab import need_cluster

ELSEWHERE = {
    ("docs/manifest.md", "yaml"): "tests/manifest/test_docs.py",
    ("docs/manifest.md", "yaml refused"): "tests/manifest/test_docs.py",
    ("docs/ci/github.md", "yaml"): "tests/ci/test_documents.py",
    ("docs/python.md", "python"): "tests/line/test_python.py",
}
"""The blocks that another test runs, by page and language."""

SHOWN = ("text", "xml")
"""Languages of what is only looked at."""

PROTOCOL = "docs/contract/"
"""Pages of what a service sends and takes, as its own source and documents have it: nobody types
it, and ``tests/contract`` and ``tests/local`` hold the code to it."""


def run(page: str, row: Page, folder: Path) -> None:
    session = Session(page, folder)
    try:
        told = row(session)
        next(told)
        session.run_page()
        next(told, None)
    finally:
        session.close()


@pytest.mark.parametrize("page", PAGES)
def test_the_shell_blocks_of_a_page_run(page: str, tmp_path: Path) -> None:
    run(page, PAGES[page], tmp_path)


@pytest.mark.slurm
@pytest.mark.parametrize("page", ON_SLURM)
def test_the_shell_blocks_of_a_page_run_on_a_cluster(page: str, tmp_path: Path) -> None:
    need_cluster()
    run(page, ON_SLURM[page], tmp_path)


MANIFESTS = [
    block
    for block in every_block()
    if block.language == "yaml" and (block.page, "yaml") not in ELSEWHERE
    if block.page != "docs/ci/gitlab.md"
]


@pytest.mark.parametrize("block", MANIFESTS, ids=str)
def test_a_manifest_is_valid(block: Block, tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(whole(block.text))
    for name in re.findall(r"agave://local/([\w./]+)", block.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    load([tmp_path], environ={"HOME": "/home/alice", "TAPIS_BASE_URL": "https://jobs.example"})


def whole(text: str) -> str:
    """A set with what a page shows of one: all, some keys of the set, or some of a job."""
    if text.startswith("    "):
        text = f"jobs:\n  one:\n    appId: wc-demo-1.00\n{text}"
    for key, line in (("apiVersion", "apiVersion: jobsync/v1"), ("project", "project: demo")):
        if key not in yaml.safe_load(text):
            text = f"{line}\n{text}"
    return text


def test_what_is_passed_to_the_template_is_what_it_takes() -> None:
    (block,) = (block for block in blocks("docs/ci/gitlab.md") if block.language == "yaml")
    (included,) = yaml.safe_load(block.text)["include"]
    name = included["remote"].partition("/COMMIT/")[2]
    taken = next(yaml.safe_load_all((ROOT / name).read_text()))["spec"]["inputs"]
    assert included["inputs"].keys() <= taken.keys()
    wanted = {key for key, given in taken.items() if "default" not in (given or {})}
    assert wanted <= included["inputs"].keys()


def test_an_app_of_the_page_can_be_read(tmp_path: Path) -> None:
    agave, tapis = (block for block in blocks("docs/local-service.md") if block.language == "json")
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/app.json").write_text(agave.text)
    (tmp_path / "v2/wrapper.sh").write_text("true\n")
    assert read_app(tmp_path / "v2/app.json").parameters.keys() == {"times"}
    (tmp_path / "v3").mkdir()
    (tmp_path / "v3/app.json").write_text(tapis.text)
    found = TapisApps([tmp_path])
    assert found.get("shout", "1.0") and not found.trouble(), found.trouble()


PYTHON = [block for block in blocks("docs/testing.md") if block.language == "python"]


def test_the_python_files_of_a_page_run(tmp_path: Path) -> None:
    names = [re.findall(r"\A# (\S+\.py)\n", block.text)[0] for block in PYTHON]
    for name, block in zip(names, PYTHON, strict=True):
        (tmp_path / name).write_text(block.text)
    started = [
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pipeline.py"],
        *([name] for name in names if name not in ("conftest.py", "test_pipeline.py")),
    ]
    said = ""
    for arguments in started:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True,
            timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
    assert "3 passed" in said and "http://127.0.0.1:" in said


def is_run(block: Block) -> bool:
    """Whether a test runs or checks *block*."""
    if block.language in SHELL:
        return block.page in PAGES or block.page in ON_SLURM
    if block.language == "json":
        return block.page == "docs/local-service.md"
    is_ours = block.language == "yaml" or block in PYTHON
    return is_ours or (block.page, block.language) in ELSEWHERE


def test_somebody_runs_every_block() -> None:
    nobody = [
        f"{block} ({block.language or 'no language'})"
        for block in every_block()
        if block.language not in SHOWN and not block.page.startswith(PROTOCOL)
        if not why_not(block) and not is_run(block)
    ]
    assert not nobody, f"no test runs these; see tests/docs/shell_pages.py: {nobody}"


def test_what_is_only_looked_at_is_no_command() -> None:
    for block in every_block():
        if block.language in SHOWN and block.page != "docs/reference/commands.md":
            assert not re.search(
                r"^(\$|pytest|python|pip|git|curl|jobsync [a-z]+ -)", block.text, re.MULTILINE
            ), block


@pytest.mark.parametrize(("page", "part"), NOT_RUN)
def test_a_reason_not_to_run_is_still_needed(page: str, part: str) -> None:
    assert [block for block in blocks(page) if part in block.text and block.language in SHELL]


@pytest.mark.parametrize(("page", "language"), ELSEWHERE)
def test_what_runs_elsewhere_is_read_there(page: str, language: str) -> None:
    assert [block for block in blocks(page) if block.language == language]
    test = (ROOT / ELSEWHERE[page, language]).read_text("utf-8")
    assert Path(page).name in test and f"{language}" in test
