"""One plan with everything in it, for golden files and byte stability. Run it to print digests."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from jobsync.errors import Location
from jobsync.model import (
    App,
    Grant,
    Guards,
    OutputRef,
    Plan,
    RemoteFile,
    RunState,
)
from jobsync.plan import PlanOptions, build
from jobsync.platforms.agave.permissions import LEVELS
from jobsync.render import FORMATS, RenderOptions
from tests.fakes.planworld import World, desired, grants, job, rows, rule

HOSTILE = "exit 1\n::error::boo \x1b[2J ##[group] `` | <b>@alice</b> \u202egnp.exe"


def showcase() -> Plan:
    """Every action, reason, standing and hazard that fits into one set."""
    place = {"parameters.threads": Location("manifests/phylo.yaml", 22, 7)}
    align = job(
        "align",
        {"parameters": {"threads": 4}, "nodeCount": 1, "maxRunTime": "00:10:00"},
        outputs=(rule("*.aln", "results/align/"),),
        places=place,
    )
    tree = job(
        "tree.lg.1",
        {
            "appId": "veryfasttree-4.0",
            "inputs": {"alignment": OutputRef("align", "aligned.fa")},
            "parameters": {"model": "lg", "seed": 1, "fast": True},
            "maxRunTime": "02:00:00",
            "nodeCount": 2,
            "notifications": [{"url": "https://user:pw@hook.example/key?t=1", "event": "FINISHED"}],
        },
        among={"align": align},
        permissions=grants(bob="READ"),
        outputs=(rule("tree.nwk", "results/lg-1.nwk"),),
    )
    report = job(
        "report",
        {"batchQueue": "long"},
        permissions={
            "bob": Grant(LEVELS["READ"], "@reviewers", Location("manifests/phylo.yaml", 14, 3)),
            "carol": Grant(LEVELS["READ_WRITE"], "", Location("manifests/phylo.yaml", 15, 3)),
            "world": Grant(LEVELS["READ"]),
        },
        outputs=(rule("*.txt", "results/"), rule("plots/", "plots/")),
        expect=("report.html",),
    )
    flaky = job("flaky", retries=2)
    failed = job("failed", {"parameters": {"x": 1}})
    stopped = job("stopped", {"parameters": {"x": 2}})
    after = job("after", {"parameters": {"x": 3}}, needs=("failed",))
    hidden = job("hidden", {"parameters": {"x": 4}}, permissions=grants(bob="READ"))
    running = job("running", {"parameters": {"x": 5}}, outputs=(rule("a", "b"),))
    done = job("done", {"parameters": {"x": 6}})

    world = World(apps={"tool-1.0": App("tool-1.0", {}, {})})
    world.of(job("align", {"parameters": {"threads": 2}, "nodeCount": 1}))
    world.of(job("align", {"parameters": {"threads": 1}}), RunState.ACTIVE)
    world.of(
        report,
        request={"batchQueue": "debug"},
        acl=rows(carol="READ", dave="READ", zed="READ_WRITE"),
        files=(RemoteFile("a.txt", 1_288_490_189, "t"), RemoteFile("plots/x.svg", 900, "t")),
    )
    world.of(flaky, RunState.FAILED, message=HOSTILE)
    world.of(failed, RunState.FAILED, message="Job exited with non-zero status")
    world.of(stopped, RunState.STOPPED)
    world.of(hidden, visible=False)
    world.of(running, RunState.ACTIVE)
    world.of(done)
    world.of(done)
    world.of(tree, owner="mallory", request={})
    world.add("phylo.gone.abcdefghij")
    wanted = desired(
        align,
        tree,
        report,
        flaky,
        failed,
        stopped,
        after,
        hidden,
        running,
        done,
        guards=Guards(max_node_hours=1.0, allow=frozenset({"public-access"})),
    )
    options = PlanOptions(prune=True, stop_superseded=True)
    return build(wanted, world.snapshot(wanted), options)


def renderings(plan: Plan) -> dict[str, str]:
    """Every way to write *plan* down, by the name of its golden file."""
    texts = {f"plan.{name}": show(plan, RenderOptions()) for name, show in FORMATS.items()}
    texts["plan.color"] = FORMATS["text"](plan, RenderOptions(color=True))
    texts["plan.folded"] = FORMATS["markdown"](plan, RenderOptions(budget=2_500))
    texts["plan.counts"] = FORMATS["markdown"](plan, RenderOptions(budget=10))
    return texts


GOLDEN = Path(__file__).with_name("golden")


if __name__ == "__main__":
    written = renderings(showcase())
    if sys.argv[1:] == ["--write"]:
        GOLDEN.mkdir(exist_ok=True)
        for name, text in written.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    together = "\0".join(written[name] for name in sorted(written))
    print(hashlib.sha256(together.encode()).hexdigest())
