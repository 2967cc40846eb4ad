"""The small set that ``jobsync init`` writes: it validates, plans, and runs on any machine."""

from __future__ import annotations

from jobsync.platforms.agave.run_names import SCHEME_SINCE

MANIFEST = """\
# yaml-language-server: $schema=jobsync.schema.json
# Check this file:   jobsync validate
# See what it does:  jobsync plan
# Do it:             jobsync apply --wait
apiVersion: jobsync/v1
project: {project}          # the namespace of everything declared here
requires: ">={since}"          # older versions of jobsync would submit jobs again
target: local                # a service on this machine; see targets: for others

jobs:
  count:
    appId: wc-demo-1.00      # comes with jobsync: counts lines, words and characters
    inputs:
      text: agave://local/data/text.txt      # `local` is the folder of this file
    parameters:
      lines: 2
    maxRunTime: "00:05:00"
    # permissions: {{bob: READ}}               # absent: no opinion; {{}}: only you
    outputs:                                 # fetched when the job has finished
      - {{path: counts.txt, to: results/counts.txt}}
"""

TEXT = """\
to be or not to be
that is the question
"""


def files(project: str) -> dict[str, str]:
    """The files of the set by path, for a project of this name."""
    return {
        "jobsync.yaml": MANIFEST.format(project=project, since=SCHEME_SINCE),
        "data/text.txt": TEXT,
    }
