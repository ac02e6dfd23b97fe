"""The demo's keys and its configuration, written as files: what a person would write by hand for a small gateway."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import asyncssh

_CONFIG = """\
# Made by hoop-gateway demo. Loopback only.
version = 1

[gateway]
name     = "demo"
data_dir = "data"

[listen]
ssh = "127.0.0.1:{ssh_port}"
api = "127.0.0.1:0"

[store]
reserve = "1MiB"

[ssh]
banner = ["hoop: sessions are recorded and may be watched"]

[[person]]
name   = "alice@example.com"
keys   = ["{alice}"]
groups = ["dev"]

[[person]]
name   = "carol@example.com"
groups = ["sec"]
roles  = ["auditor"]

[[target]]
name      = "web-1"
kind      = "ssh"
to        = "127.0.0.1:{target_port}"
user      = "deploy"
labels    = {{ env = "demo" }}
key       = {{ file = "target_key" }}
host_keys = ["{target}"]

[[rule]]
id    = "dev-on-demo"
match = {{ group = "dev", label = {{ env = "demo" }} }}
do    = "allow"

[[rule]]
id      = "no-restarts"
match   = {{ verb = "exec", command = ["systemctl restart *", "reboot*", "shutdown*"] }}
do      = "block"
message = "restarts go through the deploy pipeline"

[[rule]]
id      = "no-config-by-hand"
match   = {{ path = "/etc/*", verb = ["upload", "remove", "chmod", "mkdir"] }}
do      = "block"
message = "configuration goes through the deploy pipeline"

[[rule]]
id    = "no-secrets-on-screens"
match = {{ label = {{ env = "demo" }} }}
do    = "mask"

[rule.mask]
card        = "redact"
email       = "redact"
password    = "redact"
jwt         = "redact"
cloud-key   = "redact"
private-key = "redact"
"""

_SSH_CONFIG = """\
Host web-1
    HostName 127.0.0.1
    Port {port}
    User web-1
    IdentityFile {identity}
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    StrictHostKeyChecking yes
    HostKeyAlias hoop-demo
"""


@dataclass(frozen=True, slots=True)
class Made:
    """The demo's directory and the keys in it."""

    directory: Path
    alice_key: asyncssh.SSHKey
    target_person_key: asyncssh.SSHKey
    target_host_key: asyncssh.SSHKey

    @property
    def home(self) -> Path:
        """The scratch directory that the target's shell starts in."""
        return self.directory / "web-1"

    @property
    def token_file(self) -> Path:
        """Where the app finds its token."""
        return self.directory / "token"


def make(directory: Path) -> Made:
    """Fresh keys in `directory`, private to this account."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Made(directory, *(asyncssh.generate_private_key("ssh-ed25519", "demo") for _ in range(3)))
    write_private(directory / "alice_key", made.alice_key.export_private_key())
    write_private(directory / "target_key", made.target_person_key.export_private_key())
    made.home.mkdir(mode=0o700, exist_ok=True)
    return made


def write(made: Made, *, target_port: int, ssh_port: int) -> Path:
    """The configuration file."""
    path = made.directory / "hoop.toml"
    text = _CONFIG.format(
        ssh_port=ssh_port,
        target_port=target_port,
        alice=made.alice_key.export_public_key().decode().strip(),
        target=made.target_host_key.export_public_key().decode().strip(),
    )
    write_private(path, text.encode())
    return path


def write_ssh_config(made: Made, port: int) -> None:
    """A client configuration that knows the gateway, so that nothing of the user's own is touched."""
    host_key = asyncssh.read_private_key(made.directory / "data" / "ssh_host_ed25519_key")
    line = f"hoop-demo {host_key.export_public_key().decode().strip()}\n"
    write_private(made.directory / "known_hosts", line.encode())
    text = _SSH_CONFIG.format(
        port=port,
        identity=_quoted(made.directory / "alice_key"),
        known_hosts=_quoted(made.directory / "known_hosts"),
    )
    write_private(made.directory / "ssh_config", text.encode())


def lines(directory: Path) -> tuple[str, str, str]:
    """What to paste into a second terminal: a shell, a blocked command, a masked answer."""
    ssh = f"ssh -F {shlex.quote(str(directory / 'ssh_config'))} web-1"
    return ssh, f"{ssh} sudo systemctl restart nginx", f"{ssh} cat customers.csv"


def _quoted(path: Path) -> str:
    return f'"{path}"'


def write_private(path: Path, data: bytes) -> None:
    """Only this account may read it."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
