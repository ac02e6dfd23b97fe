"""When one side breaks, lies or stalls: the other is told in a sentence, and the books have an end for every file."""

import asyncio
import os
import signal
from pathlib import Path
from struct import pack

import pytest

from gateway.adapters.ssh.sftp.exchange import UNDER_WAY_MOST
from gateway.core.errors import Fault
from gateway.core.events import Event
from gateway.wire.sftp import writing
from gateway.wire.sftp.fields import NO_ATTRIBUTES
from gateway.wire.sftp.messages import Attrs, Data, Init, Name, OnHandle, OnPath, Open, Read, Request, Status
from gateway.wire.sftp.numbers import Code, Flags, Kind
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import House
from tests.ssh.sftp import RawSftp, digest, transfers
from tests.ssh.sftp_servers import Script, Scripted, scripted
from tests.ssh.sshd import Sshd

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sftp", "sshd"), pytest.mark.usefixtures("ssh")]

WRITE = Flags.WRITE | Flags.CREATE | Flags.TRUNCATE
STAT = OnPath(Kind.REALPATH, 1, b".")


async def until_over(house: House) -> None:
    async with asyncio.timeout(PATIENCE):
        while house.gates():
            await asyncio.sleep(0.02)


# The target.


@pytest.mark.parametrize("order", ["put {source} {there}", "get {source} {there}"])
async def test_killed_in_the_middle(
    ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path, order: str
) -> None:
    with (tmp_path / "source").open("wb") as file:
        file.truncate(4 << 30)  # more than can be carried before it is killed
    process = await ssh.start("-b", "-", "web-1@gw", program="sftp")
    assert process.stdin is not None
    process.stdin.write(order.format(source=tmp_path / "source", there=tmp_path / "there").encode() + b"\n")
    async with asyncio.timeout(PATIENCE):
        while not (gates := house.gates()) or gates[0]._sent + gates[0]._shown < 2_000_000:
            await asyncio.sleep(0.02)
    sshd.kill_connections()
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate(b"")
    assert process.returncode in (255, -signal.SIGPIPE)  # sftp itself may be writing right then
    assert b"hoop: the connection to web-1 was lost" in err
    await until_over(house)
    assert await house.outcomes() == ["unreachable"]
    (end,) = await transfers(house)
    assert end["outcome"] == "cut: web-1 was lost"
    assert end["size"] > 0
    assert not end["whole"]


async def answers(house: House, script: Script, *requests: Request | bytes) -> tuple[int | None, str]:
    """What a client hears at last from a target that follows a script."""
    async with scripted(house, script), RawSftp.open(house, begin=False) as raw:
        raw.send(Init(3), *requests)
        return await raw.ended()


