"""Exit codes that make a nightly check alert, and the line beside each that says why."""

from __future__ import annotations

from tests.line.linebench import Done, Lab

ONE = "one: {appId: wc-demo-1.00}\n"
FETCHED = "one: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: got/}]}\n"


def doubled(lab: Lab) -> list[str]:
    """The ids of two finished runs of one name."""
    lab.write(ONE)
    lab.apply()
    [run] = lab.mine()
    body = {"name": run["name"], "appId": "wc-demo-1.00"}
    twin = lab.service.call("alice", "POST", "/jobs/v2", body).result["id"]
    lab.service.wait("alice", twin)
    return sorted(row["id"] for row in lab.mine())


def test_two_runs_of_one_name_are_code_6_with_a_line_that_says_so(lab: Lab) -> None:
    ids = doubled(lab)
    for arguments in (("drift",), ("plan", "--detailed-exitcode")):
        loud, quiet = lab.run(*arguments), lab.run(*arguments, "-q")
        assert (loud.code, quiet.code) == (6, 6), arguments
        assert all(run_id in quiet.err for run_id in ids), quiet.err
        assert "2 runs with the same name" in quiet.err
        assert "No changes" not in loud.out + quiet.out
    assert lab.run("plan").code == 0, "without --detailed-exitcode a plan is only shown"
    assert lab.run("apply", "--auto-approve").code == 6
    lab.write("one: {appId: wc-demo-1.00, permissions: {bob: READ}}\n")
    assert lab.run("apply", "--auto-approve").code == 6, "with something to do, too"


def test_what_is_advised_about_duplicates_settles_them(lab: Lab) -> None:
    doubled(lab)
    said = lab.run("drift", "-q").err
    advised = said.partition("keep one: jobsync ")[2].split("\n")[0].split()
    assert lab.run(*advised).code == 0, said
    assert lab.run("drift", "-q").code == 0


def last_line(done: Done) -> str:
    return done.out.strip().splitlines()[-1]


def test_what_is_wrong_comes_first_and_is_said_once(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00, expect: ['never.made']}\ntwo: {appId: wc-demo-1.00}\n")
    lab.run("apply", "--auto-approve", "--wait")
    wrong = lab.run("drift")
    assert wrong.code == 7
    assert wrong.out.startswith("Job states:\n  ! one ")
    assert wrong.out.count("incomplete") == 1, wrong.out
    assert "No changes" not in wrong.out
    quiet = lab.run("drift", "-q")
    assert (
        last_line(quiet) == "Not everything is as declared: 1 incomplete. The rest needs no change."
    )
    lab.write(
        "one: {appId: wc-demo-1.00, expect: ['never.made']}\n"
        "two: {appId: wc-demo-1.00, permissions: {bob: READ}}\n"
    )
    both = lab.run("plan")
    assert both.out.startswith("Job states:\n  ! one ")
    assert both.out.index("! one") < both.out.index("jobsync will perform")


def test_a_line_that_explains_code_2_stands_where_only_outputs_are_to_fetch(lab: Lab) -> None:
    lab.write(ONE)
    lab.apply()
    lab.write(FETCHED)
    done = lab.run("drift", "-q")
    assert done.code == 2
    assert "1 output to fetch" in done.out or "outputs to fetch" in done.out, done.out


def test_a_plan_that_fails_is_a_document_for_the_comment_too(lab: Lab) -> None:
    """An empty one would leave the plan before it standing there."""
    lab.write("one: {appId: wc-demo-1.00, parameters: {text: '``` <b>@all</b>'}, nosuch: 1}\n")
    for command in ("plan", "drift"):
        invalid = lab.run(command, "--format", "markdown")
        assert invalid.code == 1
        assert invalid.out.startswith(
            f"<!-- jobsync {lab.project} env -->\n\n### jobsync {command} f"
        )
        assert "set.yaml:4:" in invalid.out and "nosuch" in invalid.out + invalid.err
        assert invalid.err.startswith("Error: ") or "set.yaml:4:" in invalid.err
    lab.write(ONE)
    down = lab.run("plan", "--format", "markdown", TAPIS_BASE_URL="http://127.0.0.1:9")
    assert down.code == 1 and "127.0.0.1:9" in down.out
    down = lab.run("plan", "--format", "json", TAPIS_BASE_URL="http://127.0.0.1:9")
    assert '"failed": "plan"' in down.out and "resource_changes" not in down.out
