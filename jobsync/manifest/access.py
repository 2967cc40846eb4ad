"""Who is to have which access: users, and teams spelled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from jobsync.errors import Problem
from jobsync.manifest.merge import RawSet
from jobsync.manifest.messages import did_you_mean, one_of, quoted
from jobsync.manifest.source_map import Places, Raw
from jobsync.model import Grant
from jobsync.platform import Platform

Teams = Mapping[str, tuple[str, ...]]


def teams(raw: RawSet, platform: Platform) -> Teams:
    """The members of every team; what is wrong with them goes to the problems of the set."""
    found: dict[str, tuple[str, ...]] = {}
    for name, entry in raw.teams.items():
        users: list[str] = []
        items = entry.value if isinstance(entry.value, list) else []
        for number, user in enumerate(items):
            wrong = platform.permissions.wrong_user(str(user))
            if user == platform.permissions.everybody:
                wrong = (
                    f"{user} cannot be in a team",
                    f"give {user} an entry of its own in permissions",
                )
            elif str(user).startswith("@"):
                wrong = (
                    f"{quoted(str(user))} is a team, and a team cannot contain another",
                    "list its members",
                )
            elif user in users:
                wrong = (f"{quoted(str(user))} is in the team twice", "")
            if wrong:
                where = entry.places.item(items, number)
                raw.problems.append(Problem(where, f"teams.{name}: {wrong[0]}", wrong[1]))
            else:
                users.append(str(user))
        found[name] = tuple(users)
    return found


def grants(
    declared: dict[str, Raw],
    places: Places,
    known: Teams,
    path: str,
    problems: list[Problem],
    platform: Platform,
) -> dict[str, Grant]:
    """The grants of one job, sorted by user. A grant to a user directly beats those of every team.

    Problems are added to *problems*; *path* names the place in their messages.
    """
    level = platform.permissions.level
    # Most jobs name users alone: without teams nothing can be in conflict.
    if _are_plain(tuple(declared), platform.permissions.wrong_user):
        return {
            user: Grant(level(declared[user]), where=places.locate(spot))
            for user, spot in sorted(places.spots(declared))
        }
    direct: dict[str, Grant] = {}
    through: dict[str, Grant] = {}
    disputed: list[tuple[str, Grant, Grant]] = []
    for name, spot in places.spots(declared):
        where = places.locate(spot)
        access = level(declared[name])
        if name[:1] != "@":
            if wrong := platform.permissions.wrong_user(name):
                problems.append(Problem(where, f"{path}: {wrong[0]}", wrong[1]))
            direct[name] = Grant(access, where=where)
            continue
        if name[1:] not in known:
            hint = did_you_mean(name[1:], known) or one_of(known) or "declare it under teams:"
            problems.append(Problem(where, f"{path}: there is no team {quoted(name[1:])}", hint))
        for user in known.get(name[1:], ()):
            grant = Grant(access, name, where)
            # Two teams that disagree are no error for a user who is named directly; that is known
            # only after all entries were read.
            first = through.setdefault(user, grant)
            if first.access != access:
                disputed.append((user, first, grant))
    for user, first, second in disputed:
        if user not in direct:
            message = f"{path}: {user} gets {first.access} from {first.via} and {second.access}"
            hint = f"add an entry for {user} itself: it counts more than those of teams"
            problems.append(Problem(second.where, f"{message} from {second.via}", hint))
    merged = {**through, **direct} if through else direct
    return {user: merged[user] for user in sorted(merged)}


@lru_cache(maxsize=4096)
def _are_plain(names: tuple[str, ...], wrong_user: Callable[[str], object]) -> bool:
    """Whether all are plain user names: the usual case, with nothing to dispute."""
    return not any(name[:1] == "@" or wrong_user(name) for name in names)
