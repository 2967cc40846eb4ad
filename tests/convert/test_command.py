"""``jobsync convert`` chooses the api by the files, unless it is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.line.linebench import Bench

MANIFESTS = Path(__file__).parents[2] / "manifests"
REQUEST = {"name": "s1", "appId": "salmon", "appVersion": "1.10", "maxMinutes": 5, "memoryMB": None}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    (tmp_path / "old.json").write_text('{"name": "old", "appId": "bwa-1.0"}')
    (tmp_path / "new.json").write_text(json.dumps({"result": REQUEST}))
    (tmp_path / "job.json").write_text(json.dumps({**REQUEST, "uuid": "1", "remoteOutcome": None}))
    yield made
    made.close()


def test_each_file_gives_a_manifest_of_its_own_api(bench: Bench) -> None:
    for file, api, key in (("old.json", None, "old"), ("new.json", "tapis/v3", "s1")):
        done = bench.run("convert", file, "--project", "p")
        assert done.code == 0 and "# A draft" not in done.out, done.err
        document = yaml.safe_load(done.out)
        assert document.get("api") == api and list(document["jobs"]) == [key]
        (bench.folder / "out.yaml").write_text(done.out)
        assert bench.run("validate", "out.yaml", "--target", "env").code == 0
    both = bench.run("convert", "old.json", "new.json", "--api", "tapis/v3", "--project", "p")
    assert list(yaml.safe_load(both.out)["jobs"]) == ["s1", "old"], both.err


def test_a_folder_of_manifests_becomes_one_draft(bench: Bench) -> None:
    done = bench.run("convert", "--api", "tapis/v3", str(MANIFESTS / "phylogeny"))
    assert done.code == 0 and done.out.startswith("# A draft. Look at each line with TODO")
    assert "Warning: the comments" in done.err
    shutil.copytree(MANIFESTS / "phylogeny/data", bench.folder / "data")
    (bench.folder / "out.yaml").write_text(done.out)
    checked = bench.run("validate", "out.yaml", "--target", "env")
    assert checked.code == 0, "it has all that a manifest needs, whatever is still to be looked at"


def test_a_draft_is_not_made_without_being_asked_for(bench: Bench) -> None:
    done = bench.run("convert", str(MANIFESTS / "phylogeny"))
    assert (done.code, done.out) == (64, "")
    assert "phylogeny.yaml is a manifest" in done.err and "add --api NAME" in done.err


def test_what_cannot_be_converted_says_why(bench: Bench) -> None:
    (bench.folder / "empty").mkdir()
    for arguments, said in (
        (["job.json"], "jobsync jobs resubmit-request UUID"),
        (["empty"], "no manifest in this folder"),
        (["new.json", "--api", "agave/v2"], "is a Tapis v3 job"),
        (["old.json", "--api", "tapis/v4"], "known apis: agave/v2, tapis/v3"),
        (["none.json"], "there is no such file"),
    ):
        done = bench.run("convert", *arguments)
        assert (done.code, done.out) == (1, "") and said in done.err, done.err
