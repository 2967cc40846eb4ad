"""What a plan lists of outputs: of many runs at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from jobsync.errors import NotFound
from jobsync.model import App, Archived, RemoteFile, Target, Unavailable
from jobsync.observe import lock_of, observe
from jobsync.plan import build
from jobsync.platforms import loading
from jobsync.platforms.agave import connections as agave
from jobsync.platforms.agave.credentials import explicit
from jobsync.structs import replace
from tests.line.linebench import Lab


def test_the_outputs_of_several_runs_are_listed_at_the_same_time(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write(
        "one: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: one/}]}\n"
        "two: {appId: wc-demo-1.00, outputs: [{path: '*.txt', to: two/}]}\n"
    )
    lab.apply()
    both = threading.Barrier(2, timeout=20)
    files = agave.AgaveReader.files

    def meeting(reader: agave.AgaveReader, *arguments: Any) -> list[RemoteFile]:
        both.wait()  # neither is listed unless the other is being listed too
        return files(reader, *arguments)

    monkeypatch.setattr(agave.AgaveReader, "files", meeting)
    desired = loading.load((lab.folder,))
    url, token = lab.service.url, lab.service.tokens["alice"]
    with agave.connect_reader(url, explicit(url, token)) as reader:
        seen = observe(desired, reader, lock_of(desired), Target("env", url))
    assert [type(files) for files in seen.outputs.values()] == [tuple, tuple]
    assert all(
        not isinstance(files, Unavailable) and "counts.txt" in [file.path for file in files]
        for files in seen.outputs.values()
    )


def test_nobody_pays_for_folders_that_nobody_names(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def told(_: agave.AgaveReader, owner: str, __: object) -> list[Archived]:
        asked.append(owner)
        return []

    monkeypatch.setattr(agave.AgaveReader, "archived", told)
    url, token = lab.service.url, lab.service.tokens["alice"]
    for path, owners in (("x/${JOB_ID}", []), ("x/${JOB_OWNER}", ["alice"])):
        lab.write(f"one: {{appId: wc-demo-1.00, archivePath: '{path}'}}\n")
        desired = loading.load((lab.folder,))
        with agave.connect_reader(url, explicit(url, token)) as reader:
            observe(desired, reader, lock_of(desired), Target("env", url))
        assert asked == owners


def test_a_private_app_that_was_changed_after_a_run_is_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write("one: {appId: wc-demo-1.00}\n")
    lab.apply()
    desired = loading.load((lab.folder,))
    url, token = lab.service.url, lab.service.tokens["alice"]
    definition = agave.AgaveReader.app
    later = datetime.now(timezone.utc) + timedelta(hours=1)

    def notes(app: Callable[[agave.AgaveReader, str], App | None]) -> tuple[str, ...]:
        monkeypatch.setattr(agave.AgaveReader, "app", app)
        with agave.connect_reader(url, explicit(url, token)) as reader:
            plan = build(desired, observe(desired, reader, lock_of(desired), Target("env", url)))
        assert plan.changes == ()
        return plan.states[0].notes

    def private(reader: agave.AgaveReader, app_id: str) -> App:
        found = definition(reader, app_id)
        assert found is not None
        return replace(found, changed=later)

    def gone(reader: agave.AgaveReader, app_id: str) -> App:
        raise NotFound(f"no software {app_id}", status=404)

    assert notes(definition) == ()
    assert notes(gone) == ()
    (note,) = notes(private)
    assert note.startswith(f"its app changed at {later:%Y-%m-%d %H:%M} UTC")
