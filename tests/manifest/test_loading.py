"""Loading whole sets: files of every kind, digests, fingerprints, places."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobsync import identity
from jobsync.errors import ManifestError
from jobsync.model import DesiredState, IdRef, OutputRef
from jobsync.plan import build
from jobsync.platforms.loading import load
from jobsync.structs import replace
from tests.fakes.planworld import World

HEAD = "apiVersion: jobsync/v1\nproject: phylo\n"
ALIGN = HEAD + "jobs:\n  align:\n    appId: famsa-2.2\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def refused(*paths: str | Path, **options: object) -> str:
    with pytest.raises(ManifestError) as caught:
        load(paths, **options)  # type: ignore[arg-type]
    return "\n".join(str(problem) for problem in caught.value.problems)


def fingerprint(desired: DesiredState, address: str = "align") -> str:
    return desired.jobs[address].fingerprint


# --- files ---------------------------------------------------------------------------------


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is not a regular file" in refused(tmp_path / "pipe.yaml")
    assert "is not a regular file" in refused(tmp_path)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_devices_are_refused(path: str) -> None:
    text = refused(path)
    assert "is not a regular file" in text or "cannot be read" in text


def test_a_missing_path_an_empty_name_and_a_nul(tmp_path: Path) -> None:
    assert "no such file or directory" in refused(tmp_path / "nothing")
    assert "cannot be read" in refused("a\0b")
    assert "cannot be read" in refused("")


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"set.yaml/a.yaml": ALIGN})
    assert list(load([tmp_path]).jobs) == ["align"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    write(tmp_path, {"set/a.txt": ALIGN, "elsewhere/b.yaml": "x: ["})
    (tmp_path / "set/a.yaml").symlink_to("a.txt")
    (tmp_path / "set/loop").symlink_to(tmp_path / "set")
    (tmp_path / "set/other").symlink_to(tmp_path / "elsewhere")
    assert list(load([tmp_path / "set"]).jobs) == ["align"]
    (tmp_path / "set/gone.yaml").symlink_to("nowhere")
    assert "gone.yaml:1:1: cannot be read" in refused(tmp_path / "set")
    (tmp_path / "set/gone.yaml").unlink()
    (tmp_path / "set/zero.yaml").symlink_to("/dev/zero")
    assert "zero.yaml:1:1: is not a regular file" in refused(tmp_path / "set")


def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/b\xff\x1b[2J.yaml"
    Path(os.fsdecode(name)).write_bytes(b"x: [")
    text = refused(tmp_path)
    assert text.isprintable() or "\n" in text
    assert "\x1b" not in text
    text.encode("utf-8")


def test_an_unreadable_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": ALIGN, "closed/b.yaml": "x: 1"})
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("this user may read everything")
        assert "cannot be listed" in refused(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_a_file_given_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": ALIGN})
    assert load([tmp_path / "a.yaml", tmp_path, tmp_path / "." / "a.yaml"]).jobs


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    assert "larger than 32 MiB" in refused(tmp_path)


def test_what_outputs_brought_is_not_part_of_the_set(tmp_path: Path) -> None:
    outputs = "    outputs: [{path: '*', to: results/}]\n"
    write(tmp_path, {"z.yaml": ALIGN + outputs, "results/a.yaml": "x: [", "results/b/c.yml": "{"})
    assert list(load([tmp_path]).jobs) == ["align"]


# --- identity ------------------------------------------------------------------------------


def test_frozen_fingerprints(tmp_path: Path) -> None:
    """These may never change: a change would run every job of every user again."""
    write(
        tmp_path,
        {
            "a.yaml": ALIGN
            + "    inputs: {a: agave://local/x.fa, b: [u.fa, v.fa]}\n"
            + "    parameters: {n: 2, f: 0.5, t: true, s: text}\n"
            + "  tree:\n    appId: veryfasttree-4.0\n    rerun: 2\n    archivePath: x/${JOB_ID}\n"
            + '    inputs: {a: "${jobs.align.outputs/aligned.fa}"}\n'
            + "    matrix: {seed: [1, 2]}\n    parameters: {seed: '${matrix.seed}'}\n"
            + "  pinned: {appId: a-1, id: 0001-007}\n"
            + "  after: {appId: a-1, parameters: {of: '${jobs.pinned.id}'}}\n",
            "x.fa": ">a\nACGT\n",
        },
    )
    found = {a: (job.fingerprint, job.older) for a, job in load([tmp_path]).jobs.items()}
    assert found == FROZEN


FROZEN = {
    "after": ("bhulmsunld", ("aptsebbmg4",)),
    "align": ("b2dmetxbbf", ("ajgrfbg2z5",)),
    "pinned": ("bnpivdhfhx", ("a7k4nuwbvl",)),
    "tree.1": ("bb3qslupiq", ("a3yb6d5yyv",)),
    "tree.2": ("byvavche2b", ("aon4esnbin",)),
}


CHAIN = """\
apiVersion: jobsync/v1
project: phylo
jobs:
  sort: {appId: x-1, inputs: {a: start.fa}%s}
  tree:
    appId: x-1
    inputs: {a: "${jobs.sort.outputs/f}"}
    matrix: {seed: [1, 2]}
    parameters: {seed: "${matrix.seed}"}%s
  join: {appId: x-1, inputs: {a: "${jobs.tree[*].outputs/f}"}, parameters: {of: "${jobs.sort.id}"}}
