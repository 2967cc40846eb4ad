"""Which runs a reference to a job means."""

from __future__ import annotations

from collections.abc import Mapping

from jobsync import identity
from jobsync.manifest.matrix import Family, Member
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.references import BadReference, JobSelection, parse_selection
from jobsync.manifest.yaml_scalars import OutOfRange, plain
from jobsync.model import Scalar
from jobsync.structs import Struct


class Chosen(Struct, frozen=True):
    """The chosen runs, in address order. ``several`` is whether the reference asked for a list."""

    members: tuple[Member, ...]
    several: bool


def choose_members(
    families: Mapping[str, Family | None],
    key: str,
    selection: JobSelection | None,
    mine: Mapping[str, Scalar],
) -> Chosen | None:
    """The runs of job *key* to which *selection* refers, for a job with the matrix values *mine*.

    The selection fixes an axis; else an axis of the same name in *mine* does. An axis stays open
    when it is selected with ``*``, or when another axis is selected instead. None for a job that
    has problems of its own. Raises :class:`BadReference`.
    """
    if key not in families:
        hint = did_you_mean(key, families) or ("" if len(families) > 20 else one_of(families))
        raise BadReference(f"there is no job {quoted(key)}", hint)
    family = families[key]
    if family is None:
        return None
    if selection is None and not family.axes:
        return Chosen(family.members, several=False)
    selection = selection or JobSelection()
    _check_axes(family, selection)
    # An axis that the reference leaves out takes the value of the referring run, where both have
    # an axis of that name: ``train[seed=1]`` then means ``data[seed=1]``.
    fixed = {axis: _texts(text) for axis, text in selection.chosen.items()}
    free = []
    for axis in family.axes:
        if axis in fixed:
            continue
        if selection.every or axis in selection.stars or axis not in mine:
            free.append(axis)
        else:
            fixed[axis] = (identity.scalar_text(mine[axis]),)
    # An open axis that nobody wrote is a question, never silently all runs.
    if free and not (selection.every or selection.stars or selection.chosen):
        axes = ", ".join(free)
        count = len(family.members)
        hint = f"choose with [{free[0]}=VALUE], or take all with [*]"
        message = f"{quoted(key)} is a matrix of {count} jobs, and this does not say which {axes}"
        raise BadReference(message, hint)
    members = _members(family, fixed)
    if not members:
        said = ",".join(f"{axis}={texts[0]}" for axis, texts in sorted(fixed.items()))
        raise BadReference(f"{quoted(key)} has no job with {said}", _known_values(family, fixed))
    return Chosen(members, several=bool(free))


def needed(
    families: Mapping[str, Family | None], text: str, mine: Mapping[str, Scalar]
) -> tuple[Member, ...]:
    """The runs to which an entry of ``needs`` refers: ``KEY``, ``KEY[axis=value]`` or an address.

    An axis that neither the entry nor *mine* fixes is open. Raises :class:`BadReference`.
    """
    key, bracket, rest = text.partition("[")
    if bracket:
        if not rest.endswith("]"):
            raise BadReference(f"{quoted(text)} is not a job", "write KEY[axis=value]")
        chosen = choose_members(families, key, parse_selection(rest[:-1]), mine)
        return chosen.members if chosen else ()
    head, dot, _ = text.partition(".")
    family = families.get(head)
    if dot and family is not None:
        found = tuple(member for member in family.members if member.address == text)
        if not found:
            near = did_you_mean(text, [member.address for member in family.members])
            raise BadReference(f"{quoted(head)} has no job {quoted(text)}", near)
        return found
    stars = frozenset(axis for axis in family.axes if axis not in mine) if family else frozenset()
    chosen = choose_members(families, text, JobSelection(stars=stars) if stars else None, mine)
    return chosen.members if chosen else ()


def _check_axes(family: Family, selection: JobSelection) -> None:
    if not family.axes:
        raise BadReference(f"{quoted(family.key)} has no matrix to choose from", "remove the [...]")
    for axis in sorted([*selection.chosen, *selection.stars]):
        if axis not in family.axes:
            hint = did_you_mean(axis, family.axes) or one_of(family.axes)
            raise BadReference(f"{quoted(family.key)} has no axis {quoted(axis)}", hint)


def _members(family: Family, fixed: Mapping[str, tuple[str, ...]]) -> tuple[Member, ...]:
    if len(fixed) == len(family.axes) and all(len(texts) == 1 for texts in fixed.values()):
        member = family.by_values.get(tuple(fixed[axis][0] for axis in family.axes))
        return (member,) if member else ()
    return tuple(
        member
        for member in family.members
        if all(identity.scalar_text(member.values[axis]) in texts for axis, texts in fixed.items())
    )


def _texts(written: str) -> tuple[str, ...]:
    """The texts that ``[axis=written]`` may mean: as it stands, and as the number it is."""
    try:
        number = identity.scalar_text(plain(written))
    except OutOfRange:
        return (written,)
    return (written,) if number == written else (written, number)


def _known_values(family: Family, fixed: Mapping[str, tuple[str, ...]]) -> str:
    for axis, texts in sorted(fixed.items()):
        values = {identity.scalar_text(member.values[axis]) for member in family.members}
        if not values.intersection(texts):
            known = ", ".join(sorted(values)[:10])
            return f"{axis} is one of {known}"
    return "that combination is not in its matrix"
