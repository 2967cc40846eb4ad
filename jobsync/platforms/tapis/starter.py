"""The small set that ``jobsync init`` writes: it validates, plans, and runs on any machine."""

from __future__ import annotations

from jobsync.platforms.tapis.run_names import SCHEME_SINCE

MANIFEST = """\
# yaml-language-server: $schema=jobsync.schema.json
# Check this file:   jobsync validate
# See what it does:  jobsync plan
# Do it:             jobsync apply --wait
apiVersion: jobsync/v1
api: tapis/v3
project: {project}          # the namespace of everything declared here
requires: ">={since}"          # older versions of jobsync would submit jobs again
target: local                # a service on this machine; see targets: for others

jobs:
  count:
    appId: wc-demo           # comes with jobsync: counts lines, words and characters
    appVersion: "1.00"
    fileInputs:
      - {{name: text, sourceUrl: tapis://local/data/text.txt}}   # `local`: the folder of this file
    parameterSet:
      envVariables:
        - {{key: lines, value: "2"}}
    maxMinutes: 5
    # permissions: {{bob: READ}}               # absent: no opinion; {{}}: only you
    expect: [counts.txt]                     # FINISHED does not mean that the program succeeded
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
