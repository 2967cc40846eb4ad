"""``jobsync logs``: of running, failed, finished and waiting runs, as somebody types it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.line.linebench import Bench, Lab, serving

TALK = {
    "name": "talk",
    "version": "1.0",
    "templatePath": "w.sh",
    "parameters": [
        {"id": "code", "value": {"type": "number"}},
        {"id": "lines", "value": {"type": "number"}},
        {"id": "wait", "value": {"type": "string"}},
    ],
}
SCRIPT = """\
echo "begin $((${lines}+0))"
for n in $(seq 1 ${lines}); do echo "line $n"; done
printf 'a\\ttab \\033[31m red\\n::error::no\\n' >&2
if [ -n "${wait}" ]; then while [ ! -e "${wait}" ]; do sleep 0.1; done; echo "end"; fi
printf 'the last words' >&2
exit ${code}
"""


@pytest.fixture
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("talk"))
    folder = bench.folder / "apps" / "talk"
    folder.mkdir(parents=True)
    (folder / "app.json").write_text(json.dumps(TALK))
    (folder / "w.sh").write_text(SCRIPT)
    yield bench
    bench.close()


def write(bench: Bench, jobs: str) -> None:
    (bench.folder / "set.yaml").write_text(
        f"apiVersion: jobsync/v1\nproject: p\ntarget: local\njobs:\n{jobs}"
    )


def test_the_log_of_failed_and_finished_runs_after_the_apply(talk: Bench) -> None:
    write(
        talk,
        "  bad: {appId: talk-1.0, matrix: {n: [1, 2]}, onFailure: {retries: 1},\n"
        "    parameters: {code: 3, lines: '${matrix.n}', wait: ''}}\n"
        "  good: {appId: talk-1.0, parameters: {code: 0, lines: 40000, wait: ''}}\n",
    )
    done = talk.run("apply", "--auto-approve")
    assert done.code == 7
    assert "jobsync logs bad.1" in done.err
    for said in (talk.run("status").out, talk.run("plan").out, talk.run("why", "bad.1").out):
        assert "see its log with: jobsync logs bad.1" in said
    bad = talk.run("logs", "bad.1")
    assert bad.code == 0 and "FAILED" in bad.err
    assert bad.out == "begin 1\nline 1\na\ttab \\x1b[31m red\n\\x3a:error::no\nthe last words\n"
    assert "standard output: p.bad.1" in bad.err and "standard error: p.bad.1" in bad.err
    assert talk.run("logs", "bad.1", "--err", "-n", "1").out == "the last words\n"
    assert talk.run("logs", "bad.1", "--out").out == "begin 1\nline 1\n"
    first, second = (talk.run("logs", "bad.2", "--attempt", n).err for n in "12")
    assert first.splitlines()[0] != second.splitlines()[0]
    third = talk.run("logs", "bad.2", "--attempt", "3")
    assert third.code == 1 and "there is no attempt 3" in third.err and "1, 2" in third.err
    assert talk.run("logs", "bad", "--out").out == "begin 1\nline 1\nbegin 2\nline 1\nline 2\n"
    lines = talk.run("logs", "good", "--out").out.splitlines()
    assert lines == ["begin 40000", *(f"line {n}" for n in range(1, 40001))]
    tail = talk.run("logs", "good", "--out", "-n", "20000").out.splitlines()
    assert tail == lines[-20000:]
    assert talk.run("logs", "good", "--follow", "--out", "-n", "1").out == "line 40000\n"
    unknown = talk.run("logs", "goood")
    assert unknown.code == 64 and "did you mean good?" in unknown.err
    write(talk, "  good: {appId: talk-1.0, parameters: {code: 0, lines: 2, wait: ''}}\n")
    assert talk.run("logs", "good", "-n", "1", "--out").out == "line 40000\n"
    write(talk, "  new: {appId: talk-1.0, parameters: {code: 0, lines: 2, wait: ''}}\n")
    new = talk.run("logs", "new")
    assert new.code == 1 and "new has no run yet" in new.err


def test_the_log_of_a_run_as_it_grows(talk: Bench) -> None:
    go = talk.folder / "go"
    write(talk, f"  long: {{appId: talk-1.0, parameters: {{code: 0, lines: 2, wait: {go}}}}}\n")
    with serving(talk) as (url, tokens):
        (token,) = tokens.values()
        at = {"TAPIS_BASE_URL": url, "TAPIS_TOKEN": token, "JOBSYNC_TARGET": "env"}
        talk.environ |= {**at, "JOBSYNC_STATE_DIR": str(talk.folder / "state")}
        assert talk.run("apply", "--auto-approve").code == 0
        following = talk.start("logs", "long", "--follow")
        assert following.stdout and following.stderr
        heard = [following.stdout.readline() for _ in range(5)]
        assert heard[:3] == ["begin 2\n", "line 1\n", "line 2\n"] and following.poll() is None
        assert talk.run("logs", "long", "--out").out == "begin 2\nline 1\nline 2\n"
        get = talk.run("outputs", "get", "long", "*.out", "--to", "-")
        assert get.code == 0 and get.out == "begin 2\nline 1\nline 2\n"
        go.write_text("")
        out, err = following.communicate(timeout=60)
        assert following.returncode == 0
        assert sorted(out.splitlines()) == ["end", "the last words"]
        assert "RUNNING" in err and "FINISHED" in err


def test_one_file_to_standard_output_and_what_a_failed_run_left(talk: Bench) -> None:
    write(talk, "  bad: {appId: talk-1.0, parameters: {code: 3, lines: 1, wait: ''}}\n")
    assert talk.run("apply", "--auto-approve").code == 7
    listed = talk.run("outputs", "list", "bad")
    assert listed.code == 0 and ".err" in listed.out and ".out" in listed.out
    raw = talk.run("outputs", "get", "bad", "*.err", "--to", "-")
    assert raw.code == 0 and raw.out == "a\ttab \x1b[31m red\n::error::no\nthe last words"
    several = talk.run("outputs", "get", "bad", "*", "--to", "-")
    assert several.code == 64 and several.out == "" and "p.bad" in several.err
    assert talk.run("outputs", "get", "bad", "nothing", "--to", "-").code == 1
    assert not (talk.folder / "-").exists()


def test_the_beginning_of_an_id_means_a_run_of_the_set_and_only_here(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\ntwo: {appId: wc-demo-1.00, parameters: {lines: 2}}\n")
    lab.apply()
    lab.write("one: {appId: wc-demo-1.00, rerun: 2}\n")
    lab.apply()
    ids = {(row["name"].split(".")[1], row["id"]) for row in lab.mine()}
    assert len(ids) == 3
    for address, run in ids:
        begun = run[:8]
        log = lab.run("logs", begun)
        assert log.code == 0 and f"{address}, run {run}: FINISHED" in log.err
        history = lab.run("history", begun).out
        assert [other for _, other in ids if other in history] == [run]
        why = lab.run("why", begun)
        assert why.out.startswith("one: current") if address == "one" else why.code == 64
        listed = lab.run("outputs", "list", begun, "--format", "json")
        files = [row["path"] for row in json.loads(listed.out) if row["state"] == "not_fetched"]
        got = lab.run("outputs", "get", begun, "counts.txt", "--to", "-")
        assert got.code == 0 and len(got.out.split()) == 3
        if address == "two":
            assert "counts.txt" in files
        assert lab.run("jobs", "show", begun).code == 1
        assert lab.run("logs", run).code == 0
    none = lab.run("logs", "0000zzzz")
    assert none.code == 64 and "no run has an id that begins with it" in none.err
    times = re.findall(r"^  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d  ", history, re.M)
    assert len(times) == history.count("\n") - 1
