"""What decides over trust is known in one place: nothing else does the same in its own way.

Each rule finds, in the syntax tree, what only the named files may do. A file that does it too, or
a named one that does it no more, is reported; each rule is shown to find a second place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jobsync"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

Rule = Callable[[ast.AST], bool]


def last(node: ast.AST) -> str:
    """The last word of what a call calls; "" for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)


def names(*words: str) -> Rule:
    """The node names one of *words*: as a name, an attribute, or in an import."""

    def rule(node: ast.AST) -> bool:
        if isinstance(node, ast.Import):
            return any(alias.name.split(".")[0] in words for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            return node.module in words or any(alias.name in words for alias in node.names)
        return (isinstance(node, ast.Name) and node.id in words) or (
            isinstance(node, ast.Attribute) and node.attr in words
        )

    return rule


def imports(*libraries: str) -> Rule:
    def rule(node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return (node.module or "").split(".")[0] in libraries
        return isinstance(node, ast.Import) and any(
            alias.name.split(".")[0] in libraries for alias in node.names
        )

    return rule


def calls(*words: str) -> Rule:
    return lambda node: last(node) in words


def drops_or_shows_characters(node: ast.AST) -> bool:
    """Text put together again from what is printable, or with control characters replaced."""
    if last(node) == "join":
        return any(last(inner) == "isprintable" for inner in ast.walk(node))
    return last(node) in ("sub", "translate") and any(
        isinstance(inner, ast.Constant) and "\\x1f" in ascii(inner.value).replace("\\\\", "\\")
        for inner in ast.walk(node)
    )


def says(*texts: str) -> Rule:
    return lambda node: isinstance(node, ast.Constant) and node.value in texts


def searches_by_glob(node: ast.AST) -> bool:
    """``Path.glob`` with a pattern that is not written in the source."""
    constant = isinstance(node, ast.Call) and all(isinstance(a, ast.Constant) for a in node.args)
    return last(node) in ("glob", "rglob", "full_match") and not constant


def creates_files(node: ast.AST) -> bool:
    """By a mode of ``open``, by ``write_text`` and the like, or by the flags of ``os.open``."""
    if isinstance(node, ast.Attribute) and node.attr in ("O_CREAT", "O_TRUNC"):
        return True
    if last(node) in ("write_text", "write_bytes", "touch", "mkstemp", "NamedTemporaryFile"):
        return True
    if not isinstance(node, ast.Call) or last(node) not in ("open", "fdopen"):
        return False
    modes = [*node.args, *(k.value for k in node.keywords if k.arg == "mode")]
    texts = [m.value for m in modes if isinstance(m, ast.Constant) and isinstance(m.value, str)]
    return any(len(text) <= 3 and set(text) & set("wax+") for text in texts)


WORK = {
    "local/api/agave/records.py",
    "local/api/tapis/places.py",
    "local/api/tapis/unpacking.py",
    "local/api/tapis/ziprun.py",
    "local/orphans.py",
    "local/storage/copying.py",
    "local/storage/files.py",
    "local/storage/staging.py",
}
"""The local service writes into folders that it has made, in a state folder that is its own."""

RULES: dict[str, tuple[Rule, set[str], str]] = {
    "telling what a terminal acts on": (
        names("unicodedata"),
        {"visible.py", "filenames.py"},  # the second refuses names
        "import unicodedata",
    ),
    "escaping for a terminal": (
        drops_or_shows_characters,
        {"local/api/agave/media.py", "local/api/tapis/fileinfo.py"},  # a header, not a terminal
        "''.join(c if c.isprintable() else '?' for c in text)",
    ),
    "escaping for HTML": (
        imports("html", "markupsafe"),
        {"render/escape.py"},
        "import html",
    ),
    "judging a destination": (
        names("destination_refusal"),
        {"filenames.py", "destinations.py", "lock_format.py"},  # the last only reads
        "filenames.destination_refusal(to)",
    ),
    "judging a folder of outputs": (
        says("git~1"),
        {"filenames.py"},
        "x = ('.git', 'git~1')",
    ),
    "matching globs": (names("fnmatch"), {"globs.py"}, "from fnmatch import translate"),
    "searching files by a glob": (
        searches_by_glob,
        {"manifest/app_folders.py"},  # for the names of definitions
        "path.rglob(pattern)",
    ),
    "opening without following links": (
        names("O_NOFOLLOW"),
        {
            "private_files.py",
            "atomic_files.py",
            "locks.py",
            "outputs/destination.py",  # fetched files
            "outputs/verify.py",  # fetched files
            "apply/audit.py",  # named by the user
        },
        "os.open(path, os.O_RDONLY | os.O_NOFOLLOW)",
    ),
    "creating files": (
        creates_files,
        {
            "private_files.py",
            "atomic_files.py",
            "locks.py",
            "outputs/destination.py",
            "apply/audit.py",
            "apply/shared/repository.py",  # in a folder that private_files made
            "cli/files.py",  # what the user names with --out
            "cli/init.py",  # mode x
            "cli/forges.py",  # what the CI service names
            "cli/robust_stdio.py",  # the null device
            *WORK,
        },
        "path.open('w', encoding='utf-8')",
    ),
    "unpacking": (
        names("zipfile", "tarfile", "shutil.unpack_archive"),
        {"local/api/tapis/unpacking.py", "local/api/tapis/fileinfo.py"},
        "import tarfile",
    ),
    "unpacking whole archives": (calls("extractall", "unpack_archive"), set(), "z.extractall(to)"),
    "running text": (
        lambda node: (
            (isinstance(node, ast.Call) and ast.unparse(node.func) in ("eval", "exec", "os.system"))
            or names("pickle", "marshal", "shelve", "popen")(node)
        ),
        set(),
        "import pickle",
    ),
    "taking a secret out": (
        calls("reveal"),
        {
            "sensitive.py",
            "apply/references.py",  # sent
            "http/client.py",  # sent
            "manifest/fill_values.py",  # checked
            "plan/seal.py",  # compared
            "platforms/",  # sent to log in, made into a header, kept in the user's own file
        },
        "print(token.reveal())",
    ),
}
"""What is done, how it is found, which files may do it, and what a second place looks like."""


def lines(rule: Rule, tree: ast.AST) -> Iterator[int]:
    return (getattr(node, "lineno", 0) for node in ast.walk(tree) if rule(node))


@pytest.mark.parametrize("what", RULES)
def test_there_is_no_second(what: str) -> None:
    rule, places, _ = RULES[what]
    found = {name: list(lines(rule, tree)) for name, tree in TREES.items()}
    found = {name: where for name, where in found.items() if where}
    rooms = tuple(place for place in places if place.endswith("/"))
    more = {
        name: where
        for name, where in found.items()
        if name not in places and not (rooms and name.startswith(rooms))
    }
    assert not more, f"{what}: use what {sorted(places)} offer instead of {more}"
    idle = {place for place in places if not any(name.startswith(place) for name in found)}
    assert not idle, f"{what}: {sorted(idle)} do it no more"


@pytest.mark.parametrize("what", RULES)
def test_a_second_is_found(what: str) -> None:
    rule, _, second = RULES[what]
    assert list(lines(rule, ast.parse(second))), "this rule finds nothing"
