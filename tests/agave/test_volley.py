"""Many questions over one thread: each asker is told once, whatever the service does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
from agave_world import APP, World, world
from scripted_server import Reply, ScriptedServer, closing, envelope, fault, http, raw, reset
from waiting import Hands

from jobsync import agave
from jobsync.agave.auth import explicit
from jobsync.agave.exchange import NeverSent
from jobsync.agave.gate import Gate
from jobsync.agave.kept import KeptConnections
from jobsync.agave.urls import UnsafePath
from jobsync.agave.volley import Heard, Volley
from jobsync.agave.wire import Permission
from jobsync.errors import Forbidden, NotFound, ServiceError, Unreachable
from jobsync.model import Access

READ = Access(read=True, write=False)
HEAD = b"HTTP/1.1 200 OK\r\n"
LANES = 4


@contextmanager
def volley(url: str, *, gate: Gate | None = None, idle: float = 5.0) -> Iterator[Volley]:
    connections = KeptConnections(url, None, lambda sock: None, connect=5, idle=5)
    one = Volley(connections, gate or Gate(LANES), lanes=LANES, idle=idle)
    try:
        yield one
    finally:
        one.close()


def asked(one: Volley, target: str = "/x") -> Future[Heard | None]:
    told: Future[Heard | None] = Future()
    text = f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    one.ask(lambda: text, told.set_result)  # told twice, it would raise in the volley's thread
    return told


class Echo:
    """Answers each question with its own target after a moment; counts how many are under way."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._guard = threading.Lock()
        self.now = self.most = self.connections = self.questions = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                while lines.readline() != b"\r\n":
                    pass
                with self._guard:
                    self.now, self.questions = self.now + 1, self.questions + 1
                    self.most = max(self.most, self.now)
                target = line.split()[1]
                time.sleep(self._seconds * (1 + hash(target) % 3))
                with self._guard:
                    self.now -= 1
                http(200, target)(connection)


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo(0.001)
    yield server
    server.close()


def test_everyone_is_told_the_answer_to_the_own_question(echo: Echo) -> None:
    with volley(echo.url) as one, ThreadPoolExecutor(8) as pool:
        targets = [f"/{number}" for number in range(600)]
        told = list(pool.map(lambda target: asked(one, target).result(20), targets))
    assert [heard.body.decode() if heard else "" for heard in told] == targets
    assert echo.questions == 600 and echo.connections <= LANES and echo.most <= LANES


def test_it_shares_the_gate_with_those_who_wait_at_it(echo: Echo) -> None:
    gate = Gate(1)
    with volley(echo.url, gate=gate) as one, ThreadPoolExecutor(2) as others:
        told = [asked(one, f"/{number}") for number in range(60)]
        turns = [others.submit(lambda: gate.failed(gate.enter())) for _ in range(60)]
        for turn in turns:
            turn.result(20)
        assert all(heard.result(20) for heard in told)
    assert echo.most == 1


