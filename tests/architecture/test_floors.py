"""Imports point down only, and every outside library has one door. Read from the source itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jobsync"
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "atomic_files": 0,
    "collector": 0,
    "errors": 0,
    "given_files": 0,
    "globs": 0,
    "in_groups": 0,
    "locks": 0,
    "private_files": 0,
    "structs": 0,
    "secret": 0,
    "visible": 0,
    "suggestions": 0,
    "base_url": 1,
    "java_regex": 1,
    "java_globs": 1,
    "model": 1,
    "sensitive": 1,
    "archives": 1,
    "identity": 1,
    "lock_format": 1,
    "filenames": 1,
    "git": 1,
    "searched": 1,
    "destinations": 1,
    "permission_model": 1,
    "platform": 1,
    "backend": 2,
    "manifest": 2,
    "plan": 2,
    "http": 3,
    "outputs": 3,
    "apply": 4,
    "forge": 4,
    "platforms": 4,
    "local": 4,
    "observe": 4,
    "render": 5,
    "cli": 6,
    "testing": 6,
    "project": 7,
    "__main__": 7,
}
"""The floor of each room. Rooms on one floor do not import each other, but for ``SAME_FLOOR``."""

SAME_FLOOR = {
    ("atomic_files", "locks"),
    ("private_files", "atomic_files"),
    ("archives", "model"),
    ("identity", "model"),
    ("identity", "platform"),
    ("filenames", "model"),
    ("java_globs", "java_regex"),
    ("sensitive", "model"),
    ("lock_format", "model"),
    ("lock_format", "filenames"),
    ("model", "destinations"),
    ("destinations", "filenames"),
    ("destinations", "searched"),
    ("model", "platform"),
    ("permission_model", "model"),
    ("platform", "model"),
    ("platform", "permission_model"),
}
"""Nouns serve names."""

LOCAL_MAY_IMPORT = {
    "atomic_files", "errors", "given_files", "globs", "java_globs", "java_regex",
    "locks", "private_files", "structs", "secret", "visible", "manifest", "local",
}  # fmt: skip
"""The local service shares no codec with the client, or one mistake would cancel itself out."""

DOORS = {
    "fcntl": {"locks.py"},
    "tempfile": {
        "testing.py",
        "cli/offline.py",
        "local/store/counting.py",
        "local/api/tapis/fileinfo.py",
    },
    "msgspec": {"structs.py", "http/json_text.py"},
    "yaml": {"manifest/yaml_reader.py"},
    "jsonschema_rs": {"manifest/schema.py", "render/policy.py"},
    "deepdiff": {"plan/diff.py"},
    "grandalf": {"render/graph/layout.py"},
    "jinja2": {"render/page/document.py"},
    "requests": {"http/"},
    "urllib3": {"http/"},
    "certifi": {"http/pool.py"},
    "click": {"cli/"},
    "rich": {"cli/"},
    "sqlite3": {"local/store/"},
    "subprocess": {"local/engine/", "local/embedded.py", "git.py"},
    "qtoolkit": {"local/engine/"},
    "werkzeug": {"local/"},
    "waitress": {"local/"},
    "regex": {"local/patterns.py"},
    "platformdirs": {"cli/"},
    "pytest": {"testing.py"},
}

BELOW_CLI_FORBIDDEN = {"print", "input", "exit", "quit", "breakpoint"}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(path: Path) -> list[str]:
    """Every module that *path* imports, wherever in the file, as absolute dotted names."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            assert node.module
            found.append(node.module)
            if node.module == "jobsync":
                found += [f"jobsync.{alias.name}" for alias in node.names]
    return found


def rooms_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imports_of(path))
    return {parts[1] for parts in names if parts[0] == "jobsync" and len(parts) > 1}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    assert room in FLOORS, f"{name_of(path)} stands on no floor: add it to FLOORS"
    for other in rooms_imported(path) - {room}:
        if other not in FLOORS:
            assert other.startswith("__version"), f"{name_of(path)} imports unknown jobsync.{other}"
            continue
        below = FLOORS[other] < FLOORS[room] or (room, other) in SAME_FLOOR
        assert below, f"{name_of(path)} (floor {FLOORS[room]}) imports {other} ({FLOORS[other]})"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_door_per_library(path: Path) -> None:
    name = name_of(path)
    for imported in imports_of(path):
        library = imported.split(".")[0]
        if library == "jobsync" or (library in sys.stdlib_module_names and library not in DOORS):
            continue
        doors = DOORS.get(library)
        assert doors is not None, f"{name} imports {library}, which has no door"
        inside = any(
            name == door or (door.endswith("/") and name.startswith(door)) for door in doors
        )
        assert inside, f"{name} imports {library}; its door is {sorted(doors)}"


