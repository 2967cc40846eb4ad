"""A job in the words of Tapis v3: what a manifest may say, and what it is told otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsync.model import OutputRef
from jobsync.platforms.tapis.canonical import entries
from jobsync.platforms.tapis.platform import TAPIS
from jobsync.platforms.tapis.request import SHAPES
from tests.tapis.sets import load_text, one_job, problems

JOB = """
variables: {queue: skx}
jobs:
  quant:
    appId: salmon-quant
    appVersion: "1.10.1"
    execSystemId: stampede3
    execSystemLogicalQueue: ${var.queue}
    archiveSystemDir: ${EffectiveUserId}/runs/${JobUUID}
    coresPerNode: 48
    memoryMB: 96000
    maxMinutes: 120
    isMpi: false
    fileInputs:
      - {name: reads, sourceUrl: tapis://designsafe.storage.default/alice/s1.fq.gz, targetPath: "*"}
    fileInputArrays:
      - {name: refs, sourceUrls: ["tapis://sys/a.fa", "tapis://sys/b.fa"], targetDir: refs}
    parameterSet:
      appArgs: [{name: threads, arg: "--threads 48 $HOME ${HOME}"}]
      envVariables: [{key: LIBTYPE, value: A}]
      schedulerOptions: [{name: alloc, arg: "-A MyAlloc"}]
      archiveFilter: {includes: [quant.sf, "logs/*"], excludes: [], includeLaunchFiles: false}
      logConfig: {stdoutFilename: out.txt, stderrFilename: err.txt}
    subscriptions:
      - eventCategoryFilter: JOB_NEW_STATUS
        ttlMinutes: 0
        deliveryTargets: [{deliveryMethod: WEBHOOK, deliveryAddress: "https://ci.example/hook"}]
    tags: ["project:rnaseq"]
    notes: {any: [1, {thing: true}]}
    permissions: {bob: READ, Eve.X: [JOB_OUTPUT]}
"""


def test_a_request_is_taken_as_the_service_spells_it(tmp_path: Path) -> None:
    job = one_job(tmp_path, JOB)
    assert job.request["execSystemLogicalQueue"] == "skx"
    assert job.request["archiveSystemDir"] == "${EffectiveUserId}/runs/${JobUUID}"
    parameters = job.request["parameterSet"]
    assert isinstance(parameters, dict)
    assert parameters["appArgs"] == [{"name": "threads", "arg": "--threads 48 $HOME ${HOME}"}]
    assert job.name == f"p.quant.{job.fingerprint}" and job.fingerprint[0] == "t"
    levels = {user: str(grant.access) for user, grant in (job.permissions or {}).items()}
    assert levels == {"Eve.X": "[JOB_OUTPUT]", "bob": "READ"}


def test_every_field_is_known(tmp_path: Path) -> None:
    job = one_job(tmp_path, JOB)
    assert job.request.keys() <= SHAPES.keys() == TAPIS.fields.keys()
    assert not {"name", "owner", "tenant"} & SHAPES.keys()


WRONG = {
    "name: foo": 'unknown key "name" in jobs.a (the key of the job is its name: rename the key)',
    "owner: me": 'unknown key "owner" in jobs.a (a job is submitted by whoever is logged in',
    "tenant: t": 'unknown key "tenant" in jobs.a (the tenant is the one of the target',
    "nodeCont: 3": 'unknown key "nodeCont" in jobs.a (did you mean nodeCount?)',
    "maxRunTime: '1'": "(a field of Agave v2: write maxMinutes, in minutes)",
    "notifications: []": "(a field of Agave v2: write subscriptions: ",
    "appArgs: []": "(write it into parameterSet)",
    "memoryMB: null": "jobs.a.memoryMB must be a whole number, 1 or more, not nothing",
    "memoryMB: 0": "jobs.a.memoryMB must be a whole number, 1 or more, not the number 0",
    "nodeCount: 2147483648": "jobs.a.nodeCount must be a whole number, 0 or more",
    "jobType: batch": "jobs.a.jobType must be FORK or BATCH, not the text \"batch\" (did you mean "
    "BATCH?)",
    "archiveMode: SKIP": "must be ALWAYS, SKIP_ON_FAIL or NEVER",
    "description: ''": "jobs.a.description must be text of at most 2048 characters",
    "tags: [jobsync:p/a]": 'jobs.a.tags[0]: "jobsync:p/a": tags that begin with jobsync are '
    "reserved (jobsync sets these tags itself: remove it)",
    "tags: ['a,b']": "jobs.a.tags[0] cannot have , in it",
    "tags: [a, a]": "jobs.a.tags has a duplicate item",
    "archiveSystemDir: '/a/${JobUuid}'": 'jobs.a.archiveSystemDir: "${JobUuid}" is not a macro of '
    "the service (did you mean ${JobUUID}?)",
    "execSystemExecDir: '${Foo}'": "(the service refuses a directory with an unknown macro)",
    "execSystemOutputDir: a/../b": 'jobs.a.execSystemOutputDir cannot have ".." in it',
    "execSystemId: 'a;b'": "jobs.a.execSystemId cannot have ; in it",
    "isMpi: true, cmdPrefix: x": "jobs.a: isMpi and cmdPrefix exclude each other (remove one)",
    "fileInputs: [{sourceUrl: a/b}]": 'jobs.a.fileInputs[0].sourceUrl must be a URL, not "a/b"',
    "fileInputs: [{sourceUrl: agave://x/y}]": "is a URL of Agave v2 (write tapis://, without",
    "fileInputs: [{sourceUrl: ftp://x/y}]": "the service copies inputs from tapis, tapislocal, "
    "http and https",
    "fileInputs: [{sourceUrl: tapis://s/a/../b}]": 'has a ".." in the path',
    "fileInputs: [{sourceUrl: 'tapis://s/a\\tb'}]": None,
    'fileInputs: [{sourceUrl: "tapis://s/a\\tb"}]': "has a control character",
    "fileInputs: [{sourceUrl: tapis://s}]": "is not tapis://SYSTEM/PATH",
    "fileInputs: [{name: x, targetpath: y}]": 'unknown key "targetpath" in jobs.a.fileInputs[0] '
    "(did you mean targetPath?)",
    "fileInputs: [{name: x, envKey: _tapisX}]": "names that begin with _tapis are the service's",
    "fileInputs: [{name: x, envKey: 1x}]": "cannot be the name of a variable",
    "fileInputArrays: [{sourceUrls: []}]": "must be a list of one or more URLs, not an empty list",
    "fileInputArrays: [{sourceUrls: ['tapislocal://exec.tapis/a']}]": "cannot be in a list",
    "parameterSet: {appArgs: [{name: a}]}": "jobs.a.parameterSet.appArgs[0] lacks arg",
    "parameterSet: {appArgs: [{arg: '${JobUuid}'}]}": "did you mean ${JobUUID}?",
    "parameterSet: {envVariables: [{key: A, value: 1}]}": "must be text, with numbers in quotes, "
    "not the number 1",
    "parameterSet: {envVariables: [{key: A, value: a}, {key: A, value: b}]}": "jobs.a: "
    'envVariables has "A" twice',
    "parameterSet: {logConfig: {stdoutFilename: o}}": "jobs.a.parameterSet.logConfig lacks "
    "stderrFilename",
    "parameterSet: {logConfig: {stdoutFilename: a/b, stderrFilename: c}}": "must be the name of a "
    "file",
    "subscriptions: [{eventCategoryFilter: ALL, ttlminutes: 1, deliveryTargets: [{deliveryMethod: "
    "EMAIL, deliveryAddress: a}]}]": "(did you mean ttlMinutes?)",
    "permissions: {bob: WRITE}": "(this service shares a job for reading only: write READ)",
    "permissions: {bob: read}": "(did you mean READ?)",
    "permissions: {bob: []}": "not an empty list (write NONE)",
    "permissions: {bob: JOB_OUTPUT}": "(write [JOB_OUTPUT])",
    "permissions: {bob: [JOB_X]}": "must be JOB_HISTORY, JOB_RESUBMIT_REQUEST, JOB_OUTPUT or",
    "permissions: {world: READ}": "shares a job with users, not with everybody",
    "permissions: {'a b': READ}": '"a b" cannot be a user name (1 to 64 printable characters',
}  # fmt: skip


@pytest.mark.parametrize("field", WRONG)
def test_what_the_service_would_refuse_is_told_first(tmp_path: Path, field: str) -> None:
    body = f'\njobs:\n  a: {{appId: x, appVersion: "1", {field}}}\n'
    expected = WRONG[field]
    if expected is None:
        load_text(tmp_path, body)
        return
    (told,) = problems(tmp_path, body)
    assert expected in told


def test_a_version_is_needed_and_is_text(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, "\njobs: {a: {appId: x}}\n")
    assert "jobs.a lacks appVersion (the service has no latest version" in told
    (told,) = problems(tmp_path, "\njobs: {a: {appId: x, appVersion: 1.10}}\n")
    assert 'must be a version in quotes, like "1.10.1"' in told
    body = "\nvariables: {v: 1.10}\njobs: {a: {appId: x, appVersion: '${var.v}'}}\n"
    (told,) = problems(tmp_path, body)
    assert "jobs.a.appVersion must be text (write the value in quotes)" in told


def test_v2_names_the_counterpart_of_a_v3_field(tmp_path: Path) -> None:
    head = "apiVersion: jobsync/v1\nproject: p\n"
    body = '\njobs: {a: {appId: x-1, appVersion: "1", maxMinutes: 3, parameterSet: {}}}\n'
    told = problems(tmp_path, body, head=head)
    assert "(the version is a part of appId here: NAME-VERSION)" in told[0]
    assert '(a field of Tapis v3: write maxRunTime: "00:30:00")' in told[1]
    assert "(a field of Tapis v3: write parameters: {ID: VALUE})" in told[2]


DEFAULTS = """
defaults:
  appVersion: "1"
  tags: [a]
  notes: {x: 1}
  fileInputs: [{name: i, sourceUrl: "tapis://s/i"}, {name: j, sourceUrl: "tapis://s/j"}]
  parameterSet:
    appArgs: [{name: x, arg: "1"}, {name: y, arg: "2"}, {arg: "-v"}]
    envVariables: [{key: A, value: a}, {key: B, value: b}]
    archiveFilter: {includes: [a]}
"""


def test_a_job_is_laid_over_the_defaults(tmp_path: Path) -> None:
    desired = load_text(tmp_path, DEFAULTS + """
jobs:
  a: {appId: x}
  b:
    appId: x
    tags: [b, a]
    notes: {y: 2}
    fileInputs: [{name: k, sourceUrl: "tapis://s/k"}, {name: i, sourceUrl: "tapis://s/other"}]
    parameterSet:
      appArgs: [{name: z, arg: "3"}, {name: x, remove: true}, {arg: "-q"}]
      envVariables: [{key: B, value: "2"}, {key: C, value: c}]
      archiveFilter: {excludes: [b]}
  c: {appId: x, tags: null, parameterSet: null}
""")  # fmt: skip
    a, b, c = (job.request for job in desired.jobs.values())
    assert a["tags"] == ["a"] and c.keys() == {"appId", "appVersion", "fileInputs", "notes"}
    assert b["tags"] == ["a", "b"] and b["notes"] == {"y": 2}
    assert b["fileInputs"] == [
        {"name": "i", "sourceUrl": "tapis://s/other"},
        {"name": "j", "sourceUrl": "tapis://s/j"},
        {"name": "k", "sourceUrl": "tapis://s/k"},
    ]
    assert b["parameterSet"] == {
        "appArgs": [
            {"name": "y", "arg": "2"}, {"arg": "-v"}, {"name": "z", "arg": "3"}, {"arg": "-q"}
        ],
        "envVariables": [
            {"key": "A", "value": "a"}, {"key": "B", "value": "2"}, {"key": "C", "value": "c"}
        ],
        "archiveFilter": {"excludes": ["b"]},
    }  # fmt: skip


def test_what_is_wrong_with_merged_lists_is_told_where_it_stands(tmp_path: Path) -> None:
    told = problems(tmp_path, DEFAULTS.replace("tapis://s/j", "s/j") + """
jobs:
  a: {appId: x, fileInputs: [{name: k, sourceUrl: "nope"}, {name: i, sourceUrl: "tapis://s/other"}]}
  b: {appId: x, fileInputs: [{name: jj, remove: true}]}
  c: {appId: x, parameterSet: {envVariables: [{key: A, value: b}, {key: A, value: c}]}}
""")  # fmt: skip
    by_line = sorted(line.split(": ", 1) for line in told)
    places = [place for place, _ in by_line]
    assert places == ["16:51", "17:30", "18:67", "18:67", "9:74", "9:74", "9:74"]
    words = " ".join(text for _, text in by_line)
    assert 'fileInputs: the defaults have no entry with the name "jj" (known: i, j)' in words
    assert 'envVariables has two entries with the key "A"' in words


@pytest.mark.parametrize("own", ["", ", fileInputs: [{name: z}]"])
def test_the_defaults_have_each_name_once(tmp_path: Path, own: str) -> None:
    told = problems(tmp_path, f"""
defaults: {{appVersion: "1", fileInputs: [{{name: x}}, {{name: y}}, {{name: x, envKey: Y}}]}}
jobs: {{a: {{appId: x{own}}}}}
""")  # fmt: skip
    assert [line.partition(": ")[2].partition(" (")[0] for line in told] == [
        'defaults.fileInputs has two entries with the name "x"'
    ]


def test_a_removal_among_the_defaults_is_told_once_where_it_stands(tmp_path: Path) -> None:
    told = problems(tmp_path, """
defaults:
  appVersion: "1"
  parameterSet: {appArgs: [{name: x, arg: "1"}, {name: y, remove: true}]}
jobs:
  a: {appId: x}
  b: {appId: x, parameterSet: {appArgs: [{name: x, arg: "2"}]}}
  c: {appId: x, parameterSet: {appArgs: [{name: y, remove: true}]}}
  d: {appId: x, parameterSet: null}
""")  # fmt: skip
    assert [line.partition(" (")[0] for line in sorted(told)] == [
        '11:42: jobs.c.parameterSet.appArgs: the defaults have no entry with the name "y"',
        "7:49: defaults.parameterSet.appArgs: only a job can remove a default",
    ]


def test_references_stand_in_urls_of_inputs_alone(tmp_path: Path) -> None:
    up = '\njobs:\n  up: {appId: x, appVersion: "1", matrix: {n: [1, 2]}}\n'
    one = '  a: {appId: x, appVersion: "1", '
    right = (
        up + one + 'fileInputs: [{sourceUrl: "${jobs.up[n=1].outputs/a}"}], fileInputArrays: '
        '[{sourceUrls: ["tapis://s/x", "${jobs.up[*].outputs/a}"]}]}\n'
    )
    job = load_text(tmp_path, right).jobs["a"]
    assert job.request["fileInputs"] == [{"sourceUrl": OutputRef("up.1", "a")}]
    (array,) = entries(job.request["fileInputArrays"])
    assert array["sourceUrls"] == ["tapis://s/x", OutputRef("up.1", "a"), OutputRef("up.2", "a")]
    for wrong, why in (
        ('fileInputs: [{sourceUrl: "${jobs.up[*].outputs/a}"}]}', "it selects several runs"),
        ('fileInputs: [{name: "${jobs.up[n=1].outputs/a}"}]}', "can be used as the sourceUrl"),
        ('description: "${jobs.up[n=1].id}"}', "can be used as the sourceUrl of a file input"),
        ('fileInputs: [{sourceUrl: "${jobs.up[n=1].id}"}]}', "an input is a file"),
        (
            'parameterSet: {appArgs: [{arg: "${jobs.up[n=1].outputs/a}"}]}}',
            "can be used as the sourceUrl",
        ),
    ):
        (told,) = problems(tmp_path, up + one + wrong + "\n")
        assert why in told


def test_an_output_that_is_filtered_out_cannot_be_taken(tmp_path: Path) -> None:
    def told(kept: str, path: str = "logs/a.txt") -> list[str]:
        body = f"""
jobs:
  up: {{appId: x, appVersion: "1", parameterSet: {{archiveFilter: {kept}}}}}
  a: {{appId: x, appVersion: "1", fileInputs: [{{sourceUrl: "${{jobs.up.outputs/{path}}}"}}]}}
"""
        try:
            load_text(tmp_path, body)
        except Exception:
            return problems(tmp_path, body)
        return []

    (found,) = told("{excludes: ['logs/*']}")
    assert "takes an output of up, which is not archived (remove archiveFilter.excludes: " in found
    (found,) = told("{includes: [quant.sf, 'res*/*']}")
    assert "(remove archiveFilter.includes: [quant.sf, res*/*] from up)" in found
    assert told("{includes: ['logs/*']}") == told("{includes: ['**.txt'], excludes: [logs]}") == []
    assert told("{includes: ['logs/*.txt']}", "logs") == [], "a folder may be taken whole"
    assert told("{includes: ['REGEX:(?<x>.*)']}") == [], "what cannot be judged leaves nothing out"


def test_sensitive_values_and_numbers_of_a_matrix_become_text(tmp_path: Path) -> None:
    desired = load_text(tmp_path, """
variables: {token: {default: s3cret-value, sensitive: true}}
jobs:
  a:
    appId: x
    appVersion: "1"
    matrix: {seed: [1], rate: [0.5], fast: [true]}
    parameterSet:
      appArgs: [{name: seed, arg: "${matrix.seed}"}, {name: t, arg: "--token ${var.token}"}]
      envVariables: [{key: RATE, value: "${matrix.rate}"}, {key: FAST, value: "${matrix.fast}"}]
""")  # fmt: skip
    (job,) = desired.jobs.values()
    assert "s3cret" not in str(job.request) and "'arg': '1'" in str(job.request)
    assert "'value': '0.5'" in str(job.request) and "'value': 'true'" in str(job.request)
