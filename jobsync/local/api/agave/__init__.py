"""Agave v2 over HTTP: routes, bodies, checks and answers."""
