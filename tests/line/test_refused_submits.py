"""A submit that a check of the service refuses has failed, at once, at its place in the set."""

from __future__ import annotations

import time

import pytest

from tests.line.linebench import Bench, Lab, write_set

NOTIFIED = "notifications: [{url: a@example.org, event: FINISHED}]"


@pytest.mark.parametrize("more", ["", f", {NOTIFIED}"], ids=["plain", "notified"])
@pytest.mark.parametrize(
    ("request_", "place", "words"),
    [
        (
            "archiveSystem: data.example.org",
            "m.yaml:4:24",
            "No storage system found matching data.example.org for ",
        ),
        ("batchQueue: nosuch", "m.yaml:4:24", "Invalid batchQueue. No batch queue named nosuch"),
        ("archivePath: other/x, parameters: {n: 1}", "m.yaml:4:24", "archive path other/x"),
    ],
)
def test_a_refused_submit_has_failed_at_once(
    bench: Bench, request_: str, place: str, words: str, more: str
) -> None:
    write_set(bench, f"j: {{appId: echo-1.0, {request_}{more}}}")
    if "archivePath" in request_:
        # The folder belongs to somebody else.
        assert bench.run("plan", "--target", "local", ".").code == 0
        owners = bench.folder / ".jobsync/archive/.owners"
        owners.mkdir(parents=True, exist_ok=True)
        (owners / "other").write_text("somebody")
    began = time.monotonic()
    done = bench.run("apply", "--target", "local", "--auto-approve", ".")
    assert done.code == 1, done.err
    assert time.monotonic() - began < 30
    assert f"{place}: " in done.err and words in done.err
    assert "unknown" not in done.err and "resolve" not in done.err


def test_a_refusal_leaves_nothing_open_when_the_set_is_mended(lab: Lab) -> None:
    """On a service elsewhere: refused, mended, planned, applied; nothing to settle by hand."""
    lab.write("j: {appId: wc-demo-1.00, archiveSystem: data.wrong}\n")
    began = time.monotonic()
    refused = lab.run("apply", "--auto-approve")
    assert refused.code == 1, refused.err
    assert time.monotonic() - began < 30
    assert "set.yaml:4:28: " in refused.err
    assert "No storage system found matching data.wrong for alice" in refused.err
    lab.edit("set.yaml", "data.wrong", "archive")
    planned = lab.run("plan")
    assert "1 to add" in planned.out and "resolve" not in planned.out
    lab.apply()
    assert len(lab.mine()) == 1
