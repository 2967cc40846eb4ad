"""Which files of a run are fetched, and to where: globs over a listing.

Floor 2, pure. A glob is matched segment by segment, case and all:

* ``*``, ``?`` and ``[...]`` stay within one segment, ``**`` as a whole segment stands for any
  number of folders, also none. As in a shell, none of them matches a leading dot, nor a file of
  the service's own (:attr:`~jobsync.model.RemoteFile.by_name_only`).
* A trailing ``/`` means everything below, at any depth: ``plots/`` is ``plots/**``.
* The *fixed folder* of a glob is what stands before its first segment with a wildcard.

``to`` with a trailing ``/`` is a folder; a file keeps the part of its path below the fixed folder:
with ``to: results/``, ``out/*.aln`` puts ``out/a.aln`` at ``results/a.aln`` and ``**/*.log`` puts
``run/1.log`` at ``results/run/1.log``. Any other ``to`` is a file, and the glob may match only one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from jobsync import destinations, filenames
from jobsync.globs import is_glob, segment
from jobsync.model import Address, Fetch, OutputRule, RemoteFile
from jobsync.structs import Struct

DEPTH_LIMIT = 32
"""Folders deeper than this are not looked into (reliability §2.3)."""

_SHOWN = 5


class ChosenFiles(Struct, frozen=True):
    """What the rules of an address make of a listing.

    ``missing`` says which required rules and which expectations found nothing, and what was there
    instead. ``refused`` holds (name, reason) of files that a rule matches but that must not be
    fetched. All sorted.
    """

    fetches: tuple[Fetch, ...] = ()
    missing: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


class Glob(Struct, frozen=True):
    """A compiled glob. ``fixed`` is the number of leading segments that are its fixed folder."""

    text: str
    segments: tuple[re.Pattern[str] | None, ...]
    fixed: int

    def matches(self, path: str) -> bool:
        """Whether the file *path* is meant."""
        return len(self.segments) in self._states(path.split("/"))

    def means(self, file: RemoteFile) -> bool:
        """Whether *file* is meant: by its path, which must be written out where that is needed."""
        return self.matches(file.path) and not (file.by_name_only and is_wild(self.text))

    def reaches_into(self, folder: str) -> bool:
        """Whether some file below *folder* could be meant."""
        return any(state < len(self.segments) for state in self._states(folder.split("/")))

    def below(self, path: str) -> str:
        """The part of *path* below the fixed folder."""
        return path.split("/", self.fixed)[-1]

    def _states(self, parts: Sequence[str]) -> set[int]:
        """How many segments may be used up after *parts*; several, because of ``**``."""
        states = self._closure({0})
        for part in parts:
            after: set[int] = set()
            for state in states:
                if state == len(self.segments):
                    continue
                pattern = self.segments[state]
                if pattern is None:
                    if not part.startswith("."):
                        after.add(state)
                elif pattern.fullmatch(part):
                    after.add(state + 1)
            states = self._closure(after)
        return states

    def _closure(self, states: set[int]) -> set[int]:
        """``**`` may stand for no folder at all. It is never the last segment."""
        for state in sorted(states):
            while state < len(self.segments) and self.segments[state] is None:
                state += 1
                states.add(state)
        return states


def compile_glob(text: str) -> Glob:
    """Read a glob; any text is one. A leading ``/`` or ``./`` is dropped."""
    plain = [part for part in text.split("/") if part not in ("", ".")]
    if text.endswith("/") or not plain:
        plain.append("**")
    if plain[-1] == "**":
        plain.append("*")
    plain = [  # several ** in a row mean the same as one, and cost their square
        part
        for part, before in zip(plain, ["", *plain], strict=False)
        if not part == before == "**"
    ]
    fixed = 0
    while fixed < len(plain) - 1 and not is_glob(plain[fixed]):
        fixed += 1
    segments = tuple(None if part == "**" else segment(part) for part in plain)
    return Glob(text, segments, fixed)


def is_wild(path: str) -> bool:
    """Whether *path*, of a rule, may mean several files."""
    return path.endswith("/") or is_glob(path)


def choose_files(
    rules: Sequence[OutputRule], expect: Sequence[str], files: Iterable[RemoteFile]
) -> ChosenFiles:
    """Decide which of *files* are fetched and to where.

    *files* is a walked listing. A folder in it is one that the walk did not look into (unsafe
    name, too deep, or it lists itself); it is refused where a rule could mean something below it.
    """
    ordered = sorted(files, key=lambda file: file.path)
    found = [file for file in ordered if not file.is_folder]
    closed = [file for file in ordered if file.is_folder]
    globs = [(rule, compile_glob(rule.path)) for rule in rules]
    refused: dict[str, str] = {}
    wanted: dict[tuple[str, str], Fetch] = {}
    missing: list[str] = []
    for rule, glob in globs:
        matched = [file for file in found if glob.means(file)]
        for folder in closed:
            if glob.reaches_into(folder.path):
                refused.setdefault(f"{folder.path}/", closed_reason(folder.path))
        if not matched and rule.required:
            missing.append(_missing_text("output", glob, found))
        if not _is_folder(rule.to) and len(matched) > 1:
            for file in matched:
                refused.setdefault(file.path, _many_text(rule, len(matched)))
            continue
        for file in matched:
            to = destination(rule, glob, file.path)
            if why := _refusal(file.path, to):
                refused.setdefault(file.path, why)
            else:
                wanted[to, file.path] = Fetch(file.path, to, file.length, file.last_modified)
    told = {rule.path for rule in rules if rule.required}
    for text in expect:
        glob = compile_glob(text)
        if text not in told and not any(map(glob.means, found)):
            missing.append(_missing_text("expected", glob, found))
    fetches = _without_clashes(wanted, refused)
    return ChosenFiles(fetches, tuple(missing), tuple(sorted(refused.items())))


def lacks(rules: Iterable[OutputRule], expect: Iterable[str], files: Iterable[RemoteFile]) -> bool:
    """Whether something that a run must have produced is not among *files*, its walked listing."""
    found = [file for file in files if not file.is_folder]
    globs = [compile_glob(rule.path) for rule in rules if rule.required]
    globs += [compile_glob(text) for text in expect]
    return not all(any(map(glob.means, found)) for glob in globs)


def destination(rule: OutputRule, glob: Glob, path: str) -> str:
    """Where *path* goes, relative to the outputs' root."""
    lead = "/" if rule.to.startswith("/") else ""
    base = lead + "/".join(part for part in rule.to.split("/") if part not in ("", "."))
    if not _is_folder(rule.to):
        return base
    below = glob.below(path)
    return f"{base}/{below}" if base and base != "/" else f"{lead}{below}"


