"""A saved plan is a contract: the same wherever it was made, and believed in nothing it says."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.line.linebench import Lab

JOBS = """\
align:
  appId: wc-demo-1.00
  notifications: [{url: "https://hooks.example/T0/key", event: FINISHED}]
  permissions: {bob: READ}
  outputs: [{path: '*.txt', to: got/}]
  expect: ['*.out']
tree: {appId: wc-demo-1.00, needs: [align], permissions: {carol: READ_WRITE}}
"""


def test_a_plan_is_the_same_bytes_wherever_the_set_lies_and_the_command_runs(
    lab: Lab, tmp_path: Path
) -> None:
    lab.write(JOBS, "teams: {all: [dave]}\n")
    inner = lab.folder / "inner/manifests"
    inner.mkdir(parents=True)
    (lab.folder / "set.yaml").rename(inner / "set.yaml")
    other = tmp_path / "other/clone"
    shutil.copytree(inner, other)
    saved = {}
    for name, folder, arguments in (
        ("inside", inner, ()),
        ("above", lab.folder, ("inner/manifests",)),
        ("absolute", lab.folder, (str(inner),)),
        ("one file", lab.folder, ("inner/manifests/set.yaml",)),
        ("another clone", other, ()),
    ):
        lab.folder, home = folder, lab.folder
        file = tmp_path / f"{name}.plan"
        done = lab.run("plan", *arguments, "--out", str(file), "--format", "json")
        lab.folder = home
        assert done.code == 0, done.err
        assert done.out == file.read_text()
        saved[name] = done.out
    assert '"path": "set.yaml"' in saved["inside"]
    assert len(set(saved.values())) == 1, saved
