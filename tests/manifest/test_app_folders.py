"""Which changes to an app in the workspace count, and for which targets."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobsync.errors import ManifestError, SettingsError
from jobsync.local.apps import registry as local_apps
from jobsync.lock_format import Lock
from jobsync.manifest.app_folders import AppFolders, moved
from jobsync.model import Target
from jobsync.observe import observe
from jobsync.platforms.agave.platform import AGAVE
from jobsync.platforms.loading import load

APP = {
    "name": "wc",
    "version": "1.0",
    "parameters": [{"id": "n", "details": {"label": "how many"}}],
}
SET = "apiVersion: jobsync/v1\nproject: p\njobs:\n  count: {appId: wc-1.0}\n  other: {appId: o-1}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    app = tmp_path / "apps/any name"
    (app / "lib").mkdir(parents=True)
    (app / "app.json").write_text(json.dumps(APP))
    (app / "wrapper.sh").write_text("wc\n")
    (app / "lib/code.py").write_text("1\n")
    (tmp_path / "a.yaml").write_text(SET)
    return tmp_path


def digest(root: Path) -> str:
    found = AppFolders(str(root), AGAVE).get("wc-1.0")
    assert found is not None
    return found.digest


def test_frozen(root: Path) -> None:
    """This may never change: a change would run every job of an app in a workspace again."""
    assert digest(root) == "54009ba0c6d50e62c52c2e847db69b2bde4fdc47b6eae34fe9c2fcf9fcb4df4a"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("app.json", json.dumps({**APP, "label": "x", "shortDescription": "y", "tags": ["z"]})),
        ("app.json", json.dumps({**APP, "longDescription": "x", "helpURI": "https://x.example"})),
        ("app.json", json.dumps(dict(reversed(APP.items())), indent=4)),
        ("app.json", json.dumps({**APP, "parameters": [{"id": "n", "details": {}}]})),
        ("README", "x"),
        ("README.md", "x"),
        ("LICENSE.txt", "x"),
        (".hidden", "x"),
        (".git/config", "x"),
        ("__pycache__/code.pyc", "x"),
        ("lib/__pycache__/code.pyc", "x"),
        ("lib/README.rst", "x"),
    ],
)
def test_what_only_people_and_python_use_does_not_count(
    name: str, content: str, root: Path
) -> None:
    before = digest(root)
    path = root / "apps/any name" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert digest(root) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("app.json", json.dumps({**APP, "defaultMaxRunTime": "01:00:00"})),
        ("app.json", json.dumps({**APP, "parameters": [{"id": "m"}]})),
        (
            "app.json",
            json.dumps({**APP, "parameters": [{"id": "n", "details": {"argument": "-"}}]}),
        ),
        ("wrapper.sh", "wc -l\n"),
        ("lib/code.py", "2\n"),
        ("lib/more.py", ""),
        ("test.sh", ""),
    ],
)
def test_everything_else_counts(name: str, content: str, root: Path) -> None:
    before = digest(root)
    (root / "apps/any name" / name).write_text(content)
    assert digest(root) != before


def test_the_executable_bit_a_name_and_a_removed_file_count(root: Path) -> None:
    seen = {digest(root)}
    code = root / "apps/any name/lib/code.py"
    code.chmod(0o755)
    seen.add(digest(root))
    code = code.rename(code.with_name("other.py"))
    seen.add(digest(root))
    code.unlink()
    seen.add(digest(root))
    assert len(seen) == 4
    code.parent.rmdir()
    assert digest(root) in seen, "folders are nothing by themselves"


def test_a_link_counts_as_what_it_leads_to(root: Path) -> None:
    app = root / "apps/any name"
    (root / "shared").mkdir()
    (root / "shared/code.py").write_text("1\n")
    (app / "lib/code.py").unlink()
    (app / "lib").rmdir()
    (app / "lib").symlink_to(root / "shared")
    (app / "gone").symlink_to(root / "nothing")
    (root / "shared/round").symlink_to(root / "shared")
    before = digest(root)
    (root / "shared/code.py").write_text("2\n")
    assert digest(root) != before


def test_apps_are_found_where_the_local_service_finds_them(root: Path) -> None:
    for name, document in {
        "apps/b/app.json": APP,
        "apps/deep/c/app.json": {"name": "deep", "version": "2"},
        "apps/too/deep/d/app.json": {"name": "toodeep", "version": "2"},
        "apps/app.json": {"name": "top", "version": "1"},
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        (path.parent / "wrapper.sh").write_text(name)
    service, ours = local_apps.load([root / "apps"]), AppFolders(str(root), AGAVE)
    for app_id in ("wc-1.0", "deep-2", "toodeep-2", "top-1"):
        app = service.get(app_id)
        assert ours.has(app_id) == (app is not None)
        if app is not None:
            folder = os.path.relpath(app.folder, root / "apps")
            found = ours.get(app_id)
            assert found is not None
            assert f"{folder}/wrapper.sh" in found.changed


def test_a_definition_that_cannot_be_read_is_no_app(root: Path) -> None:
    (root / "apps/any name/app.json").write_text("{")
    assert load([root]).jobs["count"].app is None


@pytest.mark.skipif(os.geteuid() == 0, reason="this user may read everything")
def test_a_file_that_cannot_be_read_is_a_problem_of_the_job(root: Path) -> None:
    (root / "apps/any name/wrapper.sh").chmod(0)
    with pytest.raises(ManifestError, match=r"a.yaml:4:18: jobs.count.appId: .*cannot be read"):
        load([root])


TENANT = Target("tacc", "https://api.tacc.example")


@pytest.mark.parametrize(
    ("target", "environ", "counts"),
    [
        (None, {}, True),
        ("local", {"TAPIS_BASE_URL": "https://api.tacc.example"}, True),
        ("env", {"TAPIS_BASE_URL": "http://localhost:80"}, True),
        ("env", {"TAPIS_BASE_URL": "http://127.0.0.1:5"}, True),
        ("env", {"TAPIS_BASE_URL": "https://[::1]/x"}, True),
        ("env", {"TAPIS_BASE_URL": "https://127.0.0.1.example"}, False),
        (None, {"TAPIS_BASE_URL": "https://api.tacc.example"}, False),
        ("tacc", {}, False),
        ("here", {"TAPIS_BASE_URL": "https://api.tacc.example"}, True),
        (TENANT, {}, False),
        (Target("any", "http://localhost:1"), {}, True),
        (Target("local"), {"TAPIS_BASE_URL": "https://api.tacc.example"}, True),
    ],
)
def test_apps_count_where_they_may_be_what_runs(
    target: str | Target | None, environ: dict[str, str], counts: bool, root: Path
) -> None:
    with (root / "a.yaml").open("a") as file:
        if not (target is None and environ == {}):
            file.write(
                "targets:\n  tacc: {baseUrl: https://api.tacc.example}\n"
                "  here: {baseUrl: https://localhost:8443}\n"
            )
    desired = load([root], target=target, environ=environ)
    assert desired.service_here is counts
    assert (desired.jobs["count"].app is not None) is counts
    assert desired.jobs["other"].app is None
    alone = load([root], target=TENANT).jobs["count"].fingerprint
    assert (desired.jobs["count"].fingerprint != alone) is counts


def test_a_set_is_observed_only_for_the_kind_of_target_that_it_was_loaded_for(root: Path) -> None:
    desired = load([root])
    with pytest.raises(SettingsError, match="were loaded for another target than tacc"):
        observe(desired, None, Lock(), TENANT)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="loaded for another target than local"):
        observe(load([root], target=TENANT), None, Lock(), Target("local"))  # type: ignore[arg-type]


def test_moved(root: Path) -> None:
    name = "apps/wc-1.0"
    digests = {name: digest(root)}
    assert moved(str(root), digests, AGAVE) == ()
    (root / "apps/any name/wrapper.sh").write_text("x")
    assert moved(str(root), digests, AGAVE) == (f"{name} has changed since the plan",)
    (root / "apps/any name/app.json").unlink()
    assert moved(str(root), digests, AGAVE) == (f"{name} has changed since the plan",)


def test_requires_is_read(root: Path) -> None:
    (root / "a.yaml").write_text(f'requires: ">=0.1"\n{SET}')
    assert load([root]).requires == ">=0.1"