def puts(rules: Sequence[OutputRule], path: str, to: str) -> bool:
    """Whether some rule takes *path* to *to*."""
    globs = ((rule, compile_glob(rule.path)) for rule in rules)
    return any(glob.matches(path) and destination(rule, glob, path) == to for rule, glob in globs)


def clashes(fetches: Mapping[Address, Collection[Fetch]]) -> tuple[tuple[Address, str, str], ...]:
    """(address, path, reason) of files that would land on those of an earlier address."""
    tree, owners = filenames.Tree(), dict[str, Address]()
    found: list[tuple[Address, str, str]] = []
    for address in sorted(fetches):
        for fetch in sorted(fetches[address], key=lambda item: item.to):
            if why := tree.clash(fetch.to):
                other = owners.get(filenames.collision_key(fetch.to), "another job")
                found.append((address, fetch.path, f"would go to {fetch.to}: {why} by {other}"))
            else:
                owners[filenames.collision_key(fetch.to)] = address
        for fetch in fetches[address]:
            tree.add(fetch.to)
    return tuple(found)


def closed_reason(folder: str) -> str:
    """Why a folder of a listing was not looked into."""
    if why := filenames.refusal(folder):
        return why
    if folder.count("/") + 1 > DEPTH_LIMIT:
        return f"lies deeper than {DEPTH_LIMIT} folders"
    return "was not looked into: the service lists it inside itself, or with a slash in its name"


def _refusal(path: str, to: str) -> str:
    if why := filenames.refusal(path):
        return why
    if why := destinations.name_refusal(to):
        return f"would go to {to!r}, which {why}"
    return ""


def _without_clashes(
    wanted: Mapping[tuple[str, str], Fetch], refused: dict[str, str]
) -> tuple[Fetch, ...]:
    """Keep the first of those that fall on one file on some file system; refuse the others."""
    tree, kept = filenames.Tree(), list[Fetch]()
    for fetch in sorted(wanted.values(), key=lambda item: (item.path, item.to)):
        if why := tree.clash(fetch.to):
            refused.setdefault(fetch.path, f"would go to {fetch.to}, which {why}")
            continue
        tree.add(fetch.to)
        kept.append(fetch)
    return tuple(kept)


def _is_folder(to: str) -> bool:
    return to.endswith("/") or to in ("", ".")


def _many_text(rule: OutputRule, count: int) -> str:
    return f"is one of {count} files that {rule.path!r} matches, but {rule.to!r} is one file"


def _missing_text(kind: str, glob: Glob, found: Sequence[RemoteFile]) -> str:
    said = f"{kind} {glob.text!r} matched nothing"
    found = [file for file in found if not file.by_name_only]
    if not found:
        return f"{said}; there are no output files at all"
    prefix = glob.text.strip("/") + "/"
    if any(file.path.startswith(prefix) for file in found):
        return f"{said}; it is a folder: write {prefix!r} for everything in it"
    shown = [file.path for file in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{said}; there are {', '.join(map(repr, shown))}{more}"
