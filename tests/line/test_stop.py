"""``jobsync stop``, and what the end of an interrupted apply says about runs that go on."""

from __future__ import annotations

import signal

from tests.line.linebench import Lab, on_a_terminal

JOBS = """\
    long: {appId: wc-demo-1.00, needs: [quick],
      matrix: {n: [1, 2]}, parameters: {seconds: "6${matrix.n}"}}
    quick: {appId: wc-demo-1.00}
    other: {appId: wc-demo-1.00, needs: [quick], parameters: {seconds: 59}}
"""
BUSY = {"PENDING", "PROCESSING_INPUTS", "STAGED", "QUEUED", "RUNNING"}


def statuses(lab: Lab) -> dict[str, str]:
    return {row["name"].split(".", 1)[1].rpartition(".")[0]: row["status"] for row in lab.mine()}


def test_an_interrupted_apply_says_what_runs_on_and_stop_ends_it(lab: Lab) -> None:
    lab.write(JOBS)
    applying = lab.start("apply", "--auto-approve", "--wait")
    lab.wait_for(lambda: statuses(lab).get("quick") == "FINISHED" and len(lab.mine()) == 4)
    applying.send_signal(signal.SIGINT)
    _, err = applying.communicate(timeout=60)
    assert applying.returncode == 130
    advice = "Not finished yet: long.1, long.2, other. Wait: jobsync wait. Stop: "
    assert f"{advice}jobsync stop long.1 long.2 other\n" in err
    unconfirmed = lab.run("stop", "long")
    assert unconfirmed.code == 4 and "--auto-approve" in unconfirmed.err
    assert on_a_terminal(lab, "no", "stop", "long").code == 4
    assert "STOPPED" not in statuses(lab).values()
    done = on_a_terminal(lab, "yes", "stop", "long*", "quick")
    assert done.code == 0 and done.out == ""
    assert "quick" not in done.err and "other" not in done.err
    now = statuses(lab)
    assert now["other"] in BUSY and now["quick"] == "FINISHED"
    assert {now["long.1"], now["long.2"]} <= {"STOPPED", "FAILED"}
    assert "jobsync apply --retry long.1 --retry long.2" in done.err
    assert "long.1 was stopped" in lab.run("plan").out
    nothing = lab.run("stop", "quick", "--auto-approve")
    assert nothing.code == 0 and "Nothing to stop" in nothing.err
    assert lab.run("stop", "nosuch").code == 64
    lab.service.arm("html,status=403,on=manage,times=always")
    refused = lab.run("stop", "other", "--auto-approve")
    lab.service.disarm()
    assert refused.code == 1 and "could not be stopped" in refused.err
    lab.write(JOBS.replace("seconds: 59", "seconds: 58"))  # its run is superseded, and runs on
    assert lab.run("stop", "*", "--auto-approve").code == 0
    assert BUSY.isdisjoint(statuses(lab).values())
