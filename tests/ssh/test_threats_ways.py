"""Every way to get something done on a target, with the stock programs, against every kind of permission: one kind
never opens another, none gets past a decision that somebody has to make, and each is in the books."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.core.verdict import Allow, Hold
from tests.ssh.client import StockSsh
from tests.ssh.forwarding import serving, until
from tests.ssh.house import BOB, House
from tests.ssh.sftp import rules
from tests.ssh.test_git import git
from tests.ssh.test_rsync import rsync
from tests.ssh.test_scp import scp, there

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "scp", "sftp", "rsync", "git")]

GW = "web-1@gw"


@dataclass(frozen=True)
class Scene:
    """Where the ways leave their traces."""

    ssh: StockSsh
    work: Path
    port: int
    """Whoever connects to it leaves one, too."""

    def trace(self, way: str) -> Path:
        """What is there once this way has been gone."""
        if way == "git push":
            return self.work / "project.git" / "refs" / "heads" / "main"
        return self.work / way.replace(" ", "-")

    async def shell(self, trace: Path) -> object:
        return await self.ssh.run(GW, typed=f"touch {trace}\nexit\n".encode())

    async def terminal(self, trace: Path) -> object:
        return await self.ssh.run("-tt", GW, typed=f"touch {trace}\nexit\n".encode())

    async def command(self, trace: Path) -> object:
        return await self.ssh.run(GW, f"touch {trace}")

    async def cat(self, trace: Path) -> object:
        return await self.ssh.run(GW, f"cat > {trace}", typed=b"content")

    async def scp(self, trace: Path) -> object:
        return await self.ssh.run(str(self.work / "mine"), there(trace), program="scp")

    async def old_scp(self, trace: Path) -> object:
        return await scp(self.ssh, self.work / "mine", there(trace))

    async def sftp(self, trace: Path) -> object:
        orders = f"put {self.work}/mine {trace}\n".encode()
        return await self.ssh.run("-b", "-", GW, program="sftp", typed=orders)

    async def rsync(self, trace: Path) -> object:
        return await rsync(self.ssh, "-a", self.work / "mine", there(trace))

    async def push(self, trace: Path) -> object:
        return await git(
            self.ssh, "push", "-q", f"ssh://{GW}{self.work}/project.git", "main", at=self.work / "plain"
        )

    async def forward(self, trace: Path) -> object:
        return await self.ssh.run("-W", f"127.0.0.1:{self.port}", GW, typed=b"x")


WAYS: dict[str, tuple[str, Callable[[Scene, Path], Awaitable[object]]]] = {
    "shell": ("shell", Scene.shell),
    "shell on a terminal": ("shell", Scene.terminal),
    "command": ("exec", Scene.command),
    "cat into a file": ("exec", Scene.cat),
    "scp": ("files", Scene.scp),
    "scp -O": ("files", Scene.old_scp),
    "sftp": ("files", Scene.sftp),
    "rsync": ("files", Scene.rsync),
    "git push": ("files", Scene.push),
    "forward": ("forward", Scene.forward),
}

FILES = '["upload", "download", "list", "stat", "mkdir", "rmdir", "remove", "rename", "link", "chmod"]'
GRANTS = {
    "nothing": "",
    "shell": 'verb = "shell"',
    "exec": 'verb = "exec"',
    "files": f"verb = {FILES}",
    "forward": 'verb = "forward", destination = "127.0.0.1:*"',
}


@pytest.fixture
async def scene(ssh: StockSsh, tmp_path: Path) -> AsyncIterator[Scene]:
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine").write_text("content")
    await git(ssh, "init", "-q", work / "plain")
    await git(ssh, "commit", "-q", "--allow-empty", "-m", "first", at=work / "plain")
    await git(ssh, "init", "-q", "--bare", work / "project.git")

    async def notice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (work / "forward").touch()

    async with serving(notice) as port:
        scene = Scene(ssh, work, port)
        yield scene


async def all_ways(scene: Scene) -> None:
    await asyncio.gather(*(go(scene, scene.trace(way)) for way, (_, go) in WAYS.items()))


async def every_session_is_recorded(house: House) -> None:
    async def over() -> bool:
        return not house.gates()

    await until(over)
    recordings = house.recordings()
    assert len(recordings) == len(await house.entries("session.opened")) >= len(WAYS)
    assert {recording.state for recording in recordings} == {"whole"}


@pytest.mark.parametrize("grant", GRANTS)
async def test_a_permission_opens_its_own_ways_only(house: House, scene: Scene, grant: str) -> None:
    rule = f'[[rule]]\nid = "some"\nmatch = {{ {GRANTS[grant]} }}\ndo = "allow"\n'
    rules(house, rule if GRANTS[grant] else "", allow="")
    await all_ways(scene)
    gone = {way for way in WAYS if scene.trace(way).exists()}
    assert gone == {way for way, (kind, _) in WAYS.items() if kind == grant}
    await every_session_is_recorded(house)
    denied = {entry.session for entry in await house.entries("operation.denied")}
    assert len(denied) == len(WAYS) - len(gone), "each of the others has its entry"


async def test_no_way_leads_past_somebody_who_decides(house: House, scene: Scene) -> None:
    """All of them wait, with nothing done; and each goes on when it is approved."""
    house.decide = lambda operation, session: (
        Allow("lines") if operation.verb == "typed" else Hold("ask", "", frozenset({"sre"}))
    )
    going = asyncio.create_task(all_ways(scene))

    async def all_held() -> bool:
        held = await house.ledger.approvals(state="held")
        return len({approval.session for approval in held}) == len(WAYS)

    await until(all_held)
    assert [way for way in WAYS if scene.trace(way).exists()] == []
    while not going.done():
        for request in await house.ledger.approvals(state="held"):
            await house.approvals.settle(request.id, BOB, True, request.sha256, "go on")
        await asyncio.wait([going], timeout=0.05)
    await going
    assert [way for way in WAYS if not scene.trace(way).exists()] == []
    await every_session_is_recorded(house)
