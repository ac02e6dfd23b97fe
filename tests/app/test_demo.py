"""The demo's small print: a port that is taken, and a directory that is kept."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.app.demo import opened


async def test_a_taken_port_is_no_obstacle(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with opened(tmp_path / "demo", port) as demo:
            assert demo.house.ports["ssh"] != port
            assert f"Port {demo.house.ports['ssh']}" in (tmp_path / "demo" / "ssh_config").read_text()
            assert len(await demo.house.ledger.sessions()) >= 3


async def test_everything_private_is_private(tmp_path: Path) -> None:
    async with opened(tmp_path / "demo", 0):
        for name in ("client_secret", "target_key", "token", "hoop.toml", "login", "data/sealing.key"):
            assert (tmp_path / "demo" / name).stat().st_mode & 0o077 == 0


async def test_a_kept_demo_can_be_opened_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "demo", 0) as demo:
        first = len(await demo.house.ledger.sessions())
    async with opened(tmp_path / "demo", 0) as demo:
        assert len(await demo.house.ledger.sessions()) == first


@pytest.mark.interop
@pytest.mark.needs("ssh", "sftp")
async def test_files_are_judged_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "app.conf").write_text("colour = blue\n")
    async with opened(tmp_path / "demo", 0) as demo:
        await demo.sign_in("alice")
        home = tmp_path / "demo" / "web-1"

        async def copy(*places: str) -> tuple[int | None, str]:
            command = ["scp", "-F", str(tmp_path / "demo" / "ssh_config"), *places]
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
            _, said = await process.communicate()
            return process.returncode, said.decode()

        assert (await copy(str(tmp_path / "app.conf"), "web-1:"))[0] == 0
        assert (home / "app.conf").read_text() == "colour = blue\n"
        (home / "etc").mkdir()
        (home / "link").symlink_to("etc")
        for place in ("/etc/app.conf", "link/app.conf"):
            status, said = await copy(str(tmp_path / "app.conf"), f"web-1:{place}")
            assert status != 0
            assert "hoop: blocked by no-config-by-hand - configuration goes through the deploy" in said
        assert not list((home / "etc").iterdir())
        status, said = await copy("web-1:customers.csv", str(tmp_path))
        assert "hoop: blocked by no-secrets-on-screens - files from web-1 can not be masked" in said
        assert not (tmp_path / "customers.csv").exists()


def test_a_place_that_can_not_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [
        sys.executable,
        "-m",
        "gateway.cli.main",
        "demo",
        "--no-tui",
        "--keep",
        str(tmp_path / "file" / "x"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"hoop-gateway: {tmp_path}/file/x: not a directory\n"
