"""Manifests: YAML in git to a :class:`~jobsync.model.DesiredState`, or every problem at once.

files -> reader (values with places) -> schema -> sections (one set)
      -> expand (runs filled in and checked) -> finish (order, digests, fingerprints)
"""

from jobsync.manifest.apps import check_apps, unchecked
from jobsync.manifest.finding import find_above, find_set, find_sets, first_words, holds_set
from jobsync.manifest.loading import find_destinations, load, load_each
from jobsync.manifest.settings import OutputsFolder

__all__ = [
    "OutputsFolder",
    "check_apps",
    "find_above",
    "find_destinations",
    "find_set",
    "find_sets",
    "first_words",
    "holds_set",
    "load",
    "load_each",
    "unchecked",
]
