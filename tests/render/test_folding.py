"""Changes of a matrix that are alike are one block; what differs is told, and nothing is hidden."""

from __future__ import annotations

import json

from jobsync.model import DeclaredJob, OutputRef, Plan, RemoteFile, RunState
from jobsync.plan import PlanOptions, build
from jobsync.render import FORMATS, RenderOptions
from tests.fakes.planworld import World, desired, grants, job, rows, rule


def tree(number: int, **more: object) -> DeclaredJob:
    request = {
        "appId": "tree-1.0",
        "parameters": {"model": ["lg", "wag"][number % 2], "seed": number, "fast": True},
        "maxRunTime": "01:00:00",
        **more,
    }
    return job(f"tree.{number}", request, outputs=(rule("t.nwk", f"results/{number}.nwk"),))


def shown(plan: Plan, name: str = "text", **options: bool) -> str:
    return FORMATS[name](plan, RenderOptions(**options))  # type: ignore[arg-type]


def planned(world: World, *jobs: DeclaredJob, options: PlanOptions | None = None) -> Plan:
    wanted = desired(*jobs)
    return build(wanted, world.snapshot(wanted), options or PlanOptions())


def test_a_matrix_is_one_block_with_what_differs() -> None:
    plan = planned(World(), *(tree(number) for number in range(200)), job("other"))
    text = shown(plan)
    assert text.count("will be created") == 2 and len(text.splitlines()) < 30
    for line in (
        "  # tree (200 jobs) will be created",
        "  # (tree.0, tree.1, tree.2 and 197 more; --expand shows each)",
        '      + maxRunTime = "01:00:00"',
        "      + parameters.fast = true",
        '      + parameters.model = one of "lg", "wag"',
        "      + parameters.seed = one of 0, 1, 2, 3, 4, 5 and 194 more",
        '      + outputs = one of ["results/0.nwk"], ["results/1.nwk"], ',
    ):
        assert f"\n{line}" in text
    assert "Plan: 201 to add" in text
    whole = shown(plan, expand=True)
    assert whole.count("will be created") == 201
    assert whole.index("# tree.2 will") < whole.index("# tree.10 will")
    markdown = shown(plan, "markdown")
    assert "tree (200 jobs) will be created" in markdown and "Signs: `+` create." in markdown
    assert len(json.loads(shown(plan, "json"))["resource_changes"]) >= 201


def test_what_has_other_fields_or_reasons_is_shown_on_its_own() -> None:
    jobs = [*(tree(number) for number in range(4)), tree(4, batchQueue="long")]
    text = shown(planned(World(), *jobs))
    assert "tree (4 jobs) will be created" in text and "# tree.4 will be created" in text
    assert shown(planned(World(), tree(0), tree(1))).count("will be created") == 2


def test_replacements_fold_by_the_fields_that_change() -> None:
    world = World()
    for number in range(5):
        world.of(tree(number, memoryPerNode=number))
    after = [tree(number, memoryPerNode=number, appId="tree-2.0") for number in range(5)]
    text = shown(planned(world, *after))
    assert "  # tree (5 jobs) must be replaced" in text and "5 runs are kept" in text
    assert '      ~ appId = "tree-1.0" -> "tree-2.0"' in text
    changed = [
        tree(number, parameters={"model": "x", "seed": 10 + number, "fast": True})
        for number in range(5)
    ]
    text = shown(planned(world, *changed))
    assert "~ parameters.seed = one of 0 -> 10, 1 -> 11, 2 -> 12, 3 -> 13, 4 -> 14" in text


def test_a_chain_of_matrices_folds_with_its_reasons() -> None:
    world = World()
    ups = [job(f"a.{n}", {"parameters": {"n": n}}) for n in range(3)]
    among = {up.address: up for up in ups}
    downs = [
        job(f"b.{n}", {"inputs": {"x": OutputRef(f"a.{n}", "o")}}, among=among) for n in range(3)
    ]
    for one in (*ups, *downs):
        world.of(one)
    again = [job(f"a.{n}", {"parameters": {"n": n, "m": 1}}) for n in range(3)]
    among = {up.address: up for up in again}
    downs = [
        job(f"b.{n}", {"inputs": {"x": OutputRef(f"a.{n}", "o")}}, among=among) for n in range(3)
    ]
    text = shown(planned(world, *again, *downs))
    assert "# b (3 jobs) must be replaced" in text
    assert "# (takes outputs of a.*, which will run again)" in text


def test_equal_grants_and_fetches_fold_and_others_do_not() -> None:
    world = World()
    jobs = []
    for number in range(6):
        one = tree(number)
        shared = job(
            one.address, dict(one.request), permissions=grants(bob="READ"), outputs=one.outputs
        )
        jobs.append(shared)
        acl = rows(eve="READ") if number == 5 else rows()
        world.of(shared, acl=acl, files=(RemoteFile("t.nwk", 100, "t"),))
    text = shown(planned(world, *jobs))
    assert "  # tree (5 jobs).permissions will be updated in-place" in text
    assert "  # tree.5.permissions will be updated in-place" in text and "- eve" in text
    assert "  # tree (6 jobs).outputs will be fetched" in text
    assert "# 6 files, 600 B" in text and "+ and 1 more" in text


def test_deletes_are_named_one_by_one_and_what_is_left_alone_is_named_too() -> None:
    world = World()
    for number in (10, 9, 2):
        world.of(tree(number), RunState.FINISHED)
    left = shown(planned(world, job("new")))
    assert (
        "Not declared and left unchanged: tree.2, tree.9, tree.10 (3 runs). --prune deletes them."
        in left
    )
    markdown = shown(planned(world, job("new")), "markdown")
    assert "Not declared and left unchanged: `tree.2`, `tree.9`, `tree.10`." in markdown
    pruned = shown(planned(world, job("new"), options=PlanOptions(prune=True)))
    assert pruned.count("will be destroyed") == 3 and "Not declared" not in pruned


def test_jobs_that_wait_for_the_same_are_one_line() -> None:
    world = World()
    sort = job("sort")
    world.of(sort, RunState.FAILED)
    waiting = [job(f"calc.{n}", needs=("sort",)) for n in (1, 2, 3, 10, 20)]
    plan = planned(world, sort, *waiting, job("alone", needs=("sort",)))
    text = shown(plan)
    assert "calc (5 jobs: calc.1, calc.2, calc.3 and 2 more) will not run: needs sort" in text
    assert text.count("needs sort") == 2
    markdown = shown(plan, "markdown")
    assert "| `calc (5 jobs: calc.1, calc.2, calc.3 and 2 more)` | blocked |" in markdown
    for name in ("text", "markdown"):
        each = shown(plan, name, expand=True)
        assert each.count("needs sort") == 6
        assert each.index("calc.2") < each.index("calc.10")
