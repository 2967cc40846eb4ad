"""How ``states_before.json`` was made: run with the jobsync before fingerprint scheme ``b``.

    PYTHONPATH=FOLDER_OF_THAT_JOBSYNC python tests/update/record.py > states_before.json

It applies nothing. For every set it plays the states that a run of each job can be in, and writes
down the runs, what had been fetched, the journal where a submit is open, and what was decided.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal import journal_path, open_journal
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.model import (
    DesiredState,
    FetchedFile,
    JobChange,
    RemoteFile,
    Run,
    RunState,
    Snapshot,
)
from jobsync.plan import PlanOptions, build
from jobsync.platforms.loading import load

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
BINDING = Binding("https://memory.example", "alice", "phylo")
HEAD = "apiVersion: jobsync/v1\nproject: phylo\njobs:\n"

SETS = {
    "chain": HEAD
    + """\
  align:
    appId: famsa-2.2
    inputs: {sequences: "agave://local/data.fa"}
    parameters: {threads: 2}
    expect: [out.txt]
    outputs: [{path: out.txt, to: results/}]
  tree:
    appId: veryfasttree-4.0
    inputs: {alignment: "${jobs.align.outputs/out.txt}"}
    parameters: {of: "${jobs.align.id}"}
    onFailure: {retries: 1}
  report: {appId: report-1.0, inputs: {tree: "${jobs.tree.outputs/tree.nwk}"}, rerun: 3}
""",
    "matrix": HEAD
    + """\
  align: {appId: famsa-2.2, matrix: {gene: [rbcL, cob]}, parameters: {gene: "${matrix.gene}"}}
  tree:
    appId: veryfasttree-4.0
    matrix: {gene: [rbcL, cob], seed: [1, 2]}
    inputs: {alignment: "${jobs.align.outputs/a.fa}"}
    parameters: {seed: "${matrix.seed}"}
  join: {appId: join-1.0, inputs: {trees: "${jobs.tree[*].outputs/t.nwk}"}}
""",
    "former": HEAD
    + """\
  align: {appId: famsa-2.2, formerly: [sort, lab/sort]}
  tree: {appId: tree-1.0, inputs: {a: "${jobs.align.outputs/a.fa}"}, formerly: [wood]}
  join:
    appId: join-1.0
    inputs: {t: "${jobs.tree.outputs/t}"}
    parameters: {of: "${jobs.align.id}"}
""",
    "pinned": HEAD
    + """\
  model: {appId: model-1.0, id: 9999-007}
  tree: {appId: tree-1.0, inputs: {a: "${jobs.model.outputs/a.fa}"}}
