"""Tapis v3: what its jobs mean (``platform``), and its client (``connections``)."""
