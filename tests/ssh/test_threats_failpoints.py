"""Every coroutine that a session goes through fails once, with a mistake that nobody has foreseen: that session is
over, in the books as far as there still are books, and everybody else goes on."""

import asyncio
import importlib
import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncssh
import pytest

from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.fake_target import FakeTarget
from tests.ssh.forwarding import echo, serving, through
from tests.ssh.house import House
from tests.ssh.raw import is_well
from tests.ssh.test_proof import arguments

ROOMS = [
    "gateway.adapters.ssh.session",
    "gateway.adapters.ssh.relay",
    "gateway.adapters.ssh.shell",
    "gateway.adapters.ssh.person",
    "gateway.adapters.ssh.upstream",
    "gateway.adapters.ssh.connection",
    "gateway.adapters.ssh.target.channel",
    "gateway.adapters.ssh.target.credential",
    *(
        f"gateway.adapters.ssh.files.{name}"
        for name in ("command", "ends", "paths", "places", "scp", "stream")
    ),
    *(f"gateway.adapters.ssh.forward.{name}" for name in ("end", "flow", "incoming", "jobs", "listeners")),
    *(f"gateway.adapters.ssh.forward.{name}" for name in ("notices", "requests", "roads", "session")),
    *(f"gateway.adapters.ssh.jump.{name}" for name in ("channel", "hops")),
    *(f"gateway.adapters.ssh.sftp.{name}" for name in ("answers", "exchange", "judged", "open", "paths")),
    *(f"gateway.adapters.ssh.sftp.{name}" for name in ("requests", "session")),
    "gateway.session.files",
    "gateway.session.gate",
    "gateway.session.lobby",
    "gateway.session.masked",
    "gateway.session.recorder",
    "gateway.session.steering",
    "gateway.session.typed_lines",
    "gateway.session.valve",
    "gateway.blobs.local",
    "gateway.bus.inprocess",
    "gateway.secrets.references",
    "gateway.store.ledger",
]
NOT_THESE = {"session.gate.Gate.close", "adapters.ssh.forward.session.ForwardSession.run"}
"""They put everything in order when something has failed. What they call fails like everything else."""


def coroutines() -> dict[str, tuple[Any, str]]:
    """By name: where each coroutine function of these rooms hangs."""
    found: dict[str, tuple[Any, str]] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == room:
                for name, method in vars(kind).items():
                    if inspect.iscoroutinefunction(method):
                        found[f"{room.removeprefix('gateway.')}.{kind.__name__}.{name}"] = (kind, name)
    return found


POINTS = {name: point for name, point in coroutines().items() if name not in NOT_THESE}


class Injected(Exception):
    """Nobody expects it."""


@pytest.fixture
async def target(house: House) -> AsyncIterator[FakeTarget]:
    async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"$ ")
        while data := await process.stdin.read(100):
            process.stdout.write(data)
        process.stderr.write(b"err\n")
        process.exit(0)

    target = FakeTarget(answer)
    await target.start(house)
    yield target
    await target.stop()


Visit = Callable[[asyncssh.SSHClientConnection], Awaitable[object]]


async def command(client: asyncssh.SSHClientConnection, **terminal: str) -> object:
    process = await client.create_process("x", encoding=None, **terminal)
    process.stdin.write(b"in\n")
    process.stdin.write_eof()
    return await process.wait(check=False)


async def terminal(client: asyncssh.SSHClientConnection) -> object:
    return await command(client, term_type="xterm")


async def visit(house: House, what: Visit) -> None:
    """Somebody does something, and hears how it ended or that they are not wanted. Nobody waits for ever."""
    async with asyncssh.connect(**arguments(house)) as client, asyncio.timeout(PATIENCE):
        await what(client)


