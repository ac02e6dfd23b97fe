"""The listener that a browser comes back to, codes that are waited for, and who might interfere."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest

from hoop_tui.errors import Garbled, NotSignedIn, ServerSaid
from hoop_tui.login import browser, device
from hoop_tui.login.desk import HttpDesk
from hoop_tui.login.door import Door
from hoop_tui.login.loopback import Loopback
from tests.tui.sign_in_double import SignInDouble

GATEWAY = "https://hoop.example.com"
STATE = "the-state"


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()


def back(port: int, path: str = "/done", method: str = "GET", host: str = "", **asked: str) -> bytes:
    query = f"?{urlencode(asked)}" if asked else ""
    return f"{method} {path}{query} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode()


async def test_the_listener_takes_one_good_answer_and_leaves_the_rest() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        port = loopback.port
        good = {"code": "c", "state": STATE, "iss": GATEWAY}
        twice = back(port, **good).replace(b"code=c", b"code=c&code=d")
        for request in (
            back(port, "/"),
            back(port, "/favicon.ico"),
            back(port, "/done/../done", **good),
            back(port, method="POST", **good),
            back(port, host="evil.example", **good),
            back(port, host=f"localhost:{port}", **good),
            back(port, **good).replace(b"Host:", b"X-Host:"),
            back(port),
            back(port, code="c"),
            back(port, code="c", state="wrong", iss=GATEWAY),
            back(port, code="c", state="ä", iss=GATEWAY),
            twice,
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"GET http://evil.example/done HTTP/1.1\r\n\r\n",
        ):
            answer = await ask(port, request)
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), request
            assert STATE.encode() not in answer
        assert await ask(port, b"GET /done?" + b"x" * 20_000) == b""
        waiting = asyncio.create_task(loopback.answer(10))
        page = asyncio.create_task(ask(port, back(port, **good)))
        assert await waiting == "c"
        await loopback.tell(True)
        shown = await page
        assert shown.startswith(b"HTTP/1.1 200")
        assert b"You are signed in - you can close this tab." in shown
        assert b"no-store" in shown
        with pytest.raises(OSError):
            await ask(port, back(port, **good))


async def test_an_answer_of_another_gateway_ends_it() -> None:
    for iss in ("", "https://evil.example", "http://hoop.example.com", "https://hoop.example.com:444"):
        async with Loopback(STATE, GATEWAY) as loopback:
            page = asyncio.create_task(
                ask(loopback.port, back(loopback.port, code="c", state=STATE, iss=iss))
            )
            with pytest.raises(Garbled, match="another gateway"):
                await loopback.answer(10)
            await loopback.tell(False)
            assert b"not signed in" in await page


async def test_a_no_and_nobody() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        said = {"error": "access_denied", "error_description": "not you", "state": STATE, "iss": GATEWAY}
        page = asyncio.create_task(ask(loopback.port, back(loopback.port, **said)))
        with pytest.raises(ServerSaid, match="not you") as no:
            await loopback.answer(10)
        assert no.value.exit_code == 4
        await loopback.tell(False)
        await page
    async with Loopback(STATE, GATEWAY) as loopback:
        with pytest.raises(NotSignedIn, match="did not come back"):
            await loopback.answer(0.05)


async def test_its_port_can_not_be_stolen() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket() as thief:
                thief.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError):
                    thief.bind(("127.0.0.1", loopback.port))


async def test_idle_connections_do_not_keep_it_open() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        idle = [await asyncio.open_connection("127.0.0.1", loopback.port) for _ in range(20)]
        await asyncio.sleep(0)
    for reader, writer in idle:
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_stolen_code_is_worth_nothing(sign_in_double: SignInDouble) -> None:
    """Whoever gets hold of what the browser carries lacks the verifier."""
    desk = HttpDesk(sign_in_double.url)
    shown: list[str] = []

    async def steal() -> None:
        while not shown:
            await asyncio.sleep(0.01)
        with pytest.raises(NotSignedIn, match="not begun here"):
            await desk.redeem(
                await asyncio.to_thread(_code_behind, shown[0]), "guessed", "http://127.0.0.1:1/done"
            )

    with pytest.raises(NotSignedIn, match="did not come back"):
        await asyncio.gather(browser.sign_in(desk, shown.append, 1.0), steal())
    assert sign_in_double.good == {}


def _code_behind(url: str) -> str:
    """The code that the gateway sends the browser back with."""
    gateway, _, query = url.partition("/login?")
    assert "code_challenge_method=S256" in query
    assert Door(gateway).ask("GET", f"/login?{query}").status == 302
    return "code-0"


async def test_wrong_issuer_end_to_end(sign_in_double: SignInDouble) -> None:
    sign_in_double.iss = "https://evil.example"

    def visit(url: str) -> None:
        def run() -> None:
            try:
                urllib.request.urlopen(url, timeout=10).read()
            except urllib.error.HTTPError as answer:
                answer.close()

        threading.Thread(target=run, daemon=True).start()

    with pytest.raises(Garbled, match="another gateway"):
        await browser.sign_in(HttpDesk(sign_in_double.url), visit)
    assert "POST /v1/login/token" not in sign_in_double.paths()


@pytest.mark.parametrize(
    ("environ", "system", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0", "BROWSER": "true %s"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w", "BROWSER": "true %s"}, "linux", True),
        ({"DISPLAY": ":0", "BROWSER": "true %s", "SSH_TTY": "/dev/pts/1"}, "linux", False),
        ({"DISPLAY": ":0", "BROWSER": "true %s", "SSH_CONNECTION": "1 2 3 4"}, "darwin", False),
    ],
)
def test_whether_there_is_a_browser(environ: dict[str, str], system: str, there: bool) -> None:
    code = (
        "import os, sys; from hoop_tui.login.browser import has_browser\n"
        "print(has_browser(os.environ, sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, system],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{there}\n"


async def test_slow_down_is_heeded(sign_in_double: SignInDouble) -> None:
    sign_in_double.device_said = ["slow_down", "authorization_pending", "slow_down"]
    sign_in_double.confirmed.set()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    desk = HttpDesk(sign_in_double.url)
    signed_in = await device.confirmed(desk, await device.ask(desk), pause)
    assert signed_in.person == "alice@example.com"
    assert pauses == [1.0, 6.0, 6.0, 11.0]


async def test_endless_pending_ends(sign_in_double: SignInDouble) -> None:
    sign_in_double.device_expires_in, sign_in_double.interval = 10**9, 10**6
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    desk = HttpDesk(sign_in_double.url)
    with pytest.raises(NotSignedIn, match="expired"):
        await device.confirmed(desk, await device.ask(desk), pause)
    assert sum(pauses) <= 900
    assert max(pauses) <= 30
    sign_in_double.interval = -5
    assert (await device.ask(desk)).interval == 1.0
