"""Whatever organ fails, nothing passes, and the person gets one plain sentence."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from gateway.blobs.local import LocalBlobs
from gateway.core.errors import Denied, Fault, Refused
from gateway.core.events import Event
from gateway.core.frame import FrameKind
from gateway.core.ports import BlobWriter, Hint
from gateway.core.shown import Answer, Stream
from gateway.core.verdict import Deny
from gateway.masking.stream import StreamMasker
from gateway.session import words
from gateway.session.gate import Permit
from gateway.store.ledger import SqlLedger
from tests.session.conftest import ALICE, PEER, Room, run


class LostLedger(SqlLedger):
    """A ledger whose disk is gone from the moment `lost` is set."""

    lost = False

    async def append(self, event: Event) -> int:
        if self.lost:
            raise Fault("the disk is gone")
        return await super().append(event)


class FullDisk(LocalBlobs):
    """Blobs that take `room` bytes and then no more."""

    room = 1 << 30

    async def create(self, key: str) -> BlobWriter:  # type: ignore[override]  # a writer of its own
        return FullWriter(self, await super().create(key))


class FullWriter:
    """Stops when its disk is full."""

    def __init__(self, disk: FullDisk, inner: BlobWriter) -> None:
        self._disk, self._inner = disk, inner

    async def append(self, data: bytes) -> None:
        if len(data) > self._disk.room:
            raise Fault("the disk is full")
        self._disk.room -= len(data)
        await self._inner.append(data)

    def append_at_once(self, data: bytes) -> bool:
        raise Fault("no room")

    async def append_made(self, make: Callable[[], Sequence[bytes]]) -> None:
        await self.append(b"".join(await asyncio.to_thread(make)))

    async def sync(self) -> None:
        await self._inner.sync()

    async def close(self) -> None:
        await self._inner.close()


class BrokenMasker(StreamMasker):
    """Fails on a word."""

    def feed(self, data: bytes) -> bytes:
        if b"bad" in data:
            raise RuntimeError("detector crashed")
        return super().feed(data)

    @property
    def counts(self) -> Mapping[str, int]:
        return {}


async def test_policy_raises(room: Room) -> None:
    room.verdict = ZeroDivisionError("rule 7")
    gate = await room.gate()
    with pytest.raises(Fault, match="policy could not be evaluated, so nothing was run"):
        await gate.admit(run("id"), room.notice)
    with pytest.raises(Fault):
        await gate.admit(run("id"), room.notice)
    assert gate.ended.is_set()
    await gate.close("fault", {"reason": "fault"})
    assert await room.names(gate.session.id) == ["session.opened", "operation.denied", "session.ended"]


async def test_ledger_down_before_the_session(room: Room) -> None:
    ledger = await LostLedger.open(f"sqlite:///{room.directory}/hoop.db")
    await room.ledger.close()
    room.ledger, ledger.lost = ledger, True
    with pytest.raises(Fault, match="can not be written to the audit log, so nothing passes"):
        await room.lobby().enter(ALICE, "web-1", "", PEER)
    assert len(room.live) == 0


async def test_ledger_down_when_a_command_is_admitted(room: Room) -> None:
    ledger = await LostLedger.open(f"sqlite:///{room.directory}/hoop.db")
    await room.ledger.close()
    room.ledger = ledger
    gate = await room.gate()
    ledger.lost = True
    with pytest.raises(Fault, match="audit log, so nothing passes"):
        await gate.admit(run("id"), room.notice)
    await gate.close("fault", {"reason": "fault"})
    assert len(room.live) == 0
    assert "operation.admitted" not in await room.names(gate.session.id)


async def test_ledger_down_when_a_command_is_denied(room: Room) -> None:
    ledger = await LostLedger.open(f"sqlite:///{room.directory}/hoop.db")
    await room.ledger.close()
    room.ledger, room.verdict = ledger, Deny("no", "never")
    gate = await room.gate()
    ledger.lost = True
    with pytest.raises(Fault):
        await gate.admit(run("id"), room.notice)
    await gate.close("fault", {"reason": "fault"})


async def test_recorder_fails_before_the_session(room: Room) -> None:
    disk = FullDisk(room.directory / "recordings")
    disk.room, room.blobs = 0, disk
    with pytest.raises(Fault, match="blocked - this session can not be recorded"):
        await room.gate()
    assert await room.ledger.sessions() == []


async def test_bus_fails_before_anybody_is_inside(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has the gate then, so the lobby closes it: no place is taken, and the books have an end."""
    told = 0

    async def publish(hint: Hint) -> None:
        nonlocal told
        told += hint.topic == "session"
        if told == 1:
            raise ConnectionError("the bus is gone")

    monkeypatch.setattr(room.bus, "publish", publish)
    with pytest.raises(ConnectionError):
        await room.gate()
    assert len(room.live) == 0
    (row,) = await room.ledger.sessions()
    assert row.outcome == "fault"
    reader = room.recording()
    while reader.next_frames() is not None:
        pass
    reader.finish()
    assert reader.state() == "whole"


