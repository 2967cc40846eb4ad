"""Which addresses are run again because a person asked: ``--retry`` and ``--retry-failed``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from jobsync.errors import Usage
from jobsync.globs import matches as matches_glob
from jobsync.model import SUBMITS, Action, Address, DeclaredJob, PlanOptions, RunState, Standing
from jobsync.plan.decide import Decision

RETRIED = frozenset({Standing.FAILED, Standing.STOPPED, Standing.INCOMPLETE})
"""What ``--retry`` takes: nothing else runs such a job again."""

_FAILED = frozenset({Standing.FAILED, Standing.INCOMPLETE})
_SHOWN = 10


def matches(address: Address, text: str) -> bool:
    """Whether *text* selects *address*: as the address, as the key of its matrix, or as a glob."""
    return address == text or address.startswith(f"{text}.") or matches_glob(address, text)


def can_retry(job: DeclaredJob, decision: Decision) -> bool:
    """Whether *job* can be run again when its run fails; never while another run is active."""
    run = decision.run
    active = run is not None and run.state is RunState.ACTIVE
    return job.pinned is None and not (active and decision.standing in RETRIED)


def asks_again(options: PlanOptions, job: DeclaredJob, decision: Decision) -> bool:
    """Whether *options* ask to run *job* again, and its state permits that."""
    if not can_retry(job, decision):
        return False
    if options.retry_failed and decision.standing in _FAILED:
        return True
    ended = decision.standing in RETRIED or decision.action is Action.RETRY
    return ended and any(matches(job.address, text) for text in options.retry)


def needs_of_retried(
    jobs: Mapping[Address, DeclaredJob], options: PlanOptions
) -> frozenset[Address]:
    """The jobs whose files are needed by those that *options* may run again."""
    return frozenset(
        need
        for address, job in jobs.items()
        if options.retry_failed or any(matches(address, text) for text in options.retry)
        for need in job.needs
        if need in jobs
    )


def refuse_unknown(jobs: Collection[Address], options: PlanOptions) -> None:
    """Raise :class:`Usage` for each ``--retry`` that names no declared job."""
    for text in sorted(options.retry):
        if not any(matches(address, text) for address in jobs):
            raise Usage(
                f"--retry {text}: the manifests declare no such job",
                hint="see them all with: jobsync status",
            )
    if (options.retry or options.retry_failed) and not options.plans("jobs"):
        raise Usage("--retry changes jobs, which --only leaves out", hint="add: --only jobs")


def refuse_idle(
    options: PlanOptions,
    jobs: Mapping[Address, DeclaredJob],
    decisions: Mapping[Address, Decision],
    scope: Collection[Address],
    retried: Collection[Address],
) -> None:
    """Raise :class:`Usage` when a ``--retry`` finds nothing to run again; the message says why.

    A command that was typed to run something and runs nothing must not look like success. A job
    that is submitted anyway, such as one that was repaired after it failed, counts as run.
    """
    for text in sorted(options.retry):
        found = [address for address in sorted(jobs) if matches(address, text)]
        if not any(
            address in scope and (address in retried or _is_submitted(address, decisions))
            for address in found
        ):
            how = [_how(address, jobs, decisions, scope) for address in found]
            raise Usage(f"--retry {text}: nothing to run again ({_some(how)})")


def _is_submitted(address: Address, decisions: Mapping[Address, Decision]) -> bool:
    return address in decisions and decisions[address].action in SUBMITS


def _how(
    address: Address,
    jobs: Mapping[Address, DeclaredJob],
    decisions: Mapping[Address, Decision],
    scope: Collection[Address],
) -> str:
    if address not in scope:
        return f"{address} is excluded from this plan"
    if jobs[address].pinned is not None:
        return f"{address} is pinned to a job by id: remove id to run it again"
    decision = decisions.get(address)
    if decision is None:
        return f"{address} cannot be planned"
    if decision.action is Action.RESTORE:
        return f"{address} is restored, not run again"
    return f"{address} is {decision.standing.replace('_', ' ')}"


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    more = [f"and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    return "; ".join([*listed[:_SHOWN], *more])
