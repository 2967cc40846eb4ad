"""The names of runs on Tapis v3: see :mod:`jobsync.platforms.dotted_names`.

A name has at most 64 characters, stands in every row of a list, can be searched for, and changes
only when a person submits the job again (tapis-v3 §4.1, §6.2).
"""

from __future__ import annotations

from jobsync.platforms.dotted_names import ADDRESS_LIMIT, name_prefix, read_mark, run_name

__all__ = ["ADDRESS_LIMIT", "name_prefix", "read_mark", "run_name"]

NAME_LIMIT = 64
"""The most characters of a name (tapis-v3 §4.1)."""

SCHEME = "t"
"""The letter of the fingerprint scheme in use. A new scheme gets a new letter."""

SCHEME_SINCE = "0.1.0"
"""The first version of jobsync that knows the scheme."""
