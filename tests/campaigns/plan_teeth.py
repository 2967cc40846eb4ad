"""Seeded bugs in plan/ and render/: each one has to make the tests fail.

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

# ruff: noqa: E501
SEEDS = [
    ("plan/decide.py", "only_failed and used <= job.retries", "used <= job.retries"),
    ("plan/decide.py", "used <= job.retries", "used < job.retries"),
    ("plan/decide.py", "attempt=used + 1", "attempt=used"),
    ("plan/decide.py", "if not run.visible and run.state is RunState.FINISHED", "if False"),
    ("plan/decide.py", "(whole or finished or list(running))[0]",
     "(whole or finished or list(running))[-1]"),
    ("plan/decide.py", "current = (whole or finished or list(running))[0]", "current = running[0]"),
    ("plan/decide.py", "current = (whole or finished", "current = (finished"),
    ("plan/decide.py", "for run in live(exact) if run.id not in incomplete)",
     "for run in live(exact))"),
    ("plan/fetching.py", "return lacks(_open_rules(job, run, lines)", "return lacks(job.outputs"),
    ("plan/fetching.py", "return Outputs(unread=\"\" if recorded else why",
     "return Outputs(unread=\"\" if True else why"),
    ("plan/address.py", "elif need in draft.found and draft.found[need].unread:", "elif False:"),
    ("plan/hours.py", "return max(1, retries + 2 - first)", "return 1"),
    ("plan/retrying.py", "_FAILED = frozenset({Standing.FAILED, Standing.INCOMPLETE})",
     "_FAILED = RETRIED"),
    ("plan/decide.py", "if name not in snapshot.confirmed)", "if False)"),
    ("plan/history.py", "if run.owner != snapshot.user or run.id in pinned:", "if run.id in pinned:"),
    ("plan/history.py", "or run.id in pinned:", "and False:"),
    ("plan/history.py", "and key not in claimed", ""),
    ("plan/history.py", "return tuple(sorted(runs, key=_age))", "return tuple(runs)"),
    ("plan/access.py", "if name in (user, WORLD):", "if name == user:"),
    ("plan/access.py", "for name in sorted(grants):", "for name in grants:"),
    ("plan/access.py", "rows[user] = _both(access, declared[user].access)",
     "rows[user] = declared[user].access"),
    ("plan/access.py", "if was == will or user.lower() == owner.lower():", "if was == will:"),
    ("plan/access.py", "user if user in image else spelling.get(user.lower(), user): grant",
     "user: grant"),
    ("plan/access.py", "job.permissions_mode is PermissionsMode.ADDITIVE or user.lower()",
     "user.lower()"),
    ("plan/access.py", "or image.get(user) == NO_ACCESS", ""),
    ("plan/access.py", "image={} if run is None else None", "image={}"),
    ("plan/address.py", "if is_current or job.pinned == run.id", "if True"),
    ("plan/address.py", "if change.image is None:\n        return", "if False:\n        return"),
    ("plan/address.py", "if decision.action in SUBMITS and (blockers", "if False and (blockers"),
    ("plan/address.py", "draft.problems.append(\n            Problem(\n                job.where,\n"
     "                f\"{job.address}: the service", "str(\n            Problem(\n"
     "                job.where,\n                f\"{job.address}: the service"),
    ("plan/build.py", "changes: tuple[Change, ...] = tuple(\n        sorted(",
     "changes: tuple[Change, ...] = tuple(\n        list("),
    ("plan/build.py", "if name is None or name.address not in draft.scope:", "if name is None:"),
    ("plan/build.py", "in protected:", "in ():"),
    ("plan/fetching.py", "line is None or line.size != item.length", "line is None"),
    ("plan/fetching.py", "if any(_is_wild(rule.path) for rule in job.outputs):\n        return None",
     "if False:\n        return None"),
    ("plan/fetching.py", "if not files and (not unchecked or chosen.missing):", "if False:"),
    ("plan/canonical.py", "if isinstance(declared, bool) or isinstance(remote, bool):", "if True:"),
    ("plan/canonical.py", "items = [*items[0].split(\";\")]", "pass"),
    ("plan/canonical.py", "return number is not None and number == other_number", "return False"),
    ("plan/diff.py", "ignore_order=False, threshold_to_diff_deeper=0", "ignore_order=True"),
    ("plan/diff.py", "threshold_to_diff_deeper=0", "threshold_to_diff_deeper=1"),
    ("plan/diff.py", "if isinstance(value, str) and \"${\" not in value:",
     "if isinstance(value, str):"),
    ("plan/references.py", "plain = unquote(remote)", "plain = remote"),
    ("plan/scope.py", "todo.extend(", "list("),
    ("plan/check.py", "(state, run.state) == (RunState.ACTIVE, RunState.FINISHED)", "False"),
    ("plan/check.py", "if run is None or run.visible != visible:", "if run is None:"),
    ("plan/check.py", "return submits and not snapshot", "return False and not snapshot"),
    ("plan/check.py", "return snapshot.access.get(change.run.id) != change.image", "return False"),
    ("plan/check.py", "if planned != here:", "if False:"),
    ("plan/check.py", "not h.accepted and h.name not in allow", "h.name not in allow"),
    ("plan/file.py", "if document[\"digest\"] != _digest(document[\"plan\"]):", "if False:"),
    ("plan/file.py", "if version != FORMAT_VERSION:", "if False:"),
    ("plan/file.py", "return f\"${key}\" if key.startswith(\"$\") else key", "return key"),
    ("plan/file.py", "if type(value) is kind or (kind is float and type(value) is int):", "if True:"),
    ("plan/access_guards.py", "if len(users) > limit:", "if len(users) >= limit:"),
    ("plan/access_guards.py", "lost * 100 > MASS_REVOKE_PERCENT * held", "False"),
    ("plan/access_guards.py", "if before.write and not after.write:", "if False:"),
    ("plan/access_guards.py", "grant.user == WORLD", "grant.user == \"public\""),
    ("plan/job_guards.py", "limit is None or (known <= limit and not unknown)",
     "limit is None or known <= limit"),
    ("plan/job_guards.py", "if known <= limit and not unknown:", "if known < limit and not unknown:"),
    ("plan/job_guards.py", "if known <= limit and not unknown:", "if known <= limit:"),
    ("plan/job_guards.py", "change.action in (Action.STOP, Action.DELETE)",
     "change.action is Action.STOP"),
    ("plan/history.py", "(job.older or ())", "()"),
    ("plan/history.py", "not _is_before_its_app(job, mark, run)", "True"),
    ("plan/history.py", "if at > made", "if False"),
    ("plan/decide.py", "names = attempts_of(history.names, 1 + highest)", "names = attempts_of((job.name,), 1 + highest)"),
    ("plan/renames.py", "and name.fingerprint in marks", ""),
    ("plan/fetching.py", "addresses.get(line.job_id, line.address)", "line.address"),
    ("plan/job_guards.py", "found += _finished_elsewhere(case, finished)", "pass"),
    ("plan/reasons.py", "if was in fingerprints(job):", "if False:"),
    ("plan/hours.py", "if nodes is None and app is not None:", "if nodes is None:"),
    ("render/escape.py", "if body.startswith(\"::\"):", "if False:"),
    ("render/escape.py", "text = _HASH_COMMAND.sub(", "_HASH_COMMAND.sub("),
    ("render/escape.py", "\"Cc\", \"Cf\"", "\"Cc\""),
    ("render/escape.py", "\"`\" * (longest + 1)", "\"`\""),
    ("render/escape.py", ".replace(\"|\", \"\\\\|\")", ""),
    ("render/escape.py", "\"`\" * max(3, longest + 1)", "\"```\""),
    ("render/escape.py", "(\"=\", \"+\", \"-\", \"@\")", "(\"=\",)"),
    ("render/text.py", "Action.RETRY: (\"will be created\"", "Action.RETRY: (\"will be retried\""),
    ("render/summary.py", "len(separate_access(plan))", "len(access)"),
    ("render/values.py", "if field == \"notifications\" and isinstance(value, list):\n        return shown",
     "if False:\n        return shown"),
    ("render/markdown.py", "if len(text) <= options.budget or size is _counts:", "if True:"),
    ("render/markdown.py", "_MARKER_UNSAFE.sub(\"\", options.marker)", "options.marker"),
    ("render/json.py", "\"actions\": [\"create\"] if submits else",
     "\"actions\": [\"delete\", \"create\"] if submits else"),
    ("render/access.py", "for key in keys if key in wanted)", "for key in ())"),
]  # fmt: skip


def main(parts: list[str]) -> int:
    """Try every seed whose file name has one of *parts*; the exit code says if all were caught."""
    chosen = [seed for seed in SEEDS if not parts or any(part in seed[0] for part in parts)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "jobsync", copy / "jobsync", ignore=shutil.ignore_patterns("__pyc*"))
        for area in ("plan", "render"):
            shutil.copytree(ROOT / "tests" / area, copy / "tests" / area)
        shutil.copy(ROOT / "pyproject.toml", copy)
        if _run(copy) != 0:
            raise SystemExit("the tests fail without any seeded bug: nothing can be shown")
        for name, old, new in chosen:
            caught = _caught(copy, name, old, new)
            survivors += not caught
            print(f"{'caught  ' if caught else 'SURVIVED'}  {name}: {old!r} -> {new!r}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} seeded bugs caught")
    return 1 if survivors else 0


def _caught(copy: Path, name: str, old: str, new: str) -> bool:
    path = copy / "jobsync" / name
    source = path.read_text(encoding="utf-8")
    if old not in source:
        raise SystemExit(f"{name} no longer has {old!r}: bring the list up to date")
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    try:
        return _run(copy) == 1
    finally:
        path.write_text(source, encoding="utf-8")


def _run(copy: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "tests"]
    environ = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=copy, env=environ, capture_output=True, timeout=300
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
