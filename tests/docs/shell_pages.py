"""What is there before the shell blocks of a page run, what stands in place of a reader's own
names, and what has to be true afterwards: one function for each page, which yields in between."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

from jobsync.apply.clock import SystemClock
from jobsync.apply.journal_entry import Binding, Entry, State
from jobsync.apply.takeover import locked_journal
from jobsync.base_url import base_url
from jobsync.testing import LocalService
from tests.docs.blocks import ROOT, blocks
from tests.docs.session import Session

Page = Callable[[Session], Iterator[None]]
HEAD = "apiVersion: jobsync/v1\n"


def figures(page: Session) -> Iterator[None]:
    (page.folder / "docs").mkdir()
    shutil.copy(ROOT / "docs/figures.md", page.folder / "docs")
    page.swap("python benchmarks", f"{sys.executable} {ROOT}/benchmarks")
    page.swap("--rounds 3", "--rounds 1 --dimension matrix --sizes 2,4")
    yield
    drawn = (page.folder / "docs/growth.svg").read_text()
    assert drawn.count("<polyline") == 2 and "tapis/v3" in drawn and "<title" in drawn
    rows = re.findall(
        r"^\| matrix: validate \|.*\|$", (page.folder / "docs/figures.md").read_text(), re.M
    )
    assert len(rows) == 2 and all(row.count("|") == 7 for row in rows), rows


def first_job(page: Session) -> Iterator[None]:
    page.swap(r"sed -i\.before", "sed -i.before")
    yield
    said = "".join(page.said)
    assert "GOOD MORNING\n" * 2 + "No changes." in said
    assert (page.folder / "shout/results/loud.txt").read_text() == "GOOD MORNING\n" * 3


def on_your_tenant(page: Session) -> Iterator[None]:
    api = "agave/v2" if page.page.endswith("v2.md") else "tapis/v3"
    service = page.serve(api)
    job = service.submit("alice")
    job_id = job.get("uuid") or job["id"]
    service.wait("alice", job_id)
    page.write("password", service.tokens["alice"] + "\n")
    page.swap(r"https://(designsafe\.tapis\.io|api\.tacc\.example)", service.url)
    page.swap(r"JOB=\S+", f"JOB={job_id}")
    page.swap("--username alice", "--username alice --password-stdin < password")
    yield
    said = "".join(page.said)
    assert said.count("No changes.") == 3, said
    assert "bob : READ" in re.sub(" +", " ", said), said
    is_agave = api == "agave/v2"
    listing = "/jobs/v2?limit=9" if is_agave else "/v3/jobs/list"
    rows = service.call("alice", "GET", listing).result
    assert len(rows) == 2, "the job that was there, and one more"
    where = f"/jobs/v2/{job_id}/pems" if is_agave else f"/v3/jobs/{job_id}/share"
    assert "bob" in json.dumps(service.call("alice", "GET", where).result)


def readme(page: Session) -> Iterator[None]:
    for name in ("phylogeny", "phylogeny-v3"):
        page.example(name)
    # Where no package index is: the jobsync that is installed already.
    page.swap(r"python3 -m venv \.venv\n\.venv/bin/pip install -q -e '\.\[examples\]'\n", "")
    page.swap(r"\.venv/bin/jobsync", "jobsync")
    yield
    (command,) = re.findall(r"`\.venv/bin/(jobsync apply [^`]*)`", (ROOT / "README.md").read_text())
    subprocess.run(
        command.split(), cwd=page.folder, env=page.environ, check=True, capture_output=True
    )
    trees = [(page.folder / f"manifests/{name}/results/tree.nwk").read_text()
             for name in ("phylogeny", "phylogeny-v3")]  # fmt: skip
    assert trees[0] == trees[1], "the same science in both languages"


def session(page: Session) -> Iterator[None]:
    page.example("phylogeny")
    page.before[1] = "jobsync apply manifests/phylogeny --wait --auto-approve > applied 2>&1"
    yield


def recipes(page: Session) -> Iterator[None]:
    service = page.serve(user="alice")
    job = service.submit("alice", name="trim")
    service.wait("alice", job["id"])
    request = {"name": "trim", "appId": "wc-demo-1.00", "parameters": {}}
    page.write("old/trim.json", json.dumps(request))
    page.before[2] = textwrap.dedent("""\
        mkdir jobs && mv jobs.yaml jobs
        """)
    page.before[3] = textwrap.dedent("""\
        rm jobs-v3.yaml
        export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q . && echo then > access.csv && git add access.csv && git commit -qm first
        cd jobs && mv ../access.csv . && git add -A . .. && git commit -qm moved
        """)
    yield
    log = subprocess.run(["git", "log", "--format=%s"], cwd=page.folder, capture_output=True)
    assert log.stdout.startswith(b"Access as of today")


def pictures(page: Session) -> Iterator[None]:
    page.example("wordcount")
    page.before[1] = "cd manifests/wordcount"
    if not shutil.which("dot"):
        page.swap(r"\| dot -Tpdf", "| cat")
    yield
    for name in ("graph.svg", "graph.pdf", "report.html", "today.html"):
        assert (page.folder / "manifests/wordcount" / name).stat().st_size > 500, name


def when_a_job_fails(page: Session) -> Iterator[None]:
    app = {
        "name": "try", "version": "1.0", "templatePath": "w.sh",
        "parameters": [{"id": "fails", "value": {"type": "number", "default": 0}}],
    }  # fmt: skip
    page.write("apps/try/app.json", json.dumps(app))
    page.write("apps/try/w.sh", "echo aligned | tee a.log\necho badly >&2\nexit ${fails}\n")
    page.write(
        "set.yaml",
        HEAD + "project: phylo\ntarget: local\ndefaults: {maxRunTime: '00:10:00'}\njobs:\n"
        "  align: {appId: try-1.0, parameters: {fails: 3}, onFailure: {retries: 1}}\n"
        "  tree: {appId: try-1.0, matrix: {model: [lg, wag], seed: [1, 2]}}\n",
    )
    # What this page is about ends with 7.
    page.before[1] = 'jobsync() { command jobsync "$@" || [ $? = 7 ]; }'
    page.before[1] += "\njobsync apply --wait --auto-approve > applied 2>&1"
    # The question of `stop` needs a terminal.
    page.swap("(jobsync stop [^#]*[^# ])", r"\1 --auto-approve")
    yield
    logs, left, _, states = page.said
    assert logs.count("aligned") >= 3 + 4 and logs.count("badly") >= 4, logs
    assert "badly" in left and (page.folder / "a.log").read_text() == "aligned\n"
    assert "failed" in states


def troubleshooting(page: Session) -> Iterator[None]:
    page.example("phylogeny")
    service = page.serve()
    ended = {"exp": int(time.time()) - 7265, "iss": "https://api.example.org"}
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, ended, {})]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    page.environ |= {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": token}
    page.before[1] = "mkdir -pm 700 .local/state/jobsync; cd manifests/phylogeny"
    page.before[2] = "export TAPIS_BASE_URL=http://127.0.0.1:1"
    page.shown_as(r"\d+\.\d+\.\d+", r"\d+\.\d+\.\w+")
    page.shown_as(r"/home/ann/phylogeny", r"/\S+/manifests/phylogeny")
    page.shown_as(r"/home/ann", r"/\S+")
    page.shown_as(r"https://api\.example\.org", re.escape(service.url))
    page.shown_as(r"api\.example\.org", r"127\.0\.0\.1:1")
    yield


def lab(page: Session) -> Iterator[None]:
    service = page.serve(users=("labbot", "ann", "bob"))
    (declared,) = (block.text for block in blocks(page.page) if block.language == "yaml")
    declared = declared.replace("https://api.tacc.example", service.url)
    declared = declared.replace("famsa-2.2", "wc-demo-1.00").rstrip()
    page.write("set.yaml", f"{declared}\n    outputs: [{{path: counts.txt, to: results/}}]\n")
    page.environ |= {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens["labbot"]}
    applied = page.run("apply", "--auto-approve", "--wait", "--allow", "rerun-finished")
    assert applied.code == 0, applied.err
    (run,) = service.call("labbot", "GET", "/jobs/v2").result
    page.environ["TAPIS_TOKEN"] = service.tokens["bob"]
    (refusal,) = (block.text for block in blocks(page.page) if block.language == "text")
    for command in (("apply",), ("stop", "align"), ("wait",), ("jobs", "cancel", run["id"])):
        done = page.run(*command)
        assert (done.code, done.err) == (1, refusal), command
    (page.folder / "jobsync.lock").unlink()
    (page.folder / "results/counts.txt").unlink()
    yield
    assert (page.folder / "results/counts.txt").read_text().split()
    assert page.run("jobs", "list").out.count(run["id"]) == 1
    assert len(service.call("labbot", "GET", "/jobs/v2").result) == 1


def credentials(page: Session) -> Iterator[None]:
    service = page.serve("tapis/v3")
    page.write("password", service.tokens["alice"] + "\n")
    page.swap(r"https://designsafe\.tapis\.io", service.url)
    page.swap("--username alice", "--username alice --password-stdin < password")
    yield
    assert (page.folder / ".config/jobsync/tapis.json").exists()


def local_service(page: Session) -> Iterator[None]:
    page.before[1] = textwrap.dedent("""\
        serve() {
          jobsync serve "$@" &
          until grep -q "jobs list" "$OUT"; do sleep 0.05; done
          kill %1; wait %1
        }
        """)
    page.swap("jobsync serve", "serve")
    page.shown_as(r":43335", r":\d+")
    page.shown_as(r"/home/alice/project", r"/\S+")
    yield
    page.said[0].index("Next, in another terminal")


def testing(page: Session) -> Iterator[None]:
    service = page.serve()
    page.environ["URL"] = service.url
    yield
    assert '"throttle' in page.said[0], page.said


def plan_format(page: Session) -> Iterator[None]:
    service = page.serve(user="alice")
    jobs = (
        "  align: {appId: wc-demo-1.00, maxRunTime: '00:10:00'}\n"
        "  report: {appId: wc-demo-1.00, maxRunTime: '00:10:00', inputs: {}}\n"
    )
    page.write("set.yaml", f"{HEAD}project: phylo\njobs:\n{jobs}")
    page.environ["TAPIS_BASE_URL"] = service.url
    page.before[1] = textwrap.dedent("""\
        jobsync apply --wait --auto-approve > applied 2>&1
        sed -i '/align/s/}$/, outputs: [{path: counts.txt, to: results\\/}]}/' set.yaml
        sed -i '/report/s/}$/, permissions: {bob: READ}}/' set.yaml
        echo '  tree: {appId: wc-demo-1.00, matrix: {model: [lg], seed: [1]}}' >> set.yaml
        """)
    page.shown_as(r"\.b[a-z0-9]{9}", r"\.b[a-z0-9]{9}")
    yield


DIGEST = "DIGEST=$(jobsync plan --target tacc --format json | jq -r .digest)"
SETS = f"{HEAD}project: demo\ntarget: tacc\ntargets: {{tacc: {{api: agave/v2, baseUrl: URL}}}}\n"


def ci(page: Session) -> Iterator[None]:
    service = page.serve()
    page.environ |= {"TAPIS_TOKEN": service.tokens["alice"], "TAPIS_BASE_URL": service.url}
    page.write("set.yaml", SETS.replace("URL", service.url) + "jobs:\n  a: {appId: wc-demo-1.00}\n")
    page.swap(
        r"--expect DIGEST",
        "--expect \"$(sed -n 's/^<!-- digest \\\\(.*\\\\) -->/\\\\1/p' plan.md)\"",
    )
    page.before[2] = "echo '  b: {appId: wc-demo-1.00}' >> set.yaml"
    page.before[3] = f"echo '  c: {{appId: wc-demo-1.00}}' >> set.yaml\n{DIGEST}"
    yield
    assert len(service.call("alice", "GET", "/jobs/v2").result) == 3


def journal(page: Session) -> Iterator[None]:
    service = page.serve(user="alice")
    bare = page.folder / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", bare], check=True)
    subprocess.run(["git", "clone", "-q", bare, "clone"], cwd=page.folder, check=True)
    declared = SETS.replace("URL", service.url) + "jobs:\n  a: {appId: wc-demo-1.00}\n"
    page.write("clone/set.yaml", declared)
    page.before[1] = "cd clone"
    page.before[2] = f"{DIGEST}\nJOBSYNC_JOURNAL_TOKEN=secret"
    page.swap(r"git\+https://HOST/OWNER/NAME\.git", f"git+{bare.as_uri()}")
    page.shown_as("4f1c9a52b07d3e68", "[0-9a-f]{16}")
    held(page, service, block=3)
    yield
    assert "confirmed" in page.said[2] and "rejected" in page.said[2], page.said
    refs = ["git", "--git-dir", str(bare), "log", "--format=%s", "refs/jobsync/journal"]
    log = subprocess.run(refs, capture_output=True, text=True, check=True).stdout
    assert "[skip ci]" in log


def reliability(page: Session) -> Iterator[None]:
    held(page, page.serve(user="alice"), block=1)
    yield
    assert "confirmed" in page.said[0] and "rejected" in page.said[0], page.said


def held(page: Session, service: LocalService, block: int) -> None:
    """Before *block*, go to a set with two submits of which nobody knows whether they arrived:
    a job of the name of the first is there, and none of the second."""
    page.environ["JOBSYNC_STATE_DIR"] = str(page.folder / "state")
    jobs = "  one: {appId: wc-demo-1.00}\n  two: {appId: wc-demo-1.00, parameters: {lines: 2}}\n"
    page.write("held/set.yaml", f"{HEAD}project: held\njobs:\n{jobs}")
    binding, clock = Binding(base_url(service.url), "alice", "held"), SystemClock()
    names = {}
    for address in ("one", "two"):
        why = page.run("why", "-m", "held", address, "--target", "env").out
        ((names[address],),) = [line.split()[1:] for line in why.splitlines() if "  name " in line]
    (page.folder / "state").mkdir(mode=0o700, exist_ok=True)
    with locked_journal(page.folder / "state", binding, clock) as journal:
        for address, name in names.items():
            journal.append(Entry(name, address, State.HELD, reason="502 Bad Gateway"), clock)
    made = service.submit("alice", name=names["one"])
    page.before[block] = f"cd {page.folder}/held"
    page.swap(r"resolve ADDRESS --submitted JOB_ID", f"resolve one --submitted {made['id']}")
    page.swap(r"resolve ADDRESS --not", "resolve two --not")


def clusters(page: Session) -> Iterator[None]:
    shutil.copytree(ROOT / "manifests/wordcount", page.folder / "my-manifests")
    # Where no package index is: the jobsync that is installed already.
    page.swap(r"^python3 -m venv ~/jobsync.*\n", "")
    page.swap(r"~/jobsync/bin/jobsync", "jobsync")
    page.swap("/scratch/alice/jobsync", str(page.folder / "scratch"))
    # The partition of the cluster of the tests; a queue's memory is that of every job.
    page.swap(
        r"normal: {default: true, (.*), maxMemoryPerNode: 192GB",
        r"normal: {partition: debug, default: true, \1",
    )
    page.swap("apply --target local --wait", "apply --target local --wait --auto-approve")
    yield
    status = page.run("history", "-m", "my-manifests", "count", "--target", "local")
    assert "Slurm" in status.out, status


PAGES: dict[str, Page] = {
    "README.md": readme,
    "docs/ci.md": ci,
    "docs/credentials.md": credentials,
    "docs/figures.md": figures,
    "docs/first-job.md": first_job,
    "docs/journal.md": journal,
    "docs/lab.md": lab,
    "docs/local-service.md": local_service,
    "docs/on-your-tenant-v2.md": on_your_tenant,
    "docs/on-your-tenant-v3.md": on_your_tenant,
    "docs/pictures.md": pictures,
    "docs/plan-format.md": plan_format,
    "docs/recipes.md": recipes,
    "docs/reliability.md": reliability,
    "docs/session.md": session,
    "docs/testing.md": testing,
    "docs/troubleshooting.md": troubleshooting,
    "docs/when-a-job-fails.md": when_a_job_fails,
}

ON_SLURM: dict[str, Page] = {"docs/clusters.md": clusters}
"""Pages that need a cluster."""
