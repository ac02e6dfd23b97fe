"""Servers that follow a script, honest or not: what they were sent, and what they say."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from gateway.wire.postgres.frames import FrontendReader, Message
from gateway.wire.postgres.messages import (
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    BackendKeyData,
    ParameterStatus,
    make_authentication,
    make_backend_key_data,
    make_error,
    make_parameter_status,
    make_ready,
    parse_sasl_initial_response,
    say,
)
from gateway.wire.postgres.startup import CancelRequest, SslRequest, Startup, StartupReader
from gateway.wire.postgres.tables import Phase
from tests.wire.postgres.scram_server import ScramServer

OK = make_authentication(AuthenticationOk())
READY = make_ready(ord("I"))
KEY = make_backend_key_data(BackendKeyData(4711, b"\x01\x02\x03\x04"))
VERSION = make_parameter_status(ParameterStatus("server_version", "15.0"))
WELCOME = OK + VERSION + KEY + READY


def error(code: str, message: str) -> bytes:
    return make_error(say("FATAL", code, message))


class Caller:
    """One who has connected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._packets = StartupReader()
        self._messages: FrontendReader | None = None

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def packet(self) -> SslRequest | CancelRequest | Startup:
        """The next packet of a beginning."""
        while (packet := self._packets.next()) is None:
            self._packets.receive(await self._more())
        assert isinstance(packet, SslRequest | CancelRequest | Startup)
        return packet

    async def startup(self, *, tls: bytes = b"N") -> Startup:
        """The start-up packet. A request for TLS is answered with `tls` first."""
        packet = await self.packet()
        if isinstance(packet, SslRequest):
            self.say(tls)
            packet = await self.packet()
        assert isinstance(packet, Startup)
        return packet

    async def encrypt(self, context: ssl.SSLContext) -> None:
        assert isinstance(await self.packet(), SslRequest)
        self.say(b"S")
        await self.writer.start_tls(context)

    async def message(self) -> Message:
        """The next message of a sign-in."""
        if self._messages is None:
            self._messages = FrontendReader(phase=Phase.SIGN_IN)
            self._messages.receive(self._packets.unread)
        while (message := self._messages.next()) is None:
            self._messages.receive(await self._more())
        assert isinstance(message, Message)
        return message

    def session(self) -> Callable[[], Awaitable[Message]]:
        """From here on it is no sign-in any more. What is returned gives the next message."""
        self._messages = FrontendReader()
        self._messages.receive(self._packets.unread)
        return self.message

    async def rest(self) -> bytes:
        """Everything else that comes until they hang up."""
        data = b""
        try:
            while more := await self.reader.read(1 << 16):
                data += more
        except ConnectionError:
            pass
        return data

    async def scram(self, server: ScramServer, *mechanisms: str) -> None:
        """Let them in who know the password."""
        self.say(make_authentication(AuthenticationSASL(mechanisms or ("SCRAM-SHA-256",))))
        first = parse_sasl_initial_response((await self.message()).body)
        assert first.mechanism in (mechanisms or ("SCRAM-SHA-256",))
        assert first.data is not None
        self.say(make_authentication(AuthenticationSASLContinue(server.challenge(first.data))))
        proof = server.verify((await self.message()).body)
        self.say(make_authentication(AuthenticationSASLFinal(proof)) + OK)

    async def _more(self) -> bytes:
        data = await self.reader.read(1 << 16)
        if not data:
            raise ConnectionResetError
        return data


Script = Callable[[Caller], Awaitable[object]]


@dataclass
class Scripted:
    """What has become of a script."""

    port: int
    calls: list[asyncio.Task[object]] = field(default_factory=list)

    async def result(self, index: int = 0) -> object:
        """What the script returned for that caller. Raises what it raised."""
        return await asyncio.wait_for(self.calls[index], 10)


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[Scripted]:
    """The first caller gets the first script, and so on; the last script is for everybody else."""
    served = Scripted(0)

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = scripts[min(len(served.calls), len(scripts) - 1)]
        task = asyncio.create_task(_run(script, reader, writer))
        served.calls.append(task)

    server = await asyncio.start_server(act, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for task in served.calls:
            task.cancel()
        await asyncio.gather(*served.calls, return_exceptions=True)
        await server.wait_closed()


async def _run(script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> object:
    caller = Caller(reader, writer)
    try:
        result = await script(caller)
        caller.writer.close()
        with suppress(OSError):  # they may be gone already
            await caller.writer.wait_closed()
    except BaseException:
        caller.writer.transport.abort()
        raise
    return result
