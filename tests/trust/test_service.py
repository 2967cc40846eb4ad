"""A hostile service or job: its strings move nothing, and what it sends becomes nothing."""

from __future__ import annotations

import json
import re
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsync.manifest import writer
from jobsync.manifest.yaml_reader import read
from jobsync.render.escape import in_yaml
from jobsync.testing import local_service
from tests.line.linebench import Bench

HOSTILE = [
    "##[group]z",
    "##[error]x",
    "a ##vso[task.setvariable variable=a]b",
    "##teamcity[x]",
    "section_start:1:x",
    "::error::x",
    "\x1b[2J",
    "\u202egnp",
    "\u200b",
    "\x9b1m",
    "a\r\nb",
    "\U000e0041",
]


def acted_on(text: str) -> list[str]:
    """What of *text* a terminal or a CI runner acts on."""
    found = re.findall(r"##[\w.-]*\[|section_(?:start|end):[0-9]", text)
    found += [line for line in text.splitlines() if line.lstrip().startswith("::")]
    bad = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    return found + [c for c in text if c != "\n" and unicodedata.category(c) in bad]


@given(st.lists(st.one_of(st.text(max_size=20), st.sampled_from(HOSTILE)), max_size=5))
def test_yaml_that_is_printed_means_the_same_and_acts_on_nothing(texts: list[str]) -> None:
    texts = [text for text in texts if not any(0xD800 <= ord(c) <= 0xDFFF for c in text)]
    value: dict[str, writer.Writable] = {
        "a": list(texts),
        "b": {f"k{text}": text for text in texts},
    }
    shown = in_yaml(writer.dump(value))
    assert acted_on(shown) == []
    assert read(shown.encode(), "x").value == value


def job_of_agave(text: str) -> dict[str, object]:
    return {
        "name": text, "appId": "a-1.0", "parameters": {text: text}, "archivePath": text,
        "inputs": {"i": [f"agave://s/{text}", text]}, "batchQueue": text, text: text,
        "notifications": [{"url": f"https://h/{text}", "event": text}],
    }  # fmt: skip


