"""What the gateway offers in its first packet, to clients and to targets: read off the wire, without a library."""

import asyncio
import struct
from pathlib import Path

import pytest

from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sshd import Sshd

LISTS = (
    *("kex", "host keys", "ciphers out", "ciphers in", "macs out", "macs in"),
    *("compression out", "compression in", "languages out", "languages in"),
)

MODERN = {
    "kex": ("mlkem", "sntrup761", "curve25519-", "ecdh-sha2-nistp", "diffie-hellman-group"),
    "ciphers": ("aes128-gcm@", "aes256-gcm@", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    "macs": ("hmac-sha2-256", "hmac-sha2-512"),
    "host keys": ("ssh-ed25519", "ecdsa-sha2-nistp", "rsa-sha2-", "sk-"),
    "compression": ("none",),
    "languages": ("\0",),
}

WEAK = (
    *(
        "sha1",
        "md5",
        "cbc",
        "rc4",
        "arcfour",
        "3des",
        "blowfish",
        "cast",
        "chacha20",
        "ssh-rsa",
        "ssh-dss",
    ),
    *("group1-", "group14-sha1", "-etm-sha1", "umac", "ripemd", "zlib", "gss-", "none,"),
)


async def first_packet(reader: asyncio.StreamReader) -> tuple[str, dict[str, list[str]]]:
    """The version, and the lists of the KEXINIT that follows it."""
    version = (await reader.readline()).decode().rstrip()
    length, padding = struct.unpack(">IB", await reader.readexactly(5))
    body = await reader.readexactly(length - 1)
    payload = body[: len(body) - padding]
    assert payload[0] == 20
    rest, lists = payload[17:], {}
    for name in LISTS:
        (size,) = struct.unpack_from(">I", rest)
        lists[name] = rest[4 : 4 + size].decode("ascii").split(",") if size else []
        rest = rest[4 + size :]
    assert rest == b"\0" * 5, "no guess follows"
    return version, lists


async def offered_to(version: bytes, house: House) -> dict[str, list[str]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(version + b"\r\n")
            said, lists = await first_packet(reader)
            assert said == "SSH-2.0-OpenSSH_hoop"
            return lists
    finally:
        writer.close()
        await writer.wait_closed()


def is_modern(lists: dict[str, list[str]]) -> None:
    for name, offered in lists.items():
        kind = name.removesuffix(" out").removesuffix(" in")
        for algorithm in offered:
            if algorithm.startswith(("kex-strict-", "ext-info-")):
                continue
            assert algorithm.startswith(MODERN[kind]), f"{algorithm} as {name}"
            assert not any(weak in algorithm for weak in WEAK), f"{algorithm} as {name}"
            assert not algorithm.endswith("-sha1")


async def test_toward_openssh(house: House) -> None:
    lists = await offered_to(b"SSH-2.0-OpenSSH_9.9", house)
    is_modern(lists)
    assert lists["kex"][0].startswith("mlkem768x25519")
    assert "kex-strict-s-v00@openssh.com" in lists["kex"]
    assert lists["ciphers out"] == lists["ciphers in"] == ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
    assert lists["host keys"] == ["ssh-ed25519"]


@pytest.mark.parametrize(
    "version", [b"SSH-2.0-dropbear_2022.83", b"SSH-2.0-PuTTY_Release_0.78", b"SSH-2.0-x"]
)
async def test_toward_others(house: House, version: bytes) -> None:
    lists = await offered_to(version, house)
    is_modern(lists)
    assert "kex-strict-s-v00@openssh.com" in lists["kex"]
    assert lists["ciphers out"] == lists["ciphers in"]
    assert lists["ciphers in"][:2] == ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
    assert lists["ciphers in"][2:] == ["aes256-ctr", "aes128-ctr"]


async def test_ciphers_that_an_operator_chose(tmp_path: Path) -> None:
    house = await House.open(tmp_path / "strict", ciphers=("aes256-gcm@openssh.com",))
    try:
        lists = await offered_to(b"SSH-2.0-dropbear_2022.83", house)
        assert lists["ciphers in"] == ["aes256-gcm@openssh.com"]
    finally:
        await house.close()


@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd")
async def test_toward_targets(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    seen: list[tuple[str, dict[str, list[str]]]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        seen.append(await first_packet(reader))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    house.offer("web-1", port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    assert (await ssh.run("web-1@gw", "true")).status == 255
    server.close()
    await server.wait_closed()
    ((version, lists),) = seen
    assert version == "SSH-2.0-hoop"
    is_modern(lists)
    assert "kex-strict-c-v00@openssh.com" in lists["kex"]
    assert lists["ciphers in"][:2] == ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
    assert lists["host keys"][0] == "ssh-ed25519", "the kind that is pinned comes first"
