"""A pull request may say what it wants and be refused; nothing it holds runs code, writes outside,
reads a secret or hangs. Each set here is one that did so before.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import OutputsFolder
from jobsync.plan.output_rules import compile_glob
from jobsync.platforms.loading import load
from tests.line.linebench import on_a_terminal
from tests.trust.trustbench import Repository, script_app

JOB = 'jobs: {one: {appId: sh-1.0, outputs: [{path: "counts.txt", to: TO}]}}'
ROOTS = [
    ".git",
    ".git/hooks",
    "sub/.git",
    "sub/.GiT/hooks",
    ".jobsync",
    ".github",
    ".github/workflows",
    ".vscode",
    "apps",
    "apps/sh-1.0",
    "sub/Apps",
    "..",
    "../..",
    "../../../..",
    "/etc",
    "HOME/.ssh",
    "link",
    "link/sub",
    "bare",
    "bare/hooks",
]
PLACES = [
    ".git/config",
    ".GIT/config",
    "git~1/config",
    "sub/.git/config",
    ".github/workflows/x.yaml",
    ".ssh/authorized_keys",
    ".jobsync/users.json",
    "jobsync.lock",
    "JOBSYNC.LOCK",
    "apps/sh-1.0/wrapper.sh",
    "sub/apps/x/app.json",
    "set.yaml",
    "next.yml",
    ".gitlab-ci.yml",
    "x/HEAD",
    "../outside",
    "/etc/cron.d/x",
]


def refused(folder: Path, outputs: OutputsFolder | None = None) -> str:
    """Every problem of the set in *folder*."""
    with pytest.raises(ManifestError) as caught:
        load([folder], outputs=outputs or OutputsFolder())
    return "\n".join(str(problem) for problem in caught.value.problems)


def listing(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("root", ROOTS)
def test_outputs_never_go_where_something_acts_on_them(root: str, repository: Repository) -> None:
    """Nor does it help that whoever runs the command names the folder too, but for one outside."""
    folder = repository.folder
    repository.git("init", "-q", "--bare", "bare")
    (folder / "link").symlink_to(".git")
    root = root.replace("HOME", str(folder.parent))
    repository.declare(f"outputsRoot: {root}", JOB.replace("TO", "x"))
    before = listing(folder)
    said = refused(folder)
    assert "set.yaml:3:14: outputsRoot" in said
    assert listing(folder) == before
    wanted = str(folder / root)
    if "leads out" in said:
        assert "add: --outputs-root" in said
        for named in (OutputsFolder(chosen=wanted), OutputsFolder(permitted=wanted)):
            assert load([folder], outputs=named).outputs_root
    else:
        assert "--outputs-root is" in refused(folder, OutputsFolder(chosen=wanted))
        assert "outputsRoot is" in refused(folder, OutputsFolder(permitted=wanted))


@pytest.mark.parametrize("to", PLACES)
def test_no_output_gets_a_place_that_something_acts_on(to: str, repository: Repository) -> None:
    repository.declare(JOB.replace("TO", to))
    assert "set.yaml:3:" in refused(repository.folder)


def test_the_folder_of_state_is_not_for_outputs_wherever_it_is(repository: Repository) -> None:
    state = OutputsFolder(closed=(str(repository.folder / "state"),))
    for where in ("state/journal/x", "state/x"):
        repository.declare(JOB.replace("TO", where))
        assert "jobsync keeps its state" in refused(repository.folder, state)
    repository.declare("outputsRoot: state/locks", JOB.replace("TO", "x"))
    assert "jobsync keeps its state" in refused(repository.folder, state)
    repository.declare("outputsRoot: results", JOB.replace("TO", "x"))
    assert load([repository.folder], outputs=state).outputs_root


def test_a_job_cannot_make_git_run_something(repository: Repository) -> None:
    """``commondir`` in ``.git`` leads git to a configuration that the job wrote."""
    script_app(
        repository,
        "mkdir -p d/objects d/refs; printf '[core]\\nfsmonitor = touch pwned; false\\n' > d/config;"
        " echo ../d > commondir; echo x > counts.txt; mkdir -p apps/x; echo x > apps/x/app.json;"
        " echo 'x: 1' > zz.yaml; mkdir -p w/.github; echo x > w/.github/x; cp -r d w/\n",
    )
    repository.declare(
        "outputsRoot: .git",
        "jobs: {one: {appId: sh-1.0, outputs: [{path: commondir, to: commondir}]}}",
    )
    done = repository.run("apply", "--target", "local", "--auto-approve", ".")
    assert done.code == 1 and "outputsRoot is inside a git repository's own folder" in done.err
    assert not (repository.folder / ".git/commondir").exists()
    repository.declare('jobs: {one: {appId: sh-1.0, outputs: [{path: "**", to: ./}]}}')
    before = listing(repository.folder)
    repository.run("apply", "--target", "local", "--auto-approve", ".")
    new = {n for n in listing(repository.folder) - before if not n.startswith(".jobsync")}
    assert "counts.txt" in new, "what may be fetched is"
    assert {n for n in new if n.startswith(("apps/x", "w/.github")) or n.endswith(".yaml")} == set()
    repository.git("status")
    assert not (repository.folder / "pwned").exists()


def test_every_format_says_where_outputs_go(repository: Repository) -> None:
    script_app(repository, "echo x > counts.txt\n")
    repository.declare("outputsRoot: ../out", JOB.replace("TO", "x"))
    run = ("plan", "--target", "local", ".")
    said = repository.run(*run)
    assert said.code == 1 and "--outputs-root ../out" in said.err
    texts = [
        repository.run(*run, "--outputs-root", "../out", "--format", name).out
        for name in ("text", "markdown", "json")
    ]
    assert "Outputs go to ../out" in texts[0] and "../out" in texts[1]
    assert json.loads(texts[2])["outputs_root"] == "../out"
    allowed = repository.run(*run, JOBSYNC_OUTPUTS_ROOT="../out", JOBSYNC_TARGET="local")
    assert allowed.code == 0 and allowed.out == texts[0]
    other = repository.run(*run, JOBSYNC_OUTPUTS_ROOT="../other")
    assert other.code == 1 and "leads out of the folder of the set" in other.err
    elsewhere = repository.run(*run, "--outputs-root", "../else", "--format", "json").out
    digests = {json.loads(text)["digest"] for text in (texts[2], elsewhere)}
    assert len(digests) == 1, "what is named from outside is not in the digest"


def test_a_saved_plan_goes_where_the_set_or_the_command_line_says(repository: Repository) -> None:
    script_app(repository, "echo x > counts.txt\n")
    repository.declare("outputsRoot: ../out", JOB.replace("TO", "x"))
    flag = ("--outputs-root", "../out")
    assert repository.run("plan", "--target", "local", *flag, "--out", "p", ".").code == 0
    apply = ("apply", "--plan", "p", "--auto-approve")
    assert repository.run(*apply).code == 1
    assert repository.run(*apply, *flag).code == 0
    assert (repository.folder.parent / "out/x").read_text() == "x\n"


def test_no_password_goes_to_a_host_that_the_manifests_name(repository: Repository) -> None:
    """It went there, and the URL was shown afterwards."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def listen() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=listen, daemon=True).start()
        repository.declare("target: tacc", f"targets: {{tacc: {{baseUrl: '{url}'}}}}", JOB)
        login = [sys.executable, "-m", "jobsync", "auth", "login", "--username", "victim"]
        done = subprocess.run(
            [*login, "--password-stdin"],
            cwd=repository.folder,
            env=repository.environ,
            input="HUNTER2\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 4 and heard == []
        assert f"the manifests name {url}" in done.stderr
        assert f"jobsync auth login --url {url} --api agave/v2" in done.stderr
        for answer in ("no", "y", ""):
            said = on_a_terminal(repository, f"{answer}\nHUNTER2\n", "auth", "login")
            assert said.code == 4 and f"Log in to {url}" in said.err and heard == []
            assert "Password" not in said.err
        on_a_terminal(repository, "yes\nHUNTER2\n", *login[3:], "--password-stdin")
        assert heard
        heard.clear()
        on_a_terminal(
            repository,
            "HUNTER2\n",
            *login[3:],
            "--password-stdin",
            "--url",
            url,
            "--api",
            "agave/v2",
        )
        assert heard, "a URL that was typed is not asked for again"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "glob",
    [
        "*a" * 30 + "b",
        "**/" * 500 + "b",
        "**a*" * 300 + "x",
        "?*" * 400,
        "**/**//" * 200,
        "**/a/" * 200,
    ],
)
def test_no_glob_keeps_a_command_busy(glob: str, repository: Repository) -> None:
    """With the first, ``validate`` had not ended after 40 seconds."""
    repository.write(f"{'a' * 60}.yaml", "apiVersion: jobsync/v1\n")
    deep = "/".join(["a" * 20] * 10)
    repository.write(f"{deep}/{'a' * 60}.yaml", "apiVersion: jobsync/v1\n")
    rule = f'{{path: "{glob}", to: r/}}'
    repository.declare(
        f'ignore: ["{glob}"]', f"jobs: {{one: {{appId: sh-1.0, outputs: [{rule}]}}}}"
    )
    began = time.process_time()
    load([repository.folder])
    judge = compile_glob(glob)
    assert not judge.matches("a" * 250 + "/.a")
    judge.matches("aba/" * 500)
    assert time.process_time() - began < 1
