"""The outputs of runs as they can be read: listed by the service, and recorded in ``jobsync.lock``.

Floor 3, below all who read them: observing, and fetching (``jobsync.apply.outputs``).
"""
