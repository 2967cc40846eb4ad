"""Values, sizes and places as people read them. All of it passes ``escape.terminal``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from jobsync.errors import Location
from jobsync.model import IdRef, OutputRef, Sealed, Value
from jobsync.plan.together import FEWEST
from jobsync.render.escape import terminal
from jobsync.secret import HIDDEN, Sensitive
from jobsync.sensitive import public_url


def shown(value: object) -> str:
    """A request value: ``"text"``, ``2``, ``{model = "lg"}``, ``["a"]``; None is ``(unset)``."""
    if value is None:
        return "(unset)"
    if isinstance(value, (Sensitive, Sealed)):
        value = str(value)
    if value == HIDDEN:
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_items(value))}]"
    if isinstance(value, dict):
        items = (f"{terminal(str(key))} = {shown(value[key])}" for key in sorted(value))
        return f"{{{', '.join(items)}}}"
    return quoted(str(value))


def _items(values: Iterable[object]) -> Iterator[str]:
    """Each item; one file of several jobs of a matrix, which stand one after the other, is one."""
    for (key, path), found in groupby(values, _whose):
        items = list(found)
        if key is None or len(items) < FEWEST:
            yield from map(shown, items)
        else:
            whole = OutputRef(f"{key}[*]", path)
            yield f"{quoted(str(whole))} of {len(items)} jobs"


def _whose(value: object) -> tuple[str | None, str]:
    """The key of the job of the matrix and the file that a reference names; None for all else."""
    if isinstance(value, OutputRef) and "." in value.address:
        return value.address.partition(".")[0], value.path
    return None, ""


def quoted(text: str) -> str:
    """Text in double quotes on one line."""
    return f'"{terminal(json.dumps(text, ensure_ascii=False)[1:-1])}"'


def request_value(value: Value) -> str:
    """A declared request field. Of a URL in a list only the place is shown: it may hold a key."""
    if isinstance(value, list):
        return shown([_notification(item) for item in value])
    return shown(value)


def plain(value: object) -> object:
    """A request value as JSON, references as the text that people write."""
    if isinstance(value, (OutputRef, IdRef, Sensitive, Sealed)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in sorted(value)}
    return value


def place(where: Location | None) -> str:
    """``phylo.yaml:14``, or nothing."""
    return terminal(f"{where.path}:{where.line}") if where else ""


def size(count: int) -> str:
    """A number of bytes in binary units. A saved plan may say any."""
    count = min(count, 1 << 80)
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 1024 or unit == "TiB":
            break
    return f"{amount:.1f} {unit}"


def counted(number: int, noun: str, several: str = "") -> str:
    """``1 output``, ``2 outputs``, or ``2`` of what *several* are called."""
    return f"{number} {noun if number == 1 else several or noun + 's'}"


def _notification(item: Value) -> Value:
    if not (isinstance(item, dict) and isinstance(url := item.get("url"), str)):
        return item
    return {**item, "url": public_url(url)}
