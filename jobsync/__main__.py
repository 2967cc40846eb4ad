"""``python -m jobsync`` is the command ``jobsync``."""

from jobsync.cli.main import main

if __name__ == "__main__":
    main()