async def test_recorder_fails_in_the_middle(room: Room) -> None:
    disk = FullDisk(room.directory / "recordings")
    room.blobs = disk
    gate = await room.gate()
    permit = await gate.admit(run("cat"), room.notice)
    assert (await gate.reveal(permit, Answer(Stream.OUT, b"first\n"))).data == b"first\n"
    disk.room = 0
    with pytest.raises(Fault, match="can not be recorded any more, so nothing passes"):
        await gate.reveal(permit, Answer(Stream.OUT, b"second\n"))
    disk.room = 1 << 30
    with pytest.raises(Fault):
        await gate.reveal(permit, Answer(Stream.OUT, b"third\n"))
    assert gate.ended.is_set()
    await gate.close("fault", {"reason": "fault"})
    reader, frames = room.recording(), []
    while (more := reader.next_frames()) is not None:
        frames += more
    assert b"".join(f.data for f in frames if f.kind is FrameKind.OUTPUT) == b"first\n"
    assert (await room.names(gate.session.id))[-1] == "session.ended"


async def test_masker_raises(room: Room) -> None:
    room.masker = BrokenMasker
    gate = await room.gate()
    permit = await gate.admit(run("cat"), room.notice)
    with pytest.raises(Fault, match="could not be checked for secrets, so it was not delivered"):
        await gate.reveal(permit, Answer(Stream.OUT, b"bad things\n"))
    with pytest.raises(Fault):
        await gate.reveal(permit, Answer(Stream.OUT, b"good things\n"))
    await gate.close("fault", {"reason": "fault"})
    data = next(room.directory.glob("recordings/**/*.hrec")).read_bytes()
    assert b"bad things" not in data


async def test_a_block_is_a_sentence_and_the_session_lives_on(room: Room) -> None:
    room.verdict = Deny("no-restarts", "use the pipeline\x1b[2J")
    gate = await room.gate()
    with pytest.raises(Denied) as denied:
        await gate.admit(run("systemctl restart x"), room.notice)
    assert denied.value.state == "blocked"
    assert denied.value.sentence == "hoop: blocked by no-restarts - use the pipeline<U+001B>[2J"
    assert await gate.tell(denied.value.sentence) == denied.value.sentence.encode() + b"\n"
    await gate.close("blocked", {"status": 126})
    row = await room.ledger.session(gate.session.id)
    assert row is not None
    assert (row.blocked, row.commands, row.outcome) == (1, 0, "blocked")


async def test_nothing_passes_a_closed_gate(room: Room) -> None:
    gate = await room.gate()
    permit = await gate.admit(run("id"), room.notice)
    await gate.close("exit 0", {"status": 0})
    await gate.close("exit 1", {"status": 1})
    with pytest.raises(Fault):
        await gate.reveal(permit, Answer(Stream.OUT, b"late"))
    assert (await room.names(gate.session.id)).count("session.ended") == 1


def test_a_permit_is_not_made_by_hand() -> None:
    with pytest.raises(TypeError, match=r"Gate\.admit"):
        Permit(run("id"), frozenset())


@pytest.mark.parametrize(("target", "login"), [("nowhere", ""), ("web-1", "oracle"), ("\x1b[2J", "")])
async def test_the_lobby_refuses(room: Room, target: str, login: str) -> None:
    with pytest.raises(Refused) as refused:
        await room.lobby().enter(ALICE, target, login, PEER)
    assert "\x1b" not in refused.value.sentence
    assert await room.ledger.sessions() == []
    assert await room.names("") == ["identity.refused"]


def test_every_sentence_is_one_ascii_line() -> None:
    for text in (words.POLICY_FAILED, words.NOT_AUDITED, words.NOT_RECORDED, words.NOT_MASKED):
        assert text.startswith("hoop: ")
        assert text.isascii()
        assert "\n" not in text
