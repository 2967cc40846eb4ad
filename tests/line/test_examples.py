"""The two examples, run for real: the whole line from manifest to fetched file."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections import Counter

import pytest

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal import open_journal
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.apply.submit_protocol import SubmitLimits
from tests.line.linebench import Bench


def test_the_phylogeny_example_from_nothing_to_the_tree(phylogeny: Bench) -> None:
    first = phylogeny.run("apply", "--wait", "--auto-approve")
    assert first.code == 0, first.err
    tree = (phylogeny.folder / "results/tree.nwk").read_text()
    sequences = re.findall("^>(.*)$", (phylogeny.folder / "data/opsins.fa").read_text(), re.M)
    assert len(sequences) == 36
    assert sorted(re.findall(r"[(,]([^(),:]+):", tree)) == sorted(sequences)
    again = phylogeny.run("plan", "--detailed-exitcode")
    assert again.code == 0
    assert "No changes." in again.out

    phylogeny.edit("phylogeny.yaml", "threads: 1", "threads: 2")
    plan = phylogeny.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "# align must be replaced" in plan.out
    assert "# tree must be replaced" in plan.out
    assert "~ parameters.threads = 1 -> 2" in plan.out
    assert "phylogeny.yaml:20" in plan.out
    assert phylogeny.run("apply", "--auto-approve").code == 0
    assert phylogeny.run("plan", "--detailed-exitcode").code == 0

    data = phylogeny.folder / "data/opsins.fa"
    data.write_text("".join(data.read_text().partition(">U22180_2")[::2]))
    plan = phylogeny.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "content of agave://local/data/opsins.fa has changed" in plan.out

    phylogeny.edit("phylogeny.yaml", "reviewers: [bob]", "reviewers: []")
    plan = phylogeny.run("plan", "--only", "permissions")
    assert plan.out.count("- bob : READ") == 4, "both runs of both jobs"
    assert phylogeny.run("apply", "--only", "permissions", "--auto-approve").code == 0
    for job in phylogeny.jobs():
        pems = phylogeny.run("jobs", "pems-list", job["id"], "--format", "json")
        assert "bob" not in pems.out


def test_the_words_of_another_api_give_the_same_tree(phylogeny: Bench, phylogeny_v3: Bench) -> None:
    for bench in (phylogeny, phylogeny_v3):
        done = bench.run("apply", "--wait", "--auto-approve")
        assert done.code == 0, done.err
        assert "No changes." in bench.run("plan").out
    trees = [
        (bench.folder / "results/tree.nwk").read_bytes() for bench in (phylogeny, phylogeny_v3)
    ]
    assert trees[0] == trees[1]

    phylogeny_v3.edit("phylogeny.yaml", 'key: threads, value: "1"', 'key: threads, value: "2"')
    phylogeny_v3.edit("phylogeny.yaml", "maxMinutes: 10", "maxMinutes: 20")
    phylogeny_v3.edit("phylogeny.yaml", "READ", "[JOB_OUTPUT]")
    plan = phylogeny_v3.run("plan", "--detailed-exitcode")
    assert plan.code == 2
    assert "# align must be replaced" in plan.out and "# tree must be replaced" in plan.out
    assert '~ parameterSet.envVariables.threads = "1" -> "2"' in plan.out
    assert "# phylogeny.yaml:23" in plan.out
    assert "has no access for a moment" in plan.out
    assert phylogeny_v3.run("apply", "--auto-approve").code == 0
    assert phylogeny_v3.run("plan", "--detailed-exitcode").code == 0

    script = phylogeny_v3.folder / "apps/veryfasttree/tapisjob_app.sh"
    script.write_text(script.read_text() + "exit 3\n")
    plan = phylogeny_v3.run("plan")
    assert "apps/veryfasttree/tapisjob_app.sh has changed since run" in plan.out
    done = phylogeny_v3.run("apply", "--auto-approve")
    assert done.code == 7, "the app says what its program returned"


def test_outputs_that_are_gone_here_are_fetched_once(wordcount: Bench) -> None:
    assert wordcount.run("apply", "--auto-approve").code == 0
    counts = wordcount.folder / "results/counts.txt"
    before = counts.read_bytes()
    shutil.rmtree(wordcount.folder / "results")
    plan = wordcount.run("plan", "--detailed-exitcode")
    assert plan.code == 0, "known to jobsync.lock, so available and not due"
    done = wordcount.run("apply", "--auto-approve", "--format", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert sum(event["type"] == "apply_complete" for event in events) == 1
    assert counts.read_bytes() == before
    assert len(wordcount.jobs()) == 1


def test_a_stopped_job_stays_stopped_until_retry_is_asked(wordcount: Bench) -> None:
    wordcount.edit("wordcount.yaml", "seconds: 1", "seconds: 60")
    apply = wordcount.start("apply", "--auto-approve")
    wordcount.wait_for(lambda: any(job["status"] == "RUNNING" for job in wordcount.jobs()))
    (job,) = wordcount.jobs()
    assert wordcount.run("jobs", "cancel", job["id"]).code == 0
    _, err = apply.communicate(timeout=60)
    assert apply.returncode == 7, err

    plan = wordcount.run("plan", "--detailed-exitcode")
    assert plan.code == 7
    assert "stopped" in plan.out
    assert wordcount.run("apply", "--auto-approve").code == 7
    assert len(wordcount.jobs()) == 1, "a person stopped it: nothing runs it again"

    retry = wordcount.start("apply", "--auto-approve", "--retry", "count")
    wordcount.wait_for(lambda: len(wordcount.jobs()) == 2)
    names = sorted(job["name"] for job in wordcount.jobs())
    assert names[1] == names[0] + ".r2"
    for job in wordcount.jobs():
        wordcount.run("jobs", "cancel", job["id"])
    retry.communicate(timeout=60)


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2, 2.0])
def test_after_kill_9_the_same_command_finishes_and_nothing_ran_twice(
    wordcount: Bench, seconds: float
) -> None:
    wordcount.edit("wordcount.yaml", "seconds: 1", "seconds: 2")
    killed = wordcount.start("apply", "--auto-approve")
    try:
        killed.wait(timeout=seconds)
    except Exception:
        killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = wordcount.run("apply", "--auto-approve")
    assert done.code == 0, done.err
    assert (wordcount.folder / "results/counts.txt").exists()
    assert Counter(job["name"] for job in wordcount.jobs()).most_common(1)[0][1] == 1


def test_a_submit_that_was_killed_before_its_service_had_it_is_made_at_once(
    wordcount: Bench,
) -> None:
    plan = json.loads(wordcount.run("plan", "--format", "json").out)
    [name] = [change["name"] for change in plan["resource_changes"] if change["type"] == "job"]
    binding = Binding("local", plan["user"], plan["project"])
    with open_journal(wordcount.folder / ".jobsync", binding) as journal:
        journal.append(Entry(name, "count", State.SENDING), SystemClock())
    began = time.monotonic()
    done = wordcount.run("apply", "--auto-approve")
    assert done.code == 0, done.err
    assert [job["name"] for job in wordcount.jobs()] == [name]
    assert time.monotonic() - began < SubmitLimits().settle / 2


def test_a_first_ctrl_c_stops_sending_and_the_next_apply_goes_on(wordcount: Bench) -> None:
    wordcount.edit("wordcount.yaml", "seconds: 1", "seconds: 5")
    apply = wordcount.start("apply", "--auto-approve")
    wordcount.wait_for(lambda: any(job["status"] == "RUNNING" for job in wordcount.jobs()))
    apply.send_signal(signal.SIGINT)
    _, err = apply.communicate(timeout=60)
    assert apply.returncode == 130, err
    assert "Traceback" not in err
    done = wordcount.run("apply", "--auto-approve")
    assert done.code == 0, done.err
    assert len(wordcount.jobs()) == 1


def test_a_saved_plan_applies_once_and_is_stale_then(wordcount: Bench) -> None:
    assert wordcount.run("plan", "--out", "saved.plan").code == 0
    assert "# count will be created" in wordcount.run("show", "saved.plan").out
    assert wordcount.run("apply", "--plan", "saved.plan", "--auto-approve").code == 0
    stale = wordcount.run("apply", "--plan", "saved.plan", "--auto-approve")
    assert stale.code == 3, stale.err
    assert len(wordcount.jobs()) == 1


def test_an_input_that_changed_since_the_plan_makes_its_address_stale(wordcount: Bench) -> None:
    text = wordcount.folder / "data/text.txt"
    planned = text.read_text()
    assert wordcount.run("plan", "--out", "saved.plan").code == 0
    text.write_text("zebra zebra\n")
    stale = wordcount.run("apply", "--plan", "saved.plan", "--auto-approve")
    assert stale.code == 3, stale.err
    assert "agave://local/data/text.txt has changed since the plan" in stale.err
    text.unlink()
    gone = wordcount.run("apply", "--plan", "saved.plan", "--auto-approve")
    assert gone.code == 1 and 'there is no file "data/text.txt"' in gone.err, gone.err
    text.write_text(planned)
    assert wordcount.jobs() == []
    done = wordcount.run("apply", "--plan", "saved.plan", "--auto-approve")
    assert done.code == 0, done.err
    assert len(wordcount.jobs()) == 1


def test_an_input_that_changes_while_apply_waits_for_another_job_is_not_submitted(
    wordcount: Bench,
) -> None:
    set_file = wordcount.folder / "wordcount.yaml"
    set_file.write_text(
        set_file.read_text().replace("seconds: 1", "seconds: 3")
        + """\
  later:
    appId: wordcount-1.0
    inputs: {text: agave://local/data/more}
    needs: [count]
  other:
    appId: wordcount-1.0
    inputs: {text: agave://local/data/text.txt}
    needs: [count]
"""
    )
    more = wordcount.folder / "data/more"
    more.mkdir()
    (more / "a.txt").write_text("one\n")
    apply = wordcount.start("apply", "--auto-approve")
    wordcount.wait_for(lambda: any(job["status"] == "RUNNING" for job in wordcount.jobs()))
    (more / "b.txt").write_text("two\n")
    _, err = apply.communicate(timeout=60)
    assert apply.returncode == 3, err
    assert "agave://local/data/more has changed since the plan" in err
    assert sorted(job["name"].split(".")[1] for job in wordcount.jobs()) == ["count", "other"]


def test_without_a_terminal_nothing_is_done_unless_approved(wordcount: Bench) -> None:
    done = wordcount.run("apply")
    assert done.code == 4
    assert "--auto-approve" in done.err
    assert wordcount.jobs() == []


def test_plan_leaves_nothing_but_the_state_folder(wordcount: Bench) -> None:
    wordcount.run("plan")
    left = {path.name for path in wordcount.folder.iterdir()}
    assert left == {".jobsync", "apps", "data", "wordcount.yaml"}
    assert (wordcount.folder / ".jobsync").stat().st_mode & 0o777 == 0o700
    assert not (wordcount.folder / ".jobsync/users.json").exists()


def test_what_a_failed_job_said_is_shown(wordcount: Bench) -> None:
    (wordcount.folder / "apps/wordcount-1.0/wrapper.sh").write_text(
        "echo working; seq 30 >&2; printf 'bad \\033[31m input\\n' >&2; exit 3\n"
    )
    done = wordcount.run("apply", "--auto-approve")
    assert done.code == 7
    assert "exited with status 3" in done.err
    assert "  | 12\n" in done.err
    assert "  | 11\n" not in done.err
    assert "\033" not in done.err
    assert "  | working\n" in done.err
    assert "See all of it: jobsync logs count" in done.err


def test_what_is_excluded_but_finished_is_still_there_to_take_from(phylogeny: Bench) -> None:
    assert phylogeny.run("apply", "--auto-approve").code == 0
    phylogeny.edit("phylogeny.yaml", "model: lg", "model: wag")
    done = phylogeny.run("apply", "--exclude", "align", "--auto-approve")
    assert done.code == 0, done.err
    assert len(phylogeny.jobs()) == 3
    assert phylogeny.run("plan", "--detailed-exitcode").code == 0
