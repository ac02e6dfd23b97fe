"""Rules that want a reason: asked at the terminal itself, with real bash and a stock client, before anybody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Hold, Verdict
from tests.ssh.client import PATIENCE, StockSsh, told_to_leave
from tests.ssh.forwarding import echo, serving
from tests.ssh.house import BOB, House
from tests.ssh.terminal import Terminal
from tests.ssh.typist import Typist

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]

ASKS = b"hoop: reason (why do you need this?): "


def wanting(house: House, verb: str, *names: str, text: str = "", seconds: float = 60) -> None:
    """Hold what has this verb and contains this text, and ask for these."""
    required = frozenset(names or ("reason",))
    verdict = Hold("ask-first", "", frozenset({"sre"}), 1, timedelta(seconds=seconds), requires=required)

    def decide(operation: Operation, session: Session) -> Verdict:
        return verdict if operation.verb == verb and text in operation.text else Allow("everything")

    house.decide, house.judges_coming_in = decide, True


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (waiting := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return waiting[0]


async def settle(house: House, granted: bool = True, reason: str = "") -> Approval:
    request = await held(house)
    return await house.approvals.settle(request.id, BOB, granted, request.sha256, reason)


@pytest.fixture
async def desk() -> AsyncIterator[Terminal]:
    made = Terminal()
    yield made
    await made.close()


async def test_a_typed_line_is_asked_about_where_it_stands(typist: Typist) -> None:
    wanting(typist.house, "typed", "reason", "ticket", text="restart")
    await typist.start()
    typist.type(b"echo restart-$((1+1))\r")
    await typist.sees(b"\r\n" + ASKS)
    assert await typist.house.ledger.approvals() == []
    typist.type("prod is döwn".encode())
    await typist.sees("prod is döwn".encode())
    typist.type(b"\x7f\x7f\x7f\x7f")
    typist.type("öff\r".encode())
    await typist.sees(b"\r\nhoop: ticket: ")
    typist.type(b"OPS-4412\r")
    await typist.sees(b"\r\nhoop: held")
    request = await typist.held()
    assert (request.answers, request.version) == ({"reason": "prod is öff", "ticket": "OPS-4412"}, 1)
    await typist.settle(True, "go")
    await typist.sees(b"restart-2\r\n")
    await typist.sees(b"one$ ")
    assert await typist.ran(1) == ["echo restart-$((1+1))"]
    assert b"OPS-4412" not in await typist.line("fc -l -3", then=b"one$ "), "bash knows nothing of it"
    await typist.leave()
    shown = typist.house.recording().bytes_of(FrameKind.ERROR)
    assert ASKS + "prod is döwn".encode() in shown
    assert b"hoop: ticket: OPS-4412\r\nhoop: held" in shown
    typed = typist.house.recording().bytes_of(FrameKind.INPUT)
    assert b"OPS" not in typed


async def test_the_next_one_takes_the_last_answer(typist: Typist) -> None:
    wanting(typist.house, "typed", text="restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=ASKS)
    typist.type(b"\r")
    await typist.sees(b"\x07")
    typist.type(b"invoice 88\r")
    await typist.sees(b"Ctrl-C withdraws\r\n")
    await typist.settle(True)
    await typist.sees(b"one$ ")
    await typist.line("echo restart-$((2+2))", then=b"hoop: reason (why do you need this?) [invoice 88]: ")
    typist.type(b"\r")
    await typist.sees(b"Ctrl-C withdraws\r\n")
    assert (await typist.held()).answers == {"reason": "invoice 88"}
    await typist.settle(False, "once is enough")
    await typist.sees(b'"once is enough" - nothing was run\r\n')
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert b"restart-4" not in typist.desk.seen


async def test_ctrl_c_takes_back_the_line_and_all_that_was_typed(typist: Typist) -> None:
    wanting(typist.house, "typed", text="restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=ASKS)
    typist.type(b"because\x03echo next-$((1+2))\r")
    await typist.sees(b"hoop: ended - withdrawn, nothing was run\r\n")
    await typist.sees(b"next-3\r\n")
    assert b"restart-2" not in typist.desk.seen
    assert b"because: " not in typist.desk.seen
    assert await typist.house.ledger.approvals() == []
    (denied,) = await typist.bodies("operation.denied", 1)
    assert (denied["state"], denied["text"]) == ("withdrawn", "echo restart-$((1+1))")


async def test_what_was_typed_ahead_is_no_answer(typist: Typist) -> None:
    wanting(typist.house, "typed", text="restart")
    await typist.start()
    typist.type(b"echo restart-$((1+1))\recho later-$((2+2))\r")
    await typist.sees(ASKS)
    typist.type(b"first\rsecond-$((1+4))\r")
    await typist.sees(b"Ctrl-C withdraws\r\n")
    assert (await typist.held()).answers == {"reason": "first second-$((1+4))"}
    await typist.settle(True)
    await typist.sees(b"restart-2\r\n")
    await typist.sees(b"later-4\r\n")
    assert b"second-5" not in typist.desk.seen


async def test_the_window_changes_while_it_waits(typist: Typist) -> None:
    wanting(typist.house, "typed", text="restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=ASKS)
    typist.desk.resize(70, 20)
    typist.type(b"x" * 100 + b"\r")
    await typist.sees(b"Ctrl-C withdraws\r\n")
    typist.desk.resize(90, 33)
    assert (await typist.held()).answers == {"reason": "x" * 100}
    await typist.settle(True)
    await typist.sees(b"restart-2\r\n")
    await typist.line("stty size", then=b"33 90\r\n")


@pytest.mark.parametrize("verb", ["connect", "exec"])
async def test_a_command_on_a_terminal(verb: str, ssh: StockSsh, house: House, desk: Terminal) -> None:
    wanting(house, verb)
    await desk.start(ssh.command("-t", "web-1@gw", "read x; echo got-$x"))
    desk.type(b"a")  # before anything is asked, or while it is: bytes are where they were meant for
    await desk.until(ASKS)
    desk.type(b"\x15because\r")
    await desk.until(b"Ctrl-C withdraws\r\n")
    assert (await held(house)).answers == {"reason": "because"}
    await settle(house)
    await desk.until(b"hoop: approved")
    desk.type(b"head\r")
    await desk.until(b"head\r\n")
    assert await desk.ended() == 0
    assert b"got-head" in desk.seen or b"got-ahead" in desk.seen


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
async def test_withdrawn_at_the_question(key: bytes, ssh: StockSsh, house: House, desk: Terminal) -> None:
    wanting(house, "connect")
    await desk.start(ssh.command("-t", "web-1@gw", "echo ran-$((1+1))"))
    await desk.until(ASKS)
    desk.type(key)
    await desk.until(b"^C\r\nhoop: ended - withdrawn, nothing was run\r\n")
    assert await desk.ended() == 130
    assert b"ran-2" not in desk.seen
    assert await house.ledger.approvals() == []
    assert await house.outcomes() == ["withdrawn"]


async def test_staff_end_it_at_the_question(ssh: StockSsh, house: House, desk: Terminal) -> None:
    wanting(house, "exec")
    await desk.start(ssh.command("-t", "web-1@gw", "true"))
    await desk.until(ASKS)
    (gate,) = house.gates()
    await gate.steering.message(BOB, "say more")
    await desk.until(b'\r\nhoop: message from bob@example.com: "say more"\r\n')
    await gate.steering.end(BOB, "lunch")
    await desk.until(b'\r\nhoop: ended by bob@example.com: "lunch"')
    assert await desk.ended() == 130


async def test_said_beforehand(ssh: StockSsh, house: House) -> None:
    wanting(house, "exec", "reason", "ticket")
    said = ("-o", "SetEnv=HOOP_REASON='invoice 88, März' HOOP_TICKET=OPS-1")
    running = asyncio.create_task(ssh.run(*said, "web-1@gw", "env"))
    request = await settle(house)
    assert request.answers == {"reason": "invoice 88, März", "ticket": "OPS-1"}
    ran = await running
    assert (ran.status, b"HOOP_" in ran.out) == (0, False)
    assert "- Ctrl-C withdraws\n" in ran.said
    assert "give a" not in ran.said


async def test_a_forward_takes_what_its_connection_has_said(ssh: StockSsh, house: House) -> None:
    wanting(house, "forward")
    async with serving(echo) as there:
        said = ("-o", "SetEnv=HOOP_REASON=because")
        client = await ssh.start("-L", f"{ssh.directory}/here:127.0.0.1:{there}", *said, "web-1@gw", "cat")
        async with asyncio.timeout(PATIENCE):
            while not (ssh.directory / "here").exists() or not house.gates():
                await asyncio.sleep(0.02)
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"on\n")
        assert await client.stdout.readline() == b"on\n"
        reader, writer = await asyncio.open_unix_connection(ssh.directory / "here")
        assert (await held(house)).answers == {"reason": "because"}
        await settle(house)
        writer.write(b"abc")
        assert await reader.readexactly(3) == b"abc"
        writer.close()
        await told_to_leave(client)


@pytest.mark.parametrize("said", [(), ("-o", "SetEnv=HOOP_REASON=a\x07b")])
async def test_nobody_can_be_asked_without_a_terminal(
    said: tuple[str, ...], ssh: StockSsh, house: House
) -> None:
    wanting(house, "exec", seconds=0.5)
    ran = await ssh.run(*said, "web-1@gw", "true")
    (request,) = await house.ledger.approvals()
    assert f"- give a reason: hoop-tui request reply {request.id} - Ctrl-C withdraws\n" in ran.said
    assert ran.status == 124


async def test_a_terminal_that_has_ended_answers_nothing(ssh: StockSsh, house: House) -> None:
    wanting(house, "exec", seconds=0.5)
    ran = await ssh.run("-tt", "web-1@gw", "true")
    assert (
        "hoop: reason (why do you need this?): \nhoop: held" in ran.out.decode().replace("\r", "") + ran.said
    )
    assert ran.status == 124
