"""Signing in at the SSH door by a code, with the stock client at a terminal and a browser beside it."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio

from gateway.core.events import PersonLocked
from gateway.core.ports import Entry, LockRow
from gateway.store.ledger import SqlLedger
from tests.e2e.served import run
from tests.sign_in.conftest import Town, a_town
from tests.sign_in.visitor import Visitor
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

ASKED = re.compile(rb"Open (http://\S+/d/([0-9A-Z]{4}-[0-9A-Z]{4})),? then (?:press )?Enter:")


def keyless(town: Town, *more: str, name: str = "web-1") -> list[str]:
    """A stock ssh that knows the gateway and has no key at all."""
    known = town.served.directory / "known_hosts"
    key = asyncssh.read_private_key(town.served.directory / "data" / "ssh_host_ed25519_key")
    port = town.served.ports["ssh"]
    known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    options = [
        f"Port={port}",
        f"UserKnownHostsFile={known}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentityFile=none",
        "IdentityAgent=none",
    ]
    return ["ssh", "-F", "none", *(f"-o{option}" for option in options), *more, f"{name}@127.0.0.1"]


@asynccontextmanager
async def at_a_terminal(command: list[str]) -> AsyncIterator[Terminal]:
    terminal = Terminal()
    await terminal.start(command)
    try:
        yield terminal
    finally:
        await terminal.close()


async def page_of(terminal: Terminal) -> str:
    """The address that the person is asked to open."""
    seen = await terminal.until(lambda seen: bool(ASKED.search(seen)))
    return str(ASKED.findall(seen)[-1][0], "ascii")


async def ledger_of(town: Town, after: int = 0) -> Sequence[Entry]:
    ledger = await SqlLedger.open(f"sqlite:///{town.served.directory}/data/hoop.db")
    try:
        return await ledger.entries(after=after, limit=10_000)
    finally:
        await ledger.close()


async def entries(town: Town, name: str) -> list[dict[str, object]]:
    """The bodies of the ledger's entries with this name, since the test began."""
    return [dict(entry.body) for entry in await ledger_of(town, town.since) if entry.name == name]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with a_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest_asyncio.fixture(loop_scope="module")
async def old_town(one_town: Town) -> AsyncIterator[Town]:
    """Where Alice may have been before. For tests that leave it as it was: all that they begin, ends with them."""
    visitor = Visitor()
    yield replace(one_town, visitor=visitor, since=(await ledger_of(one_town))[-1].seq)
    await visitor.close()


in_old_town = pytest.mark.asyncio(loop_scope="module")


async def test_a_newcomer_comes_in(town: Town) -> None:
    async with at_a_terminal(keyless(town)) as terminal:
        page = await page_of(terminal)
        asked = terminal.seen.decode()
        assert "hoop: sessions are recorded and may be watched" in asked
        assert "hoop: scripts: run `hoop-tui login` first, or use a machine key" in asked
        assert "hoop sign-in" in asked
        assert "Check that the page shows: ssh to web-1 from 127.0.0.1" in asked
        shown = await town.visitor.open(page)
        assert "ssh to web-1" in shown
        assert "127.0.0.1" in shown
        assert "OpenSSH" in shown
        said = await town.visitor.sign_in(page, "alice@example.com")
        assert "You are signed in" in said
        terminal.type(b"\r")
        await terminal.until(b"you are alice@example.com on web-1")
        terminal.type(b"echo it-is-$((40+2))\r")
        await terminal.until(b"it-is-42")
        terminal.type(b"exit\r")
        assert await terminal.ended() == 0
    (accepted,) = await entries(town, "identity.accepted")
    assert accepted["person"] == "alice@example.com"
    assert accepted["method"] == "oidc demo"
    assert (accepted["address"], accepted["browser"]) == ("127.0.0.1", "127.0.0.1")
    (asked_for,) = await entries(town, "identity.asked")
    assert asked_for["what"] == "ssh to web-1"
    assert page.rpartition("/")[2] not in str(asked_for), "the ledger holds no codes"
    (opened,) = await entries(town, "session.opened")
    assert (opened["person"], opened["groups"]) == ("alice@example.com", ["dev"])


@in_old_town
async def test_with_q_the_prompt_alone_is_enough(old_town: Town) -> None:
    async with at_a_terminal(keyless(old_town, "-q")) as terminal:
        await old_town.visitor.sign_in(await page_of(terminal), "alice@example.com")
        terminal.type(b"\r")
        await terminal.until(b"you are alice@example.com")


@in_old_town
async def test_in_batch_mode_the_banner_says_what_to_do(old_town: Town) -> None:
    ran = await run(*keyless(old_town, "-oBatchMode=yes"), "true")
    assert ran.status == 255
    assert "hoop: scripts: run `hoop-tui login` first" in ran.err
    assert "Permission denied" in ran.err


