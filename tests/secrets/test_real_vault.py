"""The vault's client against a real server: key-value engines, ways to sign in, SSH keys, accounts of a database.

Run by scripts/interop-vault. It is left out where there is neither a `bao` nor a `vault` program.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.core.errors import Fault
from gateway.secrets.cached import CachedSecrets
from gateway.secrets.references import ReferenceSecrets
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.keyvalue import VaultSecrets
from gateway.secrets.vault.leases import VaultLeases
from gateway.secrets.vault.settings import ByAppRole, ByJwt, ByToken, VaultSettings
from gateway.secrets.vault.signer import VaultSigner
from gateway.secrets.wrong import NotAllowed, NothingThere
from tests.contracts.postgres_server import MISSING, PostgresServer, binaries
from tests.secrets.conftest import fault_of
from tests.secrets.real_vault import PROGRAM, RealVault
from tests.secrets.vault_double import Watch

pytestmark = [pytest.mark.slow, pytest.mark.interop, pytest.mark.needs("postgres", "ssh-keygen")]

POLICY = """
path "secret/data/hoop/*" { capabilities = ["read"] }
path "kv/*" { capabilities = ["read"] }
path "ssh/sign/deploy" { capabilities = ["update"] }
path "database/creds/readonly" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
"""
LENT = "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE lent"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealVault]:
    """With every engine that the gateway knows, an AppRole and a JWT role."""
    assert PROGRAM
    server = RealVault(tmp_path_factory.mktemp("vault"))
    try:
        server.start()
        server.operator("POST", "sys/mounts/kv", type="kv", options={"version": "1"})
        server.operator("POST", "sys/policies/acl/hoop", policy=POLICY)
        server.operator("POST", "sys/auth/approle", type="approle")
        yield server
    finally:
        server.stop()


@pytest.fixture
async def vault(server: RealVault) -> AsyncIterator[Vault]:
    """The gateway, with a token of ten minutes by an AppRole."""
    vault = by_approle(server, token_ttl="10m")
    yield vault
    await vault.close()


def by_approle(server: RealVault, **role: Any) -> Vault:
    about = {"token_policies": ["hoop"], "token_max_ttl": "1h", **role}
    server.operator("POST", "auth/approle/role/gateway", **about)
    role_id = server.operator("GET", "auth/approle/role/gateway/role-id")["data"]["role_id"]
    secret_id = server.operator("POST", "auth/approle/role/gateway/secret-id")["data"]["secret_id"]
    return signing_in(server, ByAppRole({"env": "R"}, {"env": "S"}), R=role_id, S=secret_id)


def signing_in(server: RealVault, how: Any, **environ: str) -> Vault:
    return Vault(VaultSettings(server.address, how), ReferenceSecrets(environ))


async def value(vault: Vault, reference: str) -> bytes:
    return (await VaultSecrets(vault).fetch({"vault": reference})).expose()


async def test_both_versions_of_the_key_value_engine(server: RealVault, vault: Vault) -> None:
    server.operator("POST", "secret/data/hoop/appdb", data={"password": "one", "port": 5432})
    server.operator("POST", "kv/appdb", password="old", data="odd")
    assert await value(vault, "secret/data/hoop/appdb#password") == b"one"
    assert await value(vault, "kv/appdb#password") == b"old"
    assert await value(vault, "kv/appdb#data") == b"odd"
    for reference in ("secret/data/hoop/appdb#port", "kv/appdb#nothing"):
        assert "it has no such field" in await fault_of(value(vault, reference))
    with pytest.raises(NothingThere):
        await value(vault, "secret/data/hoop/none#password")
    with pytest.raises(NotAllowed):
        await value(vault, "secret/data/others#password")
    server.operator("DELETE", "secret/data/hoop/appdb")
    with pytest.raises(NothingThere):
        await value(vault, "secret/data/hoop/appdb#password")


async def test_a_rotated_secret_is_in_force_without_a_restart(server: RealVault, vault: Vault) -> None:
    watch = Watch()
    cached = CachedSecrets(VaultSecrets(vault), now=watch)
    reference = {"vault": "secret/data/hoop/turning#password"}
    for number, word in enumerate(("one", "two", "three")):
        server.operator("POST", "secret/data/hoop/turning", data={"password": word})
        assert (await cached.fetch(reference)).expose() == word.encode()
        watch.time += 30 if number == 0 else 1
        if number == 1:
            cached.forget(reference)
    await cached.close()


async def test_a_token_is_renewed_and_replaced_in_time(server: RealVault) -> None:
    """Three seconds each, seven at most, over ten seconds."""
    server.operator("POST", "kv/x", f="v")
    vault = by_approle(server, token_ttl="3s", token_max_ttl="7s")
    until = time.monotonic() + 10
    seen = set()
    while time.monotonic() < until:
        assert await value(vault, "kv/x#f") == b"v"
        held = vault._pass
        assert held is not None
        seen.add(held.token.expose())
        await asyncio.sleep(0.2)
    assert 2 <= len(seen) <= 4
    await vault.close()


async def test_a_token_that_an_operator_revokes_is_replaced(server: RealVault, vault: Vault) -> None:
    server.operator("POST", "kv/x", f="v")
    assert await value(vault, "kv/x#f") == b"v"
    held = vault._pass
    assert held is not None
    server.operator("POST", "auth/token/revoke", token=held.token.expose().decode())
    assert await value(vault, "kv/x#f") == b"v"
    await vault.close()
    wrong = signing_in(server, ByAppRole({"env": "R"}, {"env": "S"}), R="none", S="none")
    assert "can not sign in to the vault" in await fault_of(value(wrong, "kv/x#f"))
    await wrong.close()
    none = signing_in(server, ByToken({"env": "T"}), T="hvs.none")
    assert "does not allow it (status 403)" in await fault_of(value(none, "kv/x#f"))
    await none.close()


async def test_by_the_token_of_a_place(server: RealVault) -> None:
    key = ECKey.generate_key("P-256")
    server.operator("POST", "kv/x", f="v")
    server.operator("POST", "sys/auth/jwt", type="jwt")
    server.operator("POST", "auth/jwt/config", jwt_validation_pubkeys=[key.as_pem(private=False).decode()])
    about = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "token_policies": ["hoop"],
    }
    server.operator("POST", "auth/jwt/role/gateway", **about)
    now = int(time.time())
    claims = {
        "sub": "system:serviceaccount:hoop:gateway",
        "aud": "vault",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    good = jwt.encode({"alg": "ES256"}, claims, key)
    bad = jwt.encode({"alg": "ES256"}, claims, ECKey.generate_key("P-256"))
    vault = signing_in(server, ByJwt({"env": "J"}, "gateway"), J=good)
    assert await value(vault, "kv/x#f") == b"v"
    await vault.close()
    for how, token in ((ByJwt({"env": "J"}, "gateway"), bad), (ByJwt({"env": "J"}, "nobody"), good)):
        vault = signing_in(server, how, J=token)
        assert "can not sign in to the vault" in await fault_of(value(vault, "kv/x#f"))
        await vault.close()
    elsewhere = signing_in(server, ByJwt({"env": "J"}, "gateway", "nowhere"), J=good)
    assert "can not sign in to the vault" in await fault_of(value(elsewhere, "kv/x#f"))
    await elsewhere.close()


async def test_keys_that_are_signed(server: RealVault, vault: Vault, tmp_path: Path) -> None:
    server.operator("POST", "sys/mounts/ssh", type="ssh")
    authority = server.operator("POST", "ssh/config/ca", generate_signing_key=True)["data"]["public_key"]
    role = {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "deploy,app"}
    server.operator("POST", "ssh/roles/deploy", **role, default_extensions={"permit-pty": ""})
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = key.export_public_key().decode().strip()
    signer = VaultSigner(vault)
    text = await signer.sign_ssh({"vault_ssh": "ssh/sign/deploy"}, line, "deploy")
    (tmp_path / "key-cert.pub").write_text(text + "\n")
    printed = subprocess.run(
        ["ssh-keygen", "-L", "-f", str(tmp_path / "key-cert.pub")], capture_output=True, text=True, check=True
    ).stdout
    assert "user certificate" in printed
    assert asyncssh.import_public_key(authority).get_fingerprint() in printed
    assert printed.split("Principals:")[1].split("Critical")[0].split() == ["deploy"]
    assert "the vault does not take this question" in await fault_of(
        signer.sign_ssh({"vault_ssh": "ssh/sign/deploy"}, line, "root")
    )


@pytest.fixture(scope="module")
def postgres(server: RealVault) -> Iterator[PostgresServer]:
    """A database whose lent accounts need their passwords, and the vault as the one who makes them."""
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    postgres = PostgresServer.create(programs)
    try:
        postgres.start()
        with postgres.connect() as connection:
            connection.execute("CREATE ROLE lent NOLOGIN")
            connection.execute("CREATE ROLE maker SUPERUSER LOGIN PASSWORD 'maker'")
            (hba,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            rules = Path(hba)
            rules.write_text(f"host all +lent 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            connection.execute("SELECT pg_reload_conf()")
        server.operator("POST", "sys/mounts/database", type="database")
        server.operator(
            "POST",
            "database/config/appdb",
            plugin_name="postgresql-database-plugin",
            allowed_roles="readonly",
            connection_url=f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{postgres.port}/postgres",
            username="maker",
            password="maker",
        )
        yield postgres
    finally:
        postgres.remove()


def enters(postgres: PostgresServer, name: str, password: str) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=postgres.port, user=name, password=password, dbname="postgres"
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def lent(postgres: PostgresServer) -> list[str]:
    with postgres.connect() as connection:
        return [
            name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
        ]


async def test_accounts_that_are_lent(server: RealVault, vault: Vault, postgres: PostgresServer) -> None:
    """There in the block, with its own password, renewed beyond its first end, and gone after it."""
    server.operator(
        "POST",
        "database/roles/readonly",
        db_name="appdb",
        creation_statements=[LENT],
        renew_statements=["ALTER ROLE \"{{name}}\" VALID UNTIL '{{expiration}}'"],
        default_ttl="4s",
        max_ttl="1h",
    )
    async with VaultLeases(vault).lend({"vault_db": "database/creds/readonly"}) as lease:
        password = lease.password.expose().decode()
        assert lent(postgres) == [lease.username]
        assert enters(postgres, lease.username, password)
        assert not enters(postgres, lease.username, "another")
        await asyncio.sleep(9)
        assert enters(postgres, lease.username, password)
        assert not lease.over.is_set()
    assert lent(postgres) == []
    assert not enters(postgres, lease.username, password)


async def test_an_account_that_ends(server: RealVault, vault: Vault, postgres: PostgresServer) -> None:
    """By the longest time that its role allows, and by an operator: the borrower hears of it."""
    role = {"db_name": "appdb", "creation_statements": [LENT]}
    server.operator("POST", "database/roles/readonly", **role, default_ttl="3s", max_ttl="6s")
    async with VaultLeases(vault).lend({"vault_db": "database/creds/readonly"}) as lease:
        async with asyncio.timeout(10):
            await lease.over.wait()
        assert lent(postgres) == [lease.username]
    assert lent(postgres) == []
    server.operator("POST", "database/roles/readonly", **role, default_ttl="20s", max_ttl="1h")
    async with VaultLeases(vault).lend({"vault_db": "database/creds/readonly"}) as lease:
        server.operator("PUT", "sys/leases/revoke-prefix/database/creds/readonly")
        async with asyncio.timeout(14):
            await lease.over.wait()
    assert lent(postgres) == []


async def test_an_account_hangs_on_its_token(server: RealVault, postgres: PostgresServer) -> None:
    """The token lasts shorter than the account and is renewed beside it; when it is given back, all is."""
    role = {"db_name": "appdb", "creation_statements": [LENT]}
    server.operator("POST", "database/roles/readonly", **role, default_ttl="1h", max_ttl="1h")
    vault = by_approle(server, token_ttl="3s")
    async with VaultLeases(vault).lend({"vault_db": "database/creds/readonly"}) as lease:
        await asyncio.sleep(7)
        assert lent(postgres) == [lease.username]
        assert not lease.over.is_set()
    assert lent(postgres) == []
    await vault.close()
    vault = by_approle(server, token_ttl="3s", token_max_ttl="5s")
    async with VaultLeases(vault).lend({"vault_db": "database/creds/readonly"}) as lease:
        async with asyncio.timeout(8):
            await lease.over.wait()
        assert lent(postgres) == [lease.username]
    assert lent(postgres) == []
    await vault.close()


async def test_a_sealed_vault(tmp_path: Path) -> None:
    sealed = RealVault(tmp_path)
    try:
        sealed.start()
        made = sealed.operator("POST", "auth/token/create", policies=["root"], no_parent=True)
        vault = signing_in(sealed, ByToken({"env": "T"}), T=made["auth"]["client_token"])
        sealed.operator("POST", "secret/data/x", data={"f": "v"})
        assert await value(vault, "secret/data/x#f") == b"v"
        sealed.operator("PUT", "sys/seal")
        with pytest.raises(Fault) as caught:
            await value(vault, "secret/data/x#f")
        assert type(caught.value) is Fault
        assert caught.value.sentence.endswith("the vault is sealed - unseal it")
        await vault.close()
    finally:
        sealed.stop()
