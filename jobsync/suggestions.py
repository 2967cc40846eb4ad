"""What to write in place of a word that nobody knows. Floor 0, pure."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of *known* for which *word* may be a typing error; empty when none is near."""
    from difflib import get_close_matches

    candidates = sorted(known)
    if len(word) > 100:
        return ""
    folded = {candidate.lower(): candidate for candidate in reversed(candidates)}
    if word.lower() in folded:
        return folded[word.lower()]
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean nodeCount?``, or empty."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else ""


def one_of(known: Iterable[str]) -> str:
    """The known words as a hint: a suggestion to choose from."""
    words = sorted(known)
    return f"known: {', '.join(words)}" if words else ""
