"""A gateway that people reach by ssh alone, and terminals to open its console from."""

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from hoop_tui.replay.ghostty import GhosttyEmulator
from tests.e2e.served import BIN, PATIENCE, Answer, Served, run
from tests.ssh.sshd import Sshd, descendants
from tests.ssh.terminal import Terminal

PEOPLE = """
[[person]]
name = "bob@example.com"
keys = ["{bob}"]
groups = ["dba"]
roles = ["person", "approver", "operator"]

[[person]]
name = "dave@example.com"
keys = ["{dave}"]
groups = ["dev"]

[[rule]]
id = "looked-at"
match = {{ command = "touch *" }}
do = "hold"
ask = {{ group = "dba", ttl = "5m" }}
"""
COLS, ROWS = 110, 32


class Desk(Terminal):
    """A terminal that is looked at as people do."""

    def __init__(self) -> None:
        super().__init__(COLS, ROWS)
        self._emulator = GhosttyEmulator()
        self._emulator.resize(COLS, ROWS)
        self._fed = 0
        self._shown = ""

    @property
    def screen(self) -> str:
        """What it shows."""
        if self._fed < len(self.seen):
            self._emulator.feed(self.seen[self._fed :])
            self._emulator.settle()
            self._fed = len(self.seen)
            self._shown = "\n".join(row.text for row in self._emulator.screen().rows)
        return self._shown

    async def shows(self, *words: str, patience: float = PATIENCE) -> None:
        """Wait until all of these are there at once."""
        deadline = time.monotonic() + patience
        while not all(word in (shown := self.screen) for word in words):
            if time.monotonic() > deadline:
                raise AssertionError(f"{words} not in:\n{shown}")
            await asyncio.sleep(0.05)

    async def press(self, keys: bytes, *words: str) -> None:
        """Until it shows these words: what has just changed must be looked at first."""
        for _ in range(10):
            self.type(keys)
            try:
                await self.shows(*words, patience=1.5)
            except AssertionError:
                continue
            return
        await self.shows(*words)


@dataclass
class Town:
    """The gateway, and whoever sits in front of it."""

    served: Served
    desks: list[Desk] = field(default_factory=list)
    since: int = 0
    """The row of the last session of those who were here before: see `kept`."""

    @classmethod
    async def build(cls, directory: Path, sshd: Sshd, more: str = "", *, forked: bool = False) -> "Town":
        served = Served(directory, sshd, console=True, forked=forked)
        keys = {}
        for name in ("bob", "dave"):
            key = asyncssh.generate_private_key("ssh-ed25519")
            path = directory / f"{name}_key"
            path.touch(0o600)
            path.write_bytes(key.export_private_key())
            keys[name] = key.export_public_key().decode().strip()
        served.write(more=PEOPLE.format(**keys) + more)
        return cls(served)

    async def kept(self, what: str) -> list[str]:
        """Rows of the ledger; the view `mine` has the sessions since the last `leave`."""
        mine = f"create temp view mine as select * from sessions where rowid > {self.since}; "
        found = await run("sqlite3", self.served.directory / "data" / "hoop.db", mine + what)
        assert found.status == 0, found.err
        return found.out.splitlines()

    async def leave(self) -> None:
        """Everybody hangs up, and nothing of them is left for whoever comes next."""
        while self.desks:
            await self.desks.pop().close()
        async with asyncio.timeout(PATIENCE):
            while self.consoles() or await self.kept("select id from mine where outcome = ''"):
                await asyncio.sleep(0.05)
        (last,) = await self.kept("select coalesce(max(rowid), 0) from sessions")
        self.since = int(last)

    async def close(self) -> None:
        for desk in self.desks:
            await desk.close()
        if self.served.process is not None and self.served.process.returncode is None:
            await self.served.stop()

    def ssh(self, person: str, *arguments: str) -> list[str]:
        mine, theirs = str(self.served.directory / "alice_key"), str(self.served.directory / f"{person}_key")
        return [
            theirs if each == mine else each for each in self.served.ssh("-o", "BatchMode=yes", *arguments)
        ]

    async def run(self, person: str, *arguments: str) -> Answer:
        return await run(*self.ssh(person, *arguments))

    async def end(self, person: str, session: str) -> Answer:
        """`hoop-tui sessions end`, with a token of theirs."""
        made = await self.served.gateway(
            "token", "create", "--person", person, "--config", str(self.served.config)
        )
        os.environ["HOOP_TOKEN"] = made.out.split()[-1]
        try:
            gateway = f"http://127.0.0.1:{self.served.ports['api']}"
            return await run(
                BIN / "hoop-tui", "sessions", "end", session, "--reason", "go home", "--gateway", gateway
            )
        finally:
            del os.environ["HOOP_TOKEN"]

    async def console(self, person: str, *, target: str = "console") -> Desk:
        """A desk where somebody has asked for a console, whatever they were answered."""
        desk = Desk()
        self.desks.append(desk)
        await desk.start(["env", "TERM=xterm-256color", *self.ssh(person, "-tt", f"{target}@127.0.0.1")])
        return desk

    @property
    def zygote(self) -> int:
        """The process that consoles are forked from; 0 where there is none yet."""
        assert self.served.process is not None
        started = descendants(self.served.process.pid)
        return next((each for each in started if "console.zygote" in command_of(each)), 0)

    def consoles(self) -> list[int]:
        """The processes of those that are open."""
        return children(self.zygote) if self.zygote else []


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - a process, and no file
