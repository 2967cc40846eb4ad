"""Which set a command means: the one it is called in; and what needs none looks at none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsync.manifest import find_set
from tests.line.linebench import Bench, Lab

SET = "apiVersion: jobsync/v1\nproject: p\njobs: {}\n"
PART = "apiVersion: jobsync/v1\njobs: {}\n"
FOREIGN = "services: {web: {image: x}}\nproject: other\n"


def files(root: Path, **contents: str) -> None:
    for name, text in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".yaml").write_text(text)


@pytest.mark.parametrize(
    ("layout", "start", "found"),
    [
        ({"a": SET}, ".", "."),
        ({"sub__a": SET}, ".", "."),
        ({"a": SET, "sub__b": PART}, "sub", ".."),
        ({"a": SET, "sub__deep__b": PART}, "sub/deep", "../.."),
        ({"a": SET, "sub__b": SET}, "sub", "."),
        ({"a": SET, "sub__in__b": SET}, "sub", "."),
        ({"a": SET, "sub__docker": FOREIGN}, "sub", ".."),
        ({"docker": FOREIGN, "sub__b": PART}, "sub", "."),
        ({"a": '{"apiVersion": "jobsync/v1", "project": "p"}', "sub__b": PART}, "sub", ".."),
        ({"a": "# apiVersion: x\n# project: y\n", "sub__b": PART}, "sub", "."),
        ({"a": SET, "sub__.git__x": "", "sub__b": PART}, "sub", "."),
        ({"a": SET, "sub__.git__x": "", "sub__in__b": PART}, "sub/in", "."),
        ({"a": SET, ".git__x": "", "sub__b": PART}, "sub", ".."),
        ({"sub__b": PART}, "sub", "."),
        ({"a": "[", "sub__b": PART}, "sub", "."),
    ],
)
def test_the_nearest_folder_that_holds_a_project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: dict[str, str],
    start: str,
    found: str,
) -> None:
    files(tmp_path, **layout)
    monkeypatch.chdir(tmp_path / start)
    assert find_set() == found


def test_where_others_can_put_files_nothing_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files(tmp_path, a=SET, sub__b=PART)
    monkeypatch.chdir(tmp_path / "sub")
    assert find_set() == ".."
    tmp_path.chmod(0o1777)
    assert find_set() == "."


def test_every_command_finds_it_from_inside(wordcount: Bench) -> None:
    assert wordcount.run("apply", "--target", "local", "--auto-approve").code == 0
    inside = Bench(wordcount.folder / "data")
    for command in (
        *(("plan",), ("validate",), ("drift",), ("status",), ("access",), ("why", "count")),
        *(("history", "count"), ("outputs", "verify"), ("wait",), ("apply", "--auto-approve")),
    ):
        done = inside.run(*command, JOBSYNC_TARGET="local")
        assert done.code == 0, (command, done)
    listed = json.loads(inside.run("jobs", "list", "--format", "json", "--target", "local").out)
    assert len(listed) == 1, "the local service of the set"
    assert not (inside.folder / ".jobsync").exists()
    inside.close()


def test_the_path_is_an_argument_or_an_option_of_each(lab: Lab) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    lab.folder.joinpath("set.yaml").rename(lab.folder / "other.yaml")
    (lab.folder / "set.yaml").write_text("nonsense")
    for command in ("plan", "validate", "drift", "status", "access"):
        code = 2 if command == "drift" else 0
        for words in (["other.yaml"], ["-m", "other.yaml"], ["--manifests", "other.yaml"]):
            done = lab.run(command, *words, "--target", "env")
            assert done.code == code, (command, words, done.err)
    lab.apply("-m", "other.yaml")
    assert len(lab.mine()) == 1


@pytest.mark.parametrize("unrelated", [FOREIGN, "[", SET + "unknown: 1\n"])
def test_what_needs_no_set_does_not_look_at_yaml(lab: Lab, unrelated: str) -> None:
    (lab.folder / "docker-compose.yml").write_text(unrelated)
    for command in (("jobs", "list"), ("auth", "status"), ("jobs", "show", "nosuch")):
        done = lab.run(*command, "--target", "env")
        assert "docker-compose" not in done.err and done.code == ("nosuch" in command), done
        done = lab.run(*command, JOBSYNC_TARGET="env")
        assert "docker-compose" not in done.err
    if unrelated is not FOREIGN and "project" in unrelated:
        return  # a set, whose target would count
    done = lab.run("jobs", "list")
    assert done.code == 0, "TAPIS_BASE_URL says which service"
    process = lab.start("serve")
    assert process.stdout and process.stdout.readline().startswith("http://")
    process.terminate()
    process.communicate()


def test_at_the_top_of_a_repository_the_folder_of_the_set_is_named(lab: Lab) -> None:
    """Taken for the set's own folder, the top would have outputs, lock and apps of its own."""
    below = lab.folder / "sets/one"
    below.mkdir(parents=True)
    lab.write("job: {appId: wc-demo-1.00, outputs: [{path: counts.txt, to: results/}]}\n")
    (lab.folder / "set.yaml").rename(below / "set.yaml")
    (lab.folder / ".git").mkdir()
    (lab.folder / "mkdocs.yml").write_text("site_name: x\n")
    for command in (
        *(("plan",), ("validate",), ("drift",), ("status",), ("access",), ("why", "job")),
        *(("apply", "--auto-approve"), ("outputs", "list"), ("logs", "job"), ("wait",)),
    ):
        done = lab.run(*command)
        assert done.code == 1, (command, done)
        assert "there is no set in this folder or above it; there is one in sets/one" in done.err
        assert "  add -m sets/one, or cd sets/one; " in done.err
    assert not lab.mine() and not (lab.folder / "results").exists()
    lab.apply("-m", "sets/one")
    assert (below / "results/counts.txt").exists() and not (lab.folder / "results").exists()
    assert "No changes" in lab.run("plan", "--all").out
    (lab.folder / "mkdocs.yml").unlink()
    # The folder itself can still be meant, and a manifest that lies in it says so.
    assert lab.run("validate", "-m", ".").code == 0
    (lab.folder / "part.yaml").write_text(PART)
    assert lab.run("validate").code == 0
    (lab.folder / "part.yaml").unlink()
    (lab.folder / "two").mkdir()
    (lab.folder / "two/set.yaml").write_text(SET)
    several = lab.run("plan")
    assert several.code == 1 and "there are 2 below: sets/one, two" in several.err
    assert "name one with -m sets/one, or take each by itself with --all" in several.err
    assert "--all" not in lab.run("status").err