async def test_a_login_script_that_prints(house: House) -> None:
    async def noisy(server: Scripted) -> None:
        server.say(b"Welcome to web-1!\n")
        await server.next()

    status, said = await answers(house, noisy)
    assert status == 255
    assert said == (
        "hoop: ended - web-1 does not speak SFTP as it should (a packet of impossible length)"
        " - does a login script of its account print something?\n"
    )
    assert await house.outcomes() == ["unreachable"]


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (b"\xff" * 100, "a packet of impossible length"),
        (writing.status(77, Code.OK), "an answer that nobody asked for"),
        (writing.data(1, b"secret"), "an answer of another kind: DATA"),
        (writing.handle(1, b"h"), "an answer of another kind: HANDLE"),
        (pack(">IBI", 5, 88, 1), "a reply of type 88"),
        (pack(">IBI", 5, Kind.VERSION, 3), "a second beginning"),
        (writing.name(1, b"/") * 2, "an answer that nobody asked for"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_answers_that_make_no_sense(house: House, reply: bytes, what: str) -> None:
    async def liar(server: Scripted) -> None:
        await server.begin()
        await server.next()
        server.say(reply)
        await server.next()

    status, said = await answers(house, liar, STAT)
    assert (status, said) == (255, f"hoop: ended - web-1 does not speak SFTP as it should ({what})\n")


async def test_another_version(house: House) -> None:
    async def old(server: Scripted) -> None:
        await server.next()
        server.say(pack(">IBI", 5, Kind.VERSION, 2))
        await server.next()

    status, said = await answers(house, old)
    assert status == 255
    assert "does not speak SFTP as it should (not version 3)" in said


async def test_one_handle_for_two_files(house: House) -> None:
    """What was admitted for one must not be good for the other."""

    async def confused(server: Scripted) -> None:
        await server.begin()
        while (request := await server.next()) is not None:
            if isinstance(request, OnPath):
                server.say(writing.name(request.id, request.path))
            elif isinstance(request, Open):
                server.say(writing.handle(request.id, b"same"))

    opening = [Open(number, b"/file%d" % number, Flags.READ, NO_ATTRIBUTES) for number in (1, 2)]
    async with scripted(house, confused, "OpenSSH_like"), RawSftp.open(house) as raw:
        raw.send(*opening)
        status, said = await raw.ended()
    assert status == 255
    assert "(one handle for two files)" in said
    assert [end["outcome"] for end in await transfers(house)] == ["cut: the session was ended"]


async def test_a_server_that_ends_by_itself(house: House) -> None:
    async def short(server: Scripted) -> None:
        await server.begin()
        await server.next()
        server.exit(3)

    status, said = await answers(house, short, STAT)
    assert (status, said) == (3, "")
    assert await house.outcomes() == ["exit 3"]


async def test_its_error_output_is_masked_and_waits_for_a_permit(house: House) -> None:
    """Before anything is admitted nothing of it is shown; then all of it, masked."""
    card = b"4111 1111 1111 1111"

    async def chatty(server: Scripted) -> None:
        await server.begin()
        server.complain(b"early " + card + b"\n")
        while (request := await server.next()) is not None:
            if isinstance(request, OnPath) and request.what == Kind.REALPATH:
                server.say(writing.name(request.id, request.path))
            elif isinstance(request, OnPath):
                server.complain(b"late " + card + b"\n")
                server.say(writing.status(request.id, Code.OK))

    house.mask("card")
    async with scripted(house, chatty, "OpenSSH_like"), RawSftp.open(house) as raw:
        assert isinstance(await raw.ask(STAT), Name)
        assert await raw.status(OnPath(Kind.REMOVE, 2, b"/x")) is Code.OK
        raw.process.stdin.write_eof()
        _, said = await raw.ended()
    assert said.startswith("early ")
    assert "late " in said
    assert "4111" not in said
    assert house.recording().errors.decode() == said


async def test_nothing_of_it_without_a_permit(house: House) -> None:
    async def chatty(server: Scripted) -> None:
        server.complain(b"secret of the target\n" * 10_000)
        await server.begin()
        await server.next()

    async with scripted(house, chatty), RawSftp.open(house) as raw:
        raw.process.stdin.write_eof()
        assert (await raw.ended())[1] == ""


# The client.


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        ([b"\xff\xff\xff\xff"], "a packet of impossible length"),
        ([b"GET / HTTP/1.1\r\n\r\n"], "a packet of impossible length"),
        ([STAT], "no beginning"),
        ([Init(2)], "a version before 3"),
        ([Init(3), Init(3)], "a second beginning"),
        ([Init(3), pack(">IBI", 5, Kind.OPEN, 1)], "a packet that ends too early"),
        ([Init(3), OnPath(Kind.STAT, 1, b"/\0/etc/passwd")], "a path with a zero byte"),
        ([Init(3), pack(">IBII", 9, Kind.VERSION, 3, 9) * 2], None),
    ],
)  # fmt: skip
async def test_a_client_that_breaks_the_protocol(
    house: House, sent: list[Request | bytes], what: str | None
) -> None:
    async with RawSftp.open(house, begin=False) as raw:
        raw.send(*sent)
        if what is None:
            raw.process.stdin.write_eof()
        status, said = await raw.ended()
    if what is None:
        assert (status, said) == (0, "")  # a VERSION is a request of no known type, and refused
    else:
        assert (status, said) == (
            130,
            f"hoop: ended - your client does not speak SFTP as it should ({what})\n",
        )
        assert await house.outcomes() == ["ended"]


async def test_two_requests_of_one_number(house: House) -> None:
    async def slow(server: Scripted) -> None:
        await server.begin()
        while await server.next() is not None:
            pass

    async with scripted(house, slow), RawSftp.open(house) as raw:
        raw.send(STAT, STAT)
        status, said = await raw.ended()
    assert status == 130
    assert "(two requests of one number)" in said


async def test_numbers_of_ours_are_never_the_clients(house: House, tmp_path: Path) -> None:
    """The gateway asks questions of its own while requests are under way with the very numbers it would take."""
    (tmp_path / "file").write_bytes(b"content")
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(tmp_path / "file"))
        numbers = [0xFFFFFFFF - at for at in range(20)]
        raw.send(*(writing.read(number, handle, 0, 7) for number in numbers))
        raw.send(Open(5, os.fsencode(tmp_path / "file"), Flags.READ, NO_ATTRIBUTES))
        replies = [await raw.next() for _ in range(21)]
    assert sorted(reply.id for reply in replies if isinstance(reply, Data)) == sorted(numbers)


async def test_a_client_that_leaves(ssh: StockSsh, house: House, tmp_path: Path) -> None:
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(tmp_path / "new"), WRITE)
        assert await raw.status(writing.write(1, handle, 0, b"01234")) is Code.OK
        raw.process.channel.abort()
        await until_over(house)
    (end,) = await transfers(house)
    assert (end["outcome"], end["size"], end["whole"]) == ("cut: the client left", 5, False)
    assert await house.outcomes() == ["disconnected"]


