"""Outputs: listed and opened. For every service that there is."""

from __future__ import annotations

import pytest

from jobsync.backend import Backend
from jobsync.errors import Forbidden, NotFound, RangeRefused, Refused
from jobsync.model import Run
from jobsync.outputs.listing import walk_outputs
from jobsync.outputs.logs import last_lines, log_files, read_lines
from jobsync.platform import Platform
from tests.contract.service import Service


@pytest.fixture(scope="module")
def run(service: Service) -> Run:
    return service.ended()


def content(backend: Backend, run: Run, path: str, offset: int = 0) -> bytes:
    with backend.open(run.id, path, offset) as opened:
        assert opened.offset in (0, offset)
        data = b"".join(opened.chunks)
        assert opened.length in (None, opened.offset + len(data))
        return data[offset - opened.offset :]


def test_a_folder_lists_its_entries_by_name(service: Service, run: Run) -> None:
    alice = service.as_("alice")
    entries = alice.files(run.id)
    paths = [entry.path for entry in entries]
    assert paths and paths == sorted(set(paths)) and not any("/" in path for path in paths)
    for entry in entries:
        if entry.is_folder:
            below = [one.path for one in alice.files(run.id, entry.path)]
            assert below and all(path.startswith(f"{entry.path}/") for path in below)
    with service.small_pages():
        assert alice.files(run.id) == entries
    assert alice.files(run.id, "", 50) == entries, "however many are expected"


def test_every_file_has_the_length_that_is_listed(service: Service, run: Run) -> None:
    alice = service.as_("alice")
    files = walk_outputs(alice, run.id)
    assert any(file.length > 3 for file in files)
    for file in files:
        data = content(alice, run, file.path)
        assert len(data) == file.length
        if len(data) > 3:
            assert content(alice, run, file.path, 3) == data[3:]
            with pytest.raises(RangeRefused):
                content(alice, run, file.path, len(data))


def test_outputs_that_are_not_there_are_refused_and_not_empty(service: Service, run: Run) -> None:
    alice = service.as_("alice")
    with pytest.raises(Refused):
        alice.files(run.id, "no/such/folder")
    with pytest.raises(Refused):
        content(alice, run, "no-such-file")


def test_outputs_of_others_are_forbidden(service: Service, run: Run) -> None:
    bob = service.as_("bob")
    path = service.as_("alice").files(run.id)[0].path
    with pytest.raises((Forbidden, NotFound)):
        bob.files(run.id)
    with pytest.raises((Forbidden, NotFound)):
        content(bob, run, path)


def test_outputs_of_a_hidden_run_are_not_given_out(service: Service) -> None:
    alice = service.as_("alice")
    run = service.ended()
    alice.hide(run.id)
    with pytest.raises(Refused):
        alice.files(run.id)


def test_what_a_run_printed_is_found_and_when_it_ran_is_told(service: Service, run: Run) -> None:
    alice = service.as_("alice")
    full = alice.run(run.id)
    (row,) = alice.runs(lambda one: one.id == run.id)
    for seen in (full, row):
        assert seen.created and seen.started and seen.ended
        assert seen.created <= seen.started <= seen.ended
    if type(alice.platform).log_files is Platform.log_files:
        pytest.skip("this platform does not say where its logs are")
    files = log_files(alice, full)
    assert any(file.is_out for file in files) and any(file.is_err for file in files)
    (out,) = (file for file in files if file.is_out)
    lines = [*read_lines(alice, run.id, out)]
    assert lines and [*last_lines(alice, run.id, out, 1).lines] == lines[-1:]