def request_of_tapis(text: str) -> dict[str, object]:
    return {
        "name": text, "appId": "a", "appVersion": text, "description": text, "tags": [text],
        "notes": {text: [text]}, "archiveSystemDir": text, text: text,
        "fileInputs": [{"name": text, "sourceUrl": f"tapis://s/{text}", "description": text}],
        "parameterSet": {"envVariables": [{"key": text, "value": text}],
                         "appArgs": [{"name": text, "arg": text, "notes": {text: text}}],
                         "archiveFilter": {"excludes": [text]}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("made", "to"),
    [(job_of_agave, ()), (job_of_agave, ("--api", "tapis/v3")), (request_of_tapis, ())],
    ids=["agave", "from agave to tapis", "tapis"],
)
def test_convert_prints_no_command(
    made: Callable[[str], dict[str, object]], to: tuple[str, ...], tmp_path: Path
) -> None:
    """It printed ``##[error]`` as it was."""
    words = [form.format(text) for text in HOSTILE for form in ("{}", "a {}", "{0} # TODO: {0}")]
    files = [f"{number}.json" for number in range(len(words))]
    for file, text in zip(files, words, strict=True):
        (tmp_path / file).write_text(json.dumps(made(text)), encoding="utf-8")
    done = Bench(tmp_path).run("convert", *files, *to)
    assert done.code == 0 and done.out.count("appId:") == len(files), done.err
    assert acted_on(done.out.replace("\t", " ")) == [] and acted_on(done.err) == []


def test_a_draft_of_a_hostile_set_prints_no_command(tmp_path: Path) -> None:
    """As the set of another api, whose strings and keys stand in the draft and in its TODOs."""
    texts = [one for one in HOSTILE if "\r" not in one]
    jobs = {f"j{number}": job_of_agave(text) for number, text in enumerate(texts)}
    for number, job in enumerate(jobs.values()):
        del job["name"], job[texts[number]]
    document = {"apiVersion": "jobsync/v1", "project": "p", "jobs": jobs}
    (tmp_path / "set.yaml").write_text(in_yaml(writer.dump(document)), "utf-8")  # type: ignore[arg-type]
    done = Bench(tmp_path).run("convert", "set.yaml", "--api", "tapis/v3")
    assert done.code == 0 and done.out.count("appVersion") == len(texts), done.err
    assert acted_on(done.out) == [] and acted_on(done.err) == []


def test_import_prints_no_command(tmp_path: Path) -> None:
    with local_service(tmp_path, users=("alice",)) as service:
        text = "".join(one for one in HOSTILE if "\r" not in one)
        job = service.submit("alice", name="n", parameters={"lines": 1, "seconds": 0})
        row = service.service.store.job(job["id"])
        assert row is not None
        service.service.store.update(
            row.id, request={**row.request, "inputs": {}, "parameters": {"lines": text}}
        )
        env = {"TAPIS_BASE_URL": service.url, "TAPIS_TOKEN": service.tokens["alice"]}
        done = Bench(tmp_path).run("import", "--target", "env", "--project", "p", job["id"], **env)
        assert done.code == 0, done.err
        assert "task.setvariable" in done.out and acted_on(done.out) == []
        service.stop_jobs()


def form(part: str, name: str, content: str = "x") -> tuple[bytes, dict[str, str]]:
    """A form with one file, and its header."""
    head = f'Content-Disposition: form-data; name="{part}"; filename="{name}"'
    body = f"--b\r\n{head}\r\n\r\n{content}\r\n--b--\r\n"
    return body.encode(), {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("", "evil.yaml"),
        ("", "evil.YML"),
        ("", "jobsync.lock"),
        ("sub", "HEAD"),
        ("apps/sh-1.0", "sort"),
        ("sub/Apps", "x"),
        ("sub", "apps"),
        ("", ".envrc"),
        (".git/hooks", "pre-commit"),
    ],
)
def test_an_upload_makes_no_manifest_no_app_and_no_lock(
    where: str, name: str, tmp_path: Path
) -> None:
    """Nor a folder for one, in either language of the service."""
    with local_service(tmp_path) as service:
        token = {"X-Tapis-Token": service.jwt("bob")}
        body, head = form("file", name)
        path = f"{where}/{name}".lstrip("/")
        new = service.call("", "POST", f"/v3/files/ops/local/{path}", body, headers=head | token)
        assert new.status == 403
        said = json.dumps({"path": path}).encode()
        kind = {"Content-Type": "application/json"}
        made = service.call("", "POST", "/v3/files/ops/local", said, headers=kind | token)
        assert made.status == 403
        assert {item.name for item in tmp_path.iterdir()} <= {".jobsync"}, "nothing was made"
        (tmp_path / where).mkdir(parents=True, exist_ok=True)
        body, head = form("fileToUpload", name)
        folder = f"/files/v2/media/system/local/{where}"
        assert service.call("bob", "POST", folder, body, headers=head).status in (400, 403)
        assert not (tmp_path / where / name).exists()
        body, head = form("fileToUpload", "data.txt")
        top = "/files/v2/media/system/local/"
        assert service.call("bob", "POST", top, body, headers=head).status == 202


def test_work_runs_for_its_owner_alone(tmp_path: Path) -> None:
    """A work folder outside was open to others, and so was what a job wrote there."""
    (tmp_path / ".jobsync").mkdir(mode=0o700)
    outside = tmp_path / "outside"
    (tmp_path / ".jobsync/systems.json").write_text(
        json.dumps({"systems": {"local": {"workFolder": str(outside)}}})
    )
    app = tmp_path / "apps/t"
    app.mkdir(parents=True)
    (app / "app.json").write_text(json.dumps({"name": "t", "version": "1", "templatePath": "w.sh"}))
    (app / "w.sh").write_text("umask > u; mkdir d; echo x > d/x; stat -c %a . d d/x > modes\n")
    with local_service(tmp_path) as service:
        job = service.submit("alice", name="t", appId="t-1", archive=False)
        assert service.wait("alice", job["id"])["status"] == "FINISHED"
    [work] = outside.glob("alice/job-*")
    assert (work / "u").read_text().strip() == "0077"
    assert (work / "modes").read_text().split() == ["700", "700", "600"]
    for folder in (outside, outside / "alice", work):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
