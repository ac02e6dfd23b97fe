"""One gateway, one real target and one stock client for every test that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal
from tests.ssh.typist import Typist


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await House.open(tmp_path / "gateway")
    yield house
    await house.close()


@pytest.fixture
async def sshd(tmp_path: Path) -> AsyncIterator[Sshd]:
    server = Sshd(tmp_path / "sshd")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def ssh(tmp_path: Path, house: House, sshd: Sshd) -> StockSsh:
    """A client of a gateway that offers the real target as web-1."""
    house.offer("web-1", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    return StockSsh(tmp_path / "client", house)


@pytest.fixture
async def typist(ssh: StockSsh, house: House) -> AsyncIterator[Typist]:
    """Somebody at a terminal of that client."""
    desk = Terminal()
    yield Typist(desk, ssh, house)
    await desk.close()
