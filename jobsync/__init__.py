"""jobsync keeps compute jobs on an Agave/Tapis Jobs service in step with YAML in git."""

__version__ = "0.1.0"
