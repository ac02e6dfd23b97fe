"""ssh -L, -D, -W, and what is added to a shared connection later: recorded on the way to where the target reaches."""

import asyncio
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Verdict
from tests.ssh.client import StockSsh
from tests.ssh.forwarding import (
    connect_unix,
    digest,
    echo,
    ended_forwards,
    exchange,
    noise,
    running,
    serving,
    sessions_over,
    through,
)
from tests.ssh.house import House, Recording
from tests.ssh.sshd import Sshd, free_port

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]

TEN = 10 << 20


def carried(recording: Recording, kind: FrameKind, flow: int = 1) -> bytes:
    """The bytes of one forwarded connection in one direction, as they were recorded."""
    frames = [frame.data for frame in recording.frames if frame.kind is kind]
    return b"".join(data[4:] for data in frames if int.from_bytes(data[:4], "big") == flow)


async def test_ten_megabytes_both_ways(ssh: StockSsh, house: House) -> None:
    data, port = noise(TEN), free_port()
    async with serving(echo) as there, running(ssh, "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw"):
        assert digest(await through(port, data)) == digest(data)
        (ended,) = await ended_forwards(house)
    assert await sessions_over(house) == ["disconnected"]
    assert ended.pop("origin").startswith("127.0.0.1:")
    assert ended == {
        "way": "to",
        "destination": f"127.0.0.1:{there}",
        "bytes_toward": TEN,
        "bytes_back": TEN,
        "sha256_toward": digest(data),
        "sha256_back": digest(data),
        "content": "whole",
        "outcome": "closed",
    }
    (admitted,) = await house.entries("operation.admitted")
    assert (admitted.body["verb"], admitted.body["text"]) == ("forward", f"forward to 127.0.0.1:{there}")
    recording = house.recording()
    assert recording.meta["verb"] == "forward"
    assert carried(recording, FrameKind.TOWARD) == data
    assert carried(recording, FrameKind.BACK) == data
    (ledger_session,) = await house.ledger.sessions()
    assert ledger_session.bytes_shown == TEN


async def test_what_is_judged(ssh: StockSsh, house: House) -> None:
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Allow("everything")

    house.decide = decide
    port = free_port()
    async with serving(echo) as there, running(ssh, "-N", "-L", f"{port}:localhost:{there}", "web-1@gw"):
        assert await through(port, b"x") == b"x"
    (operation,) = asked
    assert operation.verb == "forward"
    assert operation.details["destination"] == f"localhost:{there}"
    assert operation.resources == (f"localhost:{there}",)


async def test_many_at_once_are_one_session(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    port = free_port()
    pieces = [noise(100_000) for _ in range(20)]
    async with serving(echo) as there, running(ssh, "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw"):
        assert await asyncio.gather(*(through(port, piece) for piece in pieces)) == pieces
        await ended_forwards(house, 20)
    assert len(await house.entries("session.opened")) == 1
    assert len(await house.entries("operation.admitted")) == 20
    assert sshd.log.count("Accepted publickey") == 1
    await sessions_over(house)
    recording = house.recording()
    flows = [carried(recording, FrameKind.TOWARD, number) for number in range(1, 21)]
    assert sorted(flows) == sorted(pieces)


async def test_either_side_may_end_first(ssh: StockSsh, house: House) -> None:
    """An end of input goes through by itself, and the other direction lives on."""

    async def greets_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = await reader.read()
        writer.write(b"you sent %d" % len(got))

    async def ends_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.write_eof()
        got.append(await reader.read())

    got: list[bytes] = []
    one, two = free_port(), free_port()
    async with serving(greets_at_the_end) as first, serving(ends_first) as second:
        forwards = ("-L", f"{one}:127.0.0.1:{first}", "-L", f"{two}:127.0.0.1:{second}")
        async with running(ssh, "-N", *forwards, "web-1@gw"):
            assert await through(one, b"x" * 70_000) == b"you sent 70000"
            assert await through(two, b"y" * 70_000) == b"hello"
            await ended_forwards(house, 2)
    assert got == [b"y" * 70_000]


@pytest.mark.needs("curl")
async def test_curl_through_a_dynamic_forward(ssh: StockSsh, house: House) -> None:
    body = noise(1 << 20)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()

    port = free_port()
    async with serving(serve) as there, running(ssh, "-N", "-D", str(port), "web-1@gw"):
        curl = await asyncio.create_subprocess_exec(
            "curl",
            "-s",
            "--retry",
            "20",
            "--retry-connrefused",
            "--retry-delay",
            "1",
            "--socks5-hostname",
            f"127.0.0.1:{port}",
            f"http://localhost:{there}/",
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await curl.communicate()
        assert out == body
        (ended,) = await ended_forwards(house)
    assert ended["destination"] == f"localhost:{there}"


async def test_standard_input_to_a_port(ssh: StockSsh, house: House) -> None:
    data = noise(1 << 20)
    async with serving(echo) as there:
        ran = await ssh.run("-W", f"127.0.0.1:{there}", "web-1@gw", typed=data)
    assert (ran.status, ran.out) == (0, data)
    assert (await ended_forwards(house))[0]["outcome"] == "closed"


async def test_a_socket_of_the_target(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    data, there, here = noise(300_000), tmp_path / "there", tmp_path / "here"
    async with serving(echo, there), running(ssh, "-N", "-L", f"{here}:{there}", "web-1@gw"):
        assert await exchange(*await connect_unix(here), data) == data
        (ended,) = await ended_forwards(house)
    assert ended["destination"] == f"unix:{there}"
    assert (ended["bytes_toward"], ended["sha256_back"]) == (len(data), digest(data))


async def test_beside_a_command(ssh: StockSsh, house: House) -> None:
    """The command is its own session: neither waits for the other."""
    port = free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-L", f"{port}:127.0.0.1:{there}", "web-1@gw", "cat") as process,
    ):
        assert await through(port, b"x") == b"x"
        await ended_forwards(house)
        out, _ = await process.communicate(b"typed")
        assert (process.returncode, out) == (0, b"typed")
    assert sorted(await sessions_over(house, 2)) == ["disconnected", "exit 0"]


async def test_added_to_a_shared_connection(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    control, port = f"ControlPath={tmp_path}/c", free_port()
    async with serving(echo) as there, running(ssh, "-N", "-M", "-o", control, "web-1@gw"):
        while not (tmp_path / "c").exists():
            await asyncio.sleep(0.02)
        forward = ("-L", f"{port}:127.0.0.1:{there}")
        assert (await ssh.run("-o", control, "-O", "forward", *forward, "web-1@gw")).status == 0
        assert await through(port, b"one") == b"one"
        assert (await ssh.run("-o", control, "-O", "cancel", *forward, "web-1@gw")).status == 0
        ran = await ssh.run("-o", control, "web-1@gw", "echo shared; exit 3")
        assert (ran.status, ran.out) == (3, b"shared\n")
        await ended_forwards(house)
    assert sorted(await sessions_over(house, 2)) == ["disconnected", "exit 3"]
