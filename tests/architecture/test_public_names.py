"""``import jobsync`` gives the line as functions, costs nothing, and is what ``__all__`` says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import jobsync


@pytest.mark.parametrize("name", jobsync.__all__)
def test_every_public_name_is_there_and_is_no_module(name: str) -> None:
    value = getattr(jobsync, name)
    assert not isinstance(value, ModuleType)
    assert name == "__version__" or value.__doc__


def test_the_table_and_all_agree() -> None:
    assert [*jobsync._PLACES, "__version__"] == jobsync.__all__


def test_a_module_of_the_same_name_does_not_take_the_functions_place() -> None:
    import jobsync.apply.executor
    import jobsync.observe

    assert callable(jobsync.apply)
    assert callable(jobsync.observe)


HEAVY = (
    *("requests", "urllib3", "deepdiff", "rich", "werkzeug", "waitress"),
    "jsonschema_rs",
)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], ()),
        (["--version"], ()),
        (["validate", "manifests/wordcount"], ("jsonschema_rs",)),
        (["schema"], ("jsonschema_rs",)),
    ],
)
def test_light_commands_do_not_pay_for_heavy_libraries(
    arguments: list[str], allowed: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobsync", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert imported & set(HEAVY) <= set(allowed)


def test_reading_does_not_pay_for_what_only_sends() -> None:
    """A plan on a tenant sends GET only: the applier is not imported for it."""
    code = """
import sys
import jobsync.platforms.agave.credentials, jobsync.observe, jobsync.plan.build, jobsync.render
print(sorted({"deepdiff", "jobsync.apply"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
