"""The corpora under ``tests/manifests``: cases, how to load them, and writing what is expected.

``python tests/manifest/corpus_cases.py`` writes the expectation of every case that has none; read
what it wrote before it is committed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobsync.errors import ManifestError
from jobsync.model import DeclaredJob, DesiredState
from jobsync.platforms.loading import load

MANIFESTS = Path(__file__).resolve().parents[1] / "manifests"
LOAD = "# load: "


@dataclass(frozen=True)
class Case:
    """One manifest set; ``expected`` lies beside it."""

    rule: str
    name: str
    path: Path

    @property
    def expected(self) -> Path:
        suffix = ".txt" if self.path.parent.parent.name == "bad" else ".json"
        return self.path.with_name(self.name + suffix)

    def __str__(self) -> str:
        return f"{self.rule}/{self.name}"


def cases(corpus: str) -> list[Case]:
    """Every case of a corpus: a YAML file, or a folder with the files of one set."""
    found = []
    for rule in sorted((MANIFESTS / corpus).iterdir()):
        for path in sorted(rule.iterdir()):
            if path.is_dir() or path.suffix == ".yaml":
                found.append(Case(rule.name, path.stem if path.is_file() else path.name, path))
    return found


def loaded(case: Case) -> DesiredState:
    """Load a case from inside its folder, so that messages name it alone."""
    options: dict[str, dict[str, str]] = {"var": {}, "env": {}}
    target = None
    if case.path.is_file():
        first = case.path.read_bytes().split(b"\n", 1)[0].decode("utf-8", "replace")
        for word in first.removeprefix(LOAD).split() if first.startswith(LOAD) else ():
            key, _, value = word.partition("=")
            kind, _, name = key.partition(".")
            if kind == "target":
                target = value
            else:
                options[kind][name] = value
    with inside(case.path.parent):
        return load(
            [case.path.name], target=target, variables=options["var"], environ=options["env"]
        )


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def problems(case: Case) -> str:
    """All that is wrong with a case, a line each; empty when it loads."""
    try:
        loaded(case)
    except ManifestError as error:
        return "".join(f"{problem}\n" for problem in error.problems)
    return ""


def canonical(desired: DesiredState) -> str:
    """What a good case means, as JSON: everything but places and absolute paths."""
    document = {
        "project": desired.project,
        "default_target": desired.default_target,
        "targets": {
            name: {
                "base_url": target.base_url,
                "owner": target.owner,
                "concurrency": target.concurrency,
            }
            for name, target in sorted(desired.targets.items())
        },
        "guards": {
            "allow": sorted(desired.guards.allow),
            "max_node_hours": desired.guards.max_node_hours,
            "rerun_node_hours": desired.guards.rerun_node_hours,
            "mass_submit": desired.guards.mass_submit,
            "mass_revoke": desired.guards.mass_revoke,
        },
        "outputs_root": os.path.relpath(desired.outputs_root, desired.root),
        "jobs": {address: _job(job) for address, job in desired.jobs.items()},
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"


def _job(job: DeclaredJob) -> Mapping[str, object]:
    everything: dict[str, object] = {
        "name": job.name,
        "request": dict(job.request),
        "permissions": None
        if job.permissions is None
        else {
            user: f"{grant.access}{' via ' + grant.via if grant.via else ''}"
            for user, grant in job.permissions.items()
        },
        "permissions_mode": str(job.permissions_mode),
        "outputs": [
            f"{rule.path} -> {rule.to}{'' if rule.required else ' (optional)'}"
            for rule in job.outputs
        ],
        "expect": list(job.expect),
        "needs": list(job.needs),
        "upstream": list(job.upstream),
        "digests": dict(job.digests),
        "retries": job.retries,
        "rerun": job.rerun,
        "pinned": job.pinned,
        "formerly": list(job.formerly),
        "protect": job.protect,
    }
    # Only what says something: the defaults would bury it.
    silent = {"permissions_mode": "exact", "retries": 0, "rerun": 1}
    return {
        key: value
        for key, value in everything.items()
        if (value != silent.get(key) and value not in ([], {}, False, None)) or key == "request"
        or (key == "permissions" and value == {})
    }  # fmt: skip


def main() -> None:
    for corpus in ("bad", "good"):
        for case in cases(corpus):
            if not case.expected.exists():
                text = problems(case) if corpus == "bad" else canonical(loaded(case))
                case.expected.write_text(text, encoding="utf-8")
                print(f"{case.expected}")


if __name__ == "__main__":
    main()
