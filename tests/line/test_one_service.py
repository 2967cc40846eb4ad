"""One service is one service, however its URL is spelled."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jobsync import load
from jobsync.apply import Binding, SystemClock, open_submits
from jobsync.apply.journal import open_journal
from jobsync.apply.journal_entry import Entry, State
from jobsync.cli import pipeline
from jobsync.cli.connect import ServicePlace
from jobsync.model import Target
from tests.line.linebench import Lab

JOB = "count: {appId: wc-demo-1.00}\n"


def shouted(url: str) -> str:
    return url.upper()


def longer(url: str) -> str:
    return f"{url}/./api/%2E%2e/"


def submit_and_die(lab: Lab) -> None:
    """An apply whose submit got through, unseen, and which is killed before it knows."""
    lab.write(JOB)
    lab.service.disarm()
    lab.service.arm("reset-after,on=submit", "late,seconds=8", "slow,seconds=0,on=submit,times=-1")
    process = lab.start("apply", "--auto-approve", "--target", "env")
    binding = Binding(lab.service.url, "alice", lab.project)
    lab.wait_for(lambda: bool(open_submits(lab.folder / "state", binding)))
    lab.wait_for(lambda: lab.service.hits("reset-after") == 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("spelling", [shouted, longer])
def test_a_submit_in_doubt_is_found_under_another_spelling(
    lab: Lab, spelling: Callable[[str], str]
) -> None:
    submit_and_die(lab)
    done = lab.run(
        "apply", "--auto-approve", "--target", "env", TAPIS_BASE_URL=spelling(lab.service.url)
    )
    assert done.code == 0, done.err
    assert lab.service.hits("slow") == 0, "a second submit"
    assert len(list((lab.folder / "state/journal").glob("*.jsonl"))) == 1


def test_what_a_target_of_a_set_is_called_does_not_matter(lab: Lab) -> None:
    submit_and_die(lab)
    url = shouted(lab.service.url)
    lab.write(JOB, head=f'targets: {{here: {{baseUrl: "{url}/"}}}}\n')
    done = lab.run("apply", "--auto-approve", "--target", "here")
    assert done.code == 0, done.err
    assert lab.service.hits("slow") == 0


def test_what_an_earlier_version_left_open_under_another_spelling_blocks(lab: Lab) -> None:
    lab.write(JOB)
    lab.service.disarm()
    name = load((lab.folder / "set.yaml",)).jobs["count"].name
    left = Entry(name, "count", State.UNKNOWN, posted=1.0)
    binding = Binding(shouted(lab.service.url), "alice", lab.project)
    with open_journal(lab.folder / "state", binding) as journal:
        journal.append(left, SystemClock())
    done = lab.run("apply", "--auto-approve", "--target", "env")
    assert done.code == 6, done.err
    assert "resolve count" in done.err
    assert not lab.mine()
    assert lab.run("resolve", "count", "--not-submitted", "--target", "env").code == 0
    lab.apply("--target", "env")
    assert len(lab.mine()) == 1


def test_a_relative_state_folder_is_refused_with_what_to_type(lab: Lab) -> None:
    lab.write(JOB)
    for command in (("apply", "--auto-approve"), ("resolve", "count", "--not-submitted")):
        done = lab.run(*command, "--target", "env", JOBSYNC_STATE_DIR="state dir")
        assert done.code == 1, done
        whole = lab.folder.resolve() / "state dir"
        assert "Error: JOBSYNC_STATE_DIR is relative" in done.err
        assert f"export JOBSYNC_STATE_DIR='{whole}'" in done.err
    assert not lab.mine()
    assert not (lab.folder / "state dir").exists()


def test_apply_looks_often_only_where_the_service_is_its_own(tmp_path: Path) -> None:
    def pauses(name: str) -> tuple[float, float]:
        place = ServicePlace(str(tmp_path), Target(name, "" if name == "local" else "https://x.y"))
        return pipeline.settings(place, {"HOME": str(tmp_path)}, wait=None).poll

    assert max(pauses("local")) <= 1.0
    assert min(pauses("cluster")) >= 1.0
