"""`hoop-gateway serve` in a process of its own, in front of a real sshd: files, commands and a stock ssh client."""

import asyncio
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh

from gateway.identity.tokens import mint
from gateway.store.ledger import SqlLedger
from tests.e2e.commands import Forked, commands
from tests.ssh.sshd import Sshd

BIN = Path(sys.executable).parent
PATIENCE = 30.0
STARTING_PATIENCE = 100.0
"""A start takes two seconds of processor time: on a busy machine many times as long."""

CONFIG = """\
version = 1

[gateway]
name = "gw-test"
data_dir = "data"

[listen]
ssh = "127.0.0.1:{ssh}"
api = "127.0.0.1:{api}"
admin = "127.0.0.1:0"

[store]
reserve = "1MiB"
{store}

[[person]]
name = "alice@example.com"
keys = ["{alice}"]
groups = ["dev"]
roles = ["person", "auditor"]

[[target]]
name = "web-1"
kind = "ssh"
to = "127.0.0.1:{port}"
user = "{user}"
key = {{ file = "target_key" }}
host_keys = ["{host_key}"]

[[rule]]
id = "dev"
match = {{ group = "dev" }}
do = "allow"
"""
WITHOUT_CONSOLE = """
[console]
enabled = false
"""


@dataclass
class Answer:
    """What a program printed and how it ended."""

    status: int
    out: str
    err: str


@dataclass
class Served:
    """A gateway's directory, and the gateway when it runs."""

    directory: Path
    sshd: Sshd
    console: bool = False
    """Whether it loads consoles, which takes two more seconds of processor time once it has settled."""
    forked: bool = False
    """Whether it starts from a process that has loaded it: for tests that are not about its process."""
    process: asyncio.subprocess.Process | Forked | None = None
    ports: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    _reading: asyncio.Task[None] | None = None

    @property
    def config(self) -> Path:
        return self.directory / "hoop.toml"

    def write(self, *, ssh: int = 0, api: int = 0, store: str = "", more: str = "") -> None:
        """Keys on first use, and the configuration."""
        key_file = self.directory / "alice_key"
        if not key_file.exists():
            key = asyncssh.generate_private_key("ssh-ed25519")
            _private(key_file, key.export_private_key())
            _private(self.directory / "target_key", self.sshd.login_key.export_private_key())
        alice = asyncssh.read_private_key(key_file).export_public_key().decode().strip()
        text = CONFIG.format(
            ssh=ssh,
            api=api,
            store=store,
            alice=alice,
            port=self.sshd.port,
            user=self.sshd.user,
            host_key=self.sshd.host_key_line,
        )
        self.config.write_text(text + more + ("" if self.console else WITHOUT_CONSOLE))

    async def gateway(self, *arguments: str) -> Answer:
        """A hoop-gateway command."""
        return Answer(*await commands("gateway.cli.main").run(arguments, os.environ, PATIENCE))

    async def tokens(self, *people: str) -> dict[str, str]:
        """What `hoop-gateway token create` would print for each, without as many processes."""
        shared = re.search(r'(?m)^url = "(postgresql:.*)"', self.config.read_text())
        ledger = await SqlLedger.open(
            shared[1] if shared else f"sqlite:///{self.directory}/data/hoop.db", patience=PATIENCE
        )
        made, now = {}, datetime.now(UTC)
        try:
            for who in people:
                minted = mint(f"{who}@example.com", frozenset(), now, now + timedelta(days=1))
                await ledger.add_token(minted.row, minted.event)
                made[who] = minted.token
        finally:
            await ledger.close()
        return made

    async def start(self) -> None:
        """Serve; returns when it says that it is ready."""
        self.log.clear()
        words = ("serve", "--config", str(self.config))
        if self.forked:
            self.process = await commands("gateway.cli.main").start(words, os.environ)
        else:
            self.process = await asyncio.create_subprocess_exec(
                BIN / "hoop-gateway", *words, stderr=asyncio.subprocess.PIPE
            )
        self._reading = asyncio.create_task(self._read())
        try:
            line = await self.says(r"ready: .*", STARTING_PATIENCE)
        except BaseException:
            await self.stop(signal.SIGKILL)
            raise
        self.ports = {name: int(port) for name, port in re.findall(r"(\w+) on port (\d+)", line)}

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.log.append(line.decode(errors="replace"))

    async def says(self, pattern: str, patience: float = PATIENCE) -> str:
        """The first line of the log with this in it, waited for."""
        async with asyncio.timeout(patience):
            while True:
                for line in self.log:
                    if found := re.search(pattern, line):
                        return found[0]
                assert self._reading is not None
                assert not self._reading.done(), f"ended without {pattern!r}: {self.log}"
                await asyncio.sleep(0.02)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit status."""
        assert self.process is not None
        assert self._reading is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self._reading
        return status

    def ssh(self, *arguments: str) -> list[str]:
        """The stock client, signed in as alice."""
        options = ["-F", "none", "-p", str(self.ports["ssh"]), "-i", str(self.directory / "alice_key")]
        for option in (
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ):
            options += ["-o", option]
        return ["ssh", *options, *arguments]


async def run(*command: str | Path, stdin: bytes = b"") -> Answer:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def _private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
