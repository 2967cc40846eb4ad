"""``jobsync graph`` as a command."""

from __future__ import annotations

from pathlib import Path

from tests.line.linebench import Bench


def test_the_command_draws_a_set_that_no_service_knows(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_text(
        "apiVersion: jobsync/v1\nproject: p\ntarget: far\n"
        'targets: {far: {baseUrl: "https://jobs.example"}}\n'
        "jobs:\n  one: {appId: a-1.0}\n  two: {appId: a-1.0, needs: [one]}\n"
    )
    done = Bench(tmp_path).run("graph", "--out", "graph.svg", "--format", "svg")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "graph.svg").read_text().count("<rect") == 2
