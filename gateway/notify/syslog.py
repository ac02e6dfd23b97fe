"""Syslog as RFC 5424 has it, over UDP, TCP or TLS (RFC 5425, and its framing by length on TCP as well).

Syslog has no answers. Over UDP a notice counts as sent once it has left; over TCP and TLS once the server has closed
its side, or has kept the connection for a moment without a complaint.
"""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from gateway.core.notices import ALERTS, BREAK_GLASS, REVIEW_OPEN, Notice
from gateway.notify.receiver import NotTaken
from gateway.notify.wording import said, short

Transport = Literal["udp", "tcp", "tls"]
_AUDIT: Final = 13
_CRITICAL, _WARNING, _NOTICE = 2, 4, 5
_ENTERPRISE: Final = "hoop@32473"
"""The number that is for everybody whose program has none of its own."""
_NOT_A_NAME: Final = re.compile(r"[^!-~]")
_CLOSING: Final = 1.0
"""Seconds that the server has to close its side after ours."""


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """Where it is."""

    host: str
    port: int
    transport: Transport
    timeout: float
    ca_file: Path | None = None


class Syslog:
    """Each message over a connection of its own."""

    kind = "syslog"

    def __init__(self, server: SyslogServer) -> None:
        self._server = server

    async def send(self, notice: Notice) -> str:
        """Hand it over."""
        server, data = self._server, record(notice).encode("ascii")
        try:
            async with asyncio.timeout(server.timeout):
                if server.transport == "udp":
                    await _datagram(server, data)
                else:
                    await _stream(server, b"%d %s" % (len(data), data))
        except TimeoutError:
            raise NotTaken(f"it took nothing in {server.timeout:g} seconds") from None
        except ssl.SSLCertVerificationError:
            raise NotTaken("its certificate is not one we trust; ca_file can name its authority") from None
        except (OSError, ssl.SSLError):
            raise NotTaken("it can not be reached, or hung up") from None
        return f"handed over by {server.transport}; syslog gives no answers"

    async def close(self) -> None:
        """Nothing stays open."""


def record(notice: Notice) -> str:
    """One line in ASCII."""
    words = said(notice)
    severity = _NOTICE
    if notice.event in (BREAK_GLASS, REVIEW_OPEN) or notice.risk == "critical":
        severity = _CRITICAL
    elif notice.event in ALERTS or notice.risk == "high":
        severity = _WARNING
    values = {name: value for name, value in notice.as_mapping().items() if value}
    data = "".join(f' {name}="{parameter(value)}"' for name, value in values.items())
    name = _NOT_A_NAME.sub("", notice.gateway)[:255] or "-"
    event = _NOT_A_NAME.sub("", notice.event)[:32] or "-"
    return f"<{_AUDIT * 8 + severity}>1 {notice.at} {name} hoop-gateway - {event} [{_ENTERPRISE}{data}] {words.title}"


def parameter(text: str) -> str:
    """A value of structured data: on one line, and with nothing in it that would end it."""
    return re.sub(r'(["\\\]])', r"\\\1", short(text))


async def _datagram(server: SyslogServer, data: bytes) -> None:
    loop = asyncio.get_running_loop()
    problems: list[Exception] = []
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Heard(problems), remote_addr=(server.host, server.port)
    )
    try:
        transport.sendto(data)
        await asyncio.sleep(0.05)  # a machine without a syslog says so at once
    finally:
        transport.close()
    if problems:
        raise OSError("refused") from problems[0]


class _Heard(asyncio.DatagramProtocol):
    def __init__(self, problems: list[Exception]) -> None:
        self._problems = problems

    def error_received(self, exc: Exception) -> None:
        self._problems.append(exc)


async def _stream(server: SyslogServer, data: bytes) -> None:
    trust = ssl.create_default_context(cafile=server.ca_file) if server.transport == "tls" else None
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=trust)
    try:
        writer.write(data)
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        try:
            async with asyncio.timeout(_CLOSING):
                await reader.read(1)
        except TimeoutError:
            pass  # it keeps connections open, and has not complained
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await writer.wait_closed()
        writer.transport.abort()  # does nothing to a closed one; else the other side could keep it open
