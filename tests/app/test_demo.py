"""The demo's small print: a port that is taken, and a directory that is kept."""

import socket
import subprocess
import sys
from pathlib import Path

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
        for name in ("alice_key", "target_key", "token", "hoop.toml"):
            assert (tmp_path / "demo" / name).stat().st_mode & 0o077 == 0


async def test_a_kept_demo_can_be_opened_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "demo", 0) as demo:
        first = len(await demo.house.ledger.sessions())
    async with opened(tmp_path / "demo", 0) as demo:
        assert len(await demo.house.ledger.sessions()) == first


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
