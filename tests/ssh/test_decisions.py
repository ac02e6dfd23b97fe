"""What the Gate decides is what the person meets: blocked, held, ended, masked, and every organ that can fail."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.events import Event
from gateway.core.frame import FrameKind
from gateway.core.ports import Approval
from gateway.core.verdict import Hold
from tests.ssh.client import PATIENCE, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


def hold_everything(house: House, seconds: float = 60) -> None:
    house.decide = lambda operation, session: Hold(
        "no-etc-writes", "writes", frozenset({"sre"}), 1, timedelta(seconds=seconds)
    )


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (found := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return found[0]


async def test_blocked_never_reaches_the_target(
    ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path
) -> None:
    house.block("touch", "no touching on a Friday")
    before = sshd.log
    ran = await ssh.run("web-1@gw", f"touch {tmp_path}/proof")
    assert ran.status == 126
    assert ran.said == "hoop: blocked by no-such - no touching on a Friday\n"
    assert not (tmp_path / "proof").exists()
    assert sshd.log == before, "there was not even a connection"
    (denied,) = await house.entries("operation.denied")
    assert denied.body["text"] == f"touch {tmp_path}/proof"
    assert await house.outcomes() == ["blocked"]
    (ended,) = await house.entries("session.ended")
    assert (ended.body["commands"], ended.body["blocked"]) == (0, 1)
    assert house.recording().errors.decode() == ran.said


async def test_a_blocked_shell(ssh: StockSsh, house: House) -> None:
    house.block("", "no shells here")
    ran = await ssh.run("-tt", "web-1@gw")
    assert ran.status == 126
    assert "hoop: blocked by no-such - no shells here" in ran.said


async def test_held_then_approved(ssh: StockSsh, house: House) -> None:
    hold_everything(house)
    running = asyncio.create_task(ssh.run("web-1@gw", "cat; echo done", typed=b"early data\n"))
    request = await held(house)
    await house.approvals.settle(request.id, BOB, True, request.sha256, "go")
    ran = await running
    assert (ran.status, ran.out) == (0, b"early data\ndone\n")
    assert f"hoop: held {request.id} (rule no-etc-writes, ask sre, 60 s) - Ctrl-C withdraws" in ran.said
    assert f'hoop: approved {request.id} by bob@example.com: "go"' in ran.said


async def test_held_then_denied(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    hold_everything(house)
    before = sshd.log
    running = asyncio.create_task(ssh.run("web-1@gw", "true"))
    request = await held(house)
    await house.approvals.settle(request.id, BOB, False, request.sha256, "not during freeze")
    ran = await running
    assert ran.status == 126
    assert f'hoop: denied {request.id} by bob@example.com: "not during freeze"' in ran.said
    assert sshd.log == before


async def test_held_then_expired(ssh: StockSsh, house: House) -> None:
    hold_everything(house, 0.5)
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 124
    assert "- nobody decided, nothing was run" in ran.said
    assert await house.outcomes() == ["expired"]


async def test_ctrl_c_withdraws(ssh: StockSsh, house: House) -> None:
    hold_everything(house)
    desk = Terminal()
    await desk.start(ssh.command("web-1@gw"))
    await desk.until(b"hoop: held ")
    desk.type(b"\x03")
    assert await desk.ended() == 130
    assert b"hoop: ended - withdrawn, nothing was run" in desk.seen
    await desk.close()
    (approval,) = await house.ledger.approvals()
    assert approval.state == "withdrawn"
    assert await house.outcomes() == ["withdrawn"]


async def test_going_away_withdraws(ssh: StockSsh, house: House) -> None:
    hold_everything(house)
    process = await ssh.start("web-1@gw", "true")
    await held(house)
    process.kill()
    await process.communicate()
    async with asyncio.timeout(PATIENCE):
        while (await house.ledger.approvals())[0].state != "withdrawn" or house.gates():
            await asyncio.sleep(0.02)
    assert await house.outcomes() == ["disconnected"]


async def test_ended_by_staff(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    process = await ssh.start("web-1@gw", "echo begun; sleep 60")
    assert process.stdout is not None
    await process.stdout.readline()
    (gate,) = house.gates()
    gate.end('by bob@example.com: "incident 4411"')
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b'hoop: ended by bob@example.com: "incident 4411"' in err
    assert await house.outcomes() == ["ended"]
    async with asyncio.timeout(PATIENCE):
        while sshd.children():
            await asyncio.sleep(0.02)


async def test_the_gateway_stops(ssh: StockSsh, house: House) -> None:
    process = await ssh.start("web-1@gw", "echo begun; sleep 60")
    assert process.stdout is not None
    await process.stdout.readline()
    house.live.end_all("the gateway is shutting down")
    assert house.adapter is not None
    await house.adapter.stop(2.0)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"hoop: ended - the gateway is shutting down" in err
    assert await house.outcomes() == ["ended"]


async def test_masked_across_pieces(ssh: StockSsh, house: House) -> None:
    house.mask("card")
    ran = await ssh.run("web-1@gw", "printf 'card 4111 1111 '; sleep 0.03; printf '1111 1111 end'; sleep 0.2")
    assert b"4111" not in ran.out
    assert ran.out.endswith(b" end")
    assert house.recording().output == ran.out


async def test_what_was_held_back_comes_when_nothing_follows(ssh: StockSsh, house: House) -> None:
    house.mask("card")
    process = await ssh.start("web-1@gw", "printf 'balance 4111 11'; sleep 30")
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert await process.stdout.readexactly(15) == b"balance 4111 11"
    process.kill()
    await process.communicate()


class BrokenMasker:
    held = 0
    counts: Mapping[str, int] = {}

    def feed(self, data: bytes) -> bytes:
        raise RuntimeError("secret 4111 1111 1111 1111")


async def test_a_broken_masker_delivers_nothing(ssh: StockSsh, house: House) -> None:
    house.masker = lambda masks: BrokenMasker()
    ran = await ssh.run("web-1@gw", "echo something; sleep 30")
    assert (ran.status, ran.out) == (125, b"")
    assert ran.said == ("hoop: ended - an answer could not be checked for secrets, so it was not delivered\n")
    assert await house.outcomes() == ["fault"]


async def test_a_policy_that_raises(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    def decide(*_: object) -> Any:
        raise RuntimeError("broken rule")

    house.decide = decide
    before = sshd.log
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 125
    assert "hoop: blocked - the policy could not be evaluated, so nothing was run" in ran.said
    assert sshd.log == before


async def test_a_recording_that_breaks_on_the_way(
    ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await ssh.start("web-1@gw", "echo begun; read x; echo never shown")
    assert process.stdout is not None
    assert process.stdin is not None
    assert await process.stdout.readline() == b"begun\n"
    (gate,) = house.gates()

    async def full(data: bytes) -> None:
        raise Fault("no space left")

    monkeypatch.setattr(gate._recorder._blob, "append", full)
    process.stdin.write(b"go\n")
    out, err = await process.communicate()
    assert process.returncode == 125
    assert out == b""
    assert b"hoop: ended - this session can not be recorded any more, so nothing passes" in err


async def test_a_ledger_that_fails(
    ssh: StockSsh, house: House, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the door nobody gets in; later nothing is run."""
    keep = house.ledger.append

    async def broken(event: Event) -> int:
        if event.name == failing:
            raise Fault("database is locked")
        return await keep(event)

    monkeypatch.setattr(house.ledger, "append", broken)
    failing = "identity.accepted"
    assert "Permission denied (publickey)" in (await ssh.run("web-1@gw", "true")).said
    before = sshd.log
    for each in ("session.opened", "operation.admitted"):
        failing = each
        ran = await ssh.run("web-1@gw", "true")
        assert ran.status == 125
        assert "hoop: blocked - this can not be written to the audit log, so nothing passes" in ran.said
    assert sshd.log == before


async def test_a_bug_ends_the_session_only(
    ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = await ssh.start("web-1@gw", "cat")
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(b"1\n")
    await other.stdout.readline()
    monkeypatch.setattr("gateway.adapters.ssh.relay.Relay.run", None)
    ran = await ssh.run("web-1@gw", "true")
    assert ran.status == 125
    assert "hoop: ended - the gateway failed inside" in ran.said
    assert "failed" in caplog.text
    monkeypatch.undo()
    other.stdin.write(b"2\n")
    assert await other.stdout.readline() == b"2\n"
    other.stdin.close()
    await other.wait()


async def test_gateway_words_are_in_the_recording(ssh: StockSsh, house: House) -> None:
    desk = Terminal()
    await desk.start(ssh.command("web-1@gw"))
    await desk.until(b"recorded as")
    desk.type(b"exit\r")
    await desk.ended()
    await desk.close()
    recording = house.recording()
    assert recording.errors.startswith(b"hoop: you are alice@example.com on web-1 (PROD) - recorded as s-")
    assert recording.errors.endswith(b"\r\n")
    command, *_ = [mark for mark in recording.facts_of(FrameKind.MARK) if mark["kind"] == "command"]
    assert command["verb"] == "shell"
