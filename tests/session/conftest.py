"""A session room on real organs: SQLite ledger, local blobs, in-process bus. Tests break one at a time."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.app.clock import SystemClock
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.verdict import Allow, Hold, Verdict
from gateway.masking.stream import StreamMasker
from gateway.recording.reader import RecordingReader
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.live import LiveSessions
from gateway.session.lobby import Lobby, Rooms
from gateway.session.organs import Judge, Organs
from gateway.store.ledger import SqlLedger
from tests.store.fresh import fresh_ledger

ALICE = Principal("alice@example.com", "alice@example.com", frozenset({"dev"}))
BOB = Principal("bob@example.com", "bob@example.com", frozenset({"dba"}))
CAROL = Principal("carol@example.com", "carol@example.com", frozenset({"dba"}))
PEER = Peer("127.0.0.1", 40000, "OpenSSH_9.2")
WEB = Target("web-1", "ssh", "127.0.0.1", 22, "deploy", options={"logins": ("root",)})


class OneTarget:
    """An inventory with web-1 in it."""

    def find(self, name: str) -> Target | None:
        return WEB if name == WEB.name else None


class OneKey:
    """Knows alice by the key "good"."""

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        return ALICE if openssh == "good" else None

    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        return ALICE if (openssh, address) == ("good", "10.0.0.7") else None

    async def by_token(self, token: str) -> Principal | None:
        return BOB if token == "good" else None

    def still(self, principal: Principal) -> Principal | None:
        return principal


@dataclass
class Room:
    """The organs of a session room, and a verdict that a test sets."""

    directory: Path
    ledger: SqlLedger
    bus: InProcessBus
    blobs: LocalBlobs
    live: LiveSessions
    verdict: Verdict | Exception = field(default_factory=lambda: Allow("everything"))
    masker: Callable[[frozenset[str]], StreamMasker] = StreamMasker
    spoken: list[str] = field(default_factory=list)

    def lobby(self) -> Lobby:
        clock = SystemClock()
        approvals = Approvals(self.ledger, self.bus, clock, reread_every=0.2)
        organs = Organs(
            self.ledger,
            self.bus,
            approvals,
            lambda: Judge(self.decide, "rev"),
            lambda masks: self.masker(masks),
        )
        rooms = Rooms(self.ledger, self.blobs, self.bus, clock, OneKey(), OneTarget())
        return Lobby(rooms, organs, self.live)

    def approvals(self) -> Approvals:
        return Approvals(self.ledger, self.bus, SystemClock(), reread_every=0.2)

    def decide(self, operation: Operation, session: Session) -> Verdict:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    async def gate(self, *, pty: bool = False) -> Gate:
        return await self.lobby().enter(ALICE, "web-1", "", PEER, {"pty": pty})

    async def notice(self, text: str) -> None:
        self.spoken.append(text)

    async def names(self, session: str) -> list[str]:
        return [entry.name for entry in await self.ledger.entries(session=session)]

    def recording(self) -> RecordingReader:
        (path,) = self.directory.glob("recordings/**/*.hrec")
        reader = RecordingReader()
        reader.receive(path.read_bytes())
        return reader


def run(command: str) -> Operation:
    return Operation("exec", command, frozenset({Effect.RUN}), details={"command": command})


def hold(seconds: float = 30, count: int = 1) -> Hold:
    return Hold("ask-first", "restarts", frozenset({"dba"}), count, timedelta(seconds=seconds))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    made = Room(tmp_path, ledger, InProcessBus(), LocalBlobs(tmp_path / "recordings"), LiveSessions())
    yield made
    await made.ledger.close()
