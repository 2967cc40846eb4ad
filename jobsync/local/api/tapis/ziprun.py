"""A ZIP app made ready to run, step by step as the service does it (tapis-v3 §11.4)."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobsync.local.api.agave import records
from jobsync.local.api.agave.refusal import Refusal
from jobsync.local.api.tapis.answer import Problem
from jobsync.local.api.tapis.macros import variables
from jobsync.local.api.tapis.places import JOBS, Places, area
from jobsync.local.api.tapis.submission import ZIP_SAVE
from jobsync.local.api.tapis.unpacking import AppError, unpack
from jobsync.local.apps.tapis_apps import NAMES, TapisApp
from jobsync.local.storage.copying import Check, copy_file
from jobsync.local.storage.files import Located, segments
from jobsync.local.storage.staging import StagingError, copy, work_folder
from jobsync.local.storage.systems import System
from jobsync.local.store.rows import JobRow
from jobsync.private_files import make_private_folders

SCRIPT, ENVIRONMENT, APP = "tapisjob.sh", "tapisjob.env", "tapisjob_app.sh"
EXITCODE = "tapisjob.exitcode"
LAUNCH_FILES = (SCRIPT, ENVIRONMENT)
_MANIFEST = "tapisjob.manifest"
_TAPIS = re.compile(r"tapis://([^/]+)/?(.*)", re.DOTALL)
_LOCAL = "tapislocal://"
_UUID = re.compile(r"[0-9a-f-]{36}-007")
_NEEDS_QUOTES = re.compile(r"[&><|;`\s]")
_OWN_OPTIONS = re.compile(
    r"--tapis-profile|--job-name|-J|--chdir|-D|--output|-o|--error|-e|--wrap|--array|-a|--parsable"
    r"|--wait|-W|--test-only|--requeue"
)
"""Options of sbatch that the service sets itself, or that would keep it from following the job."""


def prepare(row: JobRow, app: TapisApp, system: System, places: Places, check: Check) -> None:
    """Directories, inputs, app and script. Raises :class:`StagingError`."""
    try:
        control = _control_folder(row, system)
        folders = _directories(row, system, places)
        _stage_inputs(row, places, folders["input"], check)
        _stage_app(row, app, places, folders["exec"], check)
        _write(row, folders, control, system)
    except (Problem, Refusal) as error:
        raise StagingError(error.message) from error
    except OSError as error:
        raise StagingError(f"Cannot stage: {error.filename}: {error.strerror}") from error


def own_folder(row: JobRow, system: System) -> Path:
    """The folder of the job area that is this job's alone. Raises :class:`StagingError` for a row
    whose id is none: this folder is thrown away."""
    if not _UUID.fullmatch(row.id):
        raise StagingError(f"{row.id!r} is not the id of a job")
    return area(system) / JOBS / row.id


def _control_folder(row: JobRow, system: System) -> Path:
    """The folder of what the service itself needs; never one that a user chose."""
    control = work_folder(row, system)
    if not control.is_absolute() or control.is_symlink() or row.owner == "..":
        raise StagingError(f"Cannot stage into {control}: it is not the folder of job {row.id}")
    if control.exists():
        shutil.rmtree(control)
    make_private_folders(control / records.FOLDER)
    return control


def _directories(row: JobRow, system: System, places: Places) -> dict[str, Path]:
    own = own_folder(row, system)
    if own.is_symlink():
        raise StagingError(f"Cannot stage into {own}: it is a link")
    if own.exists():
        shutil.rmtree(own)  # of an earlier attempt
    found = {kind: places.real(row.system, row.directories[kind]) for kind in row.directories}
    for folder in found.values():
        make_private_folders(folder)
    return found


def _stage_inputs(row: JobRow, places: Places, folder: Path, check: Check) -> None:
    for one in row.request["fileInputs"]:
        url = str(one["sourceUrl"])
        if url.startswith(_LOCAL):
            continue  # it is on the system already
        place = source(url, row.owner, places)
        target = folder.joinpath(*segments(one["targetPath"]))
        target.parent.mkdir(parents=True, exist_ok=True)
        if place.path.is_dir() and target.is_dir():
            for entry in sorted(place.path.iterdir()):
                if place.holds(entry):
                    copy(_inside(place, entry), target / entry.name, url, check)
        else:
            copy(place, target, url, check)


def source(url: str, user: str, places: Places) -> Located:
    """Where an input lies that *user* may read; the URL is taken as it stands, never decoded."""
    match = _TAPIS.fullmatch(url)
    if match is None:
        raise StagingError(
            f"Input {url} cannot be read: this service takes tapis://SYSTEM/PATH and tapislocal://"
        )
    return places.locate(match[1], match[2], user)


def _inside(place: Located, path: Path) -> Located:
    return Located(path, place.root, place.hides_dots, place.hidden)


def _stage_app(
    row: JobRow, app: TapisApp, places: Places, folder: Path, check: Check
) -> None:  # fmt: skip
    image = str(row.request["containerImage"])
    if not image:
        _copy_folder(app.folder, folder, check)
    elif match := _TAPIS.fullmatch(image):
        place = places.locate(match[1], match[2], row.owner)
        if not place.path.is_file():
            raise AppError(f"The app's archive does not exist: {image}")
        copied = folder / place.path.name
        copy_file(place.path, copied, check)
        unpack(copied, folder, check)
        if all(one["arg"].strip() != ZIP_SAVE for one in _container_args(row)):
            copied.unlink()
    else:
        path = places.storage.in_workspace(image, image).path if image[0] == "/" else (
            app.folder / image
        )  # fmt: skip
        if path.is_dir():
            _copy_folder(path, folder, check)
        elif path.is_file():
            unpack(path, folder, check)
        else:
            raise AppError(f"The app's archive does not exist: {image}")


def _container_args(row: JobRow) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = row.request["parameterSet"]["containerArgs"]
    return found


def _copy_folder(source_folder: Path, folder: Path, check: Check) -> None:
    for entry in sorted(source_folder.iterdir()):
        check()
        if entry.name in NAMES or entry.name.startswith("."):
            continue
        if entry.is_dir():
            shutil.copytree(entry, folder / entry.name, dirs_exist_ok=True)
        else:
            shutil.copy2(entry, folder / entry.name)


def _executable(folder: Path) -> str:
    """What is run, relative to the directory. Raises :class:`AppError` when nothing is named."""
    name = APP
    if not (folder / APP).is_file():
        manifest = folder / _MANIFEST
        lines = manifest.read_text("utf-8", "replace").splitlines() if manifest.is_file() else []
        words = [line.strip() for line in lines if not line.strip().startswith("#")]
        found = [line.partition("=")[2].strip() for line in words
                 if line.partition("=")[0].strip() == "tapisjob_executable"]  # fmt: skip
        if not found:
            raise AppError(
                f"The app has neither {APP} nor a line tapisjob_executable=PATH in {_MANIFEST}"
            )
        name = found[0].removeprefix("./")
        if not name or name.startswith("/") or ".." in name.split("/") or ";" in name:
            raise AppError(f"tapisjob_executable: a path below the app, not {found[0]}")
    if not (folder / name).is_file():
        raise AppError(f"The app has no file {name}")
    (folder / name).chmod((folder / name).stat().st_mode | 0o700)
    return f"./{name}"


def _write(row: JobRow, folders: dict[str, Path], control: Path, system: System) -> None:
    execute = folders["exec"]
    parameters = row.request["parameterSet"]
    executable = _executable(execute)
    (execute / ENVIRONMENT).write_text(_environment(row, folders), "utf-8")
    command = " ".join(
        [
            *_launcher(row),
            executable,
            *(one["arg"] for one in parameters["appArgs"]),
        ]
    )
    log = parameters["logConfig"]
    out, error = (folders["output"] / log[key] for key in ("stdoutFilename", "stderrFilename"))
    streams = f"> {shlex.quote(str(out))} " + (
        "2>&1" if out == error else f"2> {shlex.quote(str(error))}"
    )
    script = (
        "#!/bin/bash\n"
        f"cd {shlex.quote(str(execute))} || exit 97\n"
        f". ./{ENVIRONMENT}\n"
        f"{command} {streams}\n"
    )
    (execute / SCRIPT).write_text(script, "utf-8")
    (execute / SCRIPT).chmod(0o700)
    records.write_command(
        control, ["bash", str(execute / SCRIPT)], system.environment
    )  # fmt: skip
    records.write_options(control, _scheduler_options(row))


def _launcher(row: JobRow) -> list[str]:
    prefix = row.request["mpiCmd"] if row.request["isMpi"] else row.request["cmdPrefix"]
    return [str(prefix)] if prefix else []


def _environment(row: JobRow, folders: dict[str, Path]) -> str:
    """``export KEY=VALUE`` by key; a value is quoted only where a blank or the like needs it, so
    that the shell expands what looks like a variable."""
    values = {one["key"]: one["value"] for one in variables(row.request)}
    for one in row.request["fileInputs"]:
        if one["envKey"]:
            values[one["envKey"]] = str(folders["input"].joinpath(*segments(one["targetPath"])))
    for kind, name in (("exec", "Exec"), ("input", "Input"), ("output", "Output")):
        values[f"_tapisExecSystem{name}Dir"] = str(folders[kind])
    lines = [
        f"export {key}={_shell(str(values[key]))}\n" for key in sorted(values, key=str.casefold)
    ]
    return "".join(lines)


def _shell(value: str) -> str:
    return f'"{value}"' if _NEEDS_QUOTES.search(value) else value


def _scheduler_options(row: JobRow) -> list[str]:
    options: list[str] = []
    for one in row.request["parameterSet"]["schedulerOptions"]:
        try:
            words = shlex.split(one["arg"])
        except ValueError as error:
            raise StagingError(f"schedulerOptions: {one['arg']}: {error}") from error
        if words and not _OWN_OPTIONS.fullmatch(words[0].partition("=")[0]):
            options += words
    return options


def read_exitcode(output: Path) -> tuple[bool, str]:
    """Whether the app's own file speaks of success, and its first line; no file is a success."""
    try:
        lines = (output / EXITCODE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return True, ""
    text = lines[0].strip() if lines else ""
    try:
        return int(text) == 0, text
    except ValueError:
        return False, json.dumps(text)
