"""Everything behind one API: a real ledger, real blobs, a real bus; people by token; sessions with recordings."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.api.app import ApiServices
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Refused
from gateway.core.events import SessionEnded, SessionOpened
from gateway.core.frame import Frame, FrameKind
from gateway.core.impact import ImpactSource
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Target
from gateway.core.ports import Approval, BlobWriter, Hint
from gateway.core.verdict import Allow, Hold, Verdict
from gateway.masking.stream import StreamMasker
from gateway.recording.writer import RecordingWriter
from gateway.session.approvals import Approvals
from gateway.session.beforehand import Beforehand
from gateway.session.gate import Gate
from gateway.session.impacts import Impacts, Surroundings
from gateway.session.live import LiveSessions
from gateway.session.lobby import Lobby, Rooms
from gateway.session.organs import Judge, Organs
from gateway.store.ledger import SqlLedger

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROLES = {
    "alba": "auditor",
    "pia": "approver",
    "carl": "approver",
    "otto": "operator",
    "adam": "admin",
    "ugo": "user",
    "pam": "person",
    "nina": "",
}


@dataclass(slots=True)
class HeldClock:
    """Time that stands still until a test moves it."""

    at: datetime = NOON
    us: int = 1_000_000

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return self.us

    def move(self, by: timedelta) -> None:
        self.at += by
        self.us += by // timedelta(microseconds=1)


class WatchedBus(InProcessBus):
    """Tells how many listen, and when nobody does any more."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners = 0
        self.quiet = asyncio.Event()

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[AsyncIterator[Hint]]:
        async with super().subscribe(*topics) as hints:
            self.listeners += 1
            self.quiet.clear()
            try:
                yield hints
            finally:
                self.listeners -= 1
                if not self.listeners:
                    self.quiet.set()


class Present(set[str]):
    """Sessions that a test says are open, and real ones with their gates."""

    def __init__(self) -> None:
        self.real = LiveSessions()

    def ids(self) -> frozenset[str]:
        return frozenset(self) | self.real.ids()

    def get(self, id: str) -> Gate | None:
        return self.real.get(id)

    def of(self, person: str) -> list[Gate]:
        return self.real.of(person)


class OneTarget:
    """An inventory with web-1 in it."""

    def find(self, name: str) -> Target | None:
        return Target("web-1", "ssh", "127.0.0.1", 22, "deploy") if name == "web-1" else None


class Nobody:
    """Knows nobody: these tests let people in by themselves."""

    async def by_ssh_key(self, openssh: str, fingerprint: str) -> Principal | None:
        return None

    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        return None

    async def by_token(self, token: str) -> Principal | None:
        return None

    def still(self, principal: Principal) -> Principal | None:
        return principal


@dataclass(slots=True)
class Making:
    """A session under way, with its recording."""

    house: "House"
    id: str
    writer: RecordingWriter
    blob: BlobWriter

    async def show(self, *frames: Frame) -> None:
        for frame in frames:
            self.writer.add(frame)
        await self.blob.append(self.writer.seal())
        await self.house.bus.publish(Hint("recording", self.id))

    async def end(self, outcome: str = "exit 0", *, exit_frame: bool = True, at_us: int = 60_000_000) -> None:
        if exit_frame:
            await self.show(Frame(at_us, FrameKind.EXIT, b'{"status": 0}'))
        await self.blob.close()
        await self.house.ledger.append(SessionEnded(session=self.id, outcome=outcome))
        self.house.live.discard(self.id)
        await self.house.bus.publish(Hint("session", self.id))


