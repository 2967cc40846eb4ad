"""Large outputs, by the Files service and by the jobs service: the same bytes, or an error."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsync.backend import Reader
from jobsync.errors import RangeRefused, Unreadable
from jobsync.http.messages import UnsafePath
from jobsync.model import Run
from jobsync.platforms.tapis.tags import tags_of
from tests.fakes.tapis_world import World, add_app, world

SIZE = 1_300_000
WRITE = """\
cd "$_tapisExecSystemOutputDir"
cp "$_tapisExecSystemInputDir"/big.bin .
mkdir deep; cp big.bin deep/big.bin.zip; head -c 1000000 big.bin > edge; : > empty
cp "$_tapisExecSystemInputDir"/real.zip "$_tapisExecSystemInputDir"/twin.zip .
"""


@pytest.fixture(scope="module")
def big() -> bytes:
    half = random.Random(7).randbytes(SIZE // 2)
    return half + bytes(SIZE - len(half))  # the end looks the same wherever it begins


def zip_of(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, big: bytes) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "big.bin").write_bytes(big)
    (folder / "real.zip").write_bytes(zip_of("in/big.bin", big))
    (folder / "twin.zip").write_bytes(zip_of("twin.zip", big))
    add_app(folder, "write", WRITE)
    with world(folder) as running:
        yield running


@pytest.fixture(scope="module")
def run(here: World) -> Run:
    names = ("big.bin", "real.zip", "twin.zip")
    inputs = [{"name": name, "sourceUrl": f"tapis://local/{name}"} for name in names]
    made = here.finished("alice", appId="write", appVersion="1.0", fileInputs=inputs)
    assert made.status == "FINISHED", made.message
    shared = here.as_("alice")
    shared.grant(made.id, "bob", shared.platform.permissions.levels["READ"])
    return made


@pytest.fixture(autouse=True)
def calm(here: World) -> Iterator[None]:
    yield
    here.service.disarm()


def read(reader: Reader, run: Run, path: str, offset: int = 0, size: int | None = None) -> bytes:
    with reader.open(run.id, path, offset, size) as content:
        assert content.offset in (0, offset)
        return b"".join(content.chunks)[offset - content.offset :]


REFUSED = [
    "html,status=500,path=/v3/files/**,times=always",
    "html,status=403,path=/v3/files/**,times=always",
    "html,status=404,path=/v3/files/**,times=always",
    "html,status=401,path=/v3/files/**,times=always",
    "html,status=503,path=/v3/files/**,times=always",
]


@pytest.mark.parametrize(
    "faults", [[], *([one] for one in REFUSED), ["no-zip"], [REFUSED[0], "no-zip"]]
)
@pytest.mark.parametrize("path", ["big.bin", "deep/big.bin.zip"])
def test_the_bytes_are_the_same_by_every_way(
    here: World, run: Run, big: bytes, path: str, faults: list[str]
) -> None:
    for user in ("alice", "bob"):
        client = here.as_(user)
        here.service.arm(*faults)
        for offset in (0, 1, SIZE - 70_000):
            assert read(client, run, path, offset) == big[offset:], (user, offset)
            assert read(client, run, path, offset, SIZE) == big[offset:]
        here.service.disarm()


@pytest.mark.parametrize("faults", [[], [REFUSED[0]], ["no-zip"], [REFUSED[0], "no-zip"]])
def test_a_zip_that_a_run_made_is_kept(
    here: World, run: Run, big: bytes, faults: list[str]
) -> None:
    """The zip in which it comes has the same name: the extension is replaced (tapis-v3 §8.3)."""
    for user in ("alice", "bob"):
        client = here.as_(user)
        here.service.arm(*faults)
        assert read(client, run, "real.zip") == zip_of("in/big.bin", big), user
        with contextlib.suppress(Unreadable):  # it may look like the zip in which it would come
            assert read(client, run, "twin.zip") == zip_of("twin.zip", big), user
        here.service.disarm()


def test_small_files_come_as_they_are(here: World, run: Run, big: bytes) -> None:
    client = here.as_("alice")
    listed = {file.path: file.length for file in client.files(run.id)}
    assert (listed["big.bin"], listed["edge"], listed["empty"]) == (SIZE, 1_000_000, 0)
    assert read(client, run, "edge") == big[:1_000_000]
    assert read(client, run, "empty") == b""


def test_a_range_past_the_end_is_never_sent(here: World, run: Run) -> None:
    client = here.as_("alice")
    for size in (None, SIZE):
        with pytest.raises(RangeRefused):
            read(client, run, "big.bin", SIZE, size)


@pytest.mark.parametrize("size", [1, 1_000_001, SIZE - 1, SIZE + 1])
def test_a_size_that_is_not_the_files_is_never_taken_for_it(
    here: World, run: Run, size: int
) -> None:
    """Whoever reads knows the listed size and counts; a zip is held to it here already."""
    here.service.arm(REFUSED[0])
    with contextlib.suppress(Unreadable):
        assert len(read(here.as_("alice"), run, "big.bin", 0, size)) != size


@pytest.mark.parametrize("path", ["../x", "a/../b", "", ".", "a//b", "deep/.."])
def test_a_path_that_leads_elsewhere_is_not_asked_for(here: World, run: Run, path: str) -> None:
    with pytest.raises(UnsafePath):
        read(here.as_("alice"), run, path, 0, 5)


@pytest.mark.parametrize(
    "fault", ["truncated,bytes=40000", "drip,seconds=0", "reset-after", "lost", "html-200"]
)
def test_a_broken_download_is_an_error_and_never_a_file(
    here: World, run: Run, big: bytes, fault: str
) -> None:
    client = here.as_("alice")
    here.service.arm(f"{fault},on=files", f"{fault},on=outputs-download")
    for refused in ([], [REFUSED[0]]):
        here.service.arm(*refused)
        try:
            data = read(client, run, "big.bin", 0, SIZE)
        except Exception as error:  # whatever it is called
            assert "Unre" in type(error).__name__ or "Refused" in type(error).__name__
        else:
            assert data == big or len(data) != SIZE


def test_hashes(here: World, run: Run, big: bytes) -> None:
    wanted = hashlib.sha256(big).hexdigest()
    for user in ("alice", "bob"):
        data = read(here.as_(user), run, "big.bin")
        assert hashlib.sha256(data).hexdigest() == wanted


def test_what_only_reads_sends_nothing_else(here: World, run: Run, tmp_path: Path) -> None:
    reader = here.reader("alice")
    assert reader.run(run.id) == run and reader.files(run.id) and reader.access(run.id)
    assert read(reader, run, "edge")
    for change in (
        lambda: reader.jobs.change(run.id, "hide"),
        lambda: reader.jobs.share(run.id, "bob", ["JOB_OUTPUT"]),
        lambda: reader.jobs.unshare(run.id, "bob"),
    ):
        with pytest.raises(UnsafePath):
            change()
    mark = reader.platform.read_mark("p.a.taaaaaaaaa")
    assert mark is not None
    with pytest.raises(Exception, match="only reads"):
        reader.jobs.submit("p.a.taaaaaaaaa", {}, tags_of(mark, "x"))