async def test_a_client_that_stops_reading(house: House, tmp_path: Path) -> None:
    """What it asked for waits at the target, not here; when it reads again, everything comes."""
    size = 12 << 20
    (tmp_path / "large").write_bytes(os.urandom(size))
    piece = 32 << 10
    async with RawSftp.open(house, window=64 << 10) as raw:
        raw.process.channel.pause_reading()
        handle_of = asyncio.create_task(raw.handle(os.fsencode(tmp_path / "large")))
        await asyncio.sleep(0)
        raw.process.channel.resume_reading()
        handle = await handle_of
        (gate,) = house.gates()
        raw.process.channel.pause_reading()
        raw.send(*(writing.read(at, handle, at * piece, piece) for at in range(size // piece)))
        before = -1
        while gate._shown != before:  # until nothing moves any more
            before = gate._shown
            await asyncio.sleep(0.3)
        assert gate._shown < 4 << 20
        raw.process.channel.resume_reading()
        content = b""
        for _ in range(size // piece):
            reply = await raw.next()
            assert isinstance(reply, Data)
            content += bytes(reply.data)
        assert await raw.status(OnHandle(Kind.CLOSE, 9999, handle)) is Code.OK
        raw.process.stdin.write_eof()
        await raw.ended()
    (end,) = await transfers(house)
    assert (end["size"], end["sha256"], end["whole"]) == (size, digest(tmp_path / "large"), True)


async def test_a_client_that_asks_and_asks(house: House) -> None:
    """A target that does not answer is not asked without end; all is answered at last."""
    asked: list[int] = []
    enough = asyncio.Event()
    go = asyncio.Event()

    async def slow(server: Scripted) -> None:
        await server.begin()
        while (request := await server.next()) is not None:
            if isinstance(request, Open):
                server.say(writing.handle(request.id, b"h"))
            elif isinstance(request, OnPath):
                server.say(writing.name(request.id, request.path))
            elif isinstance(request, OnHandle):
                server.say(pack(">IBII", 9, Kind.ATTRS, request.id, 0))
            elif isinstance(request, Read):
                asked.append(request.id)
                if len(asked) == UNDER_WAY_MOST:
                    enough.set()
                    await go.wait()
                    server.say(*(writing.data(number, b"x") for number in asked))
                elif len(asked) > UNDER_WAY_MOST:
                    server.say(writing.data(request.id, b"x"))

    most = UNDER_WAY_MOST + 500
    async with scripted(house, slow, "OpenSSH_like"), RawSftp.open(house) as raw:
        handle = await raw.handle(b"/file")
        raw.send(*(writing.read(1000 + at, handle, at, 1) for at in range(most)))
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        go.set()
        for _ in range(most):
            assert isinstance(await raw.next(), Data)
        assert isinstance(await raw.ask(OnHandle(Kind.FSTAT, 1, handle)), Attrs)


async def test_a_ledger_that_fails_lets_nothing_more_pass(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = house.ledger.append

    async def broken(event: Event) -> int:
        if event.name in failing:
            raise Fault("database is locked")
        return await keep(event)

    failing: set[str] = set()
    monkeypatch.setattr(house.ledger, "append", broken)
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(tmp_path / "new"), WRITE)
        assert await raw.status(writing.write(1, handle, 0, b"x")) is Code.OK
        failing.add("file.transferred")
        raw.send(OnHandle(Kind.CLOSE, 2, handle))
        status, said = await raw.ended()
    assert status == 125
    assert "can not be written to the audit log" in said
    failing.add("operation.admitted")
    async with RawSftp.open(house) as raw:
        raw.send(Open(1, os.fsencode(tmp_path / "newer"), WRITE, NO_ATTRIBUTES))
        status, said = await raw.ended()
    assert status == 125
    assert not (tmp_path / "newer").exists()


async def test_a_copy_that_can_not_be_kept(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.change("web-1", keep_files=100)
    (tmp_path / "secret").write_bytes(b"secret")
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(tmp_path / "secret"))
        (gate,) = house.gates()

        async def full() -> None:
            raise Fault("the disk is full")

        monkeypatch.setattr(gate, "keepsake", full)
        raw.send(writing.read(1, handle, 0, 6))
        assert await raw.next() is None
        status, said = await raw.ended()
    assert status == 125
    assert "hoop: ended - a copy of this file can not be kept any more, so nothing passes" in said


async def test_answers_of_the_gateway_wait_for_a_client_that_does_not_read(house: House) -> None:
    """A client that only asks for what is refused, and reads nothing, can not make the gateway pile up answers."""
    async with RawSftp.open(house, window=64 << 10) as raw:
        raw.process.channel.pause_reading()
        (gate,) = house.gates()
        refused = pack(">IBI", 5, 99, 1)
        for _ in range(60):
            raw.process.stdin.write(refused * 1000)
        before = -1
        while gate._shown != before:
            before = gate._shown
            await asyncio.sleep(0.3)
        assert gate._shown < 1 << 20
        raw.process.channel.resume_reading()
        for _ in range(1000):
            assert isinstance(await raw.next(), Status)
