"""Each template that ``jobsync init`` writes is a set that can be checked, applied, and read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobsync.platforms import PLATFORMS
from tests.line.linebench import Bench

TEMPLATES = [name for platform in PLATFORMS.values() for name in platform.templates]
RESULTS = {
    "minimal": {"results/counts.txt": r"\s+2\s+10\s+40\n"},
    "pipeline": {"results/top.txt": r"\s+2 be\n\s+2 to\n\s+1 is\n"},
    "sweep": {"results/mean.txt": r"3\.1\d+ of 6\n", "results/1000-2.txt": r"3\.\d+\n"},
    "pipeline-v3": {"results/top.txt": r"\s+2 be\n\s+2 to\n\s+1 is\n"},
    "tapis-v3": {"results/counts.txt": r"\s+2\s+10\s+40\n"},
}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_written_checked_and_applied(tmp_path: Path, template: str) -> None:
    bench = Bench(tmp_path)
    done = bench.run("init", "--template", template, "my lab")
    assert done.code == 0 and "Next: jobsync plan 'my lab'" in done.err, done
    folder = tmp_path / "my lab"
    text = (folder / "jobsync.yaml").read_text()
    assert "project: my-lab " in text and "_NAME" not in text and "_VERSION" not in text
    assert text.count("#") > 8, "it explains itself"
    head = re.findall(r"^(?:project|requires|target): .*?(?=#)", text, re.M)
    assert len(head) == 3 and len({*map(len, head)}) == 1, head
    done = bench.run("validate", "my lab")
    assert done.code == 0, done.err
    done = bench.run("apply", "my lab", "--wait", "--auto-approve")
    assert done.code == 0, done.err
    for path, pattern in RESULTS[template].items():
        assert re.fullmatch(pattern, (folder / path).read_text()), path
    done = bench.run("plan", "my lab", "--detailed-exitcode")
    assert done.code == 0 and "No changes" in done.out, done.out


def test_what_a_template_says_to_do_works(tmp_path: Path) -> None:
    """The commands in the comments of its manifests are commands."""
    bench = Bench(tmp_path)
    assert bench.run("init", "--template", "sweep").code == 0
    text = (tmp_path / "jobsync.yaml").read_text()
    commands = re.findall(r"# +jobsync ([^#\n]+?)(?: {2,}.*)?$", text, re.M)
    assert len(commands) >= 4
    for command in commands:
        words = [word.strip("'") for word in command.split()]
        extra = ["--auto-approve"] if words[0] == "apply" else []
        done = bench.run(*words, *extra)
        assert done.code == 0, (command, done.err)


def test_nothing_is_overwritten_and_an_unknown_template_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    done = bench.run("init", "--template", "pipelin")
    assert done.code == 64 and "did you mean pipeline?" in done.err
    (tmp_path / "apps/words").mkdir(parents=True)
    (tmp_path / "apps/words/app.json").write_text("mine")
    done = bench.run("init", "--template", "pipeline")
    assert done.code == 1 and "nothing was written" in done.err
    assert not (tmp_path / "jobsync.yaml").exists()
    listed = bench.run("init", "--help").out
    assert all(name in listed for name in TEMPLATES)
