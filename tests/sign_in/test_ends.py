"""Whoever may not be here any more is out within two seconds, however they came in and whoever says so."""

import asyncio
from time import monotonic

import asyncssh
import pytest

from tests.sign_in.conftest import Town
from tests.sign_in.test_by_code import at_a_terminal, entries, keyless, page_of
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

WITHIN = 2.0


async def alice_inside(town: Town, terminal: Terminal) -> None:
    await town.visitor.sign_in(await page_of(terminal), "alice@example.com")
    terminal.type(b"\r")
    await terminal.until(b"you are alice@example.com")
    terminal.type(b"echo in-$((1+1))\r")
    await terminal.until(b"in-2")


async def test_locked_by_a_command_the_shell_ends(town: Town) -> None:
    async with at_a_terminal(keyless(town)) as terminal:
        await alice_inside(town, terminal)
        ran = await town.served.gateway(
            "person", "lock", "alice@example.com", "--reason", "gone", "--config", str(town.served.config)
        )
        assert ran.status == 0, ran.err
        begun = monotonic()
        await terminal.until(b"your access to this gateway was revoked")
        assert monotonic() - begun < WITHIN
        await terminal.ended()
    (locked,) = await entries(town, "person.locked")
    assert locked["reason"] == "gone"


async def test_locked_by_the_api_everything_of_theirs_ends(town: Town) -> None:
    token = await town.token_of("alice@example.com")
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = key.export_public_key().decode().strip()
    given = await town.call("POST", "/ssh/certificate", token, public_key=public)
    assert given.status_code == 200, given.text
    certificate = asyncssh.import_certificate(given.json()["certificate"])

    async def come_in() -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            "127.0.0.1",
            town.served.ports["ssh"],
            username="web-1",
            client_keys=[(key, certificate)],
            known_hosts=None,
            config=None,
        )

    async with await come_in() as connection:
        shell = await connection.create_process(term_type="xterm")
        shell.stdin.write("echo in-$((1+1))\n")
        await asyncio.wait_for(shell.stdout.readuntil("in-2"), 30)
        ran = await town.served.gateway(
            "token", "create", "--person", "dora@example.com", "--config", str(town.served.config)
        )
        staff = ran.out.strip()
        by_code = await town.token_of("carol@example.com")
        assert (await town.call("GET", "/me", by_code)).json()["roles"] == ["auditor", "person"]
        said = await town.call("POST", "/people/alice@example.com/lock", by_code, reason="laptop stolen")
        assert said.status_code == 403, "a sign-in by code is no operator here"
        begun = monotonic()
        said = await town.call("POST", "/people/alice@example.com/lock", staff, reason="laptop stolen")
        assert said.status_code == 200, said.text
        await asyncio.wait_for(shell.wait_closed(), 30)
        assert monotonic() - begun < WITHIN
    assert (await town.call("GET", "/me", token)).status_code == 401
    with pytest.raises(asyncssh.PermissionDenied):
        await come_in()
    (issued,) = await entries(town, "certificate.issued")
    assert issued["person"] == "alice@example.com"


async def test_signing_out_ends_what_was_made_with_it(town: Town) -> None:
    token = await town.token_of("alice@example.com")
    assert (await town.call("GET", "/me", token)).json()["person"] == "alice@example.com"
    assert (await town.call("POST", "/logout", token)).status_code == 204
    assert (await town.call("GET", "/me", token)).status_code == 401
    assert (await town.call("POST", "/logout", token)).status_code == 401


async def test_a_sign_in_goes_on_without_a_browser_while_the_provider_vouches(town: Town) -> None:
    token = await town.token_of("alice@example.com")
    fresh = await town.call("POST", "/login/refresh", token)
    assert fresh.status_code == 200, fresh.text
    renewed = fresh.json()["token"]
    assert renewed != token
    assert (await town.call("GET", "/me", token)).status_code == 401, "its secret is over"
    assert (await town.call("GET", "/me", renewed)).json()["person"] == "alice@example.com"