@dataclass(slots=True)
class House:
    """Everything behind one API."""

    ledger: SqlLedger
    blobs: LocalBlobs
    bus: "WatchedBus"
    clock: HeldClock
    root: Path
    live: Present = field(default_factory=Present)
    locked_out: set[str] = field(default_factory=set)
    groups: dict[str, set[str]] = field(default_factory=dict)
    """Of people, by their names."""
    approvals: Approvals = field(init=False)
    coming: Verdict = field(default_factory=lambda: Allow("everything"))
    """What the rules say of what somebody asks for in advance."""

    sources: dict[str, ImpactSource] = field(default_factory=dict)
    """Who finds out what requests would do, by the kind of target."""

    def __post_init__(self) -> None:
        self.approvals = Approvals(self.ledger, self.bus, self.clock)

    def _beforehand(self) -> Beforehand:
        async def draft(target: Target, text: str) -> Operation:
            return Operation("exec", text)

        judge = Judge(lambda operation, session: self.coming, "rev")
        return Beforehand(self.approvals, lambda: judge, self._find, draft, self.clock)

    def _find(self, name: str) -> Target | None:
        options = {"logins": ["app_rw"]}
        prod = Target("appdb", "postgres", "127.0.0.1", 5432, "app", {"env": "prod"}, options)
        return prod if name == prod.name else None

    async def identify(self, token: str, peer: Peer) -> Principal:
        name = token.removeprefix("token-of-")
        if name not in ROLES or name == token or name in self.locked_out:
            raise Refused("this token is not known here")
        roles = frozenset({ROLES[name]} - {""})
        return Principal(f"id-{name}", name, frozenset(self.groups.get(name, ())), roles)

    def impacts(self, sources: Mapping[str, ImpactSource] | None = None) -> Impacts:
        """Without sources, nothing can be found out about anything."""

        async def remade(kind: str, approval: Approval) -> Operation:
            return Operation(approval.verb, approval.text)

        judge = Judge(lambda operation, session: Hold("ddl", "", frozenset({"dba"}), impact="dry-run"), "rev")
        around = Surroundings(self.ledger, self.clock, lambda: judge, self._find, _somebody, remade)
        return Impacts(around, sources or {})

    def services(self) -> ApiServices:
        return ApiServices(
            ledger=self.ledger,
            blobs=self.blobs,
            bus=self.bus,
            clock=self.clock,
            identify=self.identify,
            live=self.live,
            approvals=self.approvals,
            beforehand=self._beforehand(),
            impacts=self.impacts(self.sources),
            gateway_name="gw-1",
            version="1.2.3",
            demo=True,
            hints=("ssh -p 2222 demo@127.0.0.1",),
        )

    async def enter(self, person: str) -> Gate:
        """A real session of this person, open until its gate is closed."""
        judge = Judge(lambda operation, session: Allow("everything"), "rev")
        organs = Organs(self.ledger, self.bus, self.approvals, lambda: judge, StreamMasker)
        rooms = Rooms(self.ledger, self.blobs, self.bus, self.clock, Nobody(), OneTarget())
        who = Principal(id=f"id-{person}", name=person)
        return await Lobby(rooms, organs, self.live.real).enter(who, "web-1", "", Peer("192.0.2.7"))

    async def begin(self, id: str, person: str = "ugo", target: str = "web-1") -> Making:
        key = f"2026/11/20/{id}.hrec"
        meta = {
            "session": id,
            "cols": 100,
            "rows": 30,
            "command": "uptime",
            "started_at": self.clock.at.isoformat(),
        }
        writer = RecordingWriter(meta)
        blob = await self.blobs.create(key)
        await blob.append(writer.head())
        await self.ledger.append(
            SessionOpened(
                session=id,
                actor=f"id-{person}",
                person=person,
                groups=[],
                target=target,
                kind="ssh",
                login="root",
                address="192.0.2.7",
                client="OpenSSH",
                recording=key,
            )
        )
        self.live.add(id)
        return Making(self, id, writer, blob)

    async def record(self, id: str, person: str = "ugo", shown: Sequence[bytes] = (b"hello\r\n",)) -> None:
        """A session that is over, with a whole recording."""
        making = await self.begin(id, person)
        for number, data in enumerate(shown):
            await making.show(Frame(number * 1000, FrameKind.OUTPUT, data))
        await making.end(at_us=len(shown) * 1000)


def _somebody(id: str) -> Principal:
    return Principal(id, id.removeprefix("id-"))
