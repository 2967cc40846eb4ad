"""Each folder of ``cases`` is converted by the command: the manifest, the warnings, word by word.

``expected.yaml`` is what comes out, nothing where the command fails, ``expected.txt`` what is said.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jobsync.platforms.loading import load

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def converted(case: Path) -> subprocess.CompletedProcess[str]:
    files = sorted(path.name for path in case.glob("*.json"))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TAPIS_")}
    return subprocess.run(
        [sys.executable, "-m", "jobsync", "convert", *files, "--project", "p"],
        capture_output=True,
        text=True,
        cwd=case,
        env=environ,
        timeout=60,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_case(case: Path) -> None:
    done = converted(case)
    expected = (case / "expected.yaml").read_text(encoding="utf-8")
    assert done.stdout == expected
    assert done.stderr == (case / "expected.txt").read_text(encoding="utf-8")
    assert done.returncode == (0 if expected else 1)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if (case / "expected.yaml").stat().st_size],
    ids=lambda p: p.name,
)
def test_what_comes_out_is_a_manifest_to_us_and_the_same_values_to_others(
    case: Path, tmp_path: Path
) -> None:
    text = (case / "expected.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    given = dict.fromkeys(values.get("variables", {}), "1")
    if "archive" in given:
        given["archive"] = "true"
    if "time" in given:
        given |= {"time": "00:10:00", "APP": "x-1"}
    desired = load([tmp_path], variables=given)
    assert sorted(desired.jobs) == sorted(values["jobs"])
    if not given:
        for key, job in desired.jobs.items():
            written = {k: v for k, v in values["jobs"][key].items() if k in job.request}
            assert str(job.request).replace("$${", "${") == str(written).replace("$${", "${")
