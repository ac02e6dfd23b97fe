"""Whose word counts about where somebody is."""

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
