"""What the workflows and the page for GitHub pass is enough to act on a declared target."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobsync.testing import LocalService, local_service
from tests.ci.test_documents import BLOCKS
from tests.ci.tools import ROOT
from tests.line.linebench import Bench

CALLED = ("plan", "apply", "drift")
SET = """\
apiVersion: jobsync/v1
project: p
target: tacc
targets: {tacc: {api: API, baseUrl: "URL"}}
jobs: {one: {appId: wc-demoVERSION}}
"""
OF = {"agave/v2": "-1.00", "tapis/v3": ', appVersion: "1.00"'}
PAGES_URL = "https://designsafe.tapis.io"


def filled(env: dict[str, str], secrets: dict[str, str], base_url: str) -> dict[str, str]:
    """*env* of a step as the forge fills it in: what is not set is empty."""

    def value(text: str) -> str:
        if named := re.fullmatch(r"\$\{\{ secrets\.(\w+) \}\}", text):
            return secrets.get(named[1], "")
        return base_url if "inputs.base-url" in text else text.replace(PAGES_URL, base_url)

    return {name: value(text) for name, text in env.items() if name.startswith("TAPIS_")}


def plan(folder: Path, service: LocalService, api: str, env: dict[str, str]) -> None:
    bench = Bench(folder)
    text = SET.replace("API", api).replace("VERSION", OF[api]).replace("URL", service.url)
    (folder / "set.yaml").write_text(text)
    done = bench.run("plan", CI="true", **env)
    bench.close()
    assert done.code == 0 and "1 to add" in done.out, done.err


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        step
        for job in document["jobs"].values()
        for step in job.get("steps", [])
        if "jobsync" in step.get("uses", "")
    ]


def test_each_workflow_takes_a_token_or_a_login(tmp_path: Path) -> None:
    with local_service(users=("alice",)) as service:
        login = {"TAPIS_USERNAME": "alice", "TAPIS_PASSWORD": service.tokens["alice"]}
        basic = b64encode(":".join(login.values()).encode()).decode()
        head = {"Authorization": f"Basic {basic}"}
        client = service.call("", "POST", "/clients/v2", {"clientName": "ci"}, headers=head).result
        key = {
            "TAPIS_API_KEY": client["consumerKey"],
            "TAPIS_API_SECRET": client["consumerSecret"],
        }
        for name in CALLED:
            document = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
            taken = document[True]["workflow_call"]["secrets"]
            assert {"TAPIS_TOKEN", *login, *key} <= taken.keys()
            (step,) = steps(document)
            for api, secrets in (
                ("agave/v2", {"TAPIS_TOKEN": service.tokens["alice"]}),
                ("agave/v2", {**login, **key}),
                ("tapis/v3", login),
            ):
                env = filled(step["env"], secrets, service.url)
                folder = tmp_path / f"{name}{len(secrets)}"
                folder.mkdir()
                plan(folder, service, api, env)


@pytest.mark.parametrize("block", BLOCKS)
def test_each_file_of_the_page_says_which_service_its_token_is_for(
    block: str, tmp_path: Path
) -> None:
    document = yaml.safe_load(block)
    called = [job for job in document["jobs"].values() if "uses" in job]
    assert all(job["with"].get("base-url") == PAGES_URL for job in called)
    with local_service(users=("alice",)) as service:
        for step in steps(document):
            secrets = {"TAPIS_TOKEN": service.tokens["alice"]}
            plan(tmp_path, service, "agave/v2", filled(step["env"], secrets, service.url))
