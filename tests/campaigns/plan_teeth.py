"""Seeded bugs in plan/, render/ and what they ask: each one has to make the tests fail.

    python tests/campaigns/plan_teeth.py [PART OF A FILE NAME...]

Works on a copy in a temporary folder. Prints a line a bug and exits 1 if one survives. A seed that
no longer fits the source is an error too: a list that has gone out of date proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

CONFTEST = """
from hypothesis import Phase, settings
settings.register_profile("teeth", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("teeth")
"""
"""Nobody reads what fails, so it is not made small."""

# ruff: noqa: E501
SEEDS = [
    ("plan/decide.py", "only_failed and used <= job.retries", "used <= job.retries"),
    ("plan/decide.py", "used <= job.retries", "used < job.retries"),
    ("plan/decide.py", "attempt=used + 1", "attempt=used"),
    ("plan/decide.py", "and not run.visible\n        and run.state is RunState.FINISHED", "and False"),
    ("plan/decide.py", "(whole or finished or list(running))[0]",
     "(whole or finished or list(running))[-1]"),
    ("plan/decide.py", "current = (whole or finished or list(running))[0]", "current = running[0]"),
    ("plan/decide.py", "current = (whole or finished", "current = (finished"),
    ("plan/decide.py", "for run in live(exact) if run.id not in incomplete)",
     "for run in live(exact))"),
    ("plan/plan_outputs.py", "return lacks(_open_rules(job, run, lines)", "return lacks(job.outputs"),
    ("plan/plan_outputs.py", "return OutputState(unread=\"\" if recorded else why",
     "return OutputState(unread=\"\" if True else why"),
    ("plan/plan_job.py", "elif need in draft.found and draft.found[need].unread:", "elif False:"),
    ("plan/node_hours.py", "return max(1, retries + 2 - first)", "return 1"),
    ("plan/retrying.py", "_FAILED = frozenset({Standing.FAILED, Standing.INCOMPLETE})",
     "_FAILED = RETRIED"),
    ("plan/decide.py", "if name not in snapshot.confirmed)", "if False)"),
    ("plan/history.py", "if run.owner != snapshot.owned_by or run.id in pinned:", "if run.id in pinned:"),
    ("plan/history.py", "or run.id in pinned:", "and False:"),
    ("plan/viewing.py", "    if decision.action is None:\n        return decision\n", "    return decision\n"),
    ("plan/viewing.py", "if decision.action is Action.RETRY and", "if False and"),
    ("plan/viewing.py", "unknown.add(job.address)", "pass"),
    ("plan/viewing.py", "differing.add(job.address)", "pass"),
    ("plan/viewing.py", "if snapshot.owner and names:", "if False:"),
    ("plan/deciding.py", "        if owner:  # the owner of the set may see it", "        if False:"),
    ("plan/build.py", "for job in desired.jobs.values() if not snapshot.owner else ():", "for job in desired.jobs.values():"),
    ("plan/build.py", "hazards=()\n        if snapshot.owner\n        else hazards(", "hazards=hazards("),
    ("plan/check.py", "if plan.view:", "if False:"),
    ("plan/exit_status.py", "unseen.union(plan.view.differing, plan.view.unknown)", "unseen"),
    ("plan/plan_job.py", "and not draft.snapshot.owner", ""),
    ("plan/history.py", "and key not in claimed", ""),
    ("plan/history.py", "key=lambda run: (*_when(run), attempt_of(platform, run), run.id)", "key=_age"),
    ("permission_model.py", "for name in order if name in rows", "for name in order[:1] if name in rows"),
    ("platforms/agave/permissions.py", "seen = {user < WORLD, user.lower() < WORLD, user.upper() < WORLD.upper()}", "seen = {user < WORLD}"),
    ("platforms/agave/permissions.py", "if not _SORTED_ALIKE.fullmatch(user) or user.lower() == WORLD:", "if user.lower() == WORLD:"),
    ("permission_model.py", "if user == owner:", "if False:"),
    ("plan/plan_permissions.py", "rows[user] = model.access(access.gives & declared[user].access.gives)",
     "rows[user] = declared[user].access"),
    ("plan/plan_permissions.py", "is PermissionsMode.ADDITIVE or is_owner", "is PermissionsMode.ADDITIVE"),
    ("plan/plan_permissions.py", "if model.folded(user) != owning}", "}"),
    ("plan/plan_permissions.py", "user if user in image else spelling.get(model.folded(user), user): grant",
     "user: grant"),
    ("plan/plan_permissions.py", "job.permissions_mode is PermissionsMode.ADDITIVE or is_owner",
     "is_owner"),
    ("plan/plan_permissions.py", "or image.get(user) == NO_ACCESS", ""),
    ("plan/plan_permissions.py", "image={} if run is None else None", "image={}"),
    ("plan/address_access.py", "if is_current(decision, run) or job.pinned == run.id", "if True"),
    ("plan/address_access.py", "and decision.standing not in (Standing.FAILED, Standing.STOPPED)", ""),
    ("plan/address_access.py", "return change if change.grants or change.image is None else None", "return change if change.grants else None"),
    ("plan/address_access.py", "if change and me != run.owner and not manages(model, effective(model, image, run.owner, me)):", "if False:"),
    ("plan/address_access.py", "    if change.left_out:\n", "    if False:\n"),
    ("plan/plan_job.py", "if decision.action in SUBMITS and (blockers", "if False and (blockers"),
    ("plan/plan_job.py", "draft.problems.append(\n            Problem(\n                job.where,\n"
     "                f\"{job.address}: the service", "str(\n            Problem(\n"
     "                job.where,\n                f\"{job.address}: the service"),
    ("plan/build.py", "changes: tuple[Change, ...] = tuple(\n        sorted(",
     "changes: tuple[Change, ...] = tuple(\n        list("),
    ("plan/build.py", "if mark is None or mark.address not in draft.scope:", "if name is None:"),
    ("plan/build.py", "in protected:", "in ():"),
    ("plan/plan_outputs.py", "line is None or line.size != item.length", "line is None"),
    ("plan/plan_outputs.py", "if any(is_wild(rule.path) for rule in job.outputs):\n        return None",
     "if False:\n        return None"),
    ("plan/plan_outputs.py", "if not files and (not unchecked or chosen.missing):", "if False:"),
    ("platforms/agave/compare.py", "if isinstance(declared, bool) or isinstance(remote, bool):", "if True:"),
    ("platforms/agave/compare.py", "items = [*split(items[0])]", "pass"),
    ("platforms/agave/compare.py", "return number is not None and number == other_number", "return False"),
    ("plan/diff.py", "ignore_order=False, threshold_to_diff_deeper=0", "ignore_order=True"),
    ("plan/diff.py", "threshold_to_diff_deeper=0", "threshold_to_diff_deeper=1"),
    ("platforms/agave/compare.py", "if isinstance(value, str) and \"${\" not in value:",
     "if isinstance(value, str):"),
    ("platforms/agave/archive.py", "unquote(uri).removeprefix", "uri.removeprefix"),
    ("plan/selection.py", "todo.extend(", "list("),
    ("plan/reviewed.py", "        for change in fresh.changes\n", "        for change in saved.changes\n"),
    ("plan/reviewed.py", "if planned != here:", "if False:"),
    ("plan/reviewed.py", "hazards=hazards(desired, snapshot, histories(desired, snapshot), changes, allow),",
     "hazards=saved.hazards,"),
    ("plan/reviewed.py", "return decision(change), more", "return decision(change), None"),
    ("plan/reviewed.py", "return decision(change), more", "return None, more"),
    ("plan/reviewed.py", "if saved.manifest_digest == desired.digest:", "if True:"),
    ("plan/decisions.py", "if isinstance(change, JobChange) and change.reason is Reason.SUPERSEDED:", "if False:"),
    ("plan/decisions.py", '"may_stop": plan.options.stop_superseded,', ""),
    ("plan/decisions.py", "before, grants]", "grants]"),
    ("plan/build.py", "options=replace(draft.options, allow=frozenset()),", "options=draft.options,"),
    ("plan/check.py", "not h.accepted and h.name not in allow", "h.name not in allow"),
    ("render/plan_json.py", "if found.keys() != known or any(", "if False and any("),
    ("render/plan_json.py", "if isinstance(version, str) and version != FORMAT_VERSION:", "if False:"),
    ("plan/codec.py", "return f\"${key}\" if key.startswith(\"$\") else key", "return key"),
    ("plan/codec.py", "if type(value) is kind or (kind is float and type(value) is int):", "if True:"),
    ("plan/access_guards.py", "if len(users) > limit:", "if len(users) >= limit:"),
    ("plan/access_guards.py", "lost * 100 > MASS_REVOKE_PERCENT * held", "False"),
    ("plan/access_guards.py", "if not can_write(aim, known):", "if False:"),
    ("plan/access_guards.py", "            return True\n    return False", "            return grant is change.grants[-1]\n    return False"),
    ("plan/access_guards.py", "model.folded(grant.user) == model.everybody", "grant.user == \"public\""),
    ("plan/write_order.py", "if exposed(aim, known, grant.user):", "if False:"),
    ("plan/write_order.py", "        if not can_write(aim, known):\n            break\n", ""),
    ("plan/write_order.py", "        if manages(aim.model, decided(aim.before, order))\n", "        if False\n"),
    ("plan/write_order.py", "gains = own.before.gives <= own.after.gives", "gains = False"),
    ("plan/write_order.py", "for front in (usual, early):", "for front in (usual,):"),
    ("plan/write_order.py", "    yield from _with_own(early, own, ())\n", ""),
    ("plan/write_order.py", "bound = decided(aim.before, order).gives | decided(aim.after, order).gives", "bound = decided(aim.before, order).gives"),
    ("plan/overwriting.py", "moment(other) >= moment(run)", "moment(other) > moment(run)"),
    ("plan/overwriting.py", "other.ended >= run.ended", "other.ended > run.ended"),
    ("plan/overwriting.py", "                and other.run.id not in twins\n", ""),
    ("plan/overwriting.py", "                and self._meaning(other.run) != self._meaning(run)\n", ""),
    ("plan/overwriting.py", "if ACCEPTED in accepted:", "if True:"),
    ("plan/job_guards.py", "if run := next(runs.meeting(archive), None):", "if run := None:"),
    ("plan/job_guards.py", "for change in case.submits\n        if (archive := case", "for change in case.submits\n        if change.action is Action.CREATE and (archive := case"),
    ("archives.py", "return not (one.system and other.system) or one.system == other.system", "return one.system == other.system"),
    ("platforms/agave/archive.py", "if _OWN_EACH_RUN.search(path):", "if False:"),
    ("archives.py", "for folder in (path, *_above(path)):", "for folder in (path,):"),
    ("plan/job_guards.py", "limit is None or (known <= limit and not unknown)",
     "limit is None or known <= limit"),
    ("plan/job_guards.py", "if known <= limit and not unknown:", "if known < limit and not unknown:"),
    ("plan/job_guards.py", "if known <= limit and not unknown:", "if known <= limit:"),
    ("plan/job_guards.py", "change.action in (Action.STOP, Action.DELETE)",
     "change.action is Action.STOP"),
    ("plan/history.py", "(job.older or ())", "()"),
    ("plan/history.py", "is_of(platform, job, was) and not unsure", "is_of(platform, job, was)"),
    ("plan/history.py", "if at > made", "if False"),
    ("plan/decide.py", "names = attempts_of(platform, history.names, 1 + highest)", "names = attempts_of(platform, (job.name,), 1 + highest)"),
    ("plan/renames.py", "if mark and is_of(platform, job, mark.fingerprint)", "if mark"),
    ("plan/plan_outputs.py", "addresses.get(line.job_id, line.address)", "line.address"),
    ("plan/job_guards.py", "found += _finished_elsewhere(case, finished)", "pass"),
    ("plan/reasons.py", "if is_of(desired.platform, job, was):", "if False:"),
    ("platforms/agave/node_hours.py", "if nodes is None and app is not None:", "if nodes is None:"),
    ("render/escape.py", "if body.startswith(\"::\"):", "if False:"),
    ("render/escape.py", "text = _HASH_COMMAND.sub(", "_HASH_COMMAND.sub("),
    ("visible.py", "\"Cc\", \"Cf\"", "\"Cc\""),
    ("render/escape.py", "\"`\" * (longest + 1)", "\"`\""),
    ("render/escape.py", ".replace(\"|\", \"\\\\|\")", ""),
    ("render/escape.py", "\"`\" * max(3, longest + 1)", "\"```\""),
    ("render/escape.py", "(\"=\", \"+\", \"-\", \"@\")", "(\"=\",)"),
    ("render/blocks.py", "Action.RETRY: \"will be created\"", "Action.RETRY: \"will be retried\""),
    ("render/folding.py", "if change.action not in SUBMITS:", "if False:"),
    ("render/folding.py", "grants, effects)", "effects)"),
    ("render/folding.py", "fields, more, names)", "more)"),
    ("render/summary.py", "len(separate_access(plan))", "len(access)"),
    ("render/values.py", "if isinstance(value, list):\n        return shown",
     "if False:\n        return shown"),
    ("render/markdown.py", "if len(text) <= options.budget or size is _counts:", "if True:"),
    ("render/escape.py", "_MARKER_UNSAFE.sub(\"\", marker)", "marker"),
    ("render/plan_json.py", "\"actions\": [\"create\"] if submits else",
     "\"actions\": [\"delete\", \"create\"] if submits else"),
    ("render/access.py", "for key in keys if key in wanted)", "for key in ())"),
]  # fmt: skip


AREAS = ("fakes", "plan", "render", "access")
"""The folders of tests that are copied: they import no other."""


def main(parts: list[str]) -> int:
    """Try every seed whose file name has one of *parts*; the exit code says if all were caught."""
    chosen = [seed for seed in SEEDS if not parts or any(part in seed[0] for part in parts)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "jobsync", copy / "jobsync", ignore=shutil.ignore_patterns("__pyc*"))
        for area in AREAS:
            shutil.copytree(ROOT / "tests" / area, copy / "tests" / area)
        for test in (copy / "tests" / "access").glob("test_*.py"):
            if test.name != "test_write_order.py":  # the others need a service
                test.unlink()
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "tests" / "__init__.py").touch()
        (copy / "tests" / "conftest.py").write_text(CONFTEST)
        if misfits():
            raise SystemExit("\n".join(misfits()))
        if _run(copy) != 0:
            raise SystemExit("the tests fail without any seeded bug: nothing can be shown")
        for name, old, new in chosen:
            caught = _caught(copy, name, old, new)
            survivors += not caught
            print(f"{'caught  ' if caught else 'SURVIVED'}  {name}: {old!r} -> {new!r}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} seeded bugs caught")
    return 1 if survivors else 0


def misfits() -> list[str]:
    """The seeds whose file no longer has what they replace."""
    return [
        f"{name} no longer has {old!r}: bring the list up to date"
        for name, old, _ in SEEDS
        if not (path := ROOT / "jobsync" / name).exists() or old not in path.read_text("utf-8")
    ]


def _caught(copy: Path, name: str, old: str, new: str) -> bool:
    path = copy / "jobsync" / name
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    try:
        return _run(copy) == 1
    finally:
        path.write_text(source, encoding="utf-8")


def _run(copy: Path) -> int:
    folders = [f"tests/{name}" for name in ("plan", "render", "access")]
    options = ["-n0", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *folders]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=copy, env=environ, capture_output=True, timeout=600
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
