"""The command that the inputs of the action describe, in an environment that has no more than it
needs: what a manifest may read of it must be allowed by name."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobsync.cli.files import write_file
from jobsync.cli.forges import append, base_of_fork, github_of, reviewed
from jobsync.errors import SettingsError, Usage
from jobsync.structs import Struct

COMMANDS = ("validate", "plan", "drift", "apply", "resolve")
_WORDS = {"select": "--select", "exclude": "--exclude", "only": "--only", "allow": "--allow"}
_LINES = {"variables": "--var", "policies": "--policy", "allow-env": "--allow-env"}
_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|SSH_AUTH_SOCK|LANG|LC_ALL|TMPDIR|TZ|CI|GITHUB_(ACTIONS|OUTPUT|STEP_SUMMARY|SERVER_URL|REPOSITORY"
    r"|RUN_ID|RUN_ATTEMPT|JOB)|RUNNER_TEMP|SSL_CERT_FILE|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE"
    r"|(?i:https?|all|no)_proxy|JOBSYNC_(?!INPUTS|FORGE_TOKEN)\w+"
)


class Command(Struct, frozen=True):
    """What to become: the arguments of ``jobsync``, and the file that takes its Markdown."""

    arguments: tuple[str, ...]
    page: str = ""
    allowed: tuple[str, ...] = ()


def command_of(environ: Mapping[str, str]) -> Command:
    """The command that ``JOBSYNC_INPUTS``, a JSON object of texts, describes.

    An apply first checks that its commit is the head of its branch; ``expect: reviewed`` asks the
    forge for the digest of the plan that was reviewed. Raises :class:`Usage` for what no input may
    be.
    """
    inputs = _inputs(environ)
    name = inputs.get("command", "")
    if name not in COMMANDS:
        raise Usage(f"command: {name!r} must be one of {', '.join(COMMANDS)}")
    paths = inputs.get("path", "").split()
    allowed = tuple(inputs.get("allow-env", "").split())
    if name == "resolve":
        return Command(tuple(_resolving(inputs, paths)), allowed=allowed)
    by_fork = name == "plan" and inputs.get("offline-on-fork", "true") == "true"
    base = base_of_fork(environ) if by_fork else None
    words = [name, *paths, *_options(inputs, offline=base is not None)]
    page = ""
    if name != "validate":
        folder = environ.get("RUNNER_TEMP") or environ.get("TMPDIR") or "/tmp"  # noqa: S108
        page = str(Path(folder) / f"jobsync-{name}.md")
        words += ["--format", "markdown"]
        if marker := inputs.get("marker"):
            words += ["--marker", f"{marker} apply" if name == "apply" else marker]
    if base:
        words += ["--offline", "--base", base]
    if name == "apply":
        words += ["--auto-approve", "--expect", _expected(inputs, paths, environ)]
        if wait := inputs.get("wait"):
            words.append("--wait" if wait == "true" else f"--wait={wait}")
        if audit := inputs.get("audit"):
            words += ["--audit", audit]
    return Command((*words, "--report", "github"), page, allowed)


def start(command: Command, environ: Mapping[str, str]) -> None:
    """Become *command*. Returns never: it has this process's id, so a signal reaches it."""
    prefixes = tuple(_settings_prefixes())
    kept = {
        name: value
        for name, value in environ.items()
        if _KEPT.fullmatch(name) or name.startswith(prefixes) or name in command.allowed
    }
    if command.page:
        append("GITHUB_OUTPUT", f"markdown-file={command.page}\n")
        write_file(Path(command.page), "")
        os.dup2(os.open(command.page, os.O_WRONLY), sys.stdout.fileno())
    words = [sys.executable, "-m", "jobsync", *command.arguments]
    os.execve(words[0], words, kept)  # noqa: S606 -- there is no shell in between


def _settings_prefixes() -> Iterator[str]:
    from jobsync.platforms import PLATFORMS

    return (platform.settings_prefix for platform in PLATFORMS.values())


def _inputs(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        found = json.loads(environ.get("JOBSYNC_INPUTS", ""))
        return {str(key): str(value) for key, value in dict(found).items()}
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"JOBSYNC_INPUTS is not a JSON object: {error}", hint="use the action: see docs/ci"
        ) from error


def _resolving(inputs: Mapping[str, str], paths: list[str]) -> Iterator[str]:
    """What a person says became of a submit: it has a job, or there is none."""
    address, job_id = inputs.get("address", ""), inputs.get("job-id", "")
    if not address:
        raise Usage("address is empty", hint="name the job, as the plan does")
    yield from ("resolve", *(word for path in paths for word in ("-m", path)))
    if target := inputs.get("target"):
        yield from ("--target", target)
    yield from ("--submitted", job_id) if job_id else ("--not-submitted",)
    yield from ("--", address)


def _options(inputs: Mapping[str, str], *, offline: bool) -> Iterator[str]:
    """The options that say what is meant; *offline* leaves out those that need a service."""
    name = inputs["command"]
    if target := inputs.get("target"):
        yield from ("--target", target)
    words = {} if offline or name == "validate" else dict(_WORDS)
    lines = dict(_LINES)
    if name == "drift":
        words.pop("allow")
    if offline or name not in ("plan", "apply"):
        lines.pop("policies")
    for key, option in words.items():
        for word in filter(None, re.split(r"[\s,]+", inputs.get(key, ""))):
            yield from (option, word)
    for key, option in lines.items():
        for line in filter(None, map(str.strip, inputs.get(key, "").splitlines())):
            yield from (option, line)
    if words:
        yield from ("--outputs", inputs.get("outputs") or "new")


def _expected(inputs: Mapping[str, str], paths: list[str], environ: Mapping[str, str]) -> str:
    """The digest of the plan to apply; ``none`` where no reviewed one is known."""
    from jobsync.cli.reporting import default_marker

    expect = inputs.get("expect") or "reviewed"
    with github_of(environ) as forge:
        if expect != "reviewed":
            forge.check_head(environ.get("GITHUB_REF_NAME", ""), environ.get("GITHUB_SHA", ""))
            return expect
        marker = inputs.get("marker") or default_marker(paths, inputs.get("target") or None)
        return reviewed(forge, marker, environ) or "none"
