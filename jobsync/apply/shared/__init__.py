"""The shared journal: who may send which submit, decided on a git ref that everybody can push to.

``docs/design/journal.md`` says what it promises. ``record`` is its form, ``claims`` the pure
protocol, ``location`` and ``repository`` the way to the ref, ``journal`` puts them together.
"""
