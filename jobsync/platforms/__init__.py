"""The kinds of services, one folder each."""
