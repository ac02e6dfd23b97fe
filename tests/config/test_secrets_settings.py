"""References to secrets and [vault]: what they may be, what must go together, and what the rooms get of it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.app.config_file import LoadedConfig
from gateway.app.config_problems import ConfigurationProblems
from gateway.app.config_secrets import references
from gateway.app.config_show import as_toml
from gateway.app.config_values import SecretReference, read_secret
from gateway.app.credentials import Credentials
from gateway.core.errors import Fault
from gateway.secrets.vault.settings import ByAppRole, ByJwt, ByToken, VaultSettings
from tests.secrets.certificates import Certificates

Load = Callable[..., LoadedConfig]

TOKEN = 'token = { env = "WEB_KEY" }\n'
HALVES = 'role_id = { file = "role" }\nsecret_id = { command = ["get"] }\n'
JWT = 'jwt = { env = "WEB_KEY" }\nrole = "hoop"\n'
VAULT = '[vault]\naddress = "https://vault.example.com:8200"\n'


def with_vault(good: str, more: str, reference: str = '{ vault = "secret/data/web-1#key" }') -> str:
    return good.replace('key = { env = "WEB_KEY" }', f"key = {reference}") + VAULT + more


@pytest.mark.parametrize(
    "given",
    [
        {"vault": "secret/data/appdb#password"},
        {"aws": "prod/appdb"},
        {"aws": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:appdb-a1b2c3", "field": "user name"},
        {"field": "password", "aws": "prod/appdb", "region": "eu-west-1"},
    ],
)
def test_references_go_to_the_port_as_they_were_written(given: dict[str, str]) -> None:
    assert read_secret(given).as_mapping() == given


@pytest.mark.parametrize(
    ("more", "sign_in"),
    [
        (TOKEN, ByToken({"env": "WEB_KEY"})),
        (HALVES, ByAppRole({"file": "{dir}/role"}, {"command": ["get"]}, "approle")),
        (
            HALVES + 'mount = "ci/approle"\n',
            ByAppRole({"file": "{dir}/role"}, {"command": ["get"]}, "ci/approle"),
        ),
        (JWT, ByJwt({"env": "WEB_KEY"}, "hoop", "jwt")),
        (JWT + 'mount = "kubernetes"\n', ByJwt({"env": "WEB_KEY"}, "hoop", "kubernetes")),
    ],
)
def test_ways_to_sign_in(load: Load, good: str, more: str, sign_in: object) -> None:
    Path("role").touch(0o600)
    Path("role").write_text("x")
    table = load(with_vault(good, more)).settings.vault
    assert table is not None
    found = table.as_settings()
    assert found.address == "https://vault.example.com:8200"
    assert str(found.sign_in) == str(sign_in).replace("{dir}", str(Path.cwd()))


def test_every_key_of_the_table(load: Load, good: str, tmp_path: Path) -> None:
    shutil.copy(Certificates(tmp_path / "authority").file, Path.cwd() / "ca.pem")
    more = 'namespace = "admin/a"\nca_file = "ca.pem"\ntimeout = "3s"\n[secrets]\ncache = "1m"\n'
    loaded = load(with_vault(good, TOKEN + more))
    assert loaded.settings.vault is not None
    assert loaded.settings.vault.as_settings() == VaultSettings(
        "https://vault.example.com:8200",
        ByToken({"env": "WEB_KEY"}),
        namespace="admin/a",
        ca_file=Path.cwd() / "ca.pem",
        timeout=3.0,
    )
    assert loaded.settings.secrets.cache.total_seconds() == 60
    again = load(
        as_toml(loaded) + '\n[[rule]]\nid = "x"\nmatch = { user = "*" }\ndo = "allow"\n', WEB_KEY="x"
    )
    assert again.settings == loaded.settings


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "vault: needs one way to sign in: token, role_id with secret_id, or jwt with role"),
        (TOKEN + JWT, "vault: needs one way to sign in"),
        (TOKEN + HALVES, "vault: needs one way to sign in"),
        ('role_id = { env = "WEB_KEY" }\n', "vault: role_id and secret_id are the two halves of one AppRole"),
        (TOKEN + 'secret_id = { env = "WEB_KEY" }\n', "vault: role_id and secret_id are the two halves"),
        ('jwt = { env = "WEB_KEY" }\n', "vault: jwt and role belong together: give both"),
        (TOKEN + 'role = "hoop"\n', "vault: jwt and role belong together: give both"),
        (TOKEN + 'mount = "jwt"\n', "vault: mount does nothing beside a token"),
        ('token = "canary"\n', "vault.token: a secret is never written into the configuration"),
        ('token = { vault = "kv/canary#t" }\n', "vault.token: can not be in the vault that it opens"),
        (
            TOKEN + 'namespace = "a b"\n',
            'vault.namespace: must be the name of a namespace, as in "admin/team-a"',
        ),
        (TOKEN + 'timeout = "2m"\n', "vault.timeout: must be from 1s to 1m"),
        (JWT + 'mount = "/auth/jwt"\n', "vault.mount: must be where it is mounted under auth/"),
        (JWT + 'mount = ".."\n', "vault.mount: must be where it is mounted under auth/"),
        (TOKEN + 'adress = "x"\n', "vault.adress: there is no such setting; did you mean"),
        (TOKEN + '[secrets]\ncache = "6m"\n', "secrets.cache: must be from 0s to 5m"),
    ],
)
def test_settings_that_do_not_go_together(load: Load, good: str, more: str, told: str) -> None:
    with pytest.raises(ConfigurationProblems) as caught:
        load(with_vault(good, more))
    found = caught.value.sentence.split("\n")
    assert any(f": {told}" in line for line in found), found
    assert "canary" not in caught.value.sentence


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://vault.example.com", "must start with https://, because secrets come from there"),
        ("ftp://127.0.0.1", "must start with https://"),
        ("vault.example.com:8200", "must be an address"),
        ("https://u:canary@vault", "must be an address"),
        ("https://vault:port", "must be an address"),
        ("https://vault/v1", "must end after the host and its port"),
        ("https://vault/?x", "must end after the host and its port"),
        ("https://", "must be an address"),
        ("https://[::1", "must be an address"),
        ("https://va ult", "must be an address"),
    ],
)
def test_addresses_that_are_none(load: Load, good: str, address: str, told: str) -> None:
    text = with_vault(good, TOKEN).replace("https://vault.example.com:8200", address)
    with pytest.raises(ConfigurationProblems) as caught:
        load(text)
    assert f"vault.address: {told}" in caught.value.sentence
    assert "canary" not in caught.value.sentence


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost:8200", "https://vault/"]
)
def test_addresses_that_are_some(load: Load, good: str, address: str) -> None:
    text = with_vault(good, TOKEN).replace("https://vault.example.com:8200", address)
    table = load(text).settings.vault
    assert table is not None
    assert table.address == address.rstrip("/")


def test_an_authority_that_is_none(load: Load, good: str) -> None:
    text = with_vault(good, TOKEN + 'ca_file = "ca.pem"\n')
    for content, told in (
        ("", "has no certificate in PEM form"),
        ("canary", "has no certificate in PEM form"),
    ):
        (Path.cwd() / "ca.pem").write_text(content)
        with pytest.raises(ConfigurationProblems) as caught:
            load(text)
        assert f"vault.ca_file: {Path.cwd()}/ca.pem: {told}" in caught.value.sentence
        assert "canary" not in caught.value.sentence.replace(str(Path.cwd()), "")


def test_secrets_that_are_not_there(load: Load, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they are referred to; a vault is not asked by this."""
    monkeypatch.delenv("WEB_KEY")
    with pytest.raises(ConfigurationProblems) as caught:
        load(with_vault(good, HALVES + 'ca_file = "ca.pem"\n', '{ env = "WEB_KEY" }'))
    told = caught.value.sentence
    assert f"vault.role_id: the secret file {Path.cwd()}/role does not exist" in told
    assert "target.key: the environment variable WEB_KEY is not set" in told
    assert f"vault.ca_file: {Path.cwd()}/ca.pem: there is no such file" in told


