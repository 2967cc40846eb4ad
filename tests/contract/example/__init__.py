"""A platform as small as one can be: three fields, READ only, in memory.

``test_a_new_platform`` copies this folder into ``jobsync/platforms``.
"""
