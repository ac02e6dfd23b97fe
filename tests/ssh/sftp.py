"""SFTP for tests: rules as people write them, and a client that sends exactly what a test wants to see judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncssh

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Verdict
from gateway.policy.decide import decide
from gateway.policy.loader import load_policy
from gateway.wire.sftp import writing
from gateway.wire.sftp.codec import Replies
from gateway.wire.sftp.fields import NO_ATTRIBUTES
from gateway.wire.sftp.messages import Handle, Init, Open, Reply, Request, Status, Version
from gateway.wire.sftp.numbers import Code, Flags
from tests.ssh.client import PATIENCE
from tests.ssh.house import House

EVERYTHING = """
[[rule]]
id = "everything"
match = { user = "*" }
do = "allow"
"""


def rules(house: House, text: str, *, allow: str = EVERYTHING) -> None:
    """Put these rules in force, beside one that allows everything."""
    policy = load_policy([("rules.toml", allow + text)], ("card", "email"))

    def judge(operation: Operation, session: Session) -> Verdict:
        return decide(policy, operation, session)

    house.decide = judge


def digest(path: Path) -> str:
    """Of a file's content, as the books have it."""
    return sha256(path.read_bytes()).hexdigest()


async def transfers(house: House) -> list[dict[str, Any]]:
    """What the books say was carried."""
    return [dict(entry.body) for entry in await house.entries("file.transferred")]


async def admitted(house: House) -> list[str]:
    """What was let through."""
    return [entry.body["text"] for entry in await house.entries("operation.admitted")]


async def denied(house: House) -> list[str]:
    """What was stopped."""
    return [entry.body["text"] for entry in await house.entries("operation.denied")]


def marks(house: House, kind: str) -> list[dict[str, Any]]:
    """What the only recording has of a kind."""
    return [mark for mark in house.recording().facts_of(FrameKind.MARK) if mark["kind"] == kind]


@asynccontextmanager
async def connected(house: House, login: str = "web-1") -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Alice's connection to the gateway, with a client of another make."""
    connection = await asyncssh.connect(
        "127.0.0.1",
        house.port,
        username=login,
        client_keys=[house.person_key],
        known_hosts=None,
        agent_path=None,
        config=None,
    )
    async with connection:
        yield connection


class RawSftp:
    """Says whatever it is told to."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self.process = process
        self._replies = Replies()
        self._id = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, house: House, *, begin: bool = True, window: int = 2 << 20
    ) -> AsyncIterator["RawSftp"]:
        async with connected(house) as connection:
            process = await connection.create_process(subsystem="sftp", encoding=None, window=window)
            raw = cls(process)
            if begin:
                raw.send(Init(3))
                assert isinstance(await raw.next(), Version)
            yield raw
            process.close()

    def send(self, *messages: Request | bytes) -> None:
        for message in messages:
            packet = message if isinstance(message, bytes) else bytes(writing.encode(message))
            self.process.stdin.write(packet)

    async def next(self) -> Reply | None:
        """The next answer; None when there is none any more."""
        async with asyncio.timeout(PATIENCE):
            while (reply := self._replies.next_message()) is None:
                data = await self.process.stdout.read(1 << 16)
                if not data:
                    return None
                self._replies.receive(data)
        return reply

    async def ask(self, *messages: Request | bytes) -> Reply | None:
        self.send(*messages)
        return await self.next()

    async def status(self, *messages: Request | bytes) -> Code:
        reply = await self.ask(*messages)
        assert isinstance(reply, Status), reply
        return Code(reply.code)

    async def handle(self, path: str | bytes, flags: int = Flags.READ) -> bytes:
        """Open a file."""
        name = path.encode() if isinstance(path, str) else path
        reply = await self.ask(Open(self.number(), name, flags, NO_ATTRIBUTES))
        assert isinstance(reply, Handle), reply
        return reply.handle

    def number(self) -> int:
        self._id += 1
        return self._id

    async def ended(self) -> tuple[int | None, str]:
        """Exit status, and what was said on standard error."""
        async with asyncio.timeout(PATIENCE):
            said = await self.process.stderr.read()
            await self.process.wait_closed()
        return self.process.exit_status, said.decode()
