"""The files with which Tapis v3 starts a job lie among its outputs, and hold what the environment
holds: no glob means one of them (tapis-v3 §4.5, §8.4)."""

from __future__ import annotations

from pathlib import Path

from jobsync.model import OutputRule
from jobsync.outputs.listing import walk_outputs
from jobsync.plan.output_rules import choose_files, lacks
from tests.fakes.tapis_world import add_app, world

WRITES = """\
cd "$_tapisExecSystemOutputDir"
mkdir deep; echo mine > deep/tapisjob.env; echo mine > result.txt
"""


def test_a_glob_means_no_launch_file(tmp_path: Path) -> None:
    add_app(tmp_path, "writes", WRITES)
    with world(tmp_path) as running:
        run = running.finished(
            "alice",
            appId="writes",
            appVersion="1.0",
            parameterSet={"archiveFilter": {"includeLaunchFiles": True}},
        )
        files = walk_outputs(running.as_("alice"), run.id)
    assert {"tapisjob.env", "tapisjob.sh"} <= {file.path for file in files}

    def fetched(path: str) -> set[str]:
        chosen = choose_files([OutputRule(path, "x/", required=False)], (), files)
        return {fetch.path for fetch in chosen.fetches}

    for path in ("**", "/", "./"):
        assert fetched(path) == {"deep/tapisjob.env", "result.txt", "tapisjob.out"}, path
    assert fetched("*.env") == fetched("tapisjob.[es]*") == set()
    assert fetched("**/*.env") == {"deep/tapisjob.env"}
    assert fetched("tapisjob.env") == {"tapisjob.env"} == fetched("./tapisjob.env")
    assert lacks((), ["*.env"], files) and not lacks((), ["tapisjob.env"], files)
    (missing,) = choose_files((), ["nowhere"], files).missing
    assert missing.endswith("there are 'deep/tapisjob.env', 'result.txt', 'tapisjob.out'")
