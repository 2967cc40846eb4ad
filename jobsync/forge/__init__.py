"""What a forge is asked in CI: comments, labels and issues over its REST API, and what was merged.

A comment counts as ours only by its author; its first line says which of ours it is.
"""
