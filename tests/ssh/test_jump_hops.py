"""Targets behind other targets: the gateway's own way there, and which part of it failed."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from gateway.adapters.ssh.jump.hops import HOPS_MOST, jump_host
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from tests.ssh.client import StockSsh
from tests.ssh.forwarding import digest, echo, noise, running, serving, sessions_over, through
from tests.ssh.house import House
from tests.ssh.sshd import Sshd, free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


@pytest.fixture
async def inner(tmp_path: Path, ssh: StockSsh, house: House) -> AsyncIterator[Sshd]:
    """A second machine, db-1, that is reached through web-1. It takes nobody but who comes from there."""
    server = Sshd(tmp_path / "inner")
    await server.start()
    house.offer(
        "db-1", server.port, server.user, server.login_key, host_keys=[server.host_key_line], via="web-1"
    )
    yield server
    await server.stop()


async def test_through_a_jump_host(ssh: StockSsh, house: House, sshd: Sshd, inner: Sshd) -> None:
    data = noise(4 << 20)
    ran = await ssh.run("db-1@gw", "cat; exit 4", typed=data)
    assert (ran.status, digest(ran.out)) == (4, digest(data))
    assert "Accepted publickey" in sshd.log, "the hop"
    assert "Accepted publickey" in inner.log, "the target"
    (opened,) = await house.entries("session.opened")
    assert opened.body["target"] == "db-1"


async def test_two_hops(ssh: StockSsh, house: House, sshd: Sshd, inner: Sshd, tmp_path: Path) -> None:
    last = Sshd(tmp_path / "last")
    await last.start()
    house.offer("app-1", last.port, last.user, last.login_key, host_keys=[last.host_key_line], via="db-1")
    ran = await ssh.run("app-1@gw", "echo hello")
    assert ran.out == b"hello\n"
    for server in (sshd, inner, last):
        assert server.log.count("Accepted publickey") == 1
    await last.stop()


async def test_forwards_behind_a_jump_host(ssh: StockSsh, inner: Sshd) -> None:
    port, there_too = free_port(), free_port()
    async with (
        serving(echo) as there,
        running(
            ssh,
            *("-N", "-L", f"{port}:127.0.0.1:{there}", "-R", f"{there_too}:127.0.0.1:{there}"),
            "db-1@gw",
        ),
    ):
        assert await through(port, b"x" * 100_000) == b"x" * 100_000
        assert await through(there_too, b"x" * 100_000) == b"x" * 100_000


async def test_a_hop_that_is_not_there(ssh: StockSsh, sshd: Sshd, inner: Sshd) -> None:
    await sshd.stop()
    ran = await ssh.run("db-1@gw", "true")
    assert ran.status == 255
    assert ran.said == (
        "hoop: db-1 is reached through web-1: web-1 can not be reached - it refused the connection\n"
    )


async def test_a_hop_with_another_key(ssh: StockSsh, house: House, inner: Sshd) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    house.change("web-1", host_keys=[other])
    ran = await ssh.run("db-1@gw", "true")
    assert "hoop: db-1 is reached through web-1: the host key of web-1 has CHANGED" in ran.said


async def test_a_target_that_is_not_behind_it(ssh: StockSsh, inner: Sshd) -> None:
    await inner.stop()
    ran = await ssh.run("db-1@gw", "true")
    assert ran.said == "hoop: db-1 can not be reached - web-1 could not connect to it\n"


async def test_a_target_with_another_key(ssh: StockSsh, house: House, inner: Sshd) -> None:
    """What is behind the hop is checked as if there were none: the hop can not play it."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    house.change("db-1", host_keys=[other])
    ran = await ssh.run("db-1@gw", "true")
    assert "hoop: the host key of db-1 has CHANGED - nothing was sent" in ran.said
    assert "Accepted publickey" not in inner.log


async def test_a_hop_that_dies(ssh: StockSsh, house: House, sshd: Sshd, inner: Sshd) -> None:
    async with running(ssh, "db-1@gw", "echo started; cat") as client:
        assert client.stdout is not None
        assert await client.stdout.readline() == b"started\n"
        sshd.kill_connections()
        _, err = await client.communicate()
    assert client.returncode == 255
    assert b"hoop: the connection to db-1 was lost" in err
    assert await sessions_over(house) == ["unreachable"]


def chain(*names: str) -> dict[str, Target]:
    """Targets, each behind the next."""
    return {
        name: Target(name, "ssh", "h", 22, options={"via": via} if via else {})
        for name, via in zip(names, (*names[1:], ""), strict=True)
    }


def follow(targets: dict[str, Target], name: str) -> list[str]:
    """The way as the Dialler goes it."""
    way: list[str] = []
    hop: Target | None = targets[name]
    while hop is not None:
        following = jump_host(hop, tuple(way), targets.get)
        way.append(hop.name)
        hop = following
    return way


def test_chains() -> None:
    names = [f"t{number}" for number in range(HOPS_MOST + 1)]
    assert follow(chain(*names), "t0") == names
    with pytest.raises(Unreachable, match="behind more than 4 jump hosts"):
        follow(chain(*names, "one-more"), "t0")


@pytest.mark.parametrize(
    ("via", "text"),
    [
        ("t0", "t0 can not be reached - its jump hosts lead back to t0"),
        ("t1", "t1 can not be reached - its jump hosts lead back to t0"),
        ("nowhere", "t0 can not be reached - its jump host nowhere is not an SSH target"),
        ("db", "t0 can not be reached - its jump host db is not an SSH target"),
    ],
)
def test_chains_that_lead_nowhere(via: str, text: str) -> None:
    targets = {
        "t0": Target("t0", "ssh", "h", 22, options={"via": via}),
        "t1": Target("t1", "ssh", "h", 22, options={"via": "t0"}),
        "db": Target("db", "postgres", "h", 5432),
    }
    with pytest.raises(Unreachable, match=text):
        follow(targets, "t0")
