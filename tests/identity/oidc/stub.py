"""A provider on a real socket that says what a test wants: the truth, a lie, too much, too late or nothing."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.identity.oidc import mint

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire. `body` may be bytes that are no JSON; `raw` replaces everything."""

    body: Json | bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    raw: bytes | None = None

    def wire(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        lines = [f"HTTP/1.1 {self.status} As Wanted", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


Answerer = Callable[[Request], Awaitable[Reply]]


@dataclass
class StubProvider:
    """Change `replies`, `keys`, `metadata` or `waits` and it behaves so from the next request on."""

    url: str = ""
    keys: list[Json] = field(default_factory=mint.published)
    metadata: Json = field(default_factory=dict)
    replies: dict[str, Reply | Answerer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """While it is set to an unset event, nobody gets an answer."""

    def discovery(self) -> Json:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "device_authorization_endpoint": f"{self.url}/device",
            "jwks_uri": f"{self.url}/keys",
            "code_challenge_methods_supported": ["S256"],
            **self.metadata,
        }
        return {name: value for name, value in document.items() if value is not None}

    async def reply(self, request: Request) -> Reply:
        self.asked[request.path] += 1
        self.requests.append(request)
        if self.hold is not None:
            await self.hold.wait()
        wanted = self.replies.get(request.path)
        if isinstance(wanted, Reply):
            return wanted
        if wanted is not None:
            return await wanted(request)
        if request.path == "/.well-known/openid-configuration":
            return Reply(self.discovery())
        if request.path == "/keys":
            return Reply({"keys": self.keys})
        if request.path == "/userinfo":
            return Reply({"sub": "248289761001"})
        return Reply({"error": "invalid_request"}, 400)

    def gives(self, id_token: str, **more: Any) -> None:
        """The token endpoint answers with this ID token from now on."""
        self.replies["/token"] = Reply({"id_token": id_token, "token_type": "Bearer", **more})


@asynccontextmanager
async def stub_provider(tls: ssl.SSLContext | None = None) -> AsyncIterator[StubProvider]:
    """On 127.0.0.1, at a port of its own; https with `tls`."""
    stub = StubProvider()
    busy: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                writer.write((await stub.reply(request)).wire())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            busy.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    stub.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stub
    finally:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await server.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body.decode())
