"""What a target says before and beside its programs never reaches a person: banners, greetings, reasons."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest

from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import is_well, resident
from tests.ssh.test_proof import arguments

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\nhoop: approved by bob@example.com\r\n\u202e"


class Loud(asyncssh.SSHServer):
    """Greets with whatever a test gives it, and lets in those it likes."""

    banners: list[str]
    lets_in = True

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        for banner in self.banners:
            self._connection.send_auth_banner(banner)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self.lets_in


@pytest.fixture
async def loud(house: House) -> AsyncIterator[type[Loud]]:
    """What web-1 is made of."""

    class Mine(Loud):
        banners = [EVIL]  # noqa: RUF012 - a test puts its own here

    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"out\n")
        process.exit(7)

    host_key, login = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Mine,
        server_host_keys=[host_key],
        process_factory=answer,
        encoding=None,
    )
    pinned = host_key.export_public_key().decode().strip()
    house.offer("web-1", server.get_port(), "x", login, host_keys=[pinned])
    yield Mine
    server.close()
    await server.wait_closed()


class Listener(asyncssh.SSHClient):
    """Hears banners as a person would."""

    def __init__(self) -> None:
        self.banners: list[str] = []

    def auth_banner_received(self, msg: str, lang: str) -> None:
        self.banners.append(msg)


async def run(house: House, **options: Any) -> tuple[int | None, bytes, bytes, list[str]]:
    ear = Listener()
    given = arguments(house, client_factory=lambda: ear)
    async with asyncssh.connect(**given) as client, asyncio.timeout(PATIENCE):
        ran = await client.run("x", encoding=None, **options)
    assert isinstance(ran.stdout, bytes)
    assert isinstance(ran.stderr, bytes)
    return ran.exit_status, ran.stdout, ran.stderr, ear.banners


BANNERS = {"with escapes": [EVIL], "huge": [EVIL * 4000], "without end": [EVIL * 10] * 500}


@pytest.mark.parametrize("what", BANNERS)
@pytest.mark.parametrize("terminal", [{}, {"term_type": "xterm"}], ids=["", "terminal"])
async def test_a_banner(
    house: House, loud: type[Loud], what: str, terminal: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loud.banners = BANNERS[what]
    before = resident()
    status, out, err, banners = await run(house, **terminal)
    assert (status, out, err) == (7, b"out\n", b"")
    assert banners == ["hoop: sessions are recorded and may be watched\r\n"]
    assert house.recording().output == b"out\n"
    assert house.recording().errors == b""
    assert resident() - before < 16 << 20
    assert "owned" not in caplog.text
    assert await is_well(house)


async def test_a_banner_before_a_refusal(
    house: House, loud: type[Loud], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    loud.lets_in = False
    status, out, err, _ = await run(house)
    assert (status, out) == (255, b"")
    assert err == (
        b"hoop: web-1 can not be reached - it does not let the gateway in, tell your platform team\n"
    )
    assert "owned" not in caplog.text
