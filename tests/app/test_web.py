"""Whose word counts about where somebody is."""

import asyncio
import socket

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.app.web import WebDoor, listen


async def where(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(request.client.host)


@pytest.mark.parametrize(
    ("proxies", "seen"), [((), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9"), (("10.0.0.0/8",), "127.0.0.1")]
)
async def test_only_a_known_proxy_says_where_people_are(proxies: tuple[str, ...], seen: str) -> None:
    door: socket.socket = listen("127.0.0.1", 0, "tests")
    web = WebDoor(Starlette(routes=[Route("/", where)]), door, proxies=proxies)
    port = await web.start()
    try:
        async with httpx2.AsyncClient() as client:
            said = await client.get(f"http://127.0.0.1:{port}/", headers={"X-Forwarded-For": "203.0.113.9"})
    finally:
        await web.stop()
    assert said.text == seen


async def test_an_answer_in_pieces_does_not_wait_for_the_client() -> None:
    """The system would keep the second piece back until the first is acknowledged, for 40 milliseconds."""
    door = listen("127.0.0.1", 0, "tests")
    accepted: list[int] = []

    class Seen(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            wire = transport.get_extra_info("socket")
            accepted.append(wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    server = await asyncio.get_running_loop().create_server(Seen, sock=door)
    reader, writer = await asyncio.open_connection(*door.getsockname())
    assert await reader.read() == b""
    writer.close()
    server.close()
    await server.wait_closed()
    assert accepted == [1]
