"""``jobsync status`` as people use it: filters, times, a screen that is painted again, a log."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import datetime

from tests.line.linebench import Lab

JOBS = """\
    f: {appId: wc-demo-1.00, matrix: {n: [2, 10]}, parameters: {lines: "${matrix.n}"}}
    bad: {appId: wc-demo-1.00, expect: [nosuch], onFailure: {retries: 1}}
    after: {appId: wc-demo-1.00, needs: [bad]}
    many: {appId: wc-demo-1.00, matrix: {n: [1, 2, 10]}, needs: [bad]}
"""


def on_screen(lab: Lab, columns: int, *arguments: str) -> str:
    """What ``jobsync ARGUMENTS`` writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    environ = {**lab.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"}
    command = [sys.executable, "-m", "jobsync", *arguments]
    with subprocess.Popen(
        command, cwd=lab.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        heard = b""
        while True:
            try:
                heard += os.read(ours, 65536)
            except OSError:
                break
        process.wait(60)
    os.close(ours)
    return heard.decode().replace("\r\n", "\n")


def test_status_says_when_and_how_long_and_can_be_narrowed(lab: Lab) -> None:
    lab.environ["TZ"] = "Asia/Kolkata"
    lab.write(JOBS)
    assert lab.run("apply", "--auto-approve", "--wait").code == 7
    done = lab.run("status")
    assert done.code == 7
    _, *rows = done.out.splitlines()
    assert [row.split()[0] for row in rows if row and not row.startswith(" ")][:5] == [
        "after", "bad", "f.2", "f.10", "many"
    ]  # fmt: skip
    assert "many (3 jobs)  blocked" in done.out and done.out.count("needs bad") == 2
    each = lab.run("status", "--expand").out
    assert each.count("needs bad") == 4 and each.index("many.2 ") < each.index("many.10 ")
    plan = lab.run("plan").out
    assert "many (3 jobs: many.1, many.2, many.10) will not run: needs bad" in plan
    assert plan.count("needs bad") == 2 and lab.run("plan", "--expand").out.count("needs bad") == 4
    assert re.search(r"^bad .* 1 of 2 .* \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+05:30 ", done.out, re.M)
    assert "7 jobs: 1 incomplete, 4 blocked, 2 current." in done.out
    assert lab.run("status", "--select", "f").code == 0
    few = lab.run("status", "--select", "f*", "--select", "bad", "--exclude", "f.2")
    assert few.code == 7 and "2 of 7 jobs" in few.out and "f.2 " not in few.out
    assert "2 of 7 jobs: 2 current." in lab.run("status", "--state", "current").out
    wrong = lab.run("status", "--select", "baad")
    assert wrong.code == 64 and "did you mean bad?" in wrong.err
    (bad,) = json.loads(lab.run("status", "--select", "bad", "--format", "json").out)
    run = bad["run"]
    times = [datetime.fromisoformat(run[key]) for key in ("created", "started", "ended")]
    assert times == sorted(times) and run["attempt"] == 1
    assert run["ran_seconds"] == (times[2] - times[1]).total_seconds()
    lab.write("f: {appId: wc-demo-1.00}\n")
    assert "Has runs, but is not declared: bad, f.2, f.10." in lab.run("status").out


def test_a_watched_status_is_painted_again_and_told_once(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, parameters: {seconds: 6}}\ntwo: {appId: wc-demo-1.00}\n")
    assert lab.run("apply", "--auto-approve").code == 0
    log = lab.start("status", "--watch")
    screen = on_screen(lab, 60, "status", "--watch")
    (run,) = (row for row in lab.mine() if ".one." in row["name"])
    assert "\x1b[2K" in screen or "\x1b[1A" in screen, "lines are painted over"
    final = screen.rpartition("ADDRESS")[2]
    assert "in progress" in screen and "in progress" not in final
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert run["id"][:8] in final and run["id"] not in plain
    assert all(len(line) <= 60 for line in plain.splitlines())
    out, _ = log.communicate(timeout=60)
    told = [line for line in out.splitlines() if "one: " in line]
    assert told[-1].endswith("one: current (FINISHED)")
    assert len(told) == len({line.partition("one: ")[2] for line in told}), "each change once"
