"""The names that the service fills in for ``${NAME}`` (tapis-v3 §4.5)."""

from __future__ import annotations

import re

from jobsync.manifest.messages import did_you_mean, quoted
from jobsync.platform import Wrong

MACROS = frozenset({
    "JobName", "JobUUID", "Tenant", "JobOwner", "EffectiveUserId", "AppId", "AppVersion",
    "ExecSystemId", "ExecSystemExecDir", "ExecSystemInputDir", "ExecSystemOutputDir",
    "DynamicExecSystem", "JobWorkingDir", "StdoutFilename", "StderrFilename",
    "ExecSystemLogicalQueue", "ExecSystemHPCQueue", "ArchiveSystemId", "ArchiveSystemDir",
    "ArchiveOnAppError", "ArchiveMode", "DtnSystemId", "DtnSystemInputDir", "DtnSystemOutputDir",
    "Nodes", "CoresPerNode", "MemoryMB", "MaxMinutes", "SysBucketName", "SysRootDir", "SysHost",
    "SysBatchScheduler", "JobCreateTime", "JobCreateDate", "JobCreateTimestamp",
})  # fmt: skip

EACH_RUN = frozenset({"JobUUID", "JobName", "JobCreateTime", "JobCreateTimestamp"})
"""The macros that are another text for each run."""

DIRECTORIES = frozenset({
    "JobWorkingDir", "ArchiveSystemDir", "DtnSystemInputDir", "DtnSystemOutputDir", "SysRootDir",
})  # fmt: skip
"""The macros that are paths, and not those of one run."""

MACRO = re.compile(r"\$\{([^{}]*)\}")
_FOLDED = {name.lower(): name for name in MACROS}


def is_left(name: str) -> bool:
    """Whether ``${NAME}`` stays as it is: jobsync's own references all hold a dot, and what is no
    macro either is for the shell that runs the job."""
    return "." not in name


def misspelt(text: str) -> Wrong | None:
    """A macro in *text* that differs from one of the service only by case; None for none."""
    for match in MACRO.finditer(text):
        right = _FOLDED.get(match[1].lower())
        if right not in (None, match[1]):
            return Wrong(f"{quoted(match[0])} is not a macro", f"did you mean ${{{right}}}?")
    return None


def unknown(text: str) -> Wrong | None:
    """A macro in *text* that the service does not have; None for none."""
    for match in MACRO.finditer(text):
        if match[1] not in MACROS:
            near = _FOLDED.get(match[1].lower()) or ""
            hint = f"did you mean ${{{near}}}?" if near else did_you_mean(match[1], MACROS)
            refused = "the service refuses a directory with an unknown macro"
            return Wrong(f"{quoted(match[0])} is not a macro of the service", hint or refused)
    return None
