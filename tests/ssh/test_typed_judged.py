"""Lines that rules stop, behind the gateway: held, approved, denied, blocked, withdrawn, and taken back for sure."""

import asyncio
from pathlib import Path

import pytest

from gateway.core.verdict import Deny
from tests.ssh.typist import Typist

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]


async def test_allowed_lines_run(typist: Typist) -> None:
    typist.stop("nothing such")
    await typist.start()
    assert b"2\r\n" in await typist.line("echo $((1+1))")
    (admitted,) = [e for e in await typist.house.entries("operation.admitted") if e.body["verb"] == "typed"]
    assert admitted.body["text"] == "echo $((1+1))"
    assert await typist.ran(1) == ["echo $((1+1))"]
    assert typist.judged[0].details["confidence"] == "high"
    await typist.leave()
    assert [mark["state"] for mark in typist.chapters()][:1] == ["admitted"]
    assert typist.chapters()[0]["confidence"] == "high"


async def test_a_blocked_line_never_runs(typist: Typist, tmp_path: Path) -> None:
    typist.stop("touch")
    await typist.start()
    shown = await typist.line(f"touch {tmp_path}/made", then=b"one$ ")
    assert b"\r\nhoop: blocked by no-such - not on my watch\r\n" in shown
    assert b"one" in await typist.line("echo one")
    assert not (tmp_path / "made").exists()
    (denied,) = await typist.bodies("operation.denied", 1)
    assert (denied["verb"], denied["state"], denied["text"]) == ("typed", "blocked", f"touch {tmp_path}/made")
    assert await typist.ran(1) == ["echo one"]


async def test_what_follows_a_blocked_line_is_judged_in_turn(typist: Typist, tmp_path: Path) -> None:
    typist.stop("touch")
    await typist.start()
    typist.type(b"echo a-$((1))\rtouch %s/made\recho b-$((2))\r" % str(tmp_path).encode())
    await typist.sees(b"a-1\r\n")
    await typist.sees(b"hoop: blocked by no-such")
    await typist.sees(b"b-2\r\n")
    assert not (tmp_path / "made").exists()
    assert await typist.ran(2) == ["echo a-$((1))", "echo b-$((2))"]


