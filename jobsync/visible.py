"""Text on one line, with every character shown on which a terminal could act. Floor 0, pure.

The only place that knows those characters: control characters, marks that turn the reading
direction or are invisible, halves of a character, and what has no meaning yet.
"""

from __future__ import annotations

import re
import unicodedata

_ACTED_ON = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLAIN = re.compile(r"[\x20-\x7e]*")
_SHORT = {"\n": "\\n", "\t": "\\t"}


def is_safe(character: str) -> bool:
    """Whether a terminal only draws *character*."""
    return unicodedata.category(character) not in _ACTED_ON


def visible(text: str) -> str:
    """*text* with ``\\n`` or ``\\x1b`` for what a terminal acts on; nothing is dropped. Applying it
    twice changes nothing more."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(c if is_safe(c) else _SHORT.get(c) or escaped(c, "\\x") for c in text)


def escaped(character: str, short: str = "\\u00") -> str:
    """The escape of *character*, as Python, JSON and YAML read it; *short* begins one of two
    digits."""
    code = ord(character)
    if code < 0x100:
        return f"{short}{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many columns of a terminal *text* takes, which a terminal only draws: wide characters of
    East Asia take two, marks that stand on another character none."""
    if _PLAIN.fullmatch(text):
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )
