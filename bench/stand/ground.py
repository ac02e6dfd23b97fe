"""What an SSH benchmark stands on: a private sshd, a gateway process in front of it, a second sshd to jump through.

All three ways to the target are hosts of one ssh_config, with the same key exchange and the same cipher, so that a
command differs only in the name of its route. It measures nothing.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.served import Served
from tests.ssh.sshd import Sshd

DIRECT, GATEWAY, JUMP, MASKED = "direct", "gateway", "jump", "masked"
KEX = "curve25519-sha256"
CIPHER = "aes128-gcm@openssh.com"
MEMORY = Path("/dev/shm")

_MORE = """
[ssh]
max_sessions = 5000
max_sessions_per_person = 5000
max_connections_per_address = 5000

[[target]]
name = "web-2"
kind = "ssh"
to = "127.0.0.1:{port}"
user = "{user}"
key = {{ file = "target_key" }}
host_keys = ["{host_key}"]

[[rule]]
id = "masks"
match = {{ target = "web-2" }}
do = "mask"
mask = {{ {masks} }}
"""

_MASKS = ("card", "email", "jwt", "cloud-key", "private-key", "password")

_HOST = """
Host {name}
  Port {port}
  User {user}
  IdentityFile {key}
"""

_EVERY_HOST = """
Host *
  HostName 127.0.0.1
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null
  LogLevel ERROR
  BatchMode yes
  Compression no
  KexAlgorithms {kex}
  Ciphers {cipher}
"""


@dataclass
class Ground:
    """Servers that run, and where their files are."""

    directory: Path
    files: Path
    """For what is carried: in memory where the system offers that, so that no disk is measured."""
    target: Sshd
    served: Served

    @property
    def gateway_pid(self) -> int:
        """The process that is judged."""
        assert self.served.process is not None
        return self.served.process.pid

    def command(self, program: str, *arguments: str) -> list[str]:
        """A stock client that knows the routes by name."""
        return [program, "-F", str(self.directory / "config"), *arguments]

    def arguments(self) -> dict[str, Any]:
        """How asyncssh reaches the gateway, for clients that a stock one can not play."""
        return {
            "host": "127.0.0.1",
            "port": self.served.ports["ssh"],
            "username": "web-1",
            "known_hosts": None,
            "config": None,
            "agent_path": None,
            "client_keys": [str(self.served.directory / "alice_key")],
            "kex_algs": [KEX],
            "encryption_algs": [CIPHER],
        }


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """Everything started; at the end nothing is left, neither processes nor files."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hoop-bench-")))
        memory = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 << 30 else None
        files = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hoop-bench-", dir=memory)))
        target, middle = Sshd(directory / "target"), Sshd(directory / "middle")
        for server in (target, middle):
            await server.start("MaxSessions 100")
            stack.push_async_callback(server.stop)
        (directory / "gateway").mkdir()
        served = Served(directory / "gateway", target, console=True)
        masks = ", ".join(f'{name} = "redact"' for name in _MASKS)
        served.write(
            more=_MORE.format(port=target.port, user=target.user, host_key=target.host_key_line, masks=masks)
        )
        await served.start()
        stack.push_async_callback(served.stop)
        _write_config(directory, target, middle, served)
        yield Ground(directory, files, target, served)


def _write_config(directory: Path, target: Sshd, middle: Sshd, served: Served) -> None:
    hosts = []
    for name, server in ((DIRECT, target), ("middle", middle)):
        key = directory / f"{name}_key"
        key.touch(0o600)
        key.write_bytes(server.login_key.export_private_key())
        hosts.append(_HOST.format(name=name, port=server.port, user=server.user, key=key))
    direct_key, alice = directory / f"{DIRECT}_key", served.directory / "alice_key"
    jump = _HOST.format(name=JUMP, port=target.port, user=target.user, key=direct_key)
    hosts.append(jump + "  ProxyJump middle\n")
    for name, user in ((GATEWAY, "web-1"), (MASKED, "web-2")):
        hosts.append(_HOST.format(name=name, port=served.ports["ssh"], user=user, key=alice))
    text = "".join([*hosts, _EVERY_HOST.format(kex=KEX, cipher=CIPHER)])
    (directory / "config").write_text(text)


async def run(command: list[str], source: Path | None = None, typed: bytes = b"") -> int:
    """Run a client to its end, its output thrown away; returns its exit status."""
    with (source or Path("/dev/null")).open("rb") as given:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if typed else given,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=None if source is None and not typed else asyncio.subprocess.DEVNULL,
        )
        if typed:
            await process.communicate(typed)
        return await process.wait()


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
