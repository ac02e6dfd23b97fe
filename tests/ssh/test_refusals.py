"""What is not offered: files by sftp, forwarding of any kind, agents, X11. Each says so where the client shows it."""

import asyncio
from pathlib import Path

import pytest

from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd, free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


async def test_sftp(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    before = sshd.log
    ran = await ssh.run("web-1@gw", program="sftp")
    assert ran.status != 0
    assert "hoop: sftp is not offered on this gateway" in ran.said
    (admitted,) = await house.entries("operation.admitted")
    assert (admitted.body["verb"], admitted.body["text"]) == ("subsystem", "sftp")
    assert await house.outcomes() == ["blocked"]
    assert sshd.log == before


async def test_scp(ssh: StockSsh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    ran = await ssh.run(f"{tmp_path}/file", f"web-1@gw:{tmp_path}/copy", program="scp")
    assert ran.status != 0
    assert "hoop: sftp is not offered on this gateway - use scp -O" in ran.said
    assert not (tmp_path / "copy").exists()


async def test_old_scp_is_a_command_like_any_other(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    there = f"web-1@gw:{tmp_path}/copy"
    assert (await ssh.run("-O", f"{tmp_path}/file", there, program="scp")).status == 0
    assert (tmp_path / "copy").read_text() == "content"
    (admitted,) = await house.entries("operation.admitted")
    assert str(admitted.body["text"]).startswith("scp ")
    house.block("scp ")
    (tmp_path / "copy").unlink()
    assert (await ssh.run("-O", f"{tmp_path}/file", there, program="scp")).status != 0
    assert not (tmp_path / "copy").exists()


async def test_another_subsystem(ssh: StockSsh) -> None:
    ran = await ssh.run("-s", "web-1@gw", "netconf")
    assert ran.status == 126
    assert ran.said == "hoop: netconf is not offered on this gateway\n"


async def test_a_subsystem_can_be_blocked(ssh: StockSsh, house: House) -> None:
    house.block("sftp")
    assert "hoop: blocked by no-such" in (await ssh.run("web-1@gw", program="sftp")).said


async def test_local_forwarding(ssh: StockSsh) -> None:
    port = free_port()
    process = await ssh.start("-N", "-L", f"{port}:127.0.0.1:22", "web-1@gw")
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.02)
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    process.kill()
    _, err = await process.communicate()
    assert b"administratively prohibited: hoop: port forwarding is not offered on this gateway" in err


async def test_remote_forwarding(ssh: StockSsh) -> None:
    ran = await ssh.run("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22", "web-1@gw", "true")
    assert ran.status == 255
    assert "remote port forwarding failed" in ran.said


async def test_standard_input_forwarding(ssh: StockSsh) -> None:
    ran = await ssh.run("-W", "127.0.0.1:22", "web-1@gw")
    assert ran.status == 255
    assert "hoop: port forwarding is not offered on this gateway" in ran.said


async def test_a_stream_of_a_unix_socket(ssh: StockSsh, tmp_path: Path) -> None:
    process = await ssh.start("-N", "-L", f"{tmp_path}/s:/run/docker.sock", "web-1@gw")
    async with asyncio.timeout(PATIENCE):
        while not (tmp_path / "s").exists():
            await asyncio.sleep(0.02)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    process.kill()
    _, err = await process.communicate()
    assert b"hoop: socket forwarding is not offered on this gateway" in err


async def test_agent_and_x11(ssh: StockSsh, tmp_path: Path) -> None:
    """The client asks, is refused, and the command runs without."""
    agent = tmp_path / "agent"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), agent)
    ran = await ssh.run(
        "-A", "-o", f"ForwardAgent={agent}", "web-1@gw", "echo agent=$SSH_AUTH_SOCK display=$DISPLAY"
    )
    server.close()
    assert ran.out == b"agent= display=\n"
