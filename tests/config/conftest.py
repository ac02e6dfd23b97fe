"""A good configuration to spoil, and keys for it."""

from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from gateway.app.config_file import LoadedConfig, load_config

GOOD = """\
version = 1

[gateway]
name = "gw-1"
data_dir = "data"

[listen]
ssh = "127.0.0.1:2222"
api = "127.0.0.1:8022"
admin = "[::1]:9090"

[store]
reserve = "1GiB"

[ssh]
login_grace = "1m30s"
banner = ["sessions are recorded"]

[[person]]
name = "alice@example.com"
keys = ["{alice}"]
groups = ["dev"]

[[person]]
name = "carol@example.com"
roles = ["person", "auditor"]

[[target]]
name = "web-1"
kind = "ssh"
to = "web-1.internal:22"
labels = {{ env = "prod" }}
user = "deploy"
logins = ["root"]
key = {{ env = "WEB_KEY" }}
host_keys = ["{bob}"]

[[target]]
name = "db-*"
kind = "ssh"
to = "{{name}}.internal:2200"
user = "deploy"
password = {{ command = ["vault", "read"] }}

[[rule]]
id = "dev"
match = {{ group = "dev" }}
do = "allow"
"""


def public_line(comment: str = "") -> str:
    """A fresh public key as one line."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return key.export_public_key().decode().strip()


@pytest.fixture(scope="session")
def alice() -> str:
    """Alice's public key."""
    return public_line("alice laptop")


@pytest.fixture(scope="session")
def good(alice: str) -> str:
    """A configuration that is right."""
    return GOOD.format(alice=alice, bob=public_line())


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadedConfig]:
    """Load a text as `hoop.toml`, in a directory where it may point at files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB_KEY", "x")

    def loaded(text: str, **environ: str) -> LoadedConfig:
        Path("hoop.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
        return load_config(Path("hoop.toml"), environ=environ)

    return loaded
