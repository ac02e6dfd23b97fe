"""A target that runs a function of the test's own instead of a program, and may have any SFTP server or none."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from tests.ssh.house import House

Program = Callable[[asyncssh.SSHServerProcess[bytes]], Awaitable[None]]


class _Anybody(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@dataclass
class FakeTarget:
    """`start`, then `stop`. `commands` are those it was asked to run."""

    program: Program
    commands: list[str | None] = field(default_factory=list)
    server: asyncssh.SSHAcceptor | None = None

    async def start(self, house: House, name: str = "web-1", **options: Any) -> None:
        """Listen, and be known to the gateway by this name."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_Anybody,
            server_host_keys=[key],
            process_factory=self._run,
            encoding=None,
            **options,
        )
        line = " ".join(key.export_public_key().decode().split()[:2])
        house.offer(
            name,
            self.server.get_port(),
            "somebody",
            asyncssh.generate_private_key("ssh-ed25519"),
            host_keys=[line],
        )

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        if process.subsystem is not None:
            process.exit(127)  # an SFTP server comes by `sftp_factory`
            return
        self.commands.append(process.command)
        await self.program(process)

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()
