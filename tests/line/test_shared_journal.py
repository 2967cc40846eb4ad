"""The shared journal through the command: several machines, one git remote, one real service."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.apply.journal_entry import Binding, State
from jobsync.apply.shared.claims import Fetched, Pushed
from jobsync.apply.shared.record import Record, folder, path
from jobsync.base_url import base_url
from jobsync.testing import LocalService
from tests.line.linebench import Done, Lab
from tests.shared.ref_world import ID, World, git

ONE = "one: {appId: wc-demo-1.00}\n"
TWO = ONE + "two: {appId: wc-demo-1.00, parameters: {lines: 2}}\n"
REF = "refs/jobsync/journal"


class Team:
    """Fresh machines that share a bare repository with a journal in it, and nothing else."""

    def __init__(self, root: Path, service: LocalService) -> None:
        self.root, self.service = root, service
        self.world = World(root)
        self.world.init()
        self.project = ""
        self.machines: list[Lab] = []

    def machine(self, jobs: str = ONE) -> Lab:
        """One more machine with a clone and the set in it."""
        place = self.root / f"m{len(self.machines)}"
        git("clone", "-q", self.world.bare.as_uri(), place)
        lab = Lab(place, self.service)
        lab.project = self.project = self.project or lab.project
        lab.environ["JOBSYNC_JOURNAL"] = f"git:origin#{REF}"
        lab.write(jobs)
        self.machines.append(lab)
        return lab

    @property
    def binding(self) -> Binding:
        return Binding(base_url(self.service.url), "alice", self.project)

    def records(self) -> dict[str, Record]:
        look = self.world.repository().fetch([folder(self.binding)])
        assert isinstance(look, Fetched), look
        return dict(look.records)

    def plant(self, name: str, state: State, age: float = 7200.0, address: str = "one") -> None:
        """Somebody, long ago, has written a record of *name*."""
        repository = self.world.repository()
        look = repository.fetch([])
        assert isinstance(look, Fetched)
        then = time.time() - age
        under = folder(self.binding)
        record = Record(name, address, state, "ab", then, then, "job-x", "https://ci/42", under)
        assert repository.push(look, {path(record): record}) == Pushed()


@pytest.fixture
def team(tmp_path: Path, service: LocalService) -> Iterator[Team]:
    made = Team(tmp_path, service)
    yield made
    for lab in made.machines:
        lab.close()


def apply(lab: Lab, *arguments: str, **environ: str) -> Done:
    return lab.run("apply", "--auto-approve", "--target", "env", *arguments, **environ)


def name_of(lab: Lab, address: str = "one") -> str:
    (found,) = [
        line.split()[1]
        for line in lab.run("why", address, "--target", "env").out.splitlines()
        if "  name " in line
    ]
    return found


def test_an_apply_writes_what_it_submits_and_says_where(team: Team) -> None:
    lab = team.machine(TWO)
    done = apply(lab)
    assert done.code == 0, done.err
    assert f"Journal of submits: git:origin#{REF}." in done.err
    records = team.records()
    assert {record.state for record in records.values()} == {State.CONFIRMED}
    assert sorted(record.address for record in records.values()) == ["one", "two"]
    assert {record.job for record in records.values()} == {row["id"] for row in lab.mine()}
    (claimed,) = {round(record.claimed / 100) for record in records.values()}
    assert abs(claimed * 100 - time.time()) < 200
    text = git("log", "-p", REF, cwd=team.world.bare)
    assert "wc-demo" not in text and team.service.tokens["alice"] not in text


def test_what_somebody_else_has_claimed_is_not_sent_and_resolve_works_elsewhere(
    team: Team,
) -> None:
    lab = team.machine(TWO)
    name = name_of(lab)
    team.plant(name, State.SENDING)
    done = apply(lab)
    assert done.code == 6
    assert "https://ci/42 has the right to submit it" in done.err
    assert [row["name"] for row in lab.mine()] == [name_of(lab, "two")]
    other = team.machine(TWO)
    shown = other.run("plan", "--target", "env", "--detailed-exitcode")
    assert shown.code == 6
    assert "claimed by https://ci/42 at 20" in shown.out
    assert "jobsync resolve --target env one --not-submitted" in shown.out
    done = other.run("resolve", "--target", "env", "one", "--not-submitted")
    assert (done.code, done.out) == (0, f"{name}: rejected\n"), done.err
    assert team.records()[name].state is State.REJECTED
    assert apply(lab).code == 0
    assert len(lab.mine()) == 2


def test_a_young_claim_is_not_taken_away(team: Team) -> None:
    lab = team.machine()
    team.plant(name_of(lab), State.SENDING, age=600)
    done = lab.run("resolve", "--target", "env", "one", "--not-submitted")
    assert done.code == 4
    assert "https://ci/42 claimed" in done.err and "may still send it" in done.err
    done = lab.run("resolve", "--target", "env", "one", "--not-submitted", "--force")
    assert done.code == 4
    assert "no terminal to confirm --force" in done.err
    assert team.records()[name_of(lab)].state is State.SENDING


def test_a_glob_settles_several(team: Team) -> None:
    lab = team.machine(TWO)
    team.plant(name_of(lab, "one"), State.SENDING)
    team.plant(name_of(lab, "two"), State.UNKNOWN, address="two")
    done = lab.run("resolve", "--target", "env", "*o*", "--not-submitted")
    assert done.code == 0, done.err
    assert {record.state for record in team.records().values()} == {State.REJECTED}


def test_resolve_says_where_it_looked(team: Team) -> None:
    lab = team.machine()
    done = lab.run("resolve", "--target", "env", "one", "--not-submitted")
    assert done.code == 1
    assert f".jsonl or git:origin#{REF}" in done.err
    assert "there are no open submits\n" in done.err
    del lab.environ["JOBSYNC_JOURNAL"]
    done = lab.run("resolve", "--target", "env", "one", "--not-submitted")
    assert done.code == 1
    assert f"outcome is open in {lab.folder}/state/journal/" in done.err
    assert "can only be settled there" in done.err


def test_a_record_that_says_confirmed_convinces_nobody(team: Team) -> None:
    """Somebody who can push writes that the job is there. It is not adopted, and blocks."""
    lab = team.machine()
    name = name_of(lab)
    team.plant(name, State.CONFIRMED)
    done = apply(lab)
    assert done.code == 6
    assert "job-x" not in done.out + done.err
    assert lab.mine() == []
    done = lab.run("resolve", "--target", "env", name, "--not-submitted")
    assert done.code == 0, done.err
    assert apply(lab).code == 0
    assert len(lab.mine()) == 1


def test_an_open_submit_under_a_former_name_blocks(team: Team) -> None:
    lab = team.machine()
    name = name_of(lab)
    lab.write("uno: {appId: wc-demo-1.00, formerly: [one]}\n")
    team.plant(name, State.SENDING)
    done = apply(lab)
    assert done.code == 6
    assert f"jobsync resolve {name}" in done.err
    assert lab.mine() == []
    done = lab.run("resolve", "--target", "env", name, "--not-submitted")
    assert done.code == 0, done.err
    assert apply(lab).code == 0


def test_a_job_that_another_machine_submitted_is_adopted(team: Team) -> None:
    """The record is open since its writer was killed, and the service shows the job."""
    lab = team.machine()
    name = name_of(lab)
    team.plant(name, State.SENDING)
    team.service.submit("alice", name=name)
    done = apply(lab)
    assert done.code == 0, done.err
    assert len(lab.mine()) == 1


def test_an_absent_journal_stops_submits_and_nothing_else(team: Team) -> None:
    lab = team.machine("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    assert apply(lab).code == 0
    git("update-ref", "-d", REF, cwd=team.world.bare)
    lab.write("one: {appId: wc-demo-1.00, permissions: {}}\n" + TWO.split("\n")[1] + "\n")
    fresh = str(lab.folder / "fresh")
    done = apply(lab, JOBSYNC_STATE_DIR=fresh)
    assert done.code == 4, done.err
    assert "does not exist" in done.err and "jobsync journal init" in done.err
    assert len(lab.mine()) == 1
    (run,) = lab.mine()
    pems = team.service.call("alice", "GET", f"/jobs/v2/{run['id']}/pems").result
    assert [row["username"] for row in pems] == ["alice"]


def test_what_submits_nothing_does_not_need_the_remote(team: Team) -> None:
    lab = team.machine("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    assert apply(lab).code == 0
    team.world.bare.rename(team.root / "gone.git")
    lab.write("one: {appId: wc-demo-1.00, permissions: {}}\n")
    begun = time.monotonic()
    done = apply(lab)
    assert done.code == 0, done.err
    assert "git" not in done.err
    shown = lab.run("plan", "--target", "env")
    assert shown.code == 0
    assert "Warning: git:origin#refs/jobsync/journal cannot be read" in shown.err
    assert time.monotonic() - begun < 30


def test_a_remote_that_the_checkout_lacks_is_told_with_what_to_do(team: Team) -> None:
    lab = team.machine()
    done = apply(lab, JOBSYNC_JOURNAL=f"git:upstream#{REF}")
    assert done.code == 4
    assert (
        "but this checkout has no such remote" in done.err
        and "git remote add upstream URL" in done.err
    )
    assert lab.mine() == []


def test_a_service_on_this_machine_uses_no_journal_of_the_set(team: Team) -> None:
    lab = team.machine()
    lab.write(ONE, head=f"journal: {{git: nowhere, ref: {REF}, id: {ID}}}\n")
    del lab.environ["JOBSYNC_JOURNAL"]
    done = apply(lab)
    assert done.code == 0, done.err
    assert "Journal of submits: of this machine only, in " in done.err
    assert team.records() == {}


def test_the_embedded_service_works_in_two_clones_with_a_journal(team: Team) -> None:
    shutil.copytree(Path(__file__).parents[2] / "manifests" / "wordcount", team.root / "words")
    for _ in range(2):
        lab = team.machine()
        shutil.copytree(team.root / "words" / "apps", lab.folder / "apps")
        lab.write(
            "one: {appId: wordcount-1.0, inputs: {text: agave://local/text.txt}}\n",
            head=f"journal: {{git: origin, ref: {REF}, id: {ID}}}\n",
        )
        (lab.folder / "text.txt").write_text("a b c\n")
        done = lab.run("apply", "--auto-approve", "--target", "local")
        assert done.code in (0, 7), done.err
        assert "Journal" not in done.err
    assert team.records() == {}


def test_plan_says_which_journal_and_marks_a_change_of_it(team: Team) -> None:
    lab = team.machine()
    shown = lab.run("plan", "--target", "env")
    assert shown.err == f"Journal of submits: git:origin#{REF}.\n"
    assert apply(lab).code == 0
    lab.write(TWO)
    assert lab.run("plan", "--target", "env").err == f"Journal of submits: git:origin#{REF}.\n"
    other = {"JOBSYNC_JOURNAL": "git:origin#refs/jobsync/other"}
    shown = lab.run("plan", "--target", "env", **other)
    assert f"The last apply here used another one: git:origin#{REF}." in shown.err
    del lab.environ["JOBSYNC_JOURNAL"]
    shown = lab.run("plan", "--target", "env")
    assert f"The last apply here used another one: git:origin#{REF}." in shown.err


def test_a_folder_of_the_journal_that_others_can_write_is_not_used(team: Team) -> None:
    lab = team.machine()
    folder = lab.folder / "state" / "git"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    done = apply(lab)
    assert done.code == 4
    assert str(folder) in done.err
    assert lab.mine() == []


# --- no journal ------------------------------------------------------------------------


def forgetful(lab: Lab) -> dict[str, str]:
    """A runner of CI that keeps nothing."""
    del lab.environ["JOBSYNC_JOURNAL"], lab.environ["JOBSYNC_STATE_DIR"]
    return {"CI": "true", "XDG_STATE_HOME": str(lab.folder / "state")}


def test_submits_of_a_runner_that_forgets_are_a_hazard(team: Team) -> None:
    lab = team.machine()
    environ = forgetful(lab)
    shown = lab.run("plan", "--target", "env", **environ)
    assert shown.code == 0
    assert "no-journal" in shown.out and "--allow no-journal" in shown.out
    assert "journal: {git: origin, ref: refs/jobsync/journal}" in shown.out
    done = apply(lab, **environ)
    assert done.code == 4
    assert "no-journal" in done.err
    assert lab.mine() == []


def test_a_saved_plan_of_a_machine_that_remembers_is_one_on_a_runner_that_forgets(
    team: Team,
) -> None:
    lab = team.machine()
    saved = str(lab.folder / "plan.json")
    assert lab.run("plan", "--target", "env", "--out", saved).code == 0
    environ = forgetful(lab)
    done = lab.run("apply", "--plan", saved, "--auto-approve", **environ)
    assert done.code == 4, done.err
    assert "no-journal" in done.err
    assert lab.mine() == []


@pytest.mark.parametrize(
    "kept",
    [
        {"CI": ""},
        {"JOBSYNC_STATE_DIR": "/tmp/journal-kept"},
        {"JOBSYNC_JOURNAL": f"git:origin#{REF}"},
    ],
)
def test_what_lasts_is_no_hazard(team: Team, kept: dict[str, str]) -> None:
    lab = team.machine()
    done = lab.run("plan", "--target", "env", **{**forgetful(lab), **kept})
    assert done.code == 0, done.err
    assert "no-journal" not in done.out


def test_a_plan_that_submits_nothing_needs_no_journal(team: Team) -> None:
    lab = team.machine("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    assert apply(lab).code == 0
    lab.write("one: {appId: wc-demo-1.00, permissions: {}}\n")
    done = apply(lab, **forgetful(lab))
    assert done.code == 0, done.err


# --- the command -----------------------------------------------------------------------


def test_init_prints_the_line_that_a_set_needs(team: Team, tmp_path: Path) -> None:
    git("update-ref", "-d", REF, cwd=team.world.bare)
    lab = team.machine()
    environ = {"JOBSYNC_JOURNAL": ""}
    done = lab.run("journal", "init", **environ)
    assert done.code == 0, done.err
    assert "can read the names of runs" in done.err
    line = done.out.strip()
    assert line.startswith(f"journal: {{git: origin, ref: {REF}, id: ")
    again = lab.run("journal", "init", **environ)
    assert (again.code, again.out.strip()) == (0, line)
    assert "There is a journal already." in again.err
    lab.write(ONE, head=f"{line}\n")
    assert lab.run("validate", **environ).code == 0
    shown = lab.run("journal", "show", **environ)
    assert shown.code == 0, shown.err
    assert shown.out.endswith(": 0 submits, 0 open\n")


def test_init_takes_a_branch_where_the_forge_takes_nothing_else(team: Team) -> None:
    git("update-ref", "-d", REF, cwd=team.world.bare)
    team.world.hook(
        "update", 'case "$1" in refs/heads/*) exit 0;; *) echo only branches; exit 1;; esac'
    )
    lab = team.machine()
    done = lab.run("journal", "init", JOBSYNC_JOURNAL="")
    assert done.code == 0, done.err
    assert "ref: refs/heads/jobsync-journal, id: " in done.out


def test_init_that_may_not_push_says_so(team: Team) -> None:
    git("update-ref", "-d", REF, cwd=team.world.bare)
    team.world.hook("pre-receive", "echo 'read only' >&2; exit 1")
    lab = team.machine()
    done = lab.run("journal", "init", JOBSYNC_JOURNAL="")
    assert done.code == 4
    assert "read only" in done.err and "may push to the remote" in done.err


def test_show_prints_open_submits_and_escapes_what_they_say(team: Team) -> None:
    lab = team.machine()
    name = name_of(lab)
    team.plant(name, State.SENDING, address="\x1b[31m::error::x")
    team.plant("lab.other.aaaaaaaaaa", State.CONFIRMED)
    done = lab.run("journal", "show")
    assert done.code == 0, done.err
    assert name in done.out and "https://ci/42" in done.out and "\x1b" not in done.out
    assert "lab.other" not in done.out
    document = json.loads(lab.run("journal", "show", "--all", "--format", "json").out)
    assert [one["state"] for one in document["submits"]] == ["sending", "confirmed"]
    assert document["id"] == ID and "nonce" not in document["submits"][0]


def test_compact_drops_what_is_settled_and_old_and_moves_the_ref_forward(team: Team) -> None:
    lab = team.machine()
    day = 86400.0
    team.plant("lab.old.aaaaaaaaaa", State.CONFIRMED, age=100 * day)
    team.plant("lab.open.aaaaaaaaaa", State.SENDING, age=100 * day)
    team.plant("lab.new.aaaaaaaaaa", State.CONFIRMED, age=10 * day)
    before = team.world.head()
    done = lab.run("journal", "compact")
    assert done.code == 0, done.err
    assert "1 settled submit dropped" in done.err
    assert set(team.records()) == {"lab.open.aaaaaaaaaa", "lab.new.aaaaaaaaaa"}
    git("merge-base", "--is-ancestor", before, team.world.head(), cwd=team.world.bare)
    assert "nothing to drop" in lab.run("journal", "compact").err
    assert lab.run("plan", "--target", "env").code == 0


# --- kills -----------------------------------------------------------------------------


def test_a_runner_killed_after_its_submit_and_a_fresh_one_while_the_search_lags(
    team: Team,
) -> None:
    first, second = team.machine(), team.machine()
    name = name_of(first)
    team.service.arm("late,seconds=12,times=1")
    log = first.folder / "log"
    process = first.start("apply", "--auto-approve", "--target", "env", "--log-file", str(log))
    first.wait_for(lambda: log.exists() and "POST" in log.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert team.records()[name].state is State.SENDING
    done = apply(second)
    assert done.code == 0, done.err
    assert [row["name"] for row in second.mine()] == [name]
    assert team.records()[name].state is State.CONFIRMED


def test_sigterm_in_the_middle_of_many_leaves_few_claims(team: Team) -> None:
    jobs = "".join(
        f"j{n}: {{appId: wc-demo-1.00, parameters: {{lines: {n + 1}}}}}\n" for n in range(60)
    )
    lab = team.machine(jobs)
    team.service.arm("slow,seconds=0.2,path=/jobs/v2,times=1000")
    try:
        process = lab.start("apply", "--auto-approve", "--target", "env")
        lab.wait_for(lambda: len(team.records()) > 4)
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1]
    finally:
        team.service.disarm()
    assert process.returncode == 143, err
    names = {row["name"] for row in lab.mine()}
    assert 0 < len(names) < 60
    records = team.records()
    assert {n for n, r in records.items() if r.state is State.CONFIRMED} == names
    assert {r.state for r in records.values()} <= {State.CONFIRMED, State.REJECTED}
    assert apply(team.machine(jobs)).code == 0
    assert len(lab.mine()) == 60
