"""What signs people in is written down nowhere: not in the ledger, recordings or log, nor in what `ps` shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from tests.sign_in.conftest import SECRET, Town, a_town
from tests.sign_in.test_by_code import at_a_terminal, keyless, page_of

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """With a process that was started as people start it."""
    async with a_town(tmp_path, forked=False) as town:
        yield town


def written(town: Town) -> dict[str, bytes]:
    """Everything that the gateway has written, by where it is."""
    data = town.served.directory / "data"
    found = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    assert any(path.endswith("hoop.db") for path in found)
    assert any(path.endswith(".hrec") for path in found)
    found["log"] = "".join(town.served.log).encode()
    assert town.served.process is not None
    process = Path(f"/proc/{town.served.process.pid}")
    found["command line"] = (process / "cmdline").read_bytes()
    found["environment"] = (process / "environ").read_bytes()
    return found


async def test_nothing_that_signs_in_is_written_down(town: Town) -> None:
    canaries = {"client secret": SECRET}
    async with at_a_terminal(keyless(town)) as terminal:
        page = await page_of(terminal)
        canaries["code"] = page.rpartition("/")[2]
        await town.visitor.sign_in(page, "alice@example.com")
        terminal.type(b"\r")
        await terminal.until(b"you are alice@example.com")
        terminal.type(b"exit\r")
        await terminal.ended()
    token = await town.token_of("alice@example.com")
    canaries["token"] = token.rpartition("_")[2]
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = key.export_public_key().decode().strip()
    given = (await town.call("POST", "/ssh/certificate", token, public_key=public)).json()
    canaries["certificate"] = given["certificate"].split()[1]
    fresh = (await town.call("POST", "/login/refresh", token)).json()["token"]
    canaries["renewed token"] = fresh.rpartition("_")[2]
    for name, holders in {
        "refresh token": town.provider._refreshers,
        "access token": town.provider._bearers,
    }.items():
        canaries |= {f"{name} {number}": text for number, text in enumerate(holders)}
    assert len(canaries) >= 7
    await town.served.says("ready")
    leaks = [
        (name, place)
        for place, content in written(town).items()
        for name, canary in canaries.items()
        if canary.encode() in content
    ]
    assert leaks == []
