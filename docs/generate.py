"""Write the pages and figures that are made from the code: run it after a change of what they show.

    python docs/generate.py [--check]

``reference/commands.md`` is made from the commands, ``reference/keys.md`` from the schema of the
manifest language, ``figures/`` by ``jobsync graph``. With ``--check`` nothing is written, and the
exit code is 1 when something would be.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from jobsync.cli.main import cli
from jobsync.cli.sets import read_set
from jobsync.manifest import schema
from jobsync.platforms import PLATFORMS
from jobsync.render.graph.jobs import graph_of
from jobsync.render.graph.svg import as_svg

HERE = Path(__file__).parent
ROOT = HERE.parent
MADE = "<!-- Made by docs/generate.py: change the code instead. -->\n\n"


def main() -> int:
    made = {
        "manifest.schema.json": schema.text(PLATFORMS),
        "plan.schema.json": (ROOT / "jobsync/render/plan.schema.json").read_text("utf-8"),
        "reference/commands.md": commands(),
        "reference/keys.md": keys(),
        "decisions/README.md": decisions(),
        "figures/phylogeny.svg": graph("manifests/phylogeny"),
        "figures/sweep.svg": graph("docs/figures/sweep.yaml"),
    }
    differing = [name for name, text in made.items() if current(HERE / name) != text]
    for name in differing:
        print(name)
        if "--check" not in sys.argv:
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_text(made[name], "utf-8")
    return 1 if differing and "--check" in sys.argv else 0


def current(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def graph(where: str) -> str:
    """The figure of the set at *where*, seen from the root of the repository."""
    return as_svg(graph_of(read_set((str(ROOT / where),), None, {}, {})))


def decisions() -> str:
    """A page with the title of every decision."""
    rows = [
        f"* [{path.read_text('utf-8').splitlines()[0].removeprefix('# ')}]({path.name})\n"
        for path in sorted((HERE / "decisions").glob("[0-9]*.md"))
    ]
    head = "# Decisions\n\nWhat was decided where several ways were open, and why.\n\n"
    return "".join([MADE, head, *rows])


def commands() -> str:
    """A page with the help of every command."""
    parts = [
        MADE,
        "# Commands\n\nThe help of every command, as `jobsync COMMAND --help` prints it.\n",
    ]
    parts += [f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in helps(cli, "jobsync")]
    return "".join(parts)


def helps(command: click.Command, name: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    """The help of *command* and of all below it."""
    context = click.Context(
        command, info_name=name, parent=parent, max_content_width=100, terminal_width=100
    )
    yield context.command_path, context.get_help()
    if isinstance(command, click.Group):
        for one in command.list_commands(context):
            below = command.get_command(context, one)
            if below:
                yield from helps(below, one, context)


def keys() -> str:
    """A page with every key of the manifest language."""
    whole = json.loads(schema.text(PLATFORMS))
    parts = [
        MADE,
        "# Keys\n\nEvery key of a manifest. [The manifest language](../manifest.md) explains them;"
        " [manifest.schema.json](../manifest.schema.json) is the schema that editors read.\n",
        "\n## A file\n\n" + table(whole["properties"]),
    ]
    for name, part in sorted(whole["$defs"].items()):
        if part.get("properties"):
            parts.append(f"\n## {heading(name)}\n\n{part.get('description', '')}\n\n")
            parts.append(table(part["properties"]))
    return "".join(parts)


def heading(name: str) -> str:
    """``A job of agave/v2`` for ``job-agave-v2``; ``target`` becomes ``target``."""
    for api in PLATFORMS:
        if name.endswith(end := "-" + api.replace("/", "-")):
            return f"`{name.removesuffix(end)}` with `api: {api}`"
    return f"`{name}`"


def table(properties: Mapping[str, Any]) -> str:
    rows = ["| key | meaning | value |\n|---|---|---|\n"]
    for key, node in properties.items():
        cells = (node.get("description", ""), node.get("x-expected", ""))
        rows.append(
            f"| `{key}` | {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
        )
    return "".join(rows)


if __name__ == "__main__":
    sys.exit(main())
