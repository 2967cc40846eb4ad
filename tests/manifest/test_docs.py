"""The language reference is true: examples load, its error is as shown, its schema current."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobsync.errors import ManifestError
from jobsync.manifest import schema
from jobsync.platforms import PLATFORMS
from jobsync.platforms.loading import load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "manifest.md"
BLOCK = re.compile(r"^```(yaml|yaml refused|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HEAD = "apiVersion: jobsync/v1\nproject: demo\n"
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def whole(text: str) -> str:
    return text if "apiVersion:" in text else HEAD + text


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "yaml"])
def test_examples_load(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(whole(text), encoding="utf-8")
    load([tmp_path], environ={"HOME": "/home/alice"})


def test_errors_are_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = [number for number, (kind, _) in enumerate(BLOCKS) if kind == "yaml refused"]
    assert refused
    for number in refused:
        Path("manifest.yaml").write_text(whole(BLOCKS[number][1]), encoding="utf-8")
        with pytest.raises(ManifestError) as caught:
            load(["manifest.yaml"])
        said = "".join(f"{problem}\n" for problem in caught.value.problems)
        assert said == BLOCKS[number + 1][1]


def test_the_page_means_what_it_says_of_the_matrix(tmp_path: Path) -> None:
    text = next(text for kind, text in BLOCKS if "exclude:" in text)
    (tmp_path / "manifest.yaml").write_text(whole(text), encoding="utf-8")
    assert list(load([tmp_path]).jobs) == ["tree.jtt.7", "tree.lg.1", "tree.lg.2", "tree.wag.1"]


def test_every_key_of_the_language_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    definition = json.loads(schema.text(PLATFORMS))
    jobs = [definition["$defs"][f"job-{name.replace('/', '-')}"] for name in PLATFORMS]
    keys = {*definition["properties"], *(key for job in jobs for key in job["properties"])}
    keys |= {
        *definition["$defs"]["guards"]["properties"],
        *definition["$defs"]["target"]["properties"],
    }
    missing = [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)]
    assert not missing


def test_the_published_schema_is_current() -> None:
    published = (ROOT / "docs" / "manifest.schema.json").read_text(encoding="utf-8")
    assert published == schema.text(PLATFORMS), "write what jobsync schema prints to docs/"


def test_the_schema_is_a_schema_and_explains_itself() -> None:
    import jsonschema_rs

    definition = json.loads(schema.text(PLATFORMS))
    jsonschema_rs.meta.validate(definition)
    lacking = []

    def look(node: object, path: str) -> None:
        if isinstance(node, dict):
            rules = {"type", "enum", "const", "pattern"} & node.keys()
            if (
                rules
                and "x-expected" not in node
                and not path.endswith(("propertyNames", "properties"))
            ):
                lacking.append(path)
            for key, value in node.items():
                look(value, f"{path}/{key}")

    look(definition, "")
    assert not lacking
