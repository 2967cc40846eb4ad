"""Agave v2: what its jobs mean in ``platform``, its services in ``connections``."""
