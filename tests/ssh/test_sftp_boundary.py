"""The boundary, tried with requests at random: what was not admitted never reaches the target."""

import asyncio
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.ssh.person import PersonSide
from gateway.adapters.ssh.sftp.answers import Answers, ErrorOutput
from gateway.adapters.ssh.sftp.exchange import Exchange
from gateway.adapters.ssh.sftp.judged import Judged
from gateway.adapters.ssh.sftp.open import OpenFiles
from gateway.adapters.ssh.sftp.paths import Paths
from gateway.adapters.ssh.sftp.replies import TargetReplies
from gateway.adapters.ssh.sftp.requests import ClientRequests
from gateway.adapters.ssh.target.channel import TargetSide
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Malformed
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.shown import Stream
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.session.gate import Gate, Permit
from gateway.session.live import LiveSessions
from gateway.wire.sftp import numbers, writing
from gateway.wire.sftp.codec import Replies, Requests
from gateway.wire.sftp.fields import NO_ATTRIBUTES
from gateway.wire.sftp.messages import (
    CopyData,
    Init,
    OnHandle,
    OnPath,
    OnTwoPaths,
    Open,
    Question,
    Read,
    Reply,
    Request,
    Status,
    Version,
    Write,
)
from gateway.wire.sftp.numbers import Code, Kind
from tests.session.conftest import Room
from tests.store.fresh import fresh_ledger

HARMLESS = {Kind.REALPATH, Kind.LSTAT, numbers.EXPAND_PATH, numbers.STATVFS}
"""What may reach a target of which nothing is allowed: the gateway's own questions, and what paths are called."""

FREE = b"/srv/free"

Decide = Callable[[Operation, Session], Verdict]


