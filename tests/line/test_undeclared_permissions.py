"""A job whose permissions are no longer declared: who has access keeps it, and it is said."""

from __future__ import annotations

from tests.line.linebench import Lab
from tests.line.test_offline import git

SHARED = "align: {appId: wc-demo-1.00, permissions: {bob: READ}}"
SILENT = "align: {appId: wc-demo-1.00}"


def test_access_shows_who_keeps_access_to_a_job_without_permissions(lab: Lab) -> None:
    lab.write(SHARED)
    lab.apply()
    lab.write(SILENT)
    shown = lab.run("access")
    assert shown.code == 0 and "bob" in shown.out and "READ" in shown.out, shown.out
    assert "align declares no permissions, so bob keeps access" in shown.err
    assert "permissions: {}" in shown.err
    (lab.folder / "access.csv").write_text("address,user,access\n")
    assert lab.run("access", "--expect", "access.csv").code == 2
    assert not lab.run("access", "--changed").out.count("bob")
    lab.write("align: {appId: wc-demo-1.00, permissions: {}}")
    lab.apply()
    ended = lab.run("access")
    assert ended.out == "No other user has access to a run of the declared jobs.\n"
    assert not ended.err


def test_a_review_says_that_access_is_kept(lab: Lab) -> None:
    lab.write(SHARED)
    git(lab.folder, "init", "-q", "-b", "main")
    git(lab.folder, "add", "set.yaml")
    git(lab.folder, "commit", "-qm", "x")
    lab.write(SILENT)
    shown = lab.run("plan", "--offline", "--base", "HEAD")
    assert shown.code == 0, shown.err
    assert '- permissions.bob = "READ"' in shown.out
    assert "# permissions are no longer declared: whoever has access keeps it" in shown.out
    assert "permissions: {}" in shown.out
