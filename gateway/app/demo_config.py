"""The demo's keys and its configuration, written as files: what a person would write by hand for a small gateway."""

import os
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncssh

_CONFIG = """\
# Made by hoop-gateway demo. Loopback only.
version = 1

[gateway]
name     = "demo"
data_dir = "data"

[listen]
ssh      = "127.0.0.1:{ssh_port}"
api      = "127.0.0.1:0"
postgres = "127.0.0.1:0"

[store]
reserve = "1MiB"

[ssh]
names = ["127.0.0.1"]

[login]
# Everybody's browser is on this machine.
device_roles = ["person", "approver", "auditor", "operator"]

[[issuer]]
name          = "demo"
title         = "the demo's provider"
url           = "{issuer}"
client_id     = "hoop"
client_secret = {{ file = "client_secret" }}
scopes        = ["openid", "profile", "email", "groups", "offline_access"]
algorithms    = ["ES256"]

[roles]
approver = ["dba"]
auditor  = ["sec"]
operator = ["sec"]

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
id      = "removals-are-looked-at"
match   = {{ command = "rm *", label = {{ env = "demo" }} }}
do      = "hold"
ask     = {{ group = ["dba", "sec"], ttl = "10m", scopes = ["once", "session"] }}
message = "somebody else looks at what is removed"

[[rule]]
id      = "settings-are-looked-at"
match   = {{ verb = "upload", path = "*.env", label = {{ env = "demo" }} }}
do      = "hold"
ask     = {{ group = ["dba", "sec"], ttl = "10m" }}
message = "somebody else looks at new settings"

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

_DATABASE = """
[[target]]
name     = "appdb"
kind     = "postgres"
to       = "{place}"
database = "{database}"
user     = "{role}"
labels   = {{ env = "demo" }}

[[rule]]
id      = "no-whole-tables"
match   = {{ verb = ["update", "delete"], has_where = false, label = {{ env = "demo" }} }}
do      = "block"
message = "say which rows: add WHERE"

[[rule]]
id      = "deletes-are-looked-at"
match   = {{ verb = "delete", label = {{ env = "demo" }} }}
do      = "hold"
ask     = {{ group = "dba", ttl = "10m", scopes = ["once", "shape 15m 3"] }}
risk    = "medium"
impact  = "dry-run"
message = "a DBA looks at what is deleted"

[[rule]]
id      = "customers-are-looked-at"
match   = {{ verb = ["insert", "update", "delete"], table = "customers", label = {{ env = "demo" }} }}
do      = "hold"
ask     = {{ group = "dba", ttl = "10m" }}
risk    = "high"
message = "a DBA looks at what becomes of customers"

[[rule]]
id    = "nobody-sees-ssn"
match = {{ protocol = "postgres", label = {{ env = "demo" }} }}
do    = "mask"

[rule.mask]
"customers.ssn" = "redact"
"""

_SSH_CONFIG = """\
Host web-1
    User web-1
Host appdb
    User appdb
Host console
    User console
    RequestTTY force
Host web-1 appdb console
    HostName 127.0.0.1
    Port {port}
    UserKnownHostsFile {known_hosts}
    StrictHostKeyChecking yes
    HostKeyAlias hoop-demo
# Once you have signed in:
Match originalhost web-1,appdb exec "test -e {tested}"
    IdentityFile {identity}
    CertificateFile {certificate}
    IdentitiesOnly yes
"""

_LOGIN = """\
#!/bin/sh
# Signs you in to the demo. What you are given stays in the demo's directory, and your own agent is left alone.
unset SSH_AUTH_SOCK
XDG_CONFIG_HOME={directory} exec {program} login --gateway {api} --no-known-hosts "$@"
"""

_PSQL = """\
#!/bin/sh
# Runs your psql through the demo's gateway, with a password that lasts for this once.
XDG_CONFIG_HOME={directory} exec {program} psql --gateway {api} appdb "$@"
"""

_APPROVER = """\
#!/bin/sh
# Runs hoop-tui as Bob, who is asked about what is held.
HOOP_GATEWAY={api} HOOP_TOKEN="$(cat {token})" XDG_CONFIG_HOME={directory}/bob-config exec {program} "$@"
"""


@dataclass(frozen=True, slots=True)
class Made:
    """The demo's directory and the keys in it."""

    directory: Path
    target_person_key: asyncssh.SSHKey
    target_host_key: asyncssh.SSHKey

    @property
    def home(self) -> Path:
        """The scratch directory that the target's shell starts in."""
        return self.directory / "web-1"

    @property
    def client_secret(self) -> Path:
        """What the gateway proves to the provider that it is the gateway with."""
        return self.directory / "client_secret"

    def provider_port(self) -> int:
        """The provider's address is who people are: a demo that was kept has to find it where it was."""
        kept = self._provider_file
        return int(kept.read_text()) if kept.exists() else 0

    def keep_provider_port(self, url: str) -> None:
        """Remember where the provider is."""
        write_private(self._provider_file, str(urlsplit(url).port).encode())

    @property
    def _provider_file(self) -> Path:
        return self.directory / "provider_port"

    @property
    def token_file(self) -> Path:
        """Where the app finds its token."""
        return self.directory / "token"

    @property
    def approver_token_file(self) -> Path:
        """Bob's, for the script that decides as him."""
        return self.directory / "bob-token"


