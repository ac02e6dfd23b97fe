"""Syslog to real sockets: a datagram, and frames by length over TCP and TLS."""

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from gateway.notify.receiver import NotTaken
from gateway.notify.syslog import Syslog, SyslogServer, Transport, record
from tests.notify.receivers import HOSTILE, notice
from tests.secrets.certificates import Certificates

PATIENCE = 10.0


def to(port: int, transport: Transport, ca_file: Path | None = None, timeout: float = 5) -> Syslog:
    return Syslog(SyslogServer("127.0.0.1", port, transport, timeout, ca_file))


class Listening:
    """A server that keeps what comes."""

    def __init__(self, closes: bool = True) -> None:
        self.got = bytearray()
        self.closes = closes
        self.over = asyncio.Event()
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int((await reader.readuntil(b" ")).decode())
                self.got += await reader.readexactly(length) + b"\n"
        except (asyncio.IncompleteReadError, OSError):
            pass
        if not self.closes:
            await self.over.wait()
        writer.transport.abort()
        self.closed.set()


async def test_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(PATIENCE)
        said = await to(listening.getsockname()[1], "udp").send(notice())
        data = listening.recv(65536)
    assert said == "handed over by udp; syslog gives no answers"
    assert data.decode() == record(notice())
    assert data.startswith(
        b"<108>1 2026-06-01T12:00:00.250000+00:00 gw-test hoop-gateway - approval.opened [hoop@32473 id="
    )
    assert data.endswith(b"] 7QF-2KM waits for approval: delete on appdb")


async def test_a_machine_without_a_syslog() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for transport in ("udp", "tcp", "tls"):
        with pytest.raises(NotTaken, match="can not be reached"):
            await to(port, transport).send(notice())


async def test_frames_over_tcp_whatever_is_in_them() -> None:
    listening = Listening()
    server = await asyncio.start_server(listening.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for text in HOSTILE:
        await to(port, "tcp").send(notice(person=text, verb=text))
    server.close()
    await server.wait_closed()
    lines = listening.got.decode("ascii").splitlines()
    assert len(lines) == len(HOSTILE)
    assert all(line.startswith("<108>1 ") for line in lines)


async def test_tls_is_verified(tmp_path: Path) -> None:
    certificates, listening = Certificates(tmp_path / "syslog"), Listening()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server("127.0.0.1"))
    server = await asyncio.start_server(listening.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotTaken, match="its certificate is not one we trust"):
        await to(port, "tls").send(notice())
    assert not listening.got
    await to(port, "tls", certificates.file).send(notice())
    await asyncio.wait_for(listening.closed.wait(), PATIENCE)
    assert listening.got.decode().strip() == record(notice())
    await asyncio.sleep(0.5)  # until the one that was not trusted is closed on both sides
    server.close()
    await server.wait_closed()


async def test_a_server_that_keeps_connections_and_one_that_takes_nothing() -> None:
    keeps = Listening(closes=False)
    server = await asyncio.start_server(keeps.serve, "127.0.0.1", 0)
    began = time.monotonic()
    await to(server.sockets[0].getsockname()[1], "tcp").send(notice())
    assert time.monotonic() - began < 4
    assert keeps.got
    keeps.over.set()
    await asyncio.wait_for(keeps.closed.wait(), PATIENCE)
    server.close()
    with socket.socket() as deaf:  # no handshake of TLS ever comes to an end there
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(NotTaken, match=r"it took nothing in 0\.5 seconds"):
            await to(deaf.getsockname()[1], "tls", timeout=0.5).send(notice())
