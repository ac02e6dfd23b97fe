"""scp -O with a target or a client that means ill: nothing is written where it should not be, and all of it ends."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from gateway.adapters.ssh.files import paths as files_paths
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.fake_target import FakeTarget, Program
from tests.ssh.house import House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "scp", "sshd")]


@pytest.fixture
async def targets(house: House) -> AsyncIterator[list[FakeTarget]]:
    made: list[FakeTarget] = []
    yield made
    for target in made:
        await target.stop()


async def client_of(
    house: House, targets: list[FakeTarget], tmp_path: Path, program: Program, **more: Any
) -> StockSsh:
    """A stock client whose target runs this."""
    target = FakeTarget(program)
    targets.append(target)
    await target.start(house, **more)
    return StockSsh(tmp_path / "client", house)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def connected(house: House) -> AbstractAsyncContextManager[asyncssh.SSHClientConnection]:
    """A client that sends what a test tells it to."""
    key = asyncssh.read_private_key(house.door.host_key_path)
    known = asyncssh.import_known_hosts(f"* {key.export_public_key().decode()}")
    keys = [house.person_key]
    return asyncssh.connect(
        "127.0.0.1", house.port, username="web-1", client_keys=keys, known_hosts=known, config=None
    )


async def scp(ssh: StockSsh, *arguments: object) -> Ran:
    return await ssh.run("-O", *map(str, arguments), program="scp")


def sends(*lines: bytes, heard: list[bytes], waits: bool = True) -> Program:
    """A source that says these lines, each when the one before was answered."""

    async def program(process: asyncssh.SSHServerProcess[bytes]) -> None:
        for line in lines:
            heard.append(await process.stdin.read(1 << 16))
            process.stdout.write(line)
        if waits:
            heard.append(await process.stdin.read(1 << 16))
        process.exit(0)

    return program


@pytest.mark.parametrize(
    "name", [b"../evil", b"/tmp/evil", b".", b"..", b"evil", b"ev/il", b"a\x1b]0;x\x07", b"x" * 1025]
)
async def test_names_that_can_not_be_right(
    house: House, targets: list[FakeTarget], tmp_path: Path, name: bytes
) -> None:
    heard: list[bytes] = []
    ssh = await client_of(
        house, targets, tmp_path, sends(b"C0644 4 " + name + b"\n", b"C0644 4 file\n", b"good\0", heard=heard)
    )
    (tmp_path / "back").mkdir()
    # -T: the client does not look at names itself
    ran = await scp(ssh, "-T", "web-1@gw:/srv/file", tmp_path / "back")
    assert ran.status == 1
    assert ran.said == "hoop: blocked - web-1 offers a file by a name that can not be right\n"
    assert names(tmp_path / "back") == ["file"]
    assert heard == [b"\0", b"\1hoop: not delivered\n", b"\0", b"\0"]
    assert not (tmp_path / "evil").exists()


async def test_names_below_a_directory(house: House, targets: list[FakeTarget], tmp_path: Path) -> None:
    heard: list[bytes] = []
    lines = (b"D0755 0 tree\n", b"C0644 4 ../evil\n", b"D0755 0 ..\n", b"C0644 4 good\n", b"good\0", b"E\n")
    ssh = await client_of(house, targets, tmp_path, sends(*lines, heard=heard))
    ran = await scp(ssh, "-r", "-T", "web-1@gw:/srv/tree", tmp_path / "back")
    assert (ran.status, names(tmp_path / "back")) == (1, ["good"])
    refused = b"\1hoop: not delivered\n"
    assert heard == [b"\0", b"\0", refused, refused, b"\0", b"\0", b"\0"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"No match.\n", "hoop: ended - web-1 does not speak as scp does: No match.\n"),
        (b"C0644 99999999999999999999 file\n", "hoop: ended - web-1 does not speak as scp does: C0644"),
        (b"x" * (1 << 20), "hoop: ended - web-1 does not speak as scp does: a line of scp is too long\n"),
        (b"\1a \x1b[31mred\n", "a \\033[31mred\n"),
    ],
)
async def test_other_things_than_files(
    house: House, targets: list[FakeTarget], tmp_path: Path, line: bytes, said: str
) -> None:
    ssh = await client_of(house, targets, tmp_path, sends(line, heard=[], waits=False))
    ran = await scp(ssh, "-T", "web-1@gw:/srv/file", tmp_path / "back")
    assert ran.status == 1
    assert ran.said.startswith(said)
    assert not (tmp_path / "back").exists()
    await until(lambda: not house.gates())


async def test_contents_that_nobody_asked_for(
    house: House, targets: list[FakeTarget], tmp_path: Path
) -> None:
    lines = (b"C0644 5 wrong\n", b"data\n\0\n")
    ssh = await client_of(house, targets, tmp_path, sends(*lines, heard=[], waits=False))
    ran = await scp(ssh, "-T", "web-1@gw:/srv/file", tmp_path / "back")
    assert ran.status == 1
    blocked, ended = ran.said.splitlines()
    assert blocked == "hoop: blocked - web-1 offers a file by a name that can not be right"
    assert ended == "hoop: ended - web-1 does not speak as scp does: data"
    assert not (tmp_path / "back").exists()


async def test_a_promise_of_nine_exabytes(house: House, targets: list[FakeTarget], tmp_path: Path) -> None:
    lines = (b"C0644 9223372036854775807 file\n", b"all that there is")
    ssh = await client_of(house, targets, tmp_path, sends(*lines, heard=[], waits=False))
    await scp(ssh, "web-1@gw:/srv/file", "/dev/null")
    await until(lambda: not house.gates())
    (moved,) = await house.entries("file.transferred")
    assert moved.body["outcome"] == "cut: the transfer was broken off"
    assert moved.body["size"] == len(lines[1])


async def test_a_target_that_floods_is_held_back(
    house: House, targets: list[FakeTarget], tmp_path: Path
) -> None:
    """It sends without having been asked; nobody reads, so it has to wait."""
    sent = 0

    async def flood(process: asyncssh.SSHServerProcess[bytes]) -> None:
        nonlocal sent
        process.stdout.write(b"\0")
        while True:
            process.stdout.write(bytes(1 << 20))
            await process.stdout.drain()
            sent += 1 << 20

    await client_of(house, targets, tmp_path, flood)
    async with connected(house) as connection:
        process = await connection.create_process("scp -t /srv", encoding=None)
        process.stdin.write(b"C0644 1000 x\n")
        assert await process.stdout.readexactly(2) == b"\0\0"
        steady = -1
        while steady != sent:
            steady = sent
            await asyncio.sleep(0.3)
        assert sent < 32 << 20
    await until(lambda: not house.gates())


async def test_what_a_target_complains_of_is_masked(
    house: House, targets: list[FakeTarget], tmp_path: Path
) -> None:
    async def complain(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stderr.write(b"noise 4111 1111 1111 1111\n")
        process.stdout.write(b"\0")
        await process.stdin.readuntil(b"\n")
        process.stdout.write(b"\1scp: no room for 4111 1111 1111 1111\n")
        await process.stdin.read()
        process.exit(1)

    house.mask("card")
    ssh = await client_of(house, targets, tmp_path, complain)
    (tmp_path / "here").write_bytes(b"x")
    ran = await scp(ssh, tmp_path / "here", "web-1@gw:/srv/x")
    assert ran.status == 1
    assert "4111" not in ran.said
    assert "noise " in ran.said
    assert "scp: no room for " in ran.said
    assert b"4111" not in house.recording().errors


class Unhelpful(asyncssh.SFTPServer):
    """Tidies paths, and follows no links; says of some that they are links."""

    def realpath(self, path: bytes) -> bytes:
        return os.path.normpath(path if path.startswith(b"/") else b"/home/somebody/" + path)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        if path == b"/srv/link":
            return asyncssh.SFTPAttrs(permissions=0o120777)
        if path == b"/srv/none":
            raise asyncssh.SFTPNoSuchFile("none")
        return asyncssh.SFTPAttrs(permissions=0o40755)

    stat = lstat


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        ("/srv/a/b", "/srv/a/b"),
        ("/srv/../srv/none", "/srv/none"),
        ("/srv/link", ""),
        ("/srv/link/x", ""),
        ("x", "/home/somebody/x"),
    ],
)
async def test_a_server_that_follows_no_links_is_found_out(
    house: House, targets: list[FakeTarget], tmp_path: Path, path: str, resolved: str
) -> None:
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Deny("no-such", "only looking")

    house.decide = decide
    ssh = await client_of(house, targets, tmp_path, sends(heard=[]), sftp_factory=Unhelpful)
    await scp(ssh, f"web-1@gw:{path}", tmp_path / "back")
    assert [operation.details["resolved"] for operation in asked] == [resolved]
    assert [Effect.UNKNOWN in operation.effects for operation in asked] == [not resolved]


async def test_without_sftp_paths_are_unknown(
    house: House, targets: list[FakeTarget], tmp_path: Path
) -> None:
    heard: list[bytes] = []
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Allow("everything")

    house.decide = decide
    ssh = await client_of(house, targets, tmp_path, sends(b"C0644 4 file\n", b"good\0", heard=heard))
    assert (await scp(ssh, "web-1@gw:/srv/file", tmp_path / "back")).status == 0
    (operation,) = asked
    assert (operation.details["resolved"], operation.resources) == ("", ())
    assert Effect.UNKNOWN in operation.effects


async def test_a_silent_sftp_server_does_not_keep_anybody(
    house: House, targets: list[FakeTarget], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(asyncssh.SFTPServer):
        async def realpath(self, path: bytes) -> bytes:
            await asyncio.sleep(10 * PATIENCE)
            return path

    monkeypatch.setattr(files_paths, "PATIENCE", 0.2)
    ssh = await client_of(
        house, targets, tmp_path, sends(b"C0644 4 file\n", b"good\0", heard=[]), sftp_factory=Silent
    )
    ran = await scp(ssh, "web-1@gw:/srv/file", tmp_path / "back")
    assert (ran.status, (tmp_path / "back").read_bytes()) == (0, b"good")


# A client that means ill, against a real target.


async def raw(house: House, command: str, *said: bytes) -> tuple[int | None, bytes]:
    """A client that does not wait: what it got back, and the status."""
    async with connected(house) as connection:
        process = await connection.create_process(command, encoding=None)
        for line in said:
            process.stdin.write(line)
        process.stdin.write_eof()
        out = await process.stdout.read()
        await process.wait_closed()
        return process.exit_status, out


@pytest.mark.parametrize("name", [b"../evil", b"/tmp/evil", b"..", b".", b"a/b", b"a\x1bb"])
async def test_a_client_that_offers_bad_names(
    ssh: StockSsh, house: House, tmp_path: Path, name: bytes
) -> None:
    (tmp_path / "there").mkdir()
    lines = (b"C0644 4 " + name + b"\n", b"C0644 4 good\n", b"good\0")
    status, out = await raw(house, f"scp -t {tmp_path}/there", *lines)
    assert (status, names(tmp_path / "there")) == (1, ["good"])
    assert out == b"\0\1hoop: blocked - your client offers a file by a name that can not be right\n\0\0"
    assert not (tmp_path / "evil").exists()


async def test_a_client_that_does_not_wait(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    lines = b"".join(b"C0644 4 f%d\ndata\0" % at for at in range(50))
    (tmp_path / "there").mkdir()
    status, out = await raw(
        house, f"scp -r -t {tmp_path}/there", b"T1500000000 0 1500000000 0\nD0755 0 d\n" + lines + b"E\n"
    )
    assert (status, len(names(tmp_path / "there" / "d"))) == (0, 50)
    assert out == b"\0" * (1 + 2 + 100 + 1)
    assert len(await house.entries("file.transferred")) == 50


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"hello\n", b"\0\2hoop: ended - your client does not speak as scp does: hello\n"),
        (
            b"x" * 40_000,
            b"\0\2hoop: ended - your client does not speak as scp does: a line of scp is too long\n",
        ),
        (b"E\n", b"\0"),
        (b"", b"\0"),
        (b"\1I have nothing\n", b"\0"),
        (b"C0644 1000 x\nonly this", b"\0\0"),
        (
            b"C0644 4 x\ndataC0644 4 y\ndata\0",
            b"\0\0\2hoop: ended - your client does not speak as scp does: after",
        ),
    ],
)
async def test_a_client_that_says_other_things(
    ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path, said: bytes, sentence: bytes
) -> None:
    _, out = await raw(house, f"scp -t {tmp_path}/there", said)
    assert out.startswith(sentence)
    await until(lambda: not house.gates() and not sshd.children())
    if not said.startswith(b"C"):
        assert "session: command" not in sshd.log
        assert not (tmp_path / "there").exists()
    else:
        assert (await house.entries("file.transferred"))[0].body["whole"] is False