def make(directory: Path) -> Made:
    """Fresh keys in `directory`, private to this account."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Made(directory, *(asyncssh.generate_private_key("ssh-ed25519", "demo") for _ in range(2)))
    write_private(made.client_secret, secrets.token_urlsafe(32).encode())
    write_private(directory / "target_key", made.target_person_key.export_private_key())
    made.home.mkdir(mode=0o700, exist_ok=True)
    return made


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo's database is."""

    directory: Path
    port: int
    database: str
    role: str


def write(made: Made, *, target_port: int, ssh_port: int, issuer: str, database: Place | None = None) -> Path:
    """The configuration file."""
    path = made.directory / "hoop.toml"
    text = _CONFIG.format(
        ssh_port=ssh_port,
        target_port=target_port,
        issuer=issuer,
        target=made.target_host_key.export_public_key().decode().strip(),
    )
    if database is not None:
        place = f"{database.directory}:{database.port}"
        text += _DATABASE.format(place=place, database=database.database, role=database.role)
    write_private(path, text.encode())
    return path


def write_access(made: Made, *, ssh_port: int, api: str) -> Path:
    """A client configuration that knows the gateway, and a script that signs in: nothing of the user's own is
    touched. Returns where the script leaves the key."""
    host_key = asyncssh.read_private_key(made.directory / "data" / "ssh_host_ed25519_key")
    line = f"hoop-demo {host_key.export_public_key().decode().strip()}\n"
    write_private(made.directory / "known_hosts", line.encode())
    at = urlsplit(api)
    identity = made.directory / "hoop" / "ssh" / f"{at.hostname}_{at.port}" / "id_ed25519"
    text = _SSH_CONFIG.format(
        port=ssh_port,
        tested=shlex.quote(str(identity)),
        identity=_quoted(identity),
        certificate=_quoted(identity.with_name(f"{identity.name}-cert.pub")),
        known_hosts=_quoted(made.directory / "known_hosts"),
    )
    write_private(made.directory / "ssh_config", text.encode())
    program = Path(sys.executable).with_name("hoop-tui")
    for name, script in (("login", _LOGIN), ("psql", _PSQL), ("bob", _APPROVER)):
        filled = script.format(
            directory=shlex.quote(str(made.directory)),
            program=shlex.quote(str(program)),
            api=api,
            token=shlex.quote(str(made.approver_token_file)),
        )
        write_private(made.directory / name, filled.encode())
    return identity


def lines(directory: Path) -> tuple[str, str, str, str]:
    """What to paste into a second terminal: sign in, a shell, a blocked command, a masked answer."""
    ssh = f"ssh -F {shlex.quote(str(directory / 'ssh_config'))} web-1"
    sign_in = f"sh {shlex.quote(str(directory / 'login'))}"
    return sign_in, ssh, f"{ssh} sudo systemctl restart nginx", f"{ssh} cat customers.csv"


def approver_lines(directory: Path) -> tuple[str, str]:
    """What is held, and how Bob sees what he is asked."""
    ssh = f"ssh -F {shlex.quote(str(directory / 'ssh_config'))} web-1"
    return f"{ssh} rm log/app.log", f"sh {shlex.quote(str(directory / 'bob'))} review ls"


def console_line(directory: Path) -> str:
    """The app, over ssh alone, for whoever of the staff is chosen in the browser."""
    return f"ssh -F {shlex.quote(str(directory / 'ssh_config'))} console"


def database_lines(directory: Path) -> tuple[str, str, str, str, str]:
    """The same for the database: psql of one's own, psql inside the gateway, a blocked statement, a held one, a
    tunnel."""
    ssh = f"ssh -F {shlex.quote(str(directory / 'ssh_config'))}"
    psql = f"sh {shlex.quote(str(directory / 'psql'))}"
    query, deletion = "select * from customers", "delete from orders"
    one = "delete from orders where id = 5003"
    return (
        f"{psql} -c '{query}'",
        f"{ssh} appdb",
        f"{psql} -c '{deletion}'",
        f"{psql} -c '{one}'",
        f"{ssh} -N -L 5433:appdb:5432 appdb & psql 'host=127.0.0.1 port=5433 dbname=appdb sslmode=disable'",
    )


def _quoted(path: Path) -> str:
    return f'"{path}"'


def write_private(path: Path, data: bytes) -> None:
    """Only this account may read it."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
