"""A rule that holds who comes in: whatever they come for over ssh, people decide before the target is reached."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.adapters.ssh.forward import requests
from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.ssh.client import PATIENCE, Ran, StockSsh, told_to_leave
from tests.ssh.forwarding import echo, running, serving, through, turned_away
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd, free_port
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd")]


def hold(house: House, seconds: float = 60, **more: object) -> None:
    asks = Hold("prod-access", "", frozenset({"sre"}), 1, timedelta(seconds=seconds), **more)  # type: ignore[arg-type]  # words of a test

    def decide(operation: Operation, session: Session) -> Verdict:
        return asks if operation.verb == "connect" else Allow("everything")

    house.decide, house.judges_coming_in = decide, True


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (waiting := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    (request,) = waiting
    return request


async def settle(house: House, granted: bool, reason: str = "") -> Approval:
    request = await held(house)
    return await house.approvals.settle(request.id, BOB, granted, request.sha256, reason)


@dataclass(frozen=True)
class Way:
    """`HERE` and `THERE` in the words are files: one to be sent, and a place for it on the target. `denied` is what
    the program exits with, each in its own way; rsync depends on which of two ends it notices first."""

    program: str
    words: tuple[str, ...]
    typed: bytes = b""
    denied: tuple[int, ...] = (126,)


BEHIND = ("-o", "HostName=web-1", "-o", "Port=22", "-o", "HostKeyAlias=ALIAS", "USER@web-1")
WAYS = {
    "exec": Way("ssh", ("web-1@gw", "cp HERE THERE")),
    "shell": Way("ssh", ("web-1@gw",), b"cp HERE THERE\n"),
    "scp": Way("scp", ("HERE", "web-1@gw:THERE"), denied=(255,)),
    "scp -O": Way("scp", ("-O", "HERE", "web-1@gw:THERE"), denied=(1,)),
    "sftp": Way("sftp", ("-b", "-", "web-1@gw"), b"put HERE THERE\n", denied=(255,)),
    "rsync": Way("rsync", ("-e", "ssh -F CONFIG", "HERE", "web-1@gw:THERE"), denied=(12, 126)),
    "jump": Way("ssh", ("-J", "gw", *BEHIND, "cp HERE THERE")),
}


class Errand:
    """One way to bring a file to the target."""

    def __init__(self, way: Way, ssh: StockSsh, sshd: Sshd, directory: Path) -> None:
        self._user = sshd.user
        self.here, self.there = directory / "here", directory / "there"
        self.here.write_text("hello")
        self._way = way
        self._ssh = ssh

    async def run(self) -> Ran:
        words = [self._filled(word) for word in self._way.words]
        typed = self._filled(self._way.typed.decode()).encode()
        if self._way.program != "rsync":
            return await self._ssh.run(*words, program=self._way.program, typed=typed)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("rsync", *words, stdout=pipe, stderr=pipe)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return Ran(process.returncode or 0, out, err)

    def _filled(self, text: str) -> str:
        text = text.replace("HERE", str(self.here)).replace("T" + str(self.here), str(self.there))
        text = text.replace("USER", self._user).replace("ALIAS", f"[127.0.0.1]:{self._ssh.port}")
        return text.replace("CONFIG", str(self._ssh.directory / "config"))


def ways(*slow: str) -> list[object]:
    """All of them; these only where there is time."""
    marks = dict.fromkeys(slow, pytest.mark.slow)
    return [pytest.param(way, id=name, marks=marks.get(name, ())) for name, way in WAYS.items()]


@pytest.mark.parametrize("way", ways("scp -O"))
async def test_it_goes_on_once_somebody_has_approved_it(
    way: Way, ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path
) -> None:
    hold(house)
    errand, before = Errand(way, ssh, sshd, tmp_path), sshd.log
    running = asyncio.create_task(errand.run())
    request = await held(house)
    assert request.verb == "connect"
    assert request.text.startswith("access to web-1")
    assert sshd.log == before, "nobody has dialled the target"
    await settle(house, True, "go on")
    ran = await running
    assert ran.status == 0, ran.said
    assert errand.there.read_text() == "hello"
    assert f"hoop: held {request.id} (rule prod-access, ask sre, 60 s) - Ctrl" in ran.said
    assert f'hoop: approved {request.id} by bob@example.com: "go on"' in ran.said
    assert len(await house.entries("operation.held")) == 1


@pytest.mark.parametrize("way", ways("shell", "scp", "scp -O", "rsync"))
async def test_whoever_is_denied_reaches_nothing(
    way: Way, ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path
) -> None:
    hold(house)
    errand, before = Errand(way, ssh, sshd, tmp_path), sshd.log
    running = asyncio.create_task(errand.run())
    await settle(house, False, "not during the freeze")
    ran = await running
    assert 'by bob@example.com: "not during the freeze" - nothing was run\n' in ran.said
    assert ran.status in way.denied, ran.said
    assert sshd.log == before
    assert await house.outcomes() == ["denied"]


@pytest.mark.parametrize("name", ["exec", "sftp"])
async def test_nobody_decides(name: str, ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path) -> None:
    hold(house, seconds=0.5)
    before = sshd.log
    ran = await Errand(WAYS[name], ssh, sshd, tmp_path).run()
    assert "nobody decided, nothing was run" in ran.said
    assert ran.status == (124 if name == "exec" else 255)
    assert sshd.log == before


async def test_blocked(ssh: StockSsh, house: House, sshd: Sshd, tmp_path: Path) -> None:
    house.decide = lambda operation, session: (
        Deny("freeze", "come back on Monday") if operation.verb == "connect" else Allow("everything")
    )
    house.judges_coming_in = True
    before = sshd.log
    ran = await Errand(WAYS["exec"], ssh, sshd, tmp_path).run()
    assert (ran.status, ran.said) == (126, "hoop: blocked by freeze - come back on Monday\n")
    ran = await ssh.run("-W", "127.0.0.1:22", "web-1@gw")
    assert "administratively prohibited: hoop: blocked by freeze - come back on Monday" in ran.said
    assert ran.status == 255
    assert sshd.log == before


async def test_a_forward_waits(ssh: StockSsh, house: House, sshd: Sshd) -> None:
    hold(house)
    before, port = sshd.log, free_port()
    async with (
        serving(echo) as there,
        running(ssh, "-v", "-N", "-L", f"{port}:127.0.0.1:{there}", "web-1@gw"),
    ):
        first, second = (asyncio.create_task(through(port, b"abc")) for _ in range(2))
        await held(house)
        assert sshd.log == before
        await settle(house, True)
        assert (await first, await second) == (b"abc", b"abc")
    assert len(await house.entries("operation.held")) == 1


async def test_a_refused_forward_says_why_and_asks_nobody_again(
    ssh: StockSsh, house: House, sshd: Sshd
) -> None:
    hold(house)
    before, port = sshd.log, free_port()
    async with running(ssh, "-v", "-N", "-L", f"{port}:127.0.0.1:22", "web-1@gw") as client:
        first = asyncio.create_task(turned_away(port))
        request = await settle(house, False, "no tunnels today")
        assert await first
        assert await turned_away(port)
        _, err = await told_to_leave(client)
    sentence = f'hoop: denied {request.id} by bob@example.com: "no tunnels today" - nothing was run'
    assert err.decode().count(f"open failed: administratively prohibited: {sentence}") == 2
    assert f"Remote: hoop: held {request.id}" in err.decode()
    assert len(await house.entries("session.opened")) == 1
    assert sshd.log == before


async def test_a_shell_hears_it_before_it_is_greeted(ssh: StockSsh, house: House) -> None:
    hold(house)
    desk = Terminal()
    await desk.start(ssh.command("-tt", "web-1@gw"))
    await desk.until(b"Ctrl-C withdraws\r\n")
    desk.type(b"echo typed-$((40+2)) ahead\r")
    desk.resize(90, 33)
    request = await settle(house, True)
    await desk.until(b"typed-42 ahead\r\n")
    desk.type(b"stty size; exit 3\r")
    await desk.until(b"33 90\r\n")
    assert await desk.ended() == 3
    order = [desk.seen.index(each) for each in (b"hoop: held", b"hoop: approved", b"hoop: you are alice")]
    assert order == sorted(order)
    assert request.state == "approved"
    await desk.close()


@pytest.mark.parametrize("by", ["key", "hang-up", "staff"])
async def test_withdrawn(by: str, ssh: StockSsh, house: House, sshd: Sshd) -> None:
    hold(house)
    before, desk = sshd.log, Terminal()
    await desk.start(ssh.command("-tt", "web-1@gw"))
    await desk.until(b"Ctrl-C withdraws\r\n")
    request = await held(house)
    if by == "key":
        desk.type(b"\x03")
        await desk.until(b"hoop: ended - withdrawn, nothing was run\r\n")
        assert await desk.ended() == 130
    elif by == "staff":
        (gate,) = house.gates()
        await gate.steering.end(BOB, "lunch")
        await desk.until(b'hoop: ended by bob@example.com: "lunch"')
        assert await desk.ended() == 130
    else:
        assert desk.process is not None
        desk.process.kill()
    async with asyncio.timeout(PATIENCE):
        while (now := await house.ledger.approval(request.id)) is None or now.state != "withdrawn":
            await asyncio.sleep(0.02)
        while not await house.outcomes():
            await asyncio.sleep(0.02)
    outcomes = {"key": "withdrawn", "staff": "ended", "hang-up": "disconnected"}
    assert await house.outcomes() == [outcomes[by]]
    assert sshd.log == before
    await desk.close()


async def test_a_port_of_the_target_and_a_command_wait_side_by_side(
    ssh: StockSsh, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is asked about at once, although the client has asked for the port before."""
    monkeypatch.setattr(requests, "TURN_MOST", 10 * PATIENCE)
    hold(house)
    async with serving(echo) as here:
        command = ("-R", f"0:127.0.0.1:{here}", "web-1@gw", "sleep 1; echo done")
        running = asyncio.create_task(ssh.run(*command))
        async with asyncio.timeout(PATIENCE):
            while len(both := await house.ledger.approvals(state="held")) < 2:
                await asyncio.sleep(0.02)
        for request in both:
            await house.approvals.settle(request.id, BOB, True, request.sha256)
        ran = await running
    assert (ran.status, ran.out) == (0, b"done\n")
    assert "Allocated port" in ran.said