GIVE_NAMES = {"atomic_files.py", "outputs/destination.py", "local/storage/archive.py"}
"""A draft takes its final name in the first; the others move files that were there before."""


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_module_writes_files_atomically(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_a_path = node.func.attr == "replace" and len(node.args) == 1 and not node.keywords
            renames = of_a_path or node.func.attr in {"rename", "link", "fchmod"}
            where = f"{name_of(path)}:{node.lineno}"
            assert not renames or name_of(path) in GIVE_NAMES, f"{where}: use jobsync.atomic_files"


@pytest.mark.parametrize("path", sorted((PACKAGE / "local").rglob("*.py")), ids=name_of)
def test_the_service_shares_nothing_with_the_client(path: Path) -> None:
    shared = rooms_imported(path) - LOCAL_MAY_IMPORT
    assert not shared, f"{name_of(path)} imports {sorted(shared)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_below_the_command_line_prints_exits_or_reads_the_environment(path: Path) -> None:
    if room_of(path) in {"cli", "testing", "project", "__main__"}:
        return
    for node in ast.walk(tree_of(path)):
        where = f"{name_of(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in BELOW_CLI_FORBIDDEN, f"{where} calls {node.func.id}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dotted = f"{node.value.id}.{node.attr}"
            assert dotted not in {"os.environ", "os.getenv", "sys.exit", "os._exit"}, where


def test_who_asks_a_service_knows_no_rules_of_the_planner() -> None:
    observe = PACKAGE / "observe"
    assert "plan" in rooms_imported(observe / "questions.py")
    assert "plan" not in rooms_imported(observe / "asker.py")
    assert not {"concurrent.futures", "threading"} & {*imports_of(observe / "questions.py")}


NOT_PRINTED_AS_JSON = {
    "cli/tables.py",
    "cli/serve.py",
    "render/values.py",
    "render/json_lines.py",
}
"""They make a cell, a shell command, a value of a plan and what is yet to be escaped out of it."""


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room_of(path) in {"cli", "render"}], ids=name_of
)
def test_json_is_printed_so_that_no_ci_runner_acts_on_it(path: Path) -> None:
    if name_of(path) in NOT_PRINTED_AS_JSON:
        return
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    safe = {id(inner) for call in calls if called(call) == "in_json" for inner in call.args}
    for call in calls:
        dumps = ast.unparse(call.func) in {"json.dumps", "json_lines.dumps"}
        assert not dumps or id(call) in safe, f"{name_of(path)}:{call.lineno}: without in_json"


def called(call: ast.Call) -> str:
    """The last word of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def test_every_room_is_on_the_plan() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms <= set(FLOORS)


def test_the_words_that_name_no_owner_are_not_used() -> None:
    forbidden = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "misc"}
    used = {path.stem for path in MODULES} & forbidden
    assert not used


def test_every_folder_of_tests_is_a_package() -> None:
    """So that each module has one name, for pytest, for mypy and for what imports it."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_no_module_imports_itself_in_a_ring() -> None:
    """Imports inside functions count: a ring is a ring, whenever it is closed."""
    names = {f"jobsync.{name_of(path)[:-3].replace('/', '.')}": path for path in MODULES}
    graph = {
        name: {
            f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in names else node.module
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        & names.keys()
        for name, path in names.items()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name in done:
            return
        for other in sorted(graph[name]):
            visit(other, (*way, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_no_command_imports_from_the_file_of_another() -> None:
    """What two commands share stands in a file of its own."""
    commands = {path.stem for path in (PACKAGE / "cli").glob("*.py") if _is_command(path)}
    assert {"plan", "apply", "outputs"} <= commands
    for name in sorted(commands):
        for imported in imports_of(PACKAGE / "cli" / f"{name}.py"):
            other = imported.removeprefix("jobsync.cli.")
            assert other not in commands - {name}, f"cli/{name}.py imports cli/{other}.py"


def _is_command(path: Path) -> bool:
    from jobsync.cli.main import COMMANDS

    return path.stem.rstrip("_") in COMMANDS
