"""What is not offered: other subsystems, agents, X11. Each says so where the client shows it."""

import asyncio
from pathlib import Path

import pytest

from tests.ssh.client import StockSsh
from tests.ssh.house import House

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


async def test_another_subsystem(ssh: StockSsh) -> None:
    ran = await ssh.run("-s", "web-1@gw", "netconf")
    assert ran.status == 126
    assert ran.said == "hoop: netconf is not offered on this gateway\n"


async def test_a_subsystem_can_be_blocked(ssh: StockSsh, house: House) -> None:
    house.block("netconf")
    assert "hoop: blocked by no-such" in (await ssh.run("-s", "web-1@gw", "netconf")).said


async def test_agent_and_x11(ssh: StockSsh, tmp_path: Path) -> None:
    """The client asks, is refused, and the command runs without."""
    agent = tmp_path / "agent"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), agent)
    ran = await ssh.run(
        "-A", "-o", f"IdentityAgent={agent}", "web-1@gw", "echo agent=$SSH_AUTH_SOCK display=$DISPLAY"
    )
    server.close()
    assert ran.out == b"agent= display=\n"
