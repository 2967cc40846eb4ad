"""Learns from the manifests of a set which YAML files below its folder are none of them."""

from __future__ import annotations

import os

from jobsync.manifest.files import real
from jobsync.manifest.output_targets import folder
from jobsync.manifest.source_map import Raw
from jobsync.searched import Searched


class Ignored:
    """What is known after reading some of the files of the set at *root*; see :class:`Searched`."""

    def __init__(self, root: str, outputs_root: str = "") -> None:
        """*outputs_root* is the folder of outputs, whatever the files say; empty for theirs."""
        self._root = real(root)
        self._outputs: dict[str, str] = {}
        self._globs: list[tuple[str, str]] = []
        self._chosen = outputs_root
        folder_of_outputs = real(outputs_root) if outputs_root else self._root
        self.searched = Searched(self._root, folder_of_outputs, self._outputs, self._globs)

    def learn(self, relative: str, value: Raw) -> None:
        """Record what the file *relative* says of outputs and of files to ignore."""
        if not isinstance(value, dict) or "apiVersion" not in value:
            return
        globs = value.get("ignore")
        for glob in globs if isinstance(globs, list) else ():
            if isinstance(glob, str):
                self._globs.append((glob, relative))
        said = value.get("outputsRoot")
        if isinstance(said, str) and said and not self._chosen:
            folder_of_outputs = real(os.path.join(self._root, said))  # noqa: PTH118
            self.searched = Searched(self._root, folder_of_outputs, self._outputs, self._globs)
        jobs = value.get("jobs")
        bodies = list(jobs.values()) if isinstance(jobs, dict) else []
        for body in [*bodies, value.get("defaults")]:
            rules = body.get("outputs") if isinstance(body, dict) else None
            for rule in rules if isinstance(rules, list) else ():
                to = rule.get("to") if isinstance(rule, dict) else None
                if isinstance(to, str):
                    name = folder(to)
                    if self._outputs.setdefault(name, relative) != relative:
                        self._outputs[name] = ""
