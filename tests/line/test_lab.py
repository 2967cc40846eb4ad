"""What docs/lab.md says of pinning is what happens; tests/docs runs its commands."""

from __future__ import annotations

from tests.line.linebench import Lab


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
