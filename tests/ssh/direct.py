"""The stock client without a gateway: what a test compares with."""

from pathlib import Path

from tests.ssh.client import StockSsh
from tests.ssh.sshd import Sshd


class DirectSsh(StockSsh):
    """As `StockSsh`, straight to an sshd: what stands before an `@` is left out."""

    def __init__(self, directory: Path, sshd: Sshd) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.use_key(sshd.login_key)
        (directory / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key_line}\n")
        (directory / "config").write_text(
            f"""
            Host *
            HostName 127.0.0.1
            Port {sshd.port}
            User {sshd.user}
            IdentityFile {directory}/id
            IdentitiesOnly yes
            IdentityAgent none
            GlobalKnownHostsFile /dev/null
            UserKnownHostsFile {directory}/known_hosts
            StrictHostKeyChecking yes
            BatchMode yes
            """
        )

    def command(self, *arguments: str, program: str = "ssh") -> list[str]:
        there = (word.rpartition("@")[2] if word.endswith("@gw") else word for word in arguments)
        return super().command(*there, program=program)
