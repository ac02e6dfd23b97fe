"""A real OpenSSH server of our own on a free loopback port: own keys, own configuration, the account we run as."""

import asyncio
import os
import pwd
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import asyncssh

PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass
class Sshd:
    """`start`, then `stop`. `log` is what it wrote."""

    directory: Path
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    sftp_server: str = "internal-sftp"

    def __post_init__(self) -> None:
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.login_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.directory.mkdir(exist_ok=True)
        self.home = self.directory / "home"
        """Of whoever signs in: the start-up files of the account's real home take their time, and are nobody's."""
        self.home.mkdir(exist_ok=True)

    @property
    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def host_key_line(self) -> str:
        return " ".join(self.host_key.export_public_key().decode().split()[:2])

    def write_files(self, extra: str = "") -> None:
        private = self.directory / "host_key"
        private.unlink(missing_ok=True)
        private.touch(0o600)
        private.write_bytes(self.host_key.export_private_key())
        (self.directory / "authorized_keys").write_bytes(self.login_key.export_public_key())
        (self.directory / "sshd_config").write_text(
            f"""
            ListenAddress 127.0.0.1:{self.port}
            HostKey {private}
            AuthorizedKeysFile {self.directory}/authorized_keys
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            AcceptEnv *
            SetEnv HISTFILE=/dev/null HOME={self.home}
            LogLevel VERBOSE
            PrintMotd no
            PrintLastLog no
            MaxStartups 100
            Subsystem sftp {self.sftp_server}
            {extra}
            """
        )

    async def start(self, extra: str = "") -> None:
        if os.getuid() == 0 and not PRIVILEGE_SEPARATION.exists():
            PRIVILEGE_SEPARATION.mkdir(mode=0o755)
        for _ in range(5):
            self.port = free_port()
            self.write_files(extra)
            self.process = await asyncio.create_subprocess_exec(
                "/usr/sbin/sshd", "-D", "-f", self.directory / "sshd_config", "-E", self.directory / "log"
            )
            if await self._answers():
                return
            await self.stop()
        raise RuntimeError(f"sshd does not start: {self.log}")

    async def _answers(self) -> bool:
        assert self.process is not None
        for _ in range(200):
            if self.process.returncode is not None:
                return False
            if f"listening on 127.0.0.1 port {self.port}" in self.log:
                return True
            await asyncio.sleep(0.02)
        return False

    def children(self) -> list[int]:
        """The processes of its connections, whichever way they are nested."""
        assert self.process is not None
        return descendants(self.process.pid)

    def kill_connections(self) -> None:
        """kill -9 everything but the listener."""
        for pid in self.children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    async def stop(self) -> None:
        if self.process is None:
            return
        self.kill_connections()
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()
        self.process = None


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    found: list[int] = []
    for child in map(int, text.split()):
        found += [child, *descendants(child)]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
