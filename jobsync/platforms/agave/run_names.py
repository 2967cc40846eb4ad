"""The names of runs on Agave v2: see :mod:`jobsync.platforms.dotted_names`.

The service has no idempotency key and no labels; a job's name is free text of at most 64 characters
that cannot be changed and stands in every list row (agave-v2 §3.2, §2.4).
"""

from __future__ import annotations

from jobsync.platforms.dotted_names import ADDRESS_LIMIT, name_prefix, read_mark, run_name

__all__ = ["ADDRESS_LIMIT", "name_prefix", "read_mark", "run_name"]

NAME_LIMIT = 63
"""The service's texts disagree whether 64 characters still fit (agave-v2 §3.2): one less."""

SCHEME = "b"
"""The letter of the fingerprint scheme in use. A new scheme gets a new letter."""

SCHEME_SINCE = "0.1.0"
"""The first version of jobsync that knows the scheme (the one before refuses ``requires``)."""

SCHEME_BEFORE = "a"
"""The scheme before: upstream jobs stand in it with their addresses, and apps do not count."""