async def reached(house: House, what: Visit, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The coroutines that such a session goes through."""
    seen: set[str] = set()

    def noting(name: str, before: Any) -> Any:
        async def note(*args: Any, **named: Any) -> Any:
            seen.add(name)
            return await before(*args, **named)

        return note

    with monkeypatch.context() as patch:
        for name, (owner, method) in POINTS.items():
            patch.setattr(owner, method, noting(name, getattr(owner, method)))
        await visit(house, what)
        await nobody_left(house)
    return seen


async def nobody_left(house: House) -> None:
    adapter = house.adapter
    assert adapter is not None
    async with asyncio.timeout(PATIENCE):
        while house.gates() or adapter.open_sessions or adapter._connections:
            await asyncio.sleep(0.01)


def failing_once(before: Any) -> Any:
    times = iter([True])

    async def fail(*args: Any, **named: Any) -> Any:
        if next(times, False):
            raise Injected
        return await before(*args, **named)

    return fail


@dataclass
class Books:
    """What the ledger has got since somebody looked."""

    house: House
    read_to: int = 0

    async def news(self) -> Counter[str]:
        entries = await self.house.ledger.entries(after=self.read_to)
        self.read_to = max([self.read_to, *(entry.seq for entry in entries)])
        return Counter(entry.name for entry in entries)


async def fail_everywhere(
    house: House, what: Visit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> set[str]:
    """Do it once for every coroutine that it goes through, which then fails. Returns their names."""
    names = await reached(house, what, monkeypatch)
    books = Books(house)
    for name in sorted(names):
        owner, method = POINTS[name]
        await books.news()
        caplog.clear()
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, failing_once(getattr(owner, method)))
            try:
                await visit(house, what)
            except TimeoutError:
                pytest.fail(f"nobody was told that {name} had failed")
            except (asyncssh.Error, asyncssh.ChannelListenError, OSError):
                pass  # they were told in words of SSH
            await nobody_left(house)
        news = await books.news()
        assert news["session.opened"] == news["session.ended"], name
        told = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
        assert told == [], name
        assert await is_well(house), name
    return names


@pytest.mark.parametrize("what", [command, terminal], ids=lambda what: what.__name__)
async def test_every_coroutine_fails_once(
    house: House,
    target: FakeTarget,
    what: Visit,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house.mask("email")
    assert len(await fail_everywhere(house, what, monkeypatch, caplog)) > 35
    assert len(target.commands) <= len(await house.entries("operation.admitted"))


async def sftp(client: asyncssh.SSHClientConnection) -> object:
    async with client.start_sftp_client() as files:
        async with files.open("carried", "wb") as file:
            await file.write(b"content")
        async with files.open("carried", "rb") as file:
            await file.read()
        await files.listdir(".")
        await files.remove("carried")
    return None


async def scp(client: asyncssh.SSHClientConnection) -> object:
    await client.run("scp -t carried", input="C0644 7 carried\ncontent\0")
    return await client.run("scp -f carried", input="\0\0\0")


async def rsync(client: asyncssh.SSHClientConnection) -> object:
    return await client.run("rsync --server --sender -e.iLsfxC . .", stdin=asyncssh.DEVNULL)


async def forward(client: asyncssh.SSHClientConnection) -> object:
    async with serving(echo) as port:
        reader, writer = await client.open_connection("127.0.0.1", port)
        writer.write(b"there and back")
        writer.write_eof()
        return await reader.read()


async def listen(client: asyncssh.SSHClientConnection) -> object:
    async with serving(echo) as port:
        listener = await client.forward_remote_port("", 0, "127.0.0.1", port)
        return await through(listener.get_port(), b"there and back")


async def jump(client: asyncssh.SSHClientConnection) -> object:
    given = {
        "known_hosts": None,
        "config": None,
        "agent_path": None,
        "client_keys": client._options.client_keys,
    }
    async with client.connect_ssh("web-1", username="web-1", **given) as inner:
        return await inner.run("true")


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.needs("ssh", "sshd", "scp", "rsync")
@pytest.mark.parametrize("what", [sftp, scp, rsync, forward, listen, jump], ids=lambda what: what.__name__)
async def test_so_do_those_of_files_and_forwards(
    house: House,
    ssh: StockSsh,
    what: Visit,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(await fail_everywhere(house, what, monkeypatch, caplog)) > 20
