"""A state folder that came with a checkout, or that somebody else can write, is not used."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.trust.trustbench import Repository, script_app

JOB = "jobs: {one: {appId: sh-1.0}}"
QUEUED = "INSERT INTO jobs SELECT * FROM jobs WHERE 0"


@pytest.fixture
def made(repository: Repository) -> Repository:
    """A set whose app leaves a mark, and its state folder as it is after an apply."""
    script_app(repository, f"echo ran >> {repository.folder.parent}/marks\n")
    repository.declare(JOB)
    assert repository.run("apply", "--auto-approve", ".").code == 0
    return repository


def marks(bench: Repository) -> int:
    """How often the app has run."""
    path = bench.folder.parent / "marks"
    return len(path.read_text().splitlines()) if path.exists() else 0


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below *folder* with its mode and content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def queue_again(bench: Repository) -> None:
    """Have the database say that the job has not run yet, as in a forged one."""
    with sqlite3.connect(bench.folder / ".jobsync/jobs.db") as database:
        database.execute("UPDATE jobs SET status = 'PENDING', archived = 0, native_id = NULL")


def as_a_stranger(bench: Repository) -> None:
    """The folder as it is for whoever has cloned it: another key."""
    bench.environ["JOBSYNC_STATE_KEY"] = "k" * 32


@pytest.mark.parametrize("command", ["plan", "apply", "status", "serve"])
def test_a_folder_of_somebody_else_is_left_untouched(command: str, made: Repository) -> None:
    queue_again(made)
    as_a_stranger(made)
    state = made.folder / ".jobsync"
    state.chmod(0o750)
    before, ran = tree(made.folder), marks(made)
    done = made.run(command)
    assert done.code == 4 and "made by an earlier version of jobsync or by somebody" in done.err
    assert f"jobsync serve --state {state} --adopt-state" in done.err
    assert tree(made.folder) == before and marks(made) == ran
    assert stat.S_IMODE(state.stat().st_mode) == 0o750


def test_what_is_queued_never_runs_before_yes(made: Repository) -> None:
    queue_again(made)
    (made.folder / "set.yaml").write_text((made.folder / "set.yaml").read_text() + "# more\n")
    made.declare("jobs: {one: {appId: sh-1.0}, two: {appId: sh-1.0, nodeCount: 1}}")
    done = made.run("apply", ".")
    assert done.code == 4 and "no terminal to confirm" in done.err
    assert marks(made) == 1
    assert made.run("apply", "--auto-approve", ".").code == 0
    assert marks(made) == 3


def test_an_adopted_folder_runs_nothing_before_an_apply_is_confirmed(made: Repository) -> None:
    queue_again(made)
    as_a_stranger(made)
    adopted = made.run("serve", "--adopt-state")
    assert adopted.code == 0 and "1 job, 1 not finished" in adopted.out
    assert made.run("plan").code == 0
    assert made.run("wait", "--timeout", "2").code != 0
    queue_again(made)
    forged = "CREATE TRIGGER t AFTER INSERT ON jobs BEGIN UPDATE jobs SET status = 'PENDING'; END"
    trigger = made.folder.parent / "trigger"
    trigger.mkdir(mode=0o700)
    for name in ("jobs.db", "jobs.db-wal"):
        if (made.folder / ".jobsync" / name).exists():
            (trigger / name).write_bytes((made.folder / ".jobsync" / name).read_bytes())
    with sqlite3.connect(trigger / "jobs.db") as database:
        database.execute(forged)
    said = made.run("serve", "--state", str(trigger), "--adopt-state")
    assert said.code == 1 and "triggers" in said.err
    assert made.run("apply").code == 4, "nobody is there to say yes"
    assert marks(made) == 1
    assert made.run("apply", "--auto-approve").code == 0
    assert marks(made) == 2
    queue_again(made)
    assert made.run("wait").code == 0 and marks(made) == 3


def test_a_folder_that_git_tracks_is_never_used_nor_adopted(made: Repository) -> None:
    """Not even one of our own: whoever commits could change it."""
    made.git("add", "-f", ".jobsync/jobs.db")
    for command in (["plan"], ["serve", "--adopt-state"]):
        done = made.run(*command)
        assert done.code == 4 and "git rm -r --cached" in done.err
    made.git("rm", "-r", "-q", "--cached", ".jobsync")
    assert made.run("plan").code == 0


def test_git_runs_nothing_when_it_is_asked(made: Repository) -> None:
    made.git("config", "core.fsmonitor", f"touch {made.folder}/pwned; false")
    (made.folder / ".jobsync/owner.json").unlink()
    made.run("plan")
    made.run("serve", "--adopt-state")
    assert made.run("plan").code == 0
    assert not (made.folder / "pwned").exists()


def test_a_link_in_the_place_of_the_folder(made: Repository) -> None:
    """It led to a web server's folder, which was closed to others and hidden from git."""
    www = made.folder.parent / "www"
    www.mkdir(mode=0o755)
    (made.folder / ".jobsync").rename(made.folder.parent / "elsewhere")
    for target in (www, made.folder.parent / "elsewhere"):
        (made.folder / ".jobsync").symlink_to(target)
        before = tree(target)
        for command in (["plan"], ["serve", "--adopt-state"]):
            done = made.run(*command)
            assert done.code == 1 and "it is a symbolic link" in done.err
        assert tree(target) == before
        (made.folder / ".jobsync").unlink()
    assert stat.S_IMODE(www.stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["jobs.db", "users.json", "systems.yaml"])
