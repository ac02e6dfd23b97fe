"""A door for clients of PostgreSQL with everything behind it that says who comes in. Whoever is in gets one answer to
every query: who the gateway takes them for, and what they asked for.
"""

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.adapters.doorstep import Doorstep
from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.greeting.door import Door, PostgresDoor, Visitor
from gateway.adapters.postgres.greeting.greet import Arrived, greet
from gateway.adapters.postgres.greeting.tls import DoorTls
from gateway.api.schema_databases import DatabaseCertificateAsked
from gateway.app.inventory import Targets
from gateway.blobs.local import LocalBlobs
from gateway.core.people import Peer, Principal, Target
from gateway.wire.postgres.frames import FrontendReader, frame
from gateway.wire.postgres.reports import IDLE, make_command_complete, make_ready
from gateway.wire.postgres.startup import CancelRequest, make_startup
from gateway.wire.postgres.words import field as field_of
from gateway.wire.postgres.words import parse_fields
from tests.api.house import HeldClock, House, WatchedBus
from tests.api.town import Town, a_town
from tests.store.fresh import fresh_ledger

PERSON = "petra"
PUBLIC = "https://hoop.example.com"
QUIET = PostgresDoor(login_grace=20)


@dataclass(slots=True)
class Hall:
    """A door, open on `port`."""

    town: Town
    door: Door
    directory: Path
    port: int = 0
    came: list[Arrived | CancelRequest | None] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ca(self) -> Path:
        """The file that clients know the gateway by."""
        path = self.directory / "ca.pem"
        path.write_text(self.town.hall.server_signer.trusted)
        return path

    async def token(self, target: str = "appdb", kind: str = "database", **more: Any) -> str:
        return (await self.town.token(PERSON, kind, target=target, **more))[0]

    async def certificate(self, *, bind: bool = False) -> tuple[Path, Path, int]:
        """Of the person: files of certificate and key, and the serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        )
        csr = request.public_bytes(serialization.Encoding.PEM).decode()
        asked = DatabaseCertificateAsked(csr=csr, bind_address=bind)
        given = await self.town.hall.desk.database_certificate(self.person(), asked, Peer("192.0.2.7"))
        certificate, private = self.directory / "client.crt", self.directory / "client.key"
        certificate.write_text(given.certificate)
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private, int(given.serial)

    def person(self) -> Principal:
        found = self.town.hall.people.directory.find(PERSON)
        assert found is not None
        return found

    def as_visitor(self, target: str = "appdb", login: str = "") -> None:
        """From now on whoever comes is known already."""
        self.door = replace(self.door, visitor=Visitor(self.person(), target, login))

    async def outcome(self, at: int = 0) -> Arrived | CancelRequest | None:
        """How the greeting number `at` ended."""
        while len(self.came) <= at:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 20)
        return self.came[at]

    async def events(self, name: str) -> list[Mapping[str, Any]]:
        entries = await self.town.house.ledger.entries(limit=1000)
        return [entry.body for entry in entries if entry.name == name]

    async def meet(self, end: SocketEnd) -> None:
        """What an adapter does with a connection, without a server behind it."""
        doorstep = self.door.doorstep
        assert doorstep is not None
        try:
            arrived = await greet(end, self.door)
            self.came.append(arrived)
            self.changed.set()
            if isinstance(arrived, Arrived):
                try:
                    await self._answer(end, arrived)
                finally:
                    if self.door.visitor is None:
                        doorstep.leave(end.peer.address, was_signed_in=True)
        finally:
            end.close()

    async def _answer(self, end: SocketEnd, arrived: Arrived) -> None:
        reader = FrontendReader()
        reader.receive(arrived.rest)
        end.write(make_ready(IDLE))
        told = {
            "person": arrived.principal.name,
            "target": arrived.target,
            "login": arrived.login,
            "parameters": arrived.parameters,
            "tls": (end.tls.version() if end.tls is not None else None),
        }
        cell = json.dumps(told).encode()
        columns = b"\0\x01who\0" + bytes(6) + (25).to_bytes(4, "big") + b"\xff\xff" + b"\xff" * 4 + b"\0\0"
        row = b"\0\x01" + len(cell).to_bytes(4, "big") + cell
        answer = frame(ord("T"), columns) + frame(ord("D"), row)
        while True:
            while (message := reader.next()) is not None:
                if message.tag == ord("X"):
                    return
                end.write(answer + make_command_complete("SELECT 1") + make_ready(IDLE))
            data = await end.read()
            if not data:
                return
            reader.receive(data)


@asynccontextmanager
async def a_hall(
    directory: Path, prepared: Path | None = None, settings: PostgresDoor = QUIET
) -> AsyncIterator[Hall]:
    """Open, and closed again. `prepared` is the directory of one that was."""
    if prepared is not None:
        shutil.copytree(prepared, directory, dirs_exist_ok=True)
    clock = HeldClock(datetime.now(UTC))
    ledger = await fresh_ledger(directory / "ledger.db", now=clock.now)
    house = House(ledger, LocalBlobs(directory / "blobs", reserve_bytes=0), WatchedBus(), clock, directory)
    targets = Targets(
        [
            Target(
                "appdb", "postgres", "127.0.0.1", 1, "app", options={"logins": ("app_rw",), "database": "app"}
            ),
            Target("strict", "postgres", "127.0.0.1", 1, "app", options={"options": ("statement_timeout",)}),
            Target("web-1", "ssh", "127.0.0.1", 1, "deploy"),
        ]
    )
    tasks: set[asyncio.Task[None]] = set()
    try:
        ports: list[int] = []
        async with a_town(house, directory / "town", lambda: ports[0]) as town:
            tls = DoorTls(settings, town.hall.server_signer)
            doorstep = Doorstep(
                per_address=settings.max_connections_per_address,
                unauthenticated=settings.max_unauthenticated,
                failures_per_address=settings.login_failures_per_address,
                failures_per_name=settings.login_failures_per_name,
                failure_window=settings.login_failure_window,
            )
            door = Door(town.lobby, targets.find, settings, tls.context, doorstep, PUBLIC)
            hall = Hall(town, door, directory)

            crashes: list[BaseException] = []

            def went(task: asyncio.Task[None]) -> None:
                tasks.discard(task)
                if not task.cancelled() and (problem := task.exception()) is not None:
                    crashes.append(problem)

            def came(end: SocketEnd) -> None:
                task = asyncio.create_task(hall.meet(end))
                tasks.add(task)
                task.add_done_callback(went)

            server = await asyncio.get_running_loop().create_server(
                lambda: SocketEnd(came=came), "127.0.0.1", 0
            )
            hall.port = server.sockets[0].getsockname()[1]
            ports.append(hall.port)
            try:
                yield hall
            finally:
                server.close()
                for task in list(tasks):
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await server.wait_closed()
            assert not crashes
    finally:
        await ledger.close()


async def psql(
    hall: Hall, given: str, *more: str, environ: Mapping[str, str] | None = None, program: str = "psql"
) -> tuple[int, str, str]:
    """Exit code, output and errors of the stock client."""
    process = await asyncio.create_subprocess_exec(
        program,
        "-XAtw",
        f"host=127.0.0.1 port={hall.port} {given}",
        *(more or ("-c", "select 1")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(hall.directory), **(environ or {})},
    )
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, out.decode(), errors.decode()


class Raw:
    """A client that says what a test makes it say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext | None = None) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def start_tls(self, alpn: str = "") -> None:
        await self.writer.start_tls(anybody(alpn))

    async def exactly(self, count: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(count), 20)

    async def message(self) -> tuple[str, bytes]:
        head = await self.exactly(5)
        return chr(head[0]), await self.exactly(int.from_bytes(head[1:], "big") - 4)

    async def error(self) -> dict[str, str]:
        """The error that comes now; behind it nothing more may come."""
        tag, body = await self.message()
        assert tag == "E", (tag, body)
        fields = parse_fields(body)
        assert await self.end() == b""
        return {name: field_of(fields, name) for name in "SCMDH"}

    async def end(self) -> bytes:
        """All that still comes."""
        with suppress(ConnectionResetError):
            return await asyncio.wait_for(self.reader.read(), 20)
        return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def anybody(alpn: str = "") -> ssl.SSLContext:
    """Of a client that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def startup(*more: tuple[str, str], user: str = "alice", database: str = "appdb") -> bytes:
    return make_startup([("user", user), ("database", database), *more])


HOUR = timedelta(hours=1)
