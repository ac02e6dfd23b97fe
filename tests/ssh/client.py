"""The stock OpenSSH client, with a configuration that holds nothing of the caller's."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from tests.ssh.house import House

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a client ended."""

    status: int
    out: bytes
    err: bytes

    @property
    def said(self) -> str:
        """Its error output without the banner."""
        lines = self.err.decode(errors="replace").splitlines(keepends=True)
        return "".join(line for line in lines if "may be watched" not in line).replace("\r\n", "\n")


class StockSsh:
    """Writes a configuration for one gateway and runs `ssh`, `scp` or `sftp` with it."""

    def __init__(self, directory: Path, house: House) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.port = house.port
        self.use_key(house.person_key)
        gateway = asyncssh.read_private_key(house.door.host_key_path).export_public_key().decode()
        (directory / "known_hosts").write_text(f"[127.0.0.1]:{house.port} {gateway}")
        (directory / "config").write_text(
            f"""
            Host *
            HostName 127.0.0.1
            Port {house.port}
            IdentityFile {directory}/id
            IdentitiesOnly yes
            IdentityAgent none
            GlobalKnownHostsFile /dev/null
            UserKnownHostsFile {directory}/known_hosts
            StrictHostKeyChecking yes
            BatchMode yes
            """
        )

    def use_key(self, key: asyncssh.SSHKey) -> None:
        path = self.directory / "id"
        path.touch(0o600)
        path.write_bytes(key.export_private_key())

    def command(self, *arguments: str, program: str = "ssh") -> list[str]:
        return [program, "-F", str(self.directory / "config"), *arguments]

    async def start(self, *arguments: str, program: str = "ssh") -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *self.command(*arguments, program=program), stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def run(
        self, *arguments: str, typed: bytes = b"", program: str = "ssh", patience: float = PATIENCE
    ) -> Ran:
        process = await self.start(*arguments, program=program)
        try:
            async with asyncio.timeout(patience):
                out, err = await process.communicate(typed)
        except BaseException:
            process.kill()
            await process.communicate()
            raise
        return Ran(process.returncode or 0, out, err)


async def told_to_leave(client: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """What it has said. A client that is told just before it waits looks at the signal only when something else
    happens, which may take until its keep-alive: so it is told again."""
    said = asyncio.ensure_future(client.communicate())
    while not said.done():
        if client.returncode is None:
            client.terminate()
        await asyncio.wait([said], timeout=1)
    return await said
