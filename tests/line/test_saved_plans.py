"""``plan --out``, ``show``, ``apply --plan``: what was looked at is what is done, or nothing is."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsync.model import AccessChange
from jobsync.render import plan_json
from jobsync.structs import replace
from jobsync.testing import local_service
from tests.line.linebench import Done, Lab

ONE = "one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n"


def saved(lab: Lab, *arguments: str) -> Path:
    done = lab.run("plan", "--out", "saved.plan", *arguments)
    assert done.code == 0, done.err
    return lab.folder / "saved.plan"


def apply_saved(lab: Lab, *arguments: str, **environ: str) -> Done:
    return lab.run("apply", "--plan", "saved.plan", "--auto-approve", *arguments, **environ)


def test_a_saved_plan_shows_as_the_plan_did_in_every_format(lab: Lab) -> None:
    lab.write(ONE)
    for format_name in ("text", "json", "markdown"):
        plan = lab.run("plan", "--out", "saved.plan", "--format", format_name)
        assert "saved.plan" in plan.err
        assert lab.run("show", "saved.plan", "--format", format_name).out == plan.out
        if format_name == "json":
            assert plan.out == (lab.folder / "saved.plan").read_text()
    assert (lab.folder / "saved.plan").stat().st_mode & 0o777 == 0o600
    assert lab.service.tokens["alice"] not in (lab.folder / "saved.plan").read_text()
    first = (lab.folder / "saved.plan").read_bytes()
    assert saved(lab).read_bytes() == first, "no times, nothing random"


def test_saving_through_a_link_keeps_the_link(lab: Lab) -> None:
    lab.write(ONE)
    link, real = lab.folder / "saved.plan", lab.folder / "elsewhere" / "real.plan"
    real.parent.mkdir()
    link.symlink_to("elsewhere/real.plan")
    for _ in ("a dangling link", "a link to a file"):
        saved(lab)
        assert link.is_symlink() and '"format_version"' in real.read_text()
        assert [entry.name for entry in real.parent.iterdir()] == ["real.plan"]


def test_saving_into_a_pipe_writes_to_its_reader(lab: Lab) -> None:
    lab.write(ONE)
    pipe = lab.folder / "saved.plan"
    os.mkfifo(pipe)
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = lab.run("plan", "--out", "saved.plan")
        text = os.read(descriptor, 1 << 16).decode()
    finally:
        os.close(descriptor)
    assert done.code == 0 and "Saved to" not in done.err, done.err
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert plan_json.loads(text).changes


@pytest.mark.parametrize("kind", [stat.S_IFSOCK, stat.S_IFDIR])
def test_what_no_plan_can_be_saved_into_is_left_alone(lab: Lab, kind: int) -> None:
    lab.write(ONE)
    path = lab.folder / "saved.plan"
    if kind == stat.S_IFDIR:
        path.mkdir()
    else:
        os.mknod(path, kind | 0o600)
    done = lab.run("plan", "--out", "saved.plan")
    assert done.code != 0 and "saved.plan" in done.err
    assert stat.S_IFMT(path.lstat().st_mode) == kind


def test_saving_to_standard_output_comes_after_what_is_printed(lab: Lab) -> None:
    lab.write(ONE)
    path = lab.folder / "everything"
    (lab.folder / "out").symlink_to("/proc/self/fd/1")
    with path.open("w") as output:
        command = [sys.executable, "-m", "jobsync", "plan", "--out", "out"]
        done = subprocess.run(
            command, cwd=lab.folder, env=lab.environ, stdout=output, check=False, timeout=100
        )
    assert done.returncode == 0
    printed, brace, plan = path.read_text().partition('{\n"addresses')
    assert "# one will be created" in printed
    assert plan_json.loads(brace + plan).changes


@pytest.mark.parametrize(
    "arguments",
    [("plan", "--out", ""), ("import", "x", "--out", ""), ("apply", "--plan", ""), ("plan", "")],
)
def test_an_empty_path_is_a_slip_of_whoever_calls(lab: Lab, arguments: tuple[str, ...]) -> None:
    lab.write(ONE)
    done = lab.run(*arguments)
    assert done.code == 64 and "the path is empty" in done.err


def test_showing_asks_no_service(lab: Lab) -> None:
    lab.write(ONE)
    saved(lab)
    (lab.folder / "set.yaml").unlink()
    done = lab.run("show", "saved.plan", TAPIS_BASE_URL="http://127.0.0.1:9", TAPIS_TOKEN="x")
    assert done.code == 0 and "# one will be created" in done.out


def test_what_is_stale_is_told_by_address_and_the_rest_goes_on(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00}\n")
    saved(lab)
    lab.apply("--select", "one")
    done = apply_saved(lab, "--wait")
    assert done.code == 3
    assert "one" in done.err and "stale" in done.err
    names = sorted(row["name"].split(".")[1] for row in lab.mine())
    assert names == ["one", "two"], "one was not submitted again, and two was"


def test_a_permission_that_moved_meanwhile_is_stale(lab: Lab) -> None:
    lab.write(ONE)
    lab.apply()
    (run,) = lab.mine()
    lab.write(ONE.replace("bob: READ", "bob: READ, carol: READ"))
    saved(lab)
    path = f"/jobs/v2/{run['id']}/pems"
    lab.service.call("alice", "POST", path, {"username": "dave", "permission": "READ"})
    assert apply_saved(lab).code == 3
    names = {row["username"] for row in lab.service.call("alice", "GET", path).result}
    assert names == {"alice", "bob", "dave"}, "nothing was written"


def test_an_active_run_that_finished_is_not_stale(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 2}}\n")
    assert lab.run("apply", "--auto-approve").code == 0
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 2}, permissions: {bob: READ}}\n")
    text = lab.run("plan", "--out", "saved.plan").out
    (run,) = lab.mine()
    lab.service.wait("alice", run["id"])
    assert apply_saved(lab).code == 0, text


def test_what_was_decided_cannot_be_changed_by_flags(lab: Lab) -> None:
    lab.write(ONE)
    saved(lab)
    for flags in (["--prune"], ["--select", "one"], ["--retry", "one"], ["--only", "jobs"]):
        done = apply_saved(lab, *flags)
        assert done.code == 64 and flags[0] in done.err
    assert lab.mine() == []


def test_another_target_user_or_service_is_refused(lab: Lab) -> None:
    lab.write(ONE)
    saved(lab)
    assert "for target env, not local" in apply_saved(lab, "--target", "local").err
    bob = apply_saved(lab, TAPIS_TOKEN=lab.service.tokens["bob"])
    assert bob.code == 1 and "made for user alice" in bob.err
    with local_service(users=("alice",)) as other:
        elsewhere = apply_saved(lab, TAPIS_BASE_URL=other.url, TAPIS_TOKEN=other.tokens["alice"])
        assert elsewhere.code == 1, "credentials of another service are not sent there"
        assert other.call("alice", "GET", "/jobs/v2").result == []
    assert lab.mine() == []


def newer(document: dict[str, Any]) -> None:
    document["format_version"] = "9.0"


def edited(document: dict[str, Any]) -> None:
    text = json.dumps(document["apply"]).replace("bob", "eve")
    document["apply"] = json.loads(text)


def edited_for_people(document: dict[str, Any]) -> None:
    text = json.dumps(document["resource_changes"]).replace("bob", "eve")
    document["resource_changes"] = json.loads(text)


def of_the_first_format(document: dict[str, Any]) -> None:
    apply = document.pop("apply")
    document.clear()
    document.update(format_version="1.2", digest="0" * 64, plan=apply)


def without_what_apply_needs(document: dict[str, Any]) -> None:
    del document["apply"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (newer, 3, "plan again"),
        (of_the_first_format, 3, "plan again"),
        (edited, 1, "edited"),
        (edited_for_people, 1, "edited"),
        (without_what_apply_needs, 1, "not a saved plan"),
    ],
)
@pytest.mark.parametrize("command", [["show", "saved.plan"], ["apply", "--plan", "saved.plan"]])
def test_an_edited_file_or_one_of_another_format_is_refused(
    lab: Lab, change: Any, code: int, said: str, command: list[str]
) -> None:
    lab.write(ONE)
    path = saved(lab)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    done = lab.run(*command, *(["--auto-approve"] if command[0] == "apply" else []))
    assert done.code == code and said in done.err, done.err
    assert done.err.startswith("Error: saved.plan: this ")
    assert lab.mine() == []


def test_a_missing_or_cut_file_is_one_line(lab: Lab) -> None:
    lab.write(ONE)
    path = saved(lab)
    assert "cannot be read" in lab.run("show", "nosuch.plan").err
    path.write_text(path.read_text()[:-40])
    done = lab.run("show", "saved.plan")
    assert done.code == 1 and "saved.plan: this is not a saved plan" in done.err
    path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in lab.run("show", "saved.plan").err


def test_a_plan_is_applied_to_the_set_that_the_command_names(lab: Lab, tmp_path: Path) -> None:
    """The same file in another checkout: what is fetched lands there, and nowhere else."""
    lab.write("one: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: got/}]}\n")
    saved(lab)
    other = tmp_path / "checkout"
    shutil.copytree(lab.folder, other)
    assert str(lab.folder) not in (lab.folder / "saved.plan").read_text()
    assert apply_saved(lab, str(other), "--wait").code == 0
    assert list((other / "got").iterdir())
    assert not (lab.folder / "got").exists() and not (lab.folder / "jobsync.lock").exists()


def test_what_is_advised_after_saving_applies_the_plan(lab: Lab) -> None:
    lab.write(ONE)
    (lab.folder / "inner").mkdir()
    (lab.folder / "set.yaml").rename(lab.folder / "inner/set.yaml")
    saving = lab.run("plan", "inner", "--out", "saved.plan")
    advised = saving.err.partition("To apply it: jobsync ")[2].split()
    assert lab.run(*advised, "--auto-approve", "--wait").code == 0, saving.err
    assert len(lab.mine()) == 1


def test_a_plan_of_other_manifests_is_stale(lab: Lab) -> None:
    lab.write(ONE)
    saved(lab)
    assert apply_saved(lab, "elsewhere").code == 1
    lab.write(ONE.replace("READ", "READ_WRITE"))
    done = apply_saved(lab)
    assert done.code == 3 and "set.yaml has changed" in done.err
    assert lab.mine() == []


def test_the_key_in_the_url_of_a_notification_is_not_in_it(lab: Lab) -> None:
    url = "https://hooks.example/T0/s3cretkey"
    lab.write(f"one: {{appId: wc-demo-1.00, notifications: [{{url: '{url}', event: FINISHED}}]}}\n")
    text = saved(lab).read_text()
    assert "s3cretkey" not in text and "https://hooks.example/..." in text
    assert "https://hooks.example/..." in lab.run("show", "saved.plan").out
    assert apply_saved(lab).code == 0
    assert len(lab.mine()) == 1


def test_hazards_are_accepted_at_either_end(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, permissions: {world: READ}}\n")
    saved(lab)
    blocked = apply_saved(lab)
    assert blocked.code == 4 and "--allow public-access" in blocked.err
    assert lab.mine() == []
    assert (
        plan_json.loads((lab.folder / "saved.plan").read_text()).hazards[0].name == "public-access"
    )
    assert apply_saved(lab, "--allow", "public-access", "--wait").code == 0


# --- closure: what was applied, through a file each time, leaves nothing to do -----------

EDITS = [
    "one: {appId: wc-demo-1.00}\n",
    "one: {appId: wc-demo-1.00, permissions: {bob: READ, carol: READ_WRITE}}\n",
    "one: {appId: wc-demo-1.00, permissions: {}, outputs: [{path: '*.txt', to: got/}]}\n",
    """\
    one: {appId: wc-demo-1.00, permissions: {carol: READ}, outputs: [{path: '*.txt', to: got/}]}
    two:
      appId: wc-demo-1.00
      inputs: {text: "${jobs.one.outputs/counts.txt}"}
      matrix: {lines: [1, 2]}
      parameters: {lines: "${matrix.lines}"}
      permissions: {}
      expect: ['*.out']
    """,
    """\
    one: {appId: wc-demo-1.00, parameters: {lines: 4}, permissions: {}}
    two:
      appId: wc-demo-1.00
      inputs: {text: "${jobs.one.outputs/counts.txt}"}
      matrix: {lines: [2]}
      parameters: {lines: "${matrix.lines}"}
      permissions: {bob: ALL}
    """,
    """\
    uno:
      appId: wc-demo-1.00
      parameters: {lines: 4}
      formerly: [one]
      permissions: {dave: WRITE}
    """,
]


@pytest.mark.slow
@pytest.mark.parametrize("through_a_file", [False, True])
def test_after_each_edit_apply_leaves_nothing_to_do(lab: Lab, through_a_file: bool) -> None:
    closure(lab, EDITS, through_a_file)


def test_after_two_edits_through_a_file_nothing_is_left_to_do(lab: Lab) -> None:
    closure(lab, EDITS[3:5], True)


def closure(lab: Lab, edits: list[str], through_a_file: bool) -> None:
    for edit in edits:
        lab.write(edit)
        flags = ["--allow", "mass-revoke", "--allow", "delete-jobs"]
        if through_a_file:
            saved(lab, "--prune")
            done = apply_saved(lab, "--wait", *flags)
        else:
            done = lab.run("apply", "--auto-approve", "--wait", "--prune", *flags)
        assert done.code == 0, done.err + done.out
        after = lab.run("plan", "--prune", "--detailed-exitcode")
        assert after.code == 0 and "No changes." in after.out, edit + after.out


def test_a_word_that_gives_something_else_is_refused(lab: Lab) -> None:
    """Hazards look at what is given, and the service is sent the word."""
    lab.write(ONE)
    path = saved(lab)
    plan = plan_json.loads(path.read_text())
    (change,) = (change for change in plan.changes if isinstance(change, AccessChange))
    (grant,) = change.grants
    more = replace(grant, after=replace(grant.after, word="READ_WRITE"))
    others = tuple(one for one in plan.changes if one is not change)
    plan = replace(plan, changes=(*others, replace(change, grants=(more,))))
    path.write_text(plan_json.dumps(plan))
    done = apply_saved(lab)
    assert done.code == 1 and "READ_WRITE for bob means something else" in done.err, done.err
    assert lab.mine() == []


def test_a_plan_for_a_service_of_another_kind_is_refused(lab: Lab) -> None:
    """Its names and its requests would mean something else there, or nothing."""
    lab.write(ONE)
    path = saved(lab)
    plan = replace(plan_json.loads(path.read_text()), api="toy/v1")
    path.write_text(plan_json.dumps(plan))
    done = apply_saved(lab)
    assert done.code == 3, done.err
    assert "made for a service of api toy/v1" in done.err and "plan again" in done.err
    assert "agave/v2" in done.err and lab.mine() == []
