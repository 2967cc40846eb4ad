"""The members of a submit request, spelled and limited as the service has them (tapis-v3 §4.1).

``name``, ``owner`` and ``tenant`` are not among them: jobsync and the credentials say them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jobsync.manifest.messages import quoted
from jobsync.platform import Wrong
from jobsync.platforms.tapis import macros, tags, urls_of_inputs
from jobsync.platforms.tapis.shapes import (
    Anything,
    Items,
    Members,
    Scalar,
    Shape,
    Text,
    Truth,
    Url,
    Whole,
    Word,
)

_SHELL = re.compile(r"[&><|;`]")
_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_TAG = re.compile(r"[~,()']")


def _plain(text: str) -> Wrong | None:
    """Ids, queues and commands hold nothing that a shell acts on (tapis-v3 §4.2)."""
    found = _SHELL.search(text)
    return Wrong(f"cannot have {found[0]} in it: {quoted(text)}") if found else None


def _directory(text: str) -> Wrong | None:
    if ".." in text.split("/"):
        return Wrong(f'cannot have ".." in it: {quoted(text)}')
    return macros.unknown(text)


def _log_name(text: str) -> Wrong | None:
    if "/" in text or text in (".", ".."):
        return Wrong(f"must be the name of a file, not {quoted(text)}")
    return _plain(text) or macros.misspelt(text)


def _target(text: str) -> Wrong | None:
    return Wrong(f'cannot have ".." in it: {quoted(text)}') if ".." in text.split("/") else None


def _env_key(text: str) -> Wrong | None:
    if text.startswith("_tapis"):
        return Wrong(f"{quoted(text)}: names that begin with _tapis are the service's own")
    if not _ENV_KEY.fullmatch(text):
        hint = "letters, digits and _, not beginning with a digit"
        return Wrong(f"{quoted(text)} cannot be the name of a variable", hint)
    return None


def _tag(text: str) -> Wrong | None:
    if text.startswith(tags.RESERVED):
        hint = "jobsync sets these tags itself: remove it"
        return Wrong(f"{quoted(text)}: tags that begin with {tags.RESERVED} are reserved", hint)
    if found := _NO_TAG.search(text):
        return Wrong(f"cannot have {found[0]} in it, or no search would find it: {quoted(text)}")
    return None


def _id(what: str, most: int = 80, description: str = "") -> Text:
    return Text(f"the id of {what}, at most {most} characters", 1, most, _plain, "", description)


def _folder(description: str) -> Text:
    return Text("a path of at most 4096 characters", 1, 4096, _directory, "", description)


_NOTES = Anything("a mapping")
_NAMED: Mapping[str, Shape] = {
    "name": Text("a name of at most 80 characters", 1, 80),
    "description": Text("text of at most 8096 characters", 1, 8096),
    "notes": _NOTES,
}
_INCLUDE = Truth("Whether it is passed on, for what the app includes on demand or by default.")


def _arguments(description: str, example: str) -> Items:
    argument = Members(
        {
            **_NAMED,
            "include": _INCLUDE,
            "arg": Scalar(f'text in quotes, like "{example}"', 1, macros.misspelt),
        },
        "a mapping like {name: ..., arg: ...}",
        ("arg",),
        removable=True,
    )
    return Items(argument, "a list of {name, arg}", description=description)


_VARIABLE = Members(
    {
        "key": Text("the name of a variable: letters, digits and _", rule=_env_key),
        "value": Scalar("text, with numbers in quotes"),
        "description": _NAMED["description"],
        "include": _INCLUDE,
        "notes": _NOTES,
    },
    "a mapping like {key: ..., value: ...}",
    ("key", "value"),
    removable=True,
)
_URL = "a URL like tapis://SYSTEM/PATH"
_ENV_OF_INPUT = Text("the name of a variable: letters, digits and _", rule=_env_key)
_MOUNT = Truth("Whether a path on the host is mounted into a container.")
_INPUT = Members(
    {
        **_NAMED,
        "envKey": _ENV_OF_INPUT,
        "autoMountLocal": _MOUNT,
        "sourceUrl": Url(_URL, urls_of_inputs.wrong_url, "Where the file or folder is."),
        "targetPath": Text("a path below the input directory, or *", 0, rule=_target),
    },
    "a mapping like {name: ..., sourceUrl: ...}",
    removable=True,
)
_INPUTS = Members(
    {
        **_NAMED,
        "envKey": _ENV_OF_INPUT,
        "sourceUrls": Items(
            Url(_URL, urls_of_inputs.wrong_url_of_many),
            "a list of one or more URLs",
            1,
            description="Where the files or folders are.",
        ),
        "targetDir": Text("a path below the input directory, or *", 1, rule=_target),
    },
    "a mapping like {name: ..., sourceUrls: [...]}",
    removable=True,
)
_GLOB = Text("a glob, or REGEX:EXPRESSION", rule=macros.misspelt)
_GLOBS = Items(_GLOB, "a list of different globs", unique=True)
_LOG = Text("the name of a file", 1, None, _log_name)

PARAMETER_SET: Mapping[str, Shape] = {
    "appArgs": _arguments("Arguments of the app.", "--threads 4"),
    "containerArgs": _arguments("Arguments of the container runtime.", "--nv"),
    "schedulerOptions": _arguments("Options of the batch scheduler.", "-A MyAlloc"),
    "envVariables": Items(
        _VARIABLE, "a list of {key, value}", description="Environment variables of the job."
    ),
    "archiveFilter": Members(
        {
            "includes": _GLOBS,
            "excludes": _GLOBS,
            "includeLaunchFiles": Truth("Whether tapisjob.sh and tapisjob.env are archived too."),
        },
        "a mapping with includes, excludes and includeLaunchFiles",
        description="Which outputs are archived; all where it says nothing.",
    ),
    "logConfig": Members(
        {"stdoutFilename": _LOG, "stderrFilename": _LOG},
        "a mapping with stdoutFilename and stderrFilename",
        ("stdoutFilename", "stderrFilename"),
        description="Where the output of the app goes; both to tapisjob.out by default.",
    ),
}

CATEGORIES = (
    "JOB_NEW_STATUS", "JOB_INPUT_TRANSACTION_ID", "JOB_ARCHIVE_TRANSACTION_ID", "JOB_SUBSCRIPTION",
    "JOB_SHARE_EVENT", "JOB_ERROR_MESSAGE", "JOB_USER_EVENT", "ALL",
)  # fmt: skip
"""The kinds of events that can be subscribed to (tapis-v3 §10)."""

_SUBSCRIPTION = Members(
    {
        "description": Text("text of at most 2048 characters", 1, 2048),
        "enabled": Truth(),
        "eventCategoryFilter": Word(CATEGORIES),
        "deliveryTargets": Items(
            Members(
                {
                    "deliveryMethod": Word(("WEBHOOK", "EMAIL", "QUEUE", "ACTOR")),
                    "deliveryAddress": Text("an address of at most 2048 characters", 1, 2048),
                },
                "a mapping with deliveryMethod and deliveryAddress",
                ("deliveryMethod", "deliveryAddress"),
            ),
            "a list of {deliveryMethod, deliveryAddress}",
            1,
        ),
        "ttlMinutes": Whole(0, "How long it lives; 0 is the longest that the service allows."),
    },
    "a mapping with eventCategoryFilter and deliveryTargets",
    ("eventCategoryFilter", "deliveryTargets"),
)

SHAPES: Mapping[str, Shape] = {
    "appId": _id("an app", 80, "The app to run."),
    "appVersion": Text(
        'a version in quotes, like "1.10.1", at most 64 characters', 1, 64, _plain, "",
        "The version of the app; the service knows no latest one.",
    ),
    "description": Text(
        "text of at most 2048 characters", 1, 2048, macros.misspelt, "", "What the job is for."
    ),
    "jobType": Word(("FORK", "BATCH"), "Whether it runs at once or through the batch scheduler."),
    "execSystemId": _id("an execution system", 80, "The system to run on."),
    "dynamicExecSystem": Truth("Whether the service chooses the system."),
    "execSystemConstraints": Items(
        Text("a constraint"), "a list of constraints", description="What the system must have."
    ),
    "execSystemExecDir": _folder("Where the app is started."),
    "execSystemInputDir": _folder("Where inputs are put."),
    "execSystemOutputDir": _folder("Where the app writes its outputs."),
    "execSystemLogicalQueue": _id("a queue", 80, "The queue to run in."),
    "archiveSystemId": _id("a storage system", 80, "Where outputs are archived."),
    "archiveSystemDir": _folder(
        "The directory on that system; macros of the service such as ${JobUUID} may be used."
    ),
    "archiveOnAppError": Truth("Deprecated: archiveMode says the same."),
    "archiveMode": Word(
        ("ALWAYS", "SKIP_ON_FAIL", "NEVER"), "When outputs are archived; ALWAYS by default."
    ),
    "dtnSystemInputDir": _folder("Where a data transfer node has the inputs."),
    "dtnSystemOutputDir": _folder("Where a data transfer node has the outputs."),
    "nodeCount": Whole(0, "The number of nodes; 0 means that of the app."),
    "coresPerNode": Whole(0, "The number of cores on each node; 0 means that of the app."),
    "memoryMB": Whole(1, "Memory of each node, in megabytes."),
    "maxMinutes": Whole(1, "The longest the job may run, in minutes."),
    "isMpi": Truth("Whether it is started with mpiCmd."),
    "mpiCmd": Text(
        "a command of at most 126 characters", 1, 126, _plain, "", "How an MPI program is started."
    ),
    "cmdPrefix": Text(
        "text of at most 1024 characters", 1, 1024, None, "", "Text to put before the command."
    ),
    "fileInputs": Items(
        _INPUT, "a list of {name, sourceUrl}", unique=True, description="Files and folders to copy."
    ),
    "fileInputArrays": Items(
        _INPUTS, "a list of {name, sourceUrls}", unique=True,
        description="Several files or folders that are one input of the app.",
    ),
    "parameterSet": Members(
        PARAMETER_SET, "a mapping with appArgs, envVariables and others", null=True,
        description="What the app, its container and the scheduler are given. null drops the "
        "defaults.",
    ),
    "subscriptions": Items(
        _SUBSCRIPTION, "a list of {eventCategoryFilter, deliveryTargets}", unique=True,
        description="Whom the service notifies about the job. Only sent with a submit.",
    ),
    "tags": Items(
        Text("text of at most 126 characters without ~ , ( ) '", 1, 126, _tag),
        "a list of different tags", unique=True, null=True,
        description="Tags to add to those of the app. null drops those of the defaults.",
    ),
    "notes": Anything(
        "a mapping of at most 131072 bytes",
        description="Notes instead of those of the app; portals may read them.",
    ),
}  # fmt: skip
"""Every field of a request that a manifest may have."""