""",
}

FINISHED, ACTIVE = RunState.FINISHED, RunState.ACTIVE
FAILED, STOPPED = RunState.FAILED, RunState.STOPPED
STATES: dict[str, list[tuple[str, RunState, bool]]] = {
    "never run": [],
    "finished": [("", FINISHED, True)],
    "active": [("", ACTIVE, True)],
    "failed": [("", FAILED, True)],
    "failed twice": [("", FAILED, True), (".r2", FAILED, True)],
    "stopped": [("", STOPPED, True)],
    "hidden": [("", FINISHED, False)],
    "hidden failure": [("", FAILED, False)],
    "retried": [("", FAILED, True), (".r2", ACTIVE, True)],
    "retried by hand": [("", STOPPED, True), (".r2", FAILED, True), (".r3", FINISHED, True)],
    "incomplete": [("", FINISHED, True)],
}


class World:
    def __init__(self, desired: DesiredState) -> None:
        self.desired = desired
        self.runs: list[Run] = []
        self.fetched: list[FetchedFile] = []
        self.expectations: set[tuple[str, str]] = set()
        self.outputs: dict[str, tuple[RemoteFile, ...]] = {}

    def add(self, address: str, name: str, state: RunState, *, visible: bool, whole: bool) -> None:
        number = len(self.runs) + 1
        run_id = f"{number:04d}-007"
        job = self.desired.jobs[address]
        made = START + timedelta(minutes=number)
        app, status = str(job.request["appId"]), str(state).upper()
        self.runs.append(
            Run(run_id, name, "alice", app, status, state, visible=visible, created=made)
        )
        if state is FINISHED and visible:
            self.outputs[run_id] = (RemoteFile("out.txt", 3, "t"),) if whole else ()
            if whole and job.outputs:
                file = FetchedFile(address, run_id, "out.txt", "results/out.txt", 3, "0" * 64)
                self.fetched.append(file)
                self.expectations.add((address, run_id))

    def snapshot(self) -> Snapshot:
        names = {f"{j.name}{tail}" for j in self.desired.jobs.values() for tail in TAILS}
        return Snapshot(
            user="alice",
            target="memory",
            base_url=BINDING.service,
            runs=tuple(self.runs),
            confirmed=frozenset(names),
            outputs=self.outputs,
            fetched=tuple(self.fetched),
            expectations=frozenset(self.expectations),
        )

    def document(self) -> dict[str, Any]:
        plan = build(self.desired, self.snapshot(), PlanOptions())
        actions = {
            c.address: [str(c.action), c.attempt] for c in plan.changes if isinstance(c, JobChange)
        }
        return {
            "runs": [[r.id, r.name, str(r.state), r.visible] for r in self.runs],
            "lock": [[f.address, f.job_id, f.path, f.to] for f in self.fetched],
            "files": {run_id: [f.path for f in files] for run_id, files in self.outputs.items()},
            "decided": {
                s.address: [str(s.standing), *actions.get(s.address, ["", 0])] for s in plan.states
            },
        }


TAILS = ("", *(f".r{number}" for number in range(2, 9)))


def worlds(desired: DesiredState) -> dict[str, Any]:
    """The first run of each job in each state, while all others have finished."""
    found = {}
    firsts = {address.split(".")[0]: job for address, job in reversed([*desired.jobs.items()])}
    for one in firsts.values():
        if one.pinned:
            continue
        for label, runs in STATES.items():
            if label == "incomplete" and not one.outputs:
                continue
            world = World(desired)
            for job in desired.jobs.values():
                if job.pinned:
                    world.add(job.address, "by hand", FINISHED, visible=True, whole=True)
                    world.runs[-1] = Run(
                        job.pinned, "by hand", "alice", "model-1.0", "FINISHED", FINISHED
                    )
                    continue
                mine = runs if job is one else STATES["finished"]
                for tail, state, visible in mine:
                    whole = job is not one or label != "incomplete"
                    world.add(job.address, job.name + tail, state, visible=visible, whole=whole)
            found[f"{one.address} {label}"] = world.document()
    return found


def former(desired: DesiredState) -> dict[str, Any]:
    """All runs were made under other names, with the fingerprints that they had then."""
    found = {}
    old = SETS["former"].replace("jobs.align", "jobs.sort").replace("  align: {", "  sort: {")
    old = old.replace(", formerly: [sort, lab/sort]", "").replace(", formerly: [wood]", "")
    wood = old.replace("jobs.tree", "jobs.wood").replace("  tree: {", "  wood: {")
    first = SETS["former"].replace(", formerly: [wood]", "").replace("jobs.tree", "jobs.wood")
    first = first.replace("  tree: {", "  wood: {")
    for label, text in (("sort", old), ("sort and wood", wood), ("wood", first)):
        world = World(desired)
        for job in loaded(text).jobs.values():
            present = {"sort": "align", "wood": "tree"}.get(job.address, job.address)
            world.add(present, job.name, FINISHED, visible=True, whole=True)
        found[label] = world.document()
    return found


def open_submit(desired: DesiredState) -> str:
    """The journal of an apply whose submits of all jobs were never answered."""
    with tempfile.TemporaryDirectory() as folder:
        with open_journal(Path(folder), BINDING) as journal:
            for job in desired.jobs.values():
                if not job.pinned:
                    for state in (State.INTENT, State.SENDING, State.UNKNOWN, State.HELD):
                        journal.append(Entry(job.name, job.address, state), SystemClock())
        return journal_path(Path(folder), BINDING).read_text("utf-8")


def loaded(text: str) -> DesiredState:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.yaml").write_text(text, encoding="utf-8")
        Path(folder, "data.fa").write_text(">a\nACGT\n", encoding="utf-8")
        return load([folder])


if __name__ == "__main__":
    documents = {}
    for name, text in SETS.items():
        desired = loaded(text)
        documents[name] = {
            "manifest": text,
            "worlds": worlds(desired),
            "journal": open_submit(desired),
        }
    documents["former"]["renamed"] = former(loaded(SETS["former"]))
    text = json.dumps(documents, separators=(",", ":"), sort_keys=True)
    sys.stdout.write(text.replace('},"', '},\n"') + "\n")