@in_old_town
async def test_no_in_the_browser_ends_it(old_town: Town) -> None:
    async with at_a_terminal(keyless(old_town)) as terminal:
        said = await old_town.visitor.sign_in(await page_of(terminal), "alice@example.com", "No")
        assert "Stopped" in said
        terminal.type(b"\r")
        assert await terminal.ended() == 255
    assert await entries(old_town, "session.opened") == []
    reasons = [str(refused["reason"]) for refused in await entries(old_town, "identity.refused")]
    assert any("stopped in the browser" in reason for reason in reasons), reasons


@in_old_town
async def test_a_second_gateway_session_over_the_same_connection_asks_nothing(
    old_town: Town, tmp_path: Path
) -> None:
    control = tmp_path / "c"
    async with at_a_terminal(keyless(old_town, "-M", f"-S{control}")) as terminal:
        await old_town.visitor.sign_in(await page_of(terminal), "alice@example.com")
        terminal.type(b"\r")
        await terminal.until(b"you are alice@example.com")
        ran = await run("ssh", f"-S{control}", "-F", "none", "web-1@127.0.0.1", "echo again")
        assert (ran.status, ran.out) == (0, "again\n")


@in_old_town
async def test_a_jump_asks_once(old_town: Town, tmp_path: Path) -> None:
    """Whoever came by a code has no key to show at the inner end, and is known there by the connection."""
    outer = keyless(old_town)
    inner = " ".join([*outer[:-1], "-W", "[%h]:%p", "web-1@127.0.0.1"])
    options = [f"-oProxyCommand={inner}", "-oHostKeyAlias=gw", "-oIdentityFile=none", "-oIdentityAgent=none"]
    options += [f"-oUserKnownHostsFile={tmp_path}/jump", "-oStrictHostKeyChecking=no"]
    async with at_a_terminal(
        ["ssh", "-F", "none", *options, f"{old_town.served.sshd.user}@web-1"]
    ) as terminal:
        await old_town.visitor.sign_in(await page_of(terminal), "alice@example.com")
        terminal.type(b"\r")
        await terminal.until(b"you are alice@example.com")
        assert len(ASKED.findall(terminal.seen)) == 1


@in_old_town
async def test_the_code_is_bound_to_one_connection_and_good_once(old_town: Town) -> None:
    async with at_a_terminal(keyless(old_town)) as first, at_a_terminal(keyless(old_town)) as second:
        page, other = await page_of(first), await page_of(second)
        assert page != other
        await old_town.visitor.sign_in(page, "alice@example.com")
        first.type(b"\r")
        await first.until(b"you are alice@example.com")
        again = Visitor()
        try:
            said = await again.open(page)
        finally:
            await again.close()
        assert "Sign in with" not in said
        assert b"you are" not in second.seen


@in_old_town
async def test_an_impatient_enter_waits_and_a_late_one_is_told(old_town: Town) -> None:
    async with at_a_terminal(keyless(old_town)) as terminal:
        page = await page_of(terminal)
        terminal.type(b"\r")
        await asyncio.sleep(0.5)
        assert b"not confirmed" not in terminal.seen
        await old_town.visitor.sign_in(page, "alice@example.com")
        await terminal.until(b"you are alice@example.com")


async def test_whoever_is_locked_does_not_come_in_by_a_code(town: Town) -> None:
    id = f"{town.provider.url}#alice"
    ledger = await SqlLedger.open(f"sqlite:///{town.served.directory}/data/hoop.db")
    lock = LockRow(id, datetime.now(UTC), "test", "gone")
    assert await ledger.lock_person(lock, PersonLocked(person=id, reason="gone"))
    await ledger.close()
    await asyncio.sleep(1)
    async with at_a_terminal(keyless(town)) as terminal:
        await town.visitor.open(await page_of(terminal))
        await town.visitor.press("Sign in with")
        await town.visitor.go_on()
        said = await town.visitor.press("alice@example.com")
        assert "locked out" in said
    assert await entries(town, "session.opened") == []


async def test_without_the_provider_nobody_new_comes_in(town: Town) -> None:
    await town.provider.stop()
    async with at_a_terminal(keyless(town)) as outside:
        await town.visitor.open(await page_of(outside))
        said = await town.visitor.press("Sign in with")
        assert town.visitor.status in (502, 503)
        assert "demo" in said.lower()
        assert b"you are" not in outside.seen


async def test_without_the_provider_whoever_is_inside_stays(town: Town) -> None:
    async with at_a_terminal(keyless(town)) as inside:
        await town.visitor.sign_in(await page_of(inside), "alice@example.com")
        inside.type(b"\r")
        await inside.until(b"you are alice@example.com")
        await town.provider.stop()
        await asyncio.sleep(1)
        inside.type(b"echo still-$((1+1))\r")
        await inside.until(b"still-2")
