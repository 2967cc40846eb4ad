"""Links among the outputs: a folder lists the links themselves, with the lengths of their texts
(tapis-v3 §8.2). Fetched is what they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.model import RemoteFile
from jobsync.outputs.listing import walk_outputs
from tests.fakes.tapis_world import World, add_app, world

LINKS = """\
cd "$_tapisExecSystemOutputDir"
mkdir epochs; head -c 1300000 /dev/zero > epochs/9; echo small > epochs/1; mkdir void
ln -s epochs/9 best; ln -s epochs latest; ln -s nowhere dangling; ln -s void nothing
ln -s 1 epochs/first; ln -s . epochs/self
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("links")
    add_app(folder, "links", LINKS, archiveSystemId="local")
    with world(folder) as found:
        yield found


def test_what_a_link_leads_to_is_fetched(running: World) -> None:
    me = running.as_("alice")
    run = running.finished("alice", appId="links", appVersion="1.0")
    assert run.status == "FINISHED", run.message
    me.grant(run.id, "bob", me.platform.permissions.levels["READ"])
    rows = me.jobs.outputs(run.id, "", (("limit", 100), ("skip", 0))).rows
    kinds = {row["name"]: (row["type"], row["size"]) for row in rows}
    assert kinds["best"] == ("symbolic_link", len("epochs/9")), "as the service has it"
    for user in ("alice", "bob"):
        client = running.as_(user)
        found = {file.path: file for file in client.files(run.id)}
        assert (found["best"].length, found["best"].is_folder) == (1_300_000, False)
        assert found["latest"].is_folder and found["nothing"].is_folder
        assert "dangling" not in found
        inner = {file.path: file.length for file in client.files(run.id, "latest")}
        assert inner["latest/first"] == len("small\n") and inner["latest/9"] == 1_300_000
        for path, length in {"best": 1_300_000, "latest/first": 6, "epochs/first": 6}.items():
            with client.open(run.id, path, 0, length) as content:
                assert sum(map(len, content.chunks)) == length, path


def test_links_in_a_circle_end(running: World) -> None:
    run = running.finished("alice", appId="links", appVersion="1.0")
    found: tuple[RemoteFile, ...] = walk_outputs(running.as_("alice"), run.id)
    assert {"best", "epochs/1", "epochs/first"} <= {file.path for file in found}