async def test_held_and_approved(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    assert b"restart-2" not in typist.desk.seen
    approval = await typist.held()
    assert (approval.verb, approval.text) == ("typed", "echo restart-$((1+1))")
    await typist.settle(True, "go")
    await typist.sees(b'by bob@example.com: "go"\r\n')
    await typist.sees(b"restart-2\r\n")
    await typist.sees(b"one$ ")
    assert await typist.ran(1) == ["echo restart-$((1+1))"]


async def test_held_and_denied(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    await typist.settle(False, "after 18:00")
    await typist.sees(b"hoop: denied")
    await typist.sees(b'"after 18:00" - nothing was run\r\n')
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert b"restart-2" not in typist.desk.seen


async def test_held_until_it_expires(typist: Typist) -> None:
    typist.hold("restart", seconds=0.5)
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"nobody decided, nothing was run\r\n")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert b"restart-2" not in typist.desk.seen


async def test_what_is_typed_while_a_line_is_held_waits(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    typist.type(b"echo later-$((2+2))\r")
    await typist.held()
    assert b"later" not in typist.desk.seen
    await typist.settle(True)
    await typist.sees(b"restart-2\r\n")
    await typist.sees(b"later-4\r\n")


async def test_ctrl_c_withdraws(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    approval = await typist.held()
    typist.type(b"echo lost\r\x03")
    await typist.sees(b"hoop: ended - withdrawn, nothing was run\r\n")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert b"restart-2" not in typist.desk.seen
    assert b"lost\r\n" not in typist.desk.seen
    settled = await typist.house.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "withdrawn"
    assert [body["state"] for body in await typist.bodies("operation.denied", 1)] == ["withdrawn"]


async def test_a_line_that_changed_while_it_was_held_is_not_run(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line(
        "(while [ ! -e go ]; do sleep 0.05; done; printf XXX; rm go) & cd $(mktemp -d)", then=b"one$ "
    )
    await typist.line("cd ~- ; rm -f go", then=b"one$ ")
    await typist.line("(sleep 1; printf ' changed') & :", then=b"one$ ")
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    await typist.sees(b" changed")
    await typist.settle(True)
    await typist.sees(b"the line changed while it was held, so nothing was run\r\n")
    await typist.sees(b"one$ ")
    assert b"restart-2" not in typist.desk.seen


@pytest.mark.parametrize("key", [b"\n", b"\x0f", b"\x1b[A\r"])
async def test_other_ways_to_run_a_line(typist: Typist, tmp_path: Path, key: bytes) -> None:
    await typist.start()
    if key == b"\x1b[A\r":
        await typist.line(f"touch {tmp_path}/made")
        (tmp_path / "made").unlink()
        typist.stop("touch")
        typist.type(b"\x1b[A")
        await typist.sees(b"made")
        typist.type(b"\r")
    else:
        typist.stop("touch")
        typist.type(f"touch {tmp_path}/made".encode() + key)
    await typist.sees(b"hoop: blocked by no-such")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert not (tmp_path / "made").exists()


async def test_the_end_of_input_runs_no_line_either(typist: Typist, tmp_path: Path) -> None:
    typist.stop("touch")
    await typist.start("PS1='one$ ' exec dash -i")
    typist.type(f"touch {tmp_path}/made".encode() + b"\x04")
    await typist.sees(b"hoop: blocked by no-such")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert not (tmp_path / "made").exists()


async def test_no_echo_is_stopped_by_every_rule_about_commands(typist: Typist, tmp_path: Path) -> None:
    typist.judge(lambda text: Deny("no-such", "can not be seen") if text == "(not shown)" else None)
    await typist.start()
    await typist.line("stty -echo")
    typist.type(f"touch {tmp_path}/made\r".encode())
    await typist.sees(b"hoop: blocked by no-such - can not be seen")
    await typist.sees(b"one$ ")
    await typist.line("stty echo; echo on", then=b"hoop: blocked")
    assert not (tmp_path / "made").exists()
    assert str(tmp_path) not in repr(await typist.house.entries())


async def test_a_password_prompt_is_not_judged(typist: Typist) -> None:
    typist.judge(lambda text: Deny("no-such", "") if text == "(not shown)" else None)
    await typist.start()
    await typist.line("read -s -p 'Password: ' p; echo got ${#p}", then=b"\rPassword: ")
    await typist.line("canary-7123", then=b"got 11")
    assert "canary-7123" not in repr(await typist.house.entries())


async def test_a_denied_continuation_is_given_up_whole(typist: Typist, tmp_path: Path) -> None:
    typist.stop("touch -c", "made")
    await typist.start()
    await typist.line("touch \\", then=b"> ")
    typist.type(f"{tmp_path}/made\r".encode())
    await typist.sees(b"hoop: blocked by no-such")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert not (tmp_path / "made").exists()
    (denied,) = await typist.bodies("operation.denied", 1)
    assert denied["text"] == f"touch \\\n{tmp_path}/made"


async def test_a_policy_that_fails_lets_no_line_pass(typist: Typist, tmp_path: Path) -> None:
    typist.judge(lambda text: [][1])
    await typist.start()
    await typist.line(f"touch {tmp_path}/made", then=b"hoop: blocked - the policy could not be evaluated")
    assert await typist.desk.ended() == 125
    assert not (tmp_path / "made").exists()
    assert await typist.house.outcomes() == ["fault"]


async def test_a_person_who_leaves_while_a_line_is_held(typist: Typist) -> None:
    typist.hold("restart")
    await typist.start()
    await typist.line("echo restart-$((1+1))", then=b"Ctrl-C withdraws\r\n")
    approval = await typist.held()
    assert typist.desk.process is not None
    typist.desk.process.kill()
    await typist.desk.ended()
    async with asyncio.timeout(10):
        while typist.house.gates():
            await asyncio.sleep(0.02)
    settled = await typist.house.ledger.approval(approval.id)
    assert settled is not None
    assert settled.state == "withdrawn"
    assert await typist.house.outcomes() == ["disconnected"]
