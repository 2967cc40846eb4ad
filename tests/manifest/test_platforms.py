"""The target that is meant says which platform a set is read for."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.errors import ManifestError, SettingsError
from jobsync.lock_format import Lock
from jobsync.manifest import load
from jobsync.model import Target
from jobsync.observe import observe
from jobsync.platform import Platform
from jobsync.platforms.agave.permissions import AgavePermissions
from jobsync.platforms.agave.platform import AGAVE, Agave
from tests.fakes.memory import MemoryBackend, MemoryService

SET = """\
apiVersion: jobsync/v1
project: p
target: here
targets:
  here: {baseUrl: "https://here.example"}
  there: {api: toy/v1, baseUrl: "https://there.example"}
jobs:
  a: {appId: app-1.0, batchQueue: short}
"""


class Anybody(AgavePermissions):
    """Whatever somebody is called."""

    def wrong_user(self, name: str) -> tuple[str, str] | None:
        return None


class Toy(Agave):
    """A platform on which a queue says what a job is."""

    name = "toy/v1"
    address_variable = "TOY_URL"
    hiding = frozenset()
    permissions = Anybody()


TOY: Platform = Toy()
PLATFORMS = {one.name: one for one in (AGAVE, TOY)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set.yaml").write_text(SET)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, AGAVE),
        ("here", AGAVE),
        ("there", TOY),
        ("local", AGAVE),
        (Target("elsewhere", "https://else.example", api="toy/v1"), TOY),
    ],
)
def test_the_target_chooses(folder: Path, target: str | Target | None, expected: Platform) -> None:
    assert load([folder], platforms=PLATFORMS, target=target).platform is expected


@pytest.mark.parametrize(
    ("target", "environ", "expected"),
    [
        ("env", {"TOY_URL": "https://there.example"}, TOY),
        (None, {"TOY_URL": "https://there.example"}, TOY),
        ("env", {"TAPIS_BASE_URL": "https://a", "TOY_URL": "https://b"}, AGAVE),
        ("env", {}, AGAVE),
        ("local", {"TOY_URL": "https://there.example"}, AGAVE),
    ],
)
def test_the_environment_chooses_where_no_target_is_declared(
    tmp_path: Path, target: str | None, environ: dict[str, str], expected: Platform
) -> None:
    (tmp_path / "set.yaml").write_text("apiVersion: jobsync/v1\nproject: p\njobs: {}\n")
    loaded = load([tmp_path], platforms=PLATFORMS, target=target, environ=environ)
    assert loaded.platform is expected


def test_the_platform_says_where_a_sensitive_value_may_stand(folder: Path) -> None:
    text = SET.replace("project: p", "project: p\nenv: [Q]").replace("short", '"${env.Q}"')
    (folder / "set.yaml").write_text(text)
    assert load([folder], platforms=PLATFORMS, target="here", environ={"Q": "q"}).jobs
    with pytest.raises(ManifestError, match="sensitive"):
        load([folder], platforms=PLATFORMS, target="there", environ={"Q": "q"})


def test_the_platform_says_who_can_be_a_user(folder: Path) -> None:
    text = SET.replace("batchQueue: short", "permissions: {Bob.X: READ}")
    (folder / "set.yaml").write_text(text)
    granted = load([folder], platforms=PLATFORMS, target="there").jobs["a"].permissions
    assert granted is not None and str(granted["Bob.X"].access) == "READ"
    with pytest.raises(ManifestError, match="cannot be a user name"):
        load([folder], platforms=PLATFORMS, target="here")


def test_another_api_is_an_error_at_its_place(folder: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load([folder], platforms={AGAVE.name: AGAVE})
    (problem,) = caught.value.problems
    assert problem.message == 'targets.there.api must be agave/v2, not the text "toy/v1"'
    assert problem.where is not None
    assert (problem.where.line, problem.where.column) == (6, 16)


@pytest.mark.parametrize("value", ["[agave/v2]", "{a: b}", "2"])
def test_an_api_that_is_no_text_is_one_too(folder: Path, value: str) -> None:
    (folder / "set.yaml").write_text(SET.replace("toy/v1", value))
    with pytest.raises(ManifestError, match=r"targets.there.api must be agave/v2, not"):
        load([folder], platforms={AGAVE.name: AGAVE})


def test_a_target_of_an_unknown_platform_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="toy/v1"):
        load([folder], platforms={AGAVE.name: AGAVE}, target=Target("x", api="toy/v1"))


def test_a_set_is_observed_only_on_a_service_of_its_platform(folder: Path) -> None:
    reader = MemoryBackend(MemoryService())
    assert reader.platform is AGAVE
    target = Target("there", reader.base_url)
    observe(load([folder], platforms=PLATFORMS, target="here"), reader, Lock(), target)
    with pytest.raises(SettingsError, match="were loaded for another target than there"):
        observe(load([folder], platforms=PLATFORMS, target="there"), reader, Lock(), target)
