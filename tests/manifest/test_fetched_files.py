"""What a job wrote never becomes a manifest, and no manifest is skipped for it in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import find_destinations
from jobsync.platforms.loading import load

SET = """\
apiVersion: jobsync/v1
project: phylo
jobs:
  align:
    appId: famsa-2.2
    outputs: [{path: "*", to: TO}]
"""
EVIL = "apiVersion: jobsync/v1\njobs:\n  pwn: {appId: evil-1.0}\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def lock(*places: str) -> str:
    lines = [f"file\talign\t{to}\tx\t1-007\t1\t{'a' * 64}\n" for to in places]
    return "# jobsync.lock 1\n" + "".join(lines)


def refused(folder: Path) -> str:
    with pytest.raises(ManifestError) as caught:
        load([folder])
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_a_fetched_file_that_no_rule_covers_any_more_is_an_error_with_both_places(
    tmp_path: Path,
) -> None:
    files = {"set.yaml": SET.replace("TO", "plots/"), "results/evil.yaml": EVIL}
    write(tmp_path, {**files, "jobsync.lock": lock("a", "results/evil.yaml")})
    said = refused(tmp_path)
    assert f"{tmp_path}/results/evil.yaml:1:1: was fetched from a job" in said
    assert f"{tmp_path}/jobsync.lock:3" in said
    # Each way out works as it is said.
    assert "ignore: [results/evil.yaml]" in said
    write(tmp_path, {"set.yaml": files["set.yaml"] + "ignore: [results/evil.yaml]\n"})
    assert list(load([tmp_path]).jobs) == ["align"]
    write(tmp_path, {"set.yaml": files["set.yaml"], "jobsync.lock": lock("a")})
    assert list(load([tmp_path]).jobs) == ["align", "pwn"]
    write(tmp_path, {"jobsync.lock": lock("a", "results/evil.yaml")})
    (tmp_path / "plots").mkdir()
    (tmp_path / "results/evil.yaml").rename(tmp_path / "plots/evil.yaml")
    assert list(load([tmp_path]).jobs) == ["align"]


@pytest.mark.parametrize("root", ["out", "./out/", "link"])
def test_the_root_of_outputs_is_where_lines_of_the_lock_begin(tmp_path: Path, root: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    head = f"apiVersion: jobsync/v1\nproject: phylo\noutputsRoot: {root}\n"
    write(
        tmp_path, {"set.yaml": head, "out/x/evil.yaml": EVIL, "jobsync.lock": lock("x/evil.yaml")}
    )
    assert "out/x/evil.yaml:1:1: was fetched" in refused(tmp_path)
    write(tmp_path, {"jobsync.lock": lock("out/x/evil.yaml")})
    assert list(load([tmp_path]).jobs) == ["pwn"]


def test_folders_that_outputs_go_to_below_their_root_are_not_searched(tmp_path: Path) -> None:
    head = SET.replace("TO", "results/") + "outputsRoot: out\n"
    files = {"set.yaml": head, "out/results/evil.yaml": EVIL, "results/more.yaml": EVIL}
    assert list(load([write(tmp_path, files)]).jobs) == ["align", "pwn"]
    write(tmp_path, {"set.yaml": SET.replace("TO", "./") + "outputsRoot: out\n"})
    assert list(load([tmp_path]).jobs) == ["align", "pwn"]


def test_a_folder_of_results_is_no_set_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {"set.yaml": SET.replace("TO", "results/"), "results/x/evil.yaml": EVIL})
    write(tmp_path, {"jobsync.lock": lock("results/x/evil.yaml")})
    for folder in ("results", "results/x"):
        said = refused(tmp_path / folder)
        assert "evil.yaml:1:1: was fetched from a job" in said
        assert f"{tmp_path}/jobsync.lock:2" in said
    assert "was fetched" in refused(tmp_path / "results/x/evil.yaml")


def test_nothing_is_learnt_from_what_a_job_wrote(tmp_path: Path) -> None:
    """It could hide a manifest, whose jobs would then be undeclared."""
    evil = "apiVersion: jobsync/v1\nignore: [other.yaml, evil.yaml]\noutputsRoot: ..\n"
    files = {"evil.yaml": evil, "other.yaml": EVIL, "set.yaml": SET.replace("TO", "results/")}
    write(tmp_path, {**files, "jobsync.lock": lock("evil.yaml")})
    assert "evil.yaml:1:1: was fetched from a job" in refused(tmp_path)


def test_a_manifest_does_not_hide_itself(tmp_path: Path) -> None:
    text = SET.replace("TO", "results/") + 'ignore: ["*.yaml"]\n'
    assert list(load([write(tmp_path, {"set.yaml": text, "other.yaml": "x: 1"})]).jobs) == ["align"]


@pytest.mark.parametrize(
    ("to", "taken"),
    [
        ("next.yaml", True),
        ("below/next.yml", True),
        ("next.txt", False),
        ("next.yaml/x", False),
        (".next.yaml", False),
        (".cache/next.yaml", False),
        ("apps/next.yaml", False),
        ("below/apps/x/next.yaml", False),
        ("results/next.yaml", False),
        ("results/deep/next.yaml", False),
        ("resultsx/next.yaml", True),
        ("ignored/next.yaml", False),
        ("../next.yaml", False),
        ("results/../next.yaml", True),
    ],
)
def test_where_a_file_would_be_read_as_a_manifest(tmp_path: Path, to: str, taken: bool) -> None:
    """What is said of a place holds: a file put there is read, or it is not."""
    head = SET.replace("TO", "results/") + "ignore: [ignored]\n"
    write(tmp_path / "set", {"set.yaml": head})
    judge = load([tmp_path / "set"]).destinations
    folder = str(tmp_path / "set")
    assert judge is not None and judge == find_destinations(folder, folder)
    assert judge.searched.takes(to) is taken
    assert judge.refusal(to) or not taken
    (tmp_path / "set/results").mkdir()
    write(tmp_path / "set", {to: EVIL})
    assert ("pwn" in load([tmp_path / "set"]).jobs) is taken


def test_damaged_lines_and_odd_folders_stop_nobody(tmp_path: Path) -> None:
    write(
        tmp_path, {"set.yaml": SET.replace("TO", "results/"), "jobsync.lock": "<<<<<<<\nfile\t\n"}
    )
    assert list(load([tmp_path]).jobs) == ["align"]
    (tmp_path / "jobsync.lock").write_bytes(b"\xff\xfe\x00\n")
    assert list(load([tmp_path]).jobs) == ["align"]