def test_links_are_not_adopted(name: str, made: Repository) -> None:
    as_a_stranger(made)
    secret = made.folder.parent / "secret"
    secret.write_text("x")
    (made.folder / ".jobsync" / name).unlink(missing_ok=True)
    (made.folder / ".jobsync" / name).symlink_to(secret)
    done = made.run("serve", "--adopt-state")
    assert done.code == 1 and f"{name} is a symbolic link" in done.err
    assert secret.read_text() == "x"


def test_a_folder_that_others_can_write_is_refused(made: Repository) -> None:
    state = made.folder / ".jobsync"
    state.chmod(0o770)
    done = made.run("plan")
    assert done.code == 1 and "other users can write it" in done.err
    assert stat.S_IMODE(state.stat().st_mode) == 0o770


def test_work_folders_are_computed_and_never_read_back(made: Repository) -> None:
    """A row said that a job had run in a home; it was emptied into the archive."""
    home = made.folder.parent / "home"
    (home / ".jobsync").mkdir(parents=True)
    (home / ".jobsync/run.sh").write_text("")
    (home / ".ssh").mkdir()
    (home / ".ssh/id_rsa").write_text("key")
    before = tree(home)
    for status in ("ARCHIVING", "FINISHED", "CLEANING_UP"):
        with sqlite3.connect(made.folder / ".jobsync/jobs.db") as database:
            database.execute(
                "UPDATE jobs SET archived = 0, work_dir = ?, status = ?", (str(home), status)
            )
        made.declare("jobs: {one: {appId: sh-1.0, outputs: [{path: '.ssh/*', to: r/}]}}")
        made.run("apply", "--auto-approve", ".")
        assert tree(home) == before
    assert not (made.folder / "r").exists()


def test_a_folder_is_tied_to_a_user_not_to_a_place(made: Repository) -> None:
    """Moving it, copying it and sharing a home work on."""
    moved = made.folder.parent / "moved"
    made.folder.rename(moved)
    made.folder = moved
    assert made.run("plan", "--detailed-exitcode").code == 0
    tie = json.loads((moved / ".jobsync/owner.json").read_text())
    assert tie.keys() == {"id", "hmac"}
    made.environ["JOBSYNC_STATE_KEY"] = "short"
    assert "shorter than" in made.run("plan").err


def test_the_key_is_a_private_file_and_no_link_is_followed(made: Repository) -> None:
    key = made.folder.parent / ".local/state/jobsync/state-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    copy = made.folder.parent / "copy"
    key.rename(copy)
    key.symlink_to(copy)
    done = made.run("plan")
    assert done.code == 1 and "symbolic link" in done.err and "JOBSYNC_STATE_KEY" in done.err