def test_a_machine_without_botocore(load: Load, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = good.replace('env = "WEB_KEY"', 'aws = "prod/web-1"')
    assert load(text).settings.target[0].key == SecretReference("aws", "prod/web-1")
    monkeypatch.setattr("gateway.app.config_files.find_spec", lambda name: None)
    with pytest.raises(ConfigurationProblems) as caught:
        load(text)
    assert caught.value.sentence.endswith(
        'target.key: needs botocore, which is not installed: install hoop-tui with its extra "aws"'
    )


def test_a_vault_that_nothing_says_how_to_reach(load: Load, good: str) -> None:
    text = good.replace('key = { env = "WEB_KEY" }', 'key = { vault = "secret/data/web-1#key" }')
    with pytest.raises(ConfigurationProblems) as caught:
        load(text)
    told = "target.key: needs a vault, so a [vault] table must say which and how to sign in there"
    assert caught.value.sentence.endswith(told)


def test_a_key_that_is_signed_for_each_connection(load: Load, good: str) -> None:
    """Only where a key is meant."""
    loaded = load(with_vault(good, TOKEN, '{ vault_ssh = "ssh/sign/deploy" }'))
    key = loaded.settings.target[0].key
    assert key is not None
    assert key.as_mapping() == {"vault_ssh": "ssh/sign/deploy"}
    assert 'key = { "vault_ssh" = "ssh/sign/deploy" }' in as_toml(loaded)
    for text, told in (
        (good.replace('env = "WEB_KEY"', 'vault_ssh = "ssh/sign/deploy"'), "target.key: needs a vault"),
        (with_vault(good, TOKEN, '{ vault_ssh = "canary" }'), "target.key: vault_ssh must be a path without"),
        (with_vault(good, TOKEN, "{ vault_ssh = 7 }"), "target.key: vault_ssh must be a path without"),
        (
            with_vault(good, 'token = { vault_ssh = "a/b" }\n'),
            "vault.token: must be one reference to a secret",
        ),
        (
            with_vault(good, TOKEN).replace('command = ["vault", "read"]', 'vault_ssh = "a/b"'),
            "target.password: must be one reference to a secret",
        ),
    ):
        with pytest.raises(ConfigurationProblems) as caught:
            load(text)
        assert told in caught.value.sentence
        assert "canary" not in caught.value.sentence


def test_two_accounts_for_the_same(load: Load, good: str) -> None:
    one, two = '{ group = "sre", user = "root" }', '{ group = "sre", user = "admin" }'
    other = '{ person = "bob@example.com", user = "bob" }'
    load(good.replace("logins =", f"accounts = [{one}, {other}]\nlogins ="))
    with pytest.raises(ConfigurationProblems) as caught:
        load(good.replace("logins =", f"accounts = [{one}, {other}, {two}]\nlogins ="))
    assert 'accounts: has two entries for "sre", of which the second never counts' in caught.value.sentence


def test_every_reference_is_found(load: Load, good: str) -> None:
    found = dict(references(load(with_vault(good, TOKEN)).settings))
    assert found == {
        ("target", 0, "key"): SecretReference("vault", "secret/data/web-1#key"),
        ("target", 1, "password"): SecretReference("command", ("vault", "read")),
        ("vault", "token"): SecretReference("env", "WEB_KEY"),
    }


async def test_credentials_are_put_together(load: Load, good: str) -> None:
    """With a vault there is somebody to ask, and no command gets what is in the environment for others."""
    environ = {"WEB_KEY": "canary", "OPEN": "yes"}
    bare = Credentials(load(good).settings, environ)
    assert (bare.signer, bare.leases) == (None, None)
    loaded = "import gateway.cli.books, gateway.app.credentials, sys; print('httpx2' in sys.modules)"
    printed = await bare.secrets.fetch({"command": [sys.executable, "-c", loaded]})
    assert printed.expose() == b"False"
    assert (await bare.secrets.fetch({"env": "WEB_KEY"})).expose() == b"canary"
    with pytest.raises(Fault, match="does not say how to reach"):
        await bare.secrets.fetch({"vault": "secret/data/web-1#key"})
    await bare.close()
    text = with_vault(good, TOKEN).replace("https://vault.example.com:8200", "http://127.0.0.1:9")
    full = Credentials(load(text).settings, environ)
    assert full.signer is not None
    assert full.leases is not None
    printed = await full.secrets.fetch({"command": ["/usr/bin/env"]})
    assert printed.expose() == b"OPEN=yes"
    with pytest.raises(Fault, match="the vault can not be reached"):
        await full.secrets.fetch({"vault": "secret/data/web-1#key"})
    await full.close()
