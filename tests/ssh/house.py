"""A gateway with nothing but its SSH door, on real organs: SQLite ledger, local blobs, in-process bus."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh

from gateway.adapters.ssh.adapter import SshAdapter
from gateway.adapters.ssh.door.by_code import Codes
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.adapters.ssh.forward.roads import Inspected
from gateway.adapters.ssh.inside import Inside
from gateway.app.clock import SystemClock
from gateway.app.inventory import Targets
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.frame import Frame, FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Principal, Session, Target
from gateway.core.ports import Entry
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.identity.ssh_keys import KeyIdentities
from gateway.masking.stream import StreamMasker
from gateway.recording.reader import RecordingReader
from gateway.secrets.references import ReferenceSecrets
from gateway.session.approvals import Approvals
from gateway.session.gate import Gate
from gateway.session.live import LiveSessions
from gateway.session.lobby import Lobby, Rooms
from gateway.session.organs import Judge, Organs
from gateway.store.ledger import SqlLedger
from tests.store.fresh import fresh_ledger

ALICE = Principal("alice@example.com", "alice@example.com", frozenset({"dev"}))
BOB = Principal("bob@example.com", "bob@example.com", frozenset({"sre"}))


class Known(KeyIdentities):
    """People by key; nobody has a certificate or a token here."""

    async def by_certificate(self, openssh: str, address: str) -> Principal | None:
        return None

    async def by_token(self, token: str) -> Principal | None:
        return None


@dataclass
class House:
    """`open`, then `close`. `decide` is the policy in force."""

    directory: Path
    ledger: SqlLedger
    door: SshDoor
    person_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    decide: Callable[[Operation, Session], Verdict] = lambda operation, session: Allow("everything")
    masker: Callable[[frozenset[str]], Any] = StreamMasker
    judges_coming_in: bool = False
    """As with real rules, nobody is asked about coming in unless a test says so."""
    watches_typing: bool = True
    """Whether lines typed at a terminal are judged."""
    port: int = 0
    inspected: Mapping[str, Inspected] = field(default_factory=dict)
    inside: Mapping[str, Inside] = field(default_factory=dict)
    codes: Codes | None = None
    """Set it before `start`: people may sign in by a code."""

    def __post_init__(self) -> None:
        self.bus = InProcessBus()
        self.blobs = LocalBlobs(self.directory / "recordings")
        self.live = LiveSessions()
        self.targets = Targets()
        self.known = Known({ALICE: [self.person_key.export_public_key().decode()]})
        self.environ: dict[str, str] = {}
        self.adapter: SshAdapter | None = None
        clock = SystemClock()
        self.approvals = Approvals(self.ledger, self.bus, clock, reread_every=0.2)
        self.organs = Organs(
            self.ledger,
            self.bus,
            self.approvals,
            lambda: Judge(self._judged, "rev", lambda session: self.watches_typing),
            lambda masks: self.masker(masks),
        )
        self.rooms = Rooms(self.ledger, self.blobs, self.bus, clock, self.known, self.targets)
        self.lobby = Lobby(self.rooms, self.organs, self.live)

    def _judged(self, operation: Operation, session: Session) -> Verdict:
        if operation.verb == "connect" and not self.judges_coming_in:
            return Allow("default")
        return self.decide(operation, session)

    @classmethod
    async def open(cls, directory: Path, **door: Any) -> "House":
        directory.mkdir(exist_ok=True)
        ledger = await fresh_ledger(directory / "hoop.db")
        house = cls(directory, ledger, SshDoor(directory / "host_key", **door))
        await house.start()
        return house

    async def start(self) -> None:
        self.adapter = SshAdapter(
            self.door,
            self.lobby,
            self.known,
            ReferenceSecrets(self.environ),
            self.targets.find,
            self.inspected,
            self.inside,
            codes=self.codes,
        )
        ((_, self.port),) = await self.adapter.start("127.0.0.1", 0)

    async def close(self) -> None:
        self.live.end_all("the gateway is shutting down")
        if self.adapter is not None:
            await self.adapter.stop(2.0)
        await self.ledger.close()

    def offer(self, name: str, port: int, user: str, key: asyncssh.SSHKey, **options: Any) -> Target:
        """Add a target that is signed in to with this key."""
        self.environ[f"KEY_{port}"] = key.export_private_key().decode()
        target = Target(
            name,
            "ssh",
            "127.0.0.1",
            port,
            user,
            labels={"env": "prod"},
            options={"key": {"env": f"KEY_{port}"}, **options},
        )
        self.add(target)
        return target

    def add(self, target: Target) -> None:
        others = [each for each in self.targets_offered if each.name != target.name]
        self.targets_offered = [*others, target]
        self.targets.replace(self.targets_offered)

    targets_offered: list[Target] = field(default_factory=list)

    def change(self, name: str, **options: Any) -> None:
        """Give a target other options."""
        (old,) = (each for each in self.targets_offered if each.name == name)
        self.add(replace(old, options={**old.options, **options}))

    def block(self, text: str, reason: str = "not on my watch") -> None:
        """Block every command that contains `text`."""
        self.decide = lambda operation, session: (
            Deny("no-such", reason) if text in operation.text else Allow("everything")
        )

    def mask(self, *detectors: str) -> None:
        self.decide = lambda operation, session: Allow("everything", frozenset(detectors))

    async def entries(self, name: str = "") -> list[Entry]:
        return [entry for entry in await self.ledger.entries() if not name or entry.name == name]

    async def outcomes(self) -> list[str]:
        return [str(entry.body["outcome"]) for entry in await self.entries("session.ended")]

    def gates(self) -> list[Gate]:
        return list(self.live)

    def recordings(self) -> list["Recording"]:
        """Oldest first."""
        paths = sorted(self.directory.glob("recordings/**/*.hrec"), key=lambda path: path.stat().st_mtime_ns)
        return [Recording(path) for path in paths]

    def recording(self) -> "Recording":
        (only,) = self.recordings()
        return only


@dataclass
class Recording:
    """A recording read whole."""

    path: Path

    def __post_init__(self) -> None:
        reader = RecordingReader()
        reader.receive(self.path.read_bytes())
        self.frames: list[Frame] = []
        while (more := reader.next_frames()) is not None:
            self.frames += more
        reader.finish()
        self.meta: Mapping[str, Any] = reader.meta or {}
        self.state = reader.state()

    def bytes_of(self, kind: FrameKind) -> bytes:
        return b"".join(frame.data for frame in self.frames if frame.kind is kind)

    def facts_of(self, kind: FrameKind) -> list[dict[str, Any]]:
        return [json.loads(frame.data) for frame in self.frames if frame.kind is kind]

    @property
    def output(self) -> bytes:
        return self.bytes_of(FrameKind.OUTPUT)

    @property
    def errors(self) -> bytes:
        return self.bytes_of(FrameKind.ERROR)
