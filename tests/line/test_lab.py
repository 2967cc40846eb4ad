"""What docs/lab.md says to a second person of a project is what happens."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.line.linebench import Lab

PAGE = Path(__file__).parents[2] / "docs/lab.md"


def test_a_colleague_reads_what_the_owner_shares_and_plans_nothing(lab: Lab) -> None:
    url = lab.service.url
    head = f"target: tacc\ntargets: {{tacc: {{baseUrl: {url}, owner: alice}}}}\n"
    head += "teams: {lab: [bob]}\n"
    job = 'appId: wc-demo-1.00, permissions: {"@lab": READ}, '
    job += "outputs: [{path: counts.txt, to: results/}]"
    lab.write(f"align: {{{job}}}", head=head)
    lab.apply()
    (run,) = lab.mine()
    bob = {"TAPIS_TOKEN": lab.service.tokens["bob"]}
    page = PAGE.read_text("utf-8").replace("labbot", "alice")
    (refusal,) = re.findall(r"```text\n(.*?)```", page, re.S)
    for command in (("apply",), ("stop", "align"), ("wait",), ("jobs", "cancel", run["id"])):
        done = lab.run(*command, **bob)
        assert done.code == 1 and done.err == refusal, command
    assert len(lab.mine()) == 1
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.S)
    lines = [line.partition("  #")[0].rstrip() for line in block.splitlines()]
    assert len(lines) == 9
    (lab.folder / "jobsync.lock").unlink()
    (lab.folder / "results/counts.txt").unlink()
    for line in lines:
        done = lab.run(*shlex.split(line)[1:], **bob)
        assert done.code == 0, (line, done.err)
    assert (lab.folder / "results/counts.txt").read_text().split()
    assert lab.run("jobs", "list", **bob).out.count(run["id"]) == 1
    listed = lab.run("jobs", "list", "--target", "tacc", "--format", "json", **bob)
    assert run["id"] in {row["id"] for row in json.loads(listed.out)}


def test_a_run_that_is_shared_is_pinned_by_whoever_may_read_it(lab: Lab) -> None:
    lab.write("align: {appId: wc-demo-1.00, permissions: {bob: READ}}")
    lab.apply()
    (run,) = lab.mine()
    lab.project = f"{lab.project}b"
    pinned = f"align: {{appId: wc-demo-1.00, id: {run['id']}}}\n"
    lab.write(
        pinned + 'next: {appId: wc-demo-1.00, inputs: {text: "${jobs.align.outputs/counts.txt}"}}'
    )
    done = lab.run("plan", TAPIS_TOKEN=lab.service.tokens["bob"])
    assert done.code == 0 and "1 to add" in done.out, (done.out, done.err)