"""


def test_renaming_changes_no_fingerprint_but_the_names(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": CHAIN % ("", "")})
    before = load([tmp_path]).jobs
    renamed = CHAIN % (", formerly: [sort]", "\n    formerly: [tree]")
    for old, new in (("  sort:", "  order:"), ("jobs.sort", "jobs.order"), ("  tree:", "  wood:")):
        renamed = renamed.replace(old, new)
    write(tmp_path, {"a.yaml": renamed.replace("jobs.tree", "jobs.wood")})
    after = load([tmp_path]).jobs
    assert [job.formerly for job in after.values()] == [(), ("sort",), ("tree.1",), ("tree.2",)]
    for old, new in (("sort", "order"), ("tree.1", "wood.1"), ("join", "join")):
        assert before[old].fingerprint == after[new].fingerprint
        assert (before[old].older or ("",))[0] in (after[new].older or ())
    assert len(after["join"].older or ()) == 4


def test_older_fingerprints_are_worked_out_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    work_out = identity.old_fingerprint

    def counted(*args: Any, **more: Any) -> str:
        asked.append(1)
        return str(work_out(*args, **more))

    monkeypatch.setattr(identity, "old_fingerprint", counted)
    write(tmp_path, {"a.yaml": CHAIN % ("", "")})
    desired = load([tmp_path])
    world = World()
    for job in desired.jobs.values():
        world.add(job.name)
    seen = replace(world.snapshot(), runs=tuple(world.runs.values()))
    assert not build(desired, seen).changes and not asked
    assert [len(job.older or ()) for job in desired.jobs.values()] == [1, 1, 1, 1]
    assert len(asked) == 4


def test_sixteen_times_are_tried_and_not_more(tmp_path: Path) -> None:
    names = ", ".join(f"old{number}" for number in range(15))
    write(tmp_path, {"a.yaml": CHAIN % (f", formerly: [{names}]", "")})
    jobs = load([tmp_path]).jobs
    assert [len(jobs[a].older or ()) for a in ("sort", "tree.1", "join")] == [1, 16, 16]
    write(tmp_path, {"a.yaml": CHAIN % (f", formerly: [{names}, old15]", "")})
    jobs = load([tmp_path]).jobs
    assert [jobs[a].older is None for a in ("sort", "tree.1", "join")] == [False, True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("parameters: {n: 2}", 'parameters: {n: "2"}'),
        ("parameters: {n: 2.0}", "parameters: {n: 2}"),
        ("parameters: {n: [a]}", "parameters: {n: a}"),
        ("archive: true", "archive: null"),
        ("inputs: {a: x.fa}", "inputs: {a: [x.fa]}"),
        ("inputs: {a: x;y}", "inputs: {a: [x, y]}"),
        ("nodeCount: 4", "nodeCount: 1"),
        ("maxRunTime: '01:00:00'", "batchQueue: long"),
        ("parameters: {a: 1, b: 2}", "parameters: {b: 2, a: 1}"),
        ("archivePath: a/${JOB_ID}/", "archivePath: a/${JOB_ID}"),
        ("rerun: 1", "permissions: {bob: READ}"),
    ],
)
def test_the_same_meaning_has_the_same_fingerprint(one: str, other: str, tmp_path: Path) -> None:
    prints = set()
    for body in (one, other):
        write(tmp_path, {"a.yaml": f"{ALIGN}    {body}\n"})
        prints.add(fingerprint(load([tmp_path])))
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("parameters: {n: 2}", "parameters: {n: 3}"),
        ("parameters: {n: 1.10}", 'parameters: {n: "1.10"}'),
        ("inputs: {a: [x, y]}", "inputs: {a: [y, x]}"),
        ("rerun: 1", "rerun: 2"),
        ("archive: true", "archive: false"),
        ("archiveSystem: a", "archiveSystem: b"),
    ],
)
def test_another_meaning_has_another_fingerprint(one: str, other: str, tmp_path: Path) -> None:
    prints = set()
    for body in (one, other):
        write(tmp_path, {"a.yaml": f"{ALIGN}    {body}\n"})
        prints.add(fingerprint(load([tmp_path])))
    assert len(prints) == 2


def test_the_content_of_workspace_inputs_counts(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": ALIGN + "    inputs: {a: agave://local/data}\n", "data/x": "1"})
    first = load([tmp_path])
    write(tmp_path, {"data/x": "2"})
    second = load([tmp_path])
    write(tmp_path, {"data/x": "1", "data/sub/y": ""})
    third = load([tmp_path])
    write(tmp_path, {"data/.cache/z": "no part of it"})
    fourth = load([tmp_path])
    assert len({fingerprint(first), fingerprint(second), fingerprint(third)}) == 3
    assert fingerprint(third) == fingerprint(fourth)
    assert set(first.jobs["align"].digests) == {"agave://local/data"}


def test_workspace_inputs_cannot_leave_by_a_link(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": ALIGN + "    inputs: {a: agave://local/data/link}\n", "data/x": ""})
    (tmp_path / "data/link").symlink_to("/etc/hostname")
    assert "leads out of the folder" in refused(tmp_path)
    (tmp_path / "data/link").unlink()
    os.mkfifo(tmp_path / "data/link")
    assert "is not a file or folder" in refused(tmp_path)


def test_a_change_upstream_reaches_everything_below(tmp_path: Path) -> None:
    text = (
        HEAD
        + "jobs:\n  a: {appId: x-1, parameters: {n: 1}}\n"
        + "  b: {appId: x-1, inputs: {f: '${jobs.a.outputs/f}'}}\n"
        + "  c: {appId: x-1, inputs: {f: '${jobs.b.outputs/f}'}}\n"
        + "  d: {appId: x-1, needs: [a]}\n"
    )
    write(tmp_path, {"a.yaml": text})
    before = load([tmp_path]).jobs
    write(tmp_path, {"a.yaml": text.replace("n: 1", "n: 2")})
    after = load([tmp_path]).jobs
    moved = {address for address in before if before[address].name != after[address].name}
    assert moved == {"a", "b", "c"}
    assert before["b"].request["inputs"] == {"f": OutputRef("a", "f")}


def test_the_hash_seed_changes_nothing(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    script = (
        "import sys, os\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "from tests.manifest import corpus_cases as c\n"
        "for case in c.cases('good'): print(c.canonical(c.loaded(case)))\n"
        "for case in c.cases('bad')[::7]: print(c.problems(case))\n"
    )
    said = set()
    for seed in ("0", "1", "4242"):
        environ = {**os.environ, "PYTHONHASHSEED": seed}
        result = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, env=environ, check=True
        )
        said.add(result.stdout)
    assert len(said) == 1


# --- what comes with it --------------------------------------------------------------------


def test_places_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        HEAD
        + "defaults:\n  batchQueue: normal\n  parameters: {mode: fast}\n"
        + "jobs:\n  align:\n    appId: famsa-2.2\n"
        + "    parameters:\n      threads: 2\n"
        + "    permissions: {bob: READ}\n"
        + "    outputs:\n      - {path: a, to: b}\n"
    )
    write(tmp_path, {"a.yaml": text})
    monkeypatch.chdir(tmp_path)
    job = load(["."]).jobs["align"]
    assert str(job.where) == "a.yaml:7:3"
    shown = {path: str(where) for path, where in job.places.items()}
    assert shown == {
        "batchQueue": "a.yaml:4:3",
        "parameters": "a.yaml:9:5",
        "parameters.mode": "a.yaml:5:16",
        "parameters.threads": "a.yaml:10:7",
        "appId": "a.yaml:8:5",
        "permissions": "a.yaml:11:5",
        "permissions.bob": "a.yaml:11:19",
        "outputs": "a.yaml:12:5",
        "outputs[0]": "a.yaml:13:9",
    }
    assert len(job.places) == len(shown)
    assert str(job.places["outputs[0].to"]) == "a.yaml:13:19"
    assert job.places.get("nodeCount") is None
    assert job.places.get("outputs[7]") is None
    assert job.places.get("[") is None
    assert job.permissions is not None
    assert str(job.permissions["bob"].where) == "a.yaml:11:19"
    assert str(job.outputs[0].where) == "a.yaml:13:9"


def test_the_digest_follows_files_and_variables(tmp_path: Path) -> None:
    text = HEAD + "variables: {q: a}\nenv: [E]\njobs: {align: {appId: x-1}}\n"
    write(tmp_path, {"a.yaml": text})
    same = {load([tmp_path]).digest, load([tmp_path]).digest}
    assert len(same) == 1
    others = {load([tmp_path], variables={"q": "b"}).digest}
    # A plan names its target beside it, and a digest of a secret would be a hint.
    assert load([tmp_path], target="local").digest in same
    assert load([tmp_path], environ={"E": "1"}).digest in same
    write(tmp_path, {"a.yaml": text + "\n"})
    others.add(load([tmp_path]).digest)
    assert (len(same), len(same | others)) == (1, 3)
    assert load([tmp_path], environ={"OTHER": "1"}).digest in others


def test_the_root_is_the_folder_of_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"one/a.yaml": ALIGN, "two/b.yaml": "apiVersion: jobsync/v1\n"})
    assert load([tmp_path / "one"]).root == str(tmp_path / "one")
    assert load([tmp_path / "one/a.yaml"]).root == str(tmp_path / "one")
    assert load([tmp_path / "one", tmp_path / "two"]).root == str(tmp_path)
    monkeypatch.chdir(tmp_path / "one")
    assert load(["."]).root == load(["a.yaml"]).root == str(tmp_path / "one")


def test_references_are_values(tmp_path: Path) -> None:
    text = ALIGN + "  tree:\n    appId: x-1\n    parameters: {of: '${jobs.align.id}'}\n"
    write(tmp_path, {"a.yaml": text})
    job = load([tmp_path]).jobs["tree"]
    assert job.request["parameters"] == {"of": IdRef("align")}
    assert job.upstream == job.needs == ("align",)


def test_a_chain_of_a_thousand_and_a_wide_one(tmp_path: Path) -> None:
    jobs = "".join(
        f"  j{n}: {{appId: x-1, inputs: {{f: '${{jobs.j{n + 1}.outputs/f}}'}}}}\n"
        for n in range(1500)
    )
    write(tmp_path, {"a.yaml": HEAD + "jobs:\n" + jobs + "  j1500: {appId: x-1}\n"})
    assert len(load([tmp_path]).jobs) == 1501


def test_validate_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": ALIGN})
    code = (
        "import sys\nfrom jobsync.platforms.loading import load\n"
        f"load([{str(tmp_path)!r}])\n"
        "print(sorted({'requests', 'deepdiff', 'rich', 'werkzeug', 'click'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


@pytest.mark.parametrize(
    ("url", "is_looked_for"),
    [("https://tenant.example.org", False), ("http://127.0.0.1:8080", True)],
)
def test_a_storage_called_local_on_another_machine_may_have_other_files(
    tmp_path: Path, url: str, is_looked_for: bool
) -> None:
    targets = f"target: there\ntargets: {{there: {{baseUrl: '{url}'}}}}\n"
    text = ALIGN.replace("jobs:\n", targets + "jobs:\n") + "    inputs: {a: agave://local/x.fa}\n"
    write(tmp_path, {"a.yaml": text})
    if is_looked_for:
        assert "there is no file" in refused(tmp_path)
    else:
        assert load([tmp_path]).jobs["align"].digests == {}
        write(tmp_path, {"x.fa": ">a\n"})
        assert set(load([tmp_path]).jobs["align"].digests) == {"agave://local/x.fa"}
        (tmp_path / "x.fa").unlink()
    assert "there is no file" in refused(tmp_path, target="local")
