"""The names in a set, read quickly and without judging it: what a shell completes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from jobsync.errors import Problem
from jobsync.identity import slug
from jobsync.manifest.files import discover, read_bytes
from jobsync.manifest.source_map import Raw
from jobsync.manifest.yaml_reader import read
from jobsync.structs import Struct

_LARGEST = 256 * 1024
"""Bytes of manifests that are read as YAML; of more only the keys of jobs are looked for."""

_MOST = 1000
"""The most addresses of one matrix that are worth completing."""

_TOP = re.compile(rb"^([A-Za-z]+)[ \t]*:", re.M)
_KEY = re.compile(rb"^[ ]{1,8}([a-z][a-z0-9_-]*)[ \t]*:", re.M)


class Outline(Struct, frozen=True):
    """The addresses, targets and variables that the files of a set name, in their order."""

    addresses: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def outline(paths: Sequence[str]) -> Outline:
    """The names in the set at *paths*. What cannot be read has none.

    A matrix whose values have references is named by its key alone.
    """
    files = [read_bytes(source) for source in discover(paths).sources]
    texts = [data for data in files if not isinstance(data, Problem) and b"apiVersion" in data]
    if sum(map(len, texts)) > _LARGEST:
        keys = (key for text in texts for key in _keys_of_jobs(text))
        return Outline(tuple(dict.fromkeys(keys)))
    values = [read(text, "").value for text in texts]
    jobs = [pair for value in values for pair in _section(value, "jobs").items()]
    return Outline(
        tuple(dict.fromkeys(one for key, body in jobs for one in _addresses(key, body))),
        tuple(dict.fromkeys(name for value in values for name in _section(value, "targets"))),
        tuple(dict.fromkeys(name for value in values for name in _section(value, "variables"))),
    )


def _section(value: Raw, name: str) -> Mapping[str, Raw]:
    section = value.get(name) if isinstance(value, dict) else None
    return section if isinstance(section, dict) else {}


def _addresses(key: str, body: Raw) -> Iterator[str]:
    """The key, and each address of its matrix."""
    yield key
    matrix = body.get("matrix") if isinstance(body, dict) else None
    if not isinstance(matrix, dict):
        return
    axes = sorted(name for name in matrix if name not in ("include", "exclude", "limit"))
    lists = [_scalars(matrix[axis]) for axis in axes]
    rows = [dict(zip(axes, row, strict=True)) for row in _product(lists)] if axes else []
    given = matrix.get("include")
    rows += [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    left_out = matrix.get("exclude")
    for row in rows:
        texts = {axis: slug(value) for axis, value in row.items() if _is_plain(value)}
        if isinstance(left_out, list) and any(_fits(one, texts) for one in left_out):
            continue
        if len(texts) == len(row) and row.keys() == set(axes or row):
            yield ".".join([key, *(texts[axis] for axis in sorted(texts))])


def _product(lists: Sequence[list[Raw]]) -> Iterator[tuple[Raw, ...]]:
    return itertools.islice(itertools.product(*lists), _MOST)


def _fits(entry: Raw, texts: Mapping[str, str]) -> bool:
    return isinstance(entry, dict) and all(
        _is_plain(value) and texts.get(axis) == slug(value) for axis, value in entry.items()
    )


def _scalars(value: Raw) -> list[Raw]:
    return [one for one in value if _is_plain(one)] if isinstance(value, list) else []


def _is_plain(value: Raw) -> bool:
    return not isinstance(value, (list, dict)) and "${" not in str(value)


def _keys_of_jobs(text: bytes) -> Iterator[str]:
    """The keys below ``jobs:`` in block style, by how far they are indented."""
    tops = [*_TOP.finditer(text)]
    for number, top in enumerate(tops):
        if top[1] != b"jobs":
            continue
        end = tops[number + 1].start() if number + 1 < len(tops) else len(text)
        found = [*_KEY.finditer(text, top.end(), end)]
        depths = [len(one[0]) - len(one[0].lstrip(b" ")) for one in found]
        yield from (
            one[1].decode() for one, depth in zip(found, depths, strict=True) if depth == depths[0]
        )
