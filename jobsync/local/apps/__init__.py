"""The apps of the service: folders with a definition and a script."""