@pytest.mark.parametrize(
    "reply",
    [
        *(closing(b""), reset(), closing(HEAD), reset(HEAD + b"Content-Length: 5\r\n\r\nab")),
        *(raw(b"nonsense\r\n\r\n"), raw(b"HTTP/1.1 100 Continue\r\n\r\n")),
        *(closing(HEAD + b"\r\nabc"), closing(HEAD + b"Content-Length: 5\r\n\r\nab")),
        closing(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
        raw(HEAD + b"Content-Length: 0\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n"),
        raw(HEAD + b"Content-Length: 2\r\n\r\nabc"),
        raw(HEAD + b"Content-Length: x\r\n\r\n"),
        raw(HEAD + b"Content-Length: 9999999\r\n\r\n" + b"x" * 9_999_999),
        raw(b"HTTP/1.1 101 Up\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
)
def test_what_does_not_go_well_is_given_back(reply: Reply) -> None:
    with ScriptedServer(reply, reply, http(200, b"good")) as server, volley(server.url) as one:
        assert asked(one).result(10) is None
        assert asked(one).result(10) is None
        heard = asked(one).result(10)
        assert heard is not None and heard.body == b"good"


def test_silence_is_given_back_after_its_time() -> None:
    with ScriptedServer(lambda connection: None) as server, volley(server.url, idle=0.2) as one:
        began = time.monotonic()
        assert asked(one).result(10) is None
        assert 0.2 <= time.monotonic() - began < 5


def test_where_nobody_listens_everything_is_given_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with volley(f"http://127.0.0.1:{port}") as one:
        assert [told.result(20) for told in [asked(one) for _ in range(20)]] == [None] * 20


def test_what_cannot_be_put_into_words_is_given_back(echo: Echo) -> None:
    def text() -> bytes:
        raise ValueError("a control character")

    told: Future[Heard | None] = Future()
    with volley(echo.url) as one:
        one.ask(text, told.set_result)
        assert told.result(10) is None
        assert asked(one, "/next").result(10) is not None


def test_what_is_under_way_when_it_is_closed_is_given_back() -> None:
    with ScriptedServer(lambda connection: None) as server:
        with volley(server.url) as one:
            told = [asked(one) for _ in range(20)]
            time.sleep(0.1)
        assert [heard.result(0) for heard in told] == [None] * 20
        assert asked(one).result(0) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_an_asker_keeps_nobody_waiting(echo: Echo) -> None:
    def defective(heard: Heard | None) -> None:
        raise RuntimeError("a defect")

    with volley(echo.url) as one:
        one.ask(lambda: b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", defective)
        told = [asked(one, f"/{number}") for number in range(50)]
        for heard in told:
            heard.result(10)


@pytest.mark.parametrize("again", [b"", b"Connection: close\r\n"])
def test_a_connection_that_the_service_ends_is_left(again: bytes) -> None:
    good = HEAD + again + b"Content-Length: 1\r\n\r\na"
    with ScriptedServer(closing(good)) as server, volley(server.url) as one:
        for _ in range(3):
            heard = asked(one).result(10)
            assert heard is not None and heard.body == b"a"
            time.sleep(0.1)
    assert len({seen.connection for seen in server.seen}) == 3


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_connections_that_end_while_more_is_asked_lose_nothing() -> None:
    """Ended without a word after each answer, often while the next question is sent on it."""
    reply = reset(HEAD + b"Content-Length: 1\r\n\r\na")
    with ScriptedServer(reply) as server, volley(server.url) as one:
        told = [asked(one) for _ in range(300)]
        heard = [answer.result(20) for answer in told]
        assert one._thread.is_alive()
    assert all(answer is None or answer.body == b"a" for answer in heard)
    assert any(heard)


def test_what_is_found_on_a_connection_that_was_dropped_meanwhile_is_nothing(echo: Echo) -> None:
    with volley(echo.url) as one:
        asked(one).result(10)
        lane = one._idle[0]
    one._heard(lane)


@pytest.mark.parametrize(("status", "limit"), [(200, 6), (404, 6), (429, 2), (503, 2)])
def test_the_gate_learns_from_what_is_heard(status: int, limit: int) -> None:
    gate = Gate(8, 4)
    with ScriptedServer(http(status, b"{}")) as server, volley(server.url, gate=gate) as one:
        heard = asked(one).result(10)
        assert heard is not None and heard.status == status
    assert gate.limit == limit


# --- through the client ----------------------------------------------------------------


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("volley")) as found:
        yield found


def test_lists_asked_for_together_are_those_asked_for_one_by_one(here: World) -> None:
    alice = here.as_("alice")
    runs = [alice.submit(f"p.many{n}.aaaaaaaaaa", {"appId": APP}).id for n in range(30)]
    for number, run in enumerate(runs):
        for user in range(number):
            alice.grant(run, f"u{user:02}", READ)
    for look in (lambda: None, lambda: alice.runs(lambda run: True)):
        look()
        together = {run: alice.begin_access(run) for run in runs}
        assert {run: found.result(20) for run, found in together.items()} == {
            run: dict.fromkeys([f"u{user:02}" for user in range(number)], READ)
            for number, run in enumerate(runs)
        }


def test_what_cannot_be_read_is_raised_where_it_is_waited_for(here: World) -> None:
    alice, bob = here.as_("alice"), here.as_("bob")
    run = alice.submit("p.mine.aaaaaaaaaa", {"appId": APP}).id
    with pytest.raises(Forbidden):
        bob.begin_access(run).result(20)
    with pytest.raises(NotFound):
        alice.begin_access("1-none-0001-007").result(20)
    with pytest.raises(UnsafePath):
        alice.begin_access("../x").result(20)


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_a_first_refusal_asks_for_is_kept(status: int) -> None:
    hands = Hands()
    owner = {"username": "alice", "permission": {"read": True, "write": True}}
    busy = http(status, b"{}", Retry_After="7")
    how = agave.Connection(timing=hands.timing)
    for ask in ("begin_access", "begin_read"):
        hands.slept.clear()
        with (
            ScriptedServer(busy, envelope([owner])) as server,
            agave.connect_reader(server.url, explicit(server.url, "t"), how=how) as reader,
        ):
            arguments = ("1-007",) if ask == "begin_access" else ("1-007", "a.txt")
            found = getattr(reader, ask)(*arguments).result(10)
            assert not found  # nobody but the owner; a file to be opened
            assert len(server.seen) == (2 if ask == "begin_access" else 1)
        assert hands.slept == [7.5]


def test_a_stale_token_is_asked_about_the_ordinary_way() -> None:
    stale = fault(401, 900904, "Access Token Inactive")
    with (
        ScriptedServer(stale, stale, envelope([])) as server,
        agave.connect_reader(server.url, explicit(server.url, "t")) as reader,
        pytest.raises(ServiceError, match="Inactive"),
    ):
        reader.begin_access("1-007").result(10)
    assert len(server.seen) == 2


@pytest.mark.parametrize("waits", [0.0, 0.2])
def test_closing_ends_every_wait(waits: float, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "jobsync.http")
    with ScriptedServer(lambda connection: None) as server:
        with agave.connect_reader(server.url, explicit(server.url, "t")) as reader:
            found = [reader.begin_access(f"{number}-007") for number in range(50)]
            time.sleep(waits)
        for one in found:
            with pytest.raises(Unreachable, match="closed"):
                one.result(10)
    assert len(caplog.records) <= len(server.seen), "what was never sent is not told of"


def test_closing_ends_the_wait_for_further_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists are being read on when the reader is closed, the others wait for a thread."""
    mode = {"read": True, "write": True}
    page = envelope([{"username": user, "permission": mode} for user in ("alice", "bob")])
    how = agave.Connection(concurrency=2)
    leaving = threading.Event()

    def further(run_id: str, *, limit: int, offset: int) -> list[Permission]:
        leaving.wait(10)
        time.sleep(0.2)
        raise NeverSent("closed")

    with ScriptedServer(page) as server:
        with agave.connect_reader(server.url, explicit(server.url, "t"), how=how) as reader:
            monkeypatch.setattr(reader.jobs, "list_permissions", further)
            found = [reader.begin_access(f"{number}-007") for number in range(10)]
            while len(server.seen) < len(found):
                time.sleep(0.01)
            time.sleep(0.2)
            leaving.set()
        for one in found:
            with pytest.raises(Unreachable, match="closed"):
                one.result(10)
