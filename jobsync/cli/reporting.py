"""``--report`` and ``--marker``: what a command found, as files for a CI system.

A command that fails writes its reports too, and a document in the format that was asked for: what
stays as it was would show an old plan.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobsync.cli.files import write_file
from jobsync.cli.forges import append
from jobsync.cli.options import call_of, is_expanded
from jobsync.errors import ExitCode, JobsyncError, Location, SettingsError, worst

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobsync.model import DesiredState, OpenSubmit, Outcome, Plan
    from jobsync.plan.declarations import Declaration
    from jobsync.render.advice import Call
    from jobsync.render.reports import Finding, Found, Level

F = TypeVar("F", bound="Callable[..., Any]")

all_option = click.option(
    "--all",
    "every",
    is_flag=True,
    help="Find every set in the folders, or around the files, and handle each on its own.",
)

Wanted = tuple[tuple[str, "Path | None"], ...]

_REPORTS = "jobsync.reports"
_MARKER = "jobsync.marker"


def report_option(command: F) -> F:
    """Which reports to write, and where."""
    return click.option(
        "--report",
        multiple=True,
        metavar="KIND[=FILE]",
        expose_value=False,
        is_eager=True,
        callback=_wanted,
        help="Also write what was found for a CI system: github, gitlab, codequality, junit or "
        "sarif; may be repeated.",
    )(command)


def marker_option(command: F) -> F:
    """What a bot finds its own comment by."""
    return click.option(
        "--marker",
        metavar="TEXT",
        expose_value=False,
        callback=_keep_marker,
        help="The hidden first line of Markdown, by which a bot finds its comment. Default: "
        "jobsync, the project and the target.",
    )(command)


@contextmanager
def reporting(
    command: str, paths: Sequence[str], target: str | None, format_name: str = "text"
) -> Iterator[Reporting]:
    """Writes the reports of what is told to it when the command ends, however it ends."""
    from jobsync.cli.main import report as say

    told = Reporting(command, paths, target, format_name)
    try:
        yield told
    except Exception as error:
        try:
            told.failed(error)
            told.write()
        except SettingsError as other:  # the first error is the one to end with
            say(other)
        raise
    told.write()


class Reporting:
    """What a command tells about its sets, one after the other."""

    def __init__(
        self, command: str, paths: Sequence[str], target: str | None, format_name: str
    ) -> None:
        meta = click.get_current_context().meta
        self._wanted: Wanted = meta.get(_REPORTS, ())
        self._marker: str = meta.get(_MARKER) or ""
        self._command, self._target, self._format = command, target, format_name
        self._top = _top()
        self.budget = 60_000
        self._found: list[Found] = []
        self.begin(paths)

    def begin(self, paths: Sequence[str]) -> None:
        """What is told from now on is about the set at *paths*."""
        self._paths = tuple(paths)
        self._desired: DesiredState | None = None
        self._plan: Plan | None = None
        self._held: tuple[OpenSubmit, ...] = ()
        self._outcomes: tuple[Outcome, ...] | None = None
        self._extra: tuple[Finding, ...] = ()
        self._page = ""

    def each(
        self, paths: Sequence[str], every: bool, one: Callable[[tuple[str, ...]], ExitCode]
    ) -> ExitCode:
        """Call *one* with *paths*, or with *every* set below them by itself. The worst code of all.

        Of several sets, one that fails is told and printed, and the others go on.
        """
        from jobsync import manifest
        from jobsync.cli.main import report
        from jobsync.render.escape import comment, terminal

        if not every:
            return one(tuple(paths))
        folders = manifest.find_sets(paths or (".",))
        only_files = bool(paths) and all(Path(path).is_file() for path in paths)
        if not folders and only_files and self._command == "validate":
            click.echo("These files are in no set.", err=True)  # as a hook may be given any YAML
            return ExitCode.OK
        if not folders:
            where = ", ".join(paths or (".",))
            raise SettingsError(
                f"there is no set in {where}",
                hint="a set is a folder with a manifest that declares project:",
            )
        if self._format == "markdown":
            first = self._marker or f"jobsync all {self._target or ''}".strip()
            click.echo(f"{comment(first)}\n")
        self.budget //= len(folders)
        codes = []
        for folder in folders:
            self.begin((folder,))
            if self._format == "text":
                click.echo(f"Set {terminal(folder)}:")
            try:
                codes.append(one((folder,)))
            except JobsyncError as error:
                report(error)
                codes.append(self.failed(error))
            if self._format == "markdown" or (self._format == "text" and folder != folders[-1]):
                click.echo()
        return worst(codes)

    def knows(self, desired: DesiredState) -> None:
        """The manifests were read."""
        self._desired = desired

    def planned(self, plan: Plan, held: tuple[OpenSubmit, ...] = ()) -> None:
        """A plan was made."""
        self._plan, self._held = plan, held

    def declares(self, page: str, changes: Sequence[Declaration]) -> None:
        """No service was asked: *page* shows what is declared otherwise than before."""
        from jobsync.render.reports.found import of_declarations

        self._page = page
        self.add(of_declarations(changes))

    def applied(self, outcomes: Sequence[Outcome]) -> None:
        """It was carried out."""
        self._outcomes = tuple(outcomes)

    def add(self, findings: Sequence[Finding]) -> None:
        """Something else was found."""
        self._extra += tuple(findings)

    def show(self) -> None:
        """Print what came of an apply, where that is asked for as Markdown."""
        if self._format == "markdown":
            click.echo(self._document(), nl=False)

    def ended(self, code: ExitCode) -> ExitCode:
        """That was all about this set; *code* is what came of it."""
        from jobsync.render.reports.found import reason

        failure = "" if code is ExitCode.CHANGES else reason(code)
        self._close(code, failure, (), self._document if self._wants("github") else None)
        return code

    def failed(self, error: Exception) -> ExitCode:
        """That was all: it ended with *error*. Prints the document of that, where one is asked
        for."""
        from jobsync.render.failure import as_json, as_markdown, validated
        from jobsync.render.reports.found import of_error, reason

        code = ExitCode.ERROR
        if isinstance(error, JobsyncError):
            code = error.exit_code
        elif isinstance(error, click.UsageError):
            code = ExitCode.USAGE
        # What cannot be applied is shown as it is now.
        plan = self._document() if self._plan and self._command == "apply" else ""
        shown = as_markdown(self._command, error, self.marker, plan, budget=self.budget)
        if self._format == "markdown":
            click.echo(shown, nl=False)
        elif self._format == "json" and self._command == "validate":
            click.echo(validated((), of_error(error), self._paths), nl=False)
        elif self._format == "json" and self._command != "apply":  # which prints events
            click.echo(as_json(self._command, error, code), nl=False)
        self._close(code, reason(code, error), of_error(error), lambda: shown)
        return code

    @property
    def marker(self) -> str:
        """What the hidden first line of Markdown says."""
        if self._marker:
            return self._marker
        if self._plan:
            found = f"jobsync {self._plan.project} {self._plan.target}"
        else:
            found = default_marker(self._paths, self._target)
        # What came of an apply does not replace the plan that was reviewed.
        return f"{found} apply" if self._command == "apply" else found

    @property
    def found(self) -> tuple[Found, ...]:
        """What was told so far, one for each set that has ended."""
        return tuple(self._found)

    def write(self) -> None:
        """Write every report. Raises :class:`SettingsError` for a file that cannot be written."""
        from jobsync.render.reports import KINDS

        for kind, file in self._wanted:
            text = KINDS[kind].write(self._found)
            place = file or (Path(KINDS[kind].file) if KINDS[kind].file else None)
            if place:
                write_file(place, text)
            else:
                click.echo(text, nl=False, err=True)
        if self._wants("github"):
            from jobsync.render.reports.github import outputs, summary

            code = worst(one.code for one in self._found)
            append("GITHUB_OUTPUT", outputs(self._found, code))
            append("GITHUB_STEP_SUMMARY", summary(self._found))

    def _wants(self, kind: str) -> bool:
        return any(one == kind for one, _ in self._wanted)

    def _close(
        self,
        code: ExitCode,
        failure: str,
        errors: tuple[Finding, ...],
        document: Callable[[], str] | None,
    ) -> None:
        from jobsync.render.reports import Found

        desired, plan = self._desired, self._plan
        findings = (*errors, *self._extra, *self._findings()) if self._wanted else ()
        folder = self._shown(desired.root if desired else self._paths[0] if self._paths else ".")
        found = Found(
            self._command,
            code,
            f"{plan.project} on {plan.target}" if plan else desired.project if desired else folder,
            folder,
            tuple(self._placed(finding) for finding in findings),
            tuple(desired.jobs) if desired else (),
            failure,
            plan,
            document() if document else "",
        )
        self._found.append(found)
        self.begin(())

    def _findings(self) -> tuple[Finding, ...]:
        from jobsync.render.reports.found import of_outcomes, of_plan

        if not self._plan:
            return ()
        places = {a: job.where for a, job in self._desired.jobs.items()} if self._desired else {}
        findings = of_plan(self._plan, self._held, places, self._call, changes=self._change_level)
        if self._command == "apply":
            findings = tuple(one for one in findings if one.rule != "change")
        return (*of_outcomes(self._outcomes or (), places, self._call), *findings)

    @property
    def _change_level(self) -> Level:
        """Of a check for drift a change is the very thing that is not as it should be."""
        from jobsync.render.reports import Level

        return Level.ERROR if self._command == "drift" else Level.NOTE

    @property
    def _call(self) -> Call:
        return call_of(self._paths, self._target, {})

    def _document(self) -> str:
        from jobsync import render
        from jobsync.render.summary import outputs_root

        if self._plan is None:
            from jobsync.render.failure import all_is_valid

            if self._page:
                return self._page
            return all_is_valid(self._desired) if self._desired else ""
        options = render.RenderOptions(
            call=self._call,
            open_submits=self._held,
            marker=self.marker,
            budget=self.budget,
            names_digest=self._command != "apply",
            outputs_root=outputs_root(self._plan),
            expand=is_expanded(),
        )
        if self._outcomes is not None:
            from jobsync.render.outcome_markdown import as_markdown

            return as_markdown(self._plan, self._outcomes, options)
        return render.FORMATS["markdown"](self._plan, options)

    def _placed(self, finding: Finding) -> Finding:
        from jobsync.structs import replace

        if finding.where is None:
            return finding
        where = finding.where
        return replace(
            finding, where=Location(self._shown(where.path), where.line, where.column, where.within)
        )

    def _shown(self, path: str) -> str:
        """*path* as the pages of a forge know it: from the top of the checkout."""
        relative = os.path.relpath(path, self._top)
        return path if relative.startswith("..") else relative.replace(os.sep, "/")


def _top() -> str:
    """The folder of the checkout around this folder; this folder where there is none."""
    here = Path.cwd()
    return str(next((up for up in (here, *here.parents) if (up / ".git").exists()), here))


def marker_for(paths: Sequence[str], target: str | None) -> str:
    """What ``--marker`` says, else the default marker."""
    named: str | None = click.get_current_context().meta.get(_MARKER)
    return named or default_marker(paths, target)


def default_marker(paths: Sequence[str], target: str | None) -> str:
    """The default marker of a set that was not read: as it is when that can be read."""
    from jobsync import manifest
    from jobsync.cli.target import choose_without_set, named_target

    said = manifest.first_words(paths or (manifest.find_set(),), ("project", "target"))
    name = named_target(target, os.environ) or said.get("target")
    if not name:
        try:
            name = choose_without_set(None, os.environ).name
        except SettingsError:
            name = ""
    return " ".join(filter(None, ("jobsync", said.get("project"), name)))


def _wanted(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> None:
    from jobsync.render.reports import KINDS

    wanted = []
    for value in values:
        kind, separator, file = value.partition("=")
        if kind not in KINDS:
            raise click.BadParameter(f"{kind!r} must be one of {', '.join(KINDS)}")
        if separator and not file:
            raise click.BadParameter(f"{value!r}: the path is empty")
        wanted.append((kind, Path(file) if file else None))
    ctx.meta[_REPORTS] = tuple(wanted)


def _keep_marker(ctx: click.Context, param: click.Parameter, marker: str | None) -> None:
    ctx.meta[_MARKER] = marker
