"""The example of docs/python.md, as it stands there, against a running service."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobsync import testing

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text(), re.M | re.S
    )
    shutil.copytree(
        ROOT / "manifests/wordcount",
        tmp_path / "wordcount",
        ignore=shutil.ignore_patterns(".jobsync", "results", "jobsync.lock"),
    )
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "wordcount"
    with testing.local_service(folder, users=("alice",), apps=(folder / "apps",)) as service:
        names: dict[str, Any] = {"base_url": service.url, "access_token": service.tokens["alice"]}
        exec(compile(code, "docs/python.md", "exec"), names)
        assert names["code"] == 0
        assert (folder / "results/counts.txt").exists()
        exec(compile(code, "docs/python.md", "exec"), names)
        assert names["plan"].changes == ()