class FakeTarget:
    """Answers everything, and remembers what it was asked. Handles count up, and are never what a client makes up."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._codec = Requests()
        self._opened = 0

    async def clear(self) -> None:
        """Always."""

    def send(self, data: bytes) -> bool:
        self._codec.receive(data)
        while (request := self._codec.next_message()) is not None:
            self.asked.append(request)
            self.answers.put_nowait(self._answer(request))
        return True

    def _answer(self, request: Request) -> bytes:
        match request:
            case Init():
                return bytes(writing.encode(Version(3, tuple(numbers.EXTENSIONS))))
            case OnPath(what=Kind.REALPATH):
                path = request.path.decode("utf-8", "surrogateescape")
                real = posixpath.normpath(posixpath.join("/home/deploy", path)).replace("//", "/")
                return writing.name(request.id, real.encode("utf-8", "surrogateescape"))
            case Open() | OnPath(what=Kind.OPENDIR):
                self._opened += 1
                return writing.handle(request.id, b"handle-%d" % self._opened)
            case OnPath(what=Kind.LSTAT | Kind.STAT) | OnHandle(what=Kind.FSTAT):
                return b"\0\0\0\x09\x69" + request.id.to_bytes(4, "big") + NO_ATTRIBUTES.raw
            case Question(what=numbers.LIMITS):
                return writing.extended_reply(request.id, bytes(32))
            case Read():
                return writing.data(request.id, b"content")
            case _:
                return writing.status(request.id, Code.OK)


class FakePerson:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self._codec = Replies()
        self.replies: list[Reply] = []

    async def clear(self) -> None:
        """Always."""

    def show(self, stream: Stream, data: bytes) -> None:
        if stream is Stream.OUT:
            self._codec.receive(data)
            while (reply := self._codec.next_message()) is not None:
                self.replies.append(reply)


def only_free(operation: Operation, session: Session) -> Verdict:
    """Everything below one directory is allowed, and nothing else."""
    inside = [path.encode("utf-8", "surrogateescape").startswith(FREE + b"/") for path in operation.resources]
    least = 2 if operation.verb in ("rename", "link") else 1
    return Allow("free") if len(inside) >= least and all(inside) else Deny("default", "")


def nothing(operation: Operation, session: Session) -> Verdict:
    return Deny("default", "")


@dataclass
class Stage:
    """One ledger for all conversations: to make one takes longer than to try a hundred requests."""

    runner: asyncio.Runner
    room: Room

    def play(self, verdict: Decide, *sent: bytes) -> tuple[list[Request], list[Reply]]:
        """What reached the target, and what the client was answered."""
        target, person = FakeTarget(), FakePerson()
        self.room.decide = verdict  # type: ignore[method-assign,assignment]  # the policy
        self.runner.run(self._carry(target, person, sent))
        return target.asked, person.replies

    async def _carry(self, target: FakeTarget, person: FakePerson, sent: Iterable[bytes]) -> None:
        gate = await self.room.gate()
        try:
            await converse(gate, target, person, sent)
        finally:
            await gate.close("exit 0", {"status": 0})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("boundary")
    with asyncio.Runner() as runner:
        ledger = runner.run(fresh_ledger(directory / "hoop.db"))
        yield Stage(
            runner, Room(directory, ledger, InProcessBus(), LocalBlobs(directory / "blobs"), LiveSessions())
        )
        runner.run(ledger.close())


async def converse(gate: Gate, target: FakeTarget, person: FakePerson, sent: Iterable[bytes]) -> None:
    side, client = cast(TargetSide, target), cast(PersonSide, person)

    async def silent(text: str) -> None:
        raise AssertionError(f"nothing is held here: {text}")

    async def admit(operation: Operation, *, maskable: bool = True) -> Permit:
        return await gate.admit(operation, silent, maskable=maskable)

    exchange, answers, files = Exchange(gate, side), Answers(gate, client), OpenFiles()
    paths = Paths(exchange, is_openssh=True)
    judged = Judged(gate, admit, exchange, answers, ErrorOutput(gate, client), paths, files)
    requests = ClientRequests(gate, exchange, answers, judged, paths, files)
    replies = TargetReplies(gate, exchange, answers)

    async def answer() -> None:
        while True:
            await replies.receive(await target.answers.get())
            target.answers.task_done()

    answering = asyncio.create_task(answer())
    try:
        for data in sent:
            await requests.receive(data)
            await target.answers.join()  # as clients do, that wait for a handle before they use it
    except Malformed:
        pass
    answering.cancel()
    await asyncio.wait([answering])
    await files.cut("the test is over")


u32 = st.integers(0, 20)
paths = st.sampled_from(
    [b"", b".", b"..", b"/", b"/etc/passwd", b"/srv/free/../secret", b"/srv/free", b"/srv/freedom", b"\xff/x"]
)
inside = st.sampled_from([FREE + b"/a", FREE + b"/b/", FREE + b"//c/../d", b"../../srv/free/e"])
handles = st.sampled_from([b"handle-1", b"handle-2", b"made up", b""])
ON_PATH = [
    Kind.LSTAT, Kind.OPENDIR, Kind.REMOVE, Kind.RMDIR, Kind.REALPATH, Kind.STAT, Kind.READLINK,
    numbers.STATVFS, numbers.EXPAND_PATH,
]  # fmt: skip
ON_TWO = [Kind.RENAME, Kind.SYMLINK, numbers.POSIX_RENAME, numbers.HARDLINK]


def requests_about(paths: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    attributes = st.just(NO_ATTRIBUTES)
    messages: st.SearchStrategy[Request] = st.one_of(
        st.builds(Open, u32, paths, st.integers(0, 63), attributes),
        st.builds(OnPath, st.sampled_from(ON_PATH), u32, paths),
        st.builds(
            OnPath, st.sampled_from([Kind.MKDIR, Kind.SETSTAT, numbers.LSETSTAT]), u32, paths, attributes
        ),
        st.builds(OnTwoPaths, st.sampled_from(ON_TWO), u32, paths, paths),
        st.builds(
            OnHandle, st.sampled_from([Kind.CLOSE, Kind.READDIR, Kind.FSTAT, numbers.FSYNC]), u32, handles
        ),
        st.builds(OnHandle, st.just(Kind.FSETSTAT), u32, handles, attributes),
        st.builds(CopyData, u32, handles, u32, u32, handles, u32),
    )
    return st.one_of(
        messages.map(writing.encode).map(bytes),
        st.builds(writing.read, u32, handles, u32, u32),
        st.builds(writing.write, u32, handles, u32, st.binary(max_size=10)),
        st.binary(min_size=5, max_size=9).map(lambda body: len(body).to_bytes(4, "big") + body),
    )


BEGIN = bytes(writing.encode(Init(3)))


@given(st.lists(requests_about(st.one_of(paths, inside)), max_size=8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_where_nothing_is_allowed_nothing_passes(stage: Stage, requests: list[bytes], together: bool) -> None:
    sent = [b"".join([BEGIN, *requests])] if together else [BEGIN, *requests]
    asked, _ = stage.play(nothing, *sent)
    for request in asked:
        assert isinstance(request, (Init, OnPath, Question)), request
        assert not isinstance(request, OnPath) or request.what in HARMLESS, request


@given(st.lists(requests_about(st.one_of(inside, inside, paths)), max_size=10))
@settings(max_examples=60, deadline=None)
def test_where_one_directory_is_allowed_nothing_else_is_touched(stage: Stage, requests: list[bytes]) -> None:
    """Whatever acts upon a file names it below that directory, without a `..`; whatever goes by handle goes by one
    that the target gave for such a file."""
    asked, _ = stage.play(only_free, BEGIN, *requests)
    given = {b"handle-%d" % (at + 1) for at in range(len(asked))}
    for request in asked:
        match request:
            case Open(path=path) | OnPath(path=path) if getattr(request, "what", None) not in HARMLESS:
                assert path.startswith(FREE + b"/"), request
                assert b".." not in path
            case OnTwoPaths():
                assert request.second.startswith(FREE + b"/"), request
                assert b".." not in request.second
                if request.what != Kind.SYMLINK:
                    assert request.first.startswith(FREE + b"/"), request
            case Read() | Write() | OnHandle():
                assert request.handle in given
            case CopyData():
                assert {request.source, request.destination} <= given


def test_what_is_allowed_does_pass(stage: Stage) -> None:
    """So that the two above do not hold because nothing ever passes."""
    requests = [
        bytes(writing.encode(Open(1, FREE + b"/a", 26, NO_ATTRIBUTES))),
        writing.write(2, b"handle-1", 0, b"content"),
        bytes(writing.encode(OnHandle(Kind.CLOSE, 3, b"handle-1"))),
        bytes(writing.encode(OnPath(Kind.REMOVE, 4, b"../../srv/free/x"))),
        bytes(writing.encode(OnPath(Kind.REMOVE, 5, b"/etc/passwd"))),
    ]
    asked, replies = stage.play(only_free, BEGIN, *requests)
    passed = [type(request).__name__ for request in asked if not isinstance(request, (Init, OnPath))]
    assert passed == ["Open", "Write", "OnHandle"]
    assert OnPath(Kind.REMOVE, 4, FREE + b"/x") in asked
    codes = {reply.id: reply.code for reply in replies if isinstance(reply, Status)}
    assert codes == {2: Code.OK, 3: Code.OK, 4: Code.OK, 5: Code.PERMISSION_DENIED}
