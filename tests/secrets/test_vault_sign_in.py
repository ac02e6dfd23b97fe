"""How the gateway signs in to a vault: by token, AppRole or JWT; renewed in time, replaced when it must be."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.keyvalue import VaultSecrets
from gateway.secrets.vault.settings import ByAppRole, ByJwt, ByToken
from tests.secrets.conftest import CANARY, Connect, fault_of
from tests.secrets.vault_double import VaultDouble, Watch, error

SECRET = {"vault": "kv/x#f"}
APPROLE = ByAppRole({"env": "ROLE_ID"}, {"env": "SECRET_ID"})
HALVES = {"ROLE_ID": "role-1", "SECRET_ID": f"secret-{CANARY}\n"}
LOGIN, RENEW = "auth/approle/login", "auth/token/renew-self"
NOT_IN = "the gateway can not sign in to the vault: "


@pytest.fixture(autouse=True)
def known(double: VaultDouble) -> None:
    double.kv1["kv/x"] = {"f": "value"}
    double.roles = {("approle", "role-1"): f"secret-{CANARY}", ("kubernetes", "hoop"): f"jwt-{CANARY}"}


async def value(vault: Vault) -> bytes:
    return (await VaultSecrets(vault).fetch(SECRET)).expose()


async def test_by_approle_once_for_many(double: VaultDouble, connect: Connect) -> None:
    vault = connect(APPROLE, HALVES)
    assert set(await asyncio.gather(*[value(vault) for _ in range(20)])) == {b"value"}
    assert double.count(LOGIN) == 1


async def test_by_the_token_of_a_place(double: VaultDouble, connect: Connect, tmp_path: Path) -> None:
    """It is read at each sign-in: a new one is in the file long before the old one ends."""
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(f"jwt-{CANARY}")
    vault = connect(ByJwt({"file": str(file)}, "hoop", "kubernetes"))
    assert await value(vault) == b"value"
    double.roles["kubernetes", "hoop"] = "another"
    double.tokens.clear()
    told = await fault_of(value(vault))
    assert told == f"{NOT_IN}it does not let the gateway in - check jwt and role in [vault]"
    file.write_text("another")
    assert await value(vault) == b"value"


async def test_by_a_token_that_somebody_else_renews(
    double: VaultDouble, connect: Connect, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(f"{double.token()}\n")
    vault = connect(ByToken({"file": str(file)}))
    assert await value(vault) == b"value"
    file.write_text(double.token())
    double.tokens.pop(double.asked[-1].headers["x-vault-token"])
    assert await value(vault) == b"value"
    file.write_text(f"hvs.{CANARY}")
    assert "the vault does not allow it (status 403)" in await fault_of(value(vault))
    assert double.count(RENEW) == 0
    await vault.close()
    assert double.count("auth/token/revoke-self") == 0


@pytest.mark.parametrize("token", [f"{CANARY} {CANARY}", f"{CANARY}\nX-Other: y", f"{CANARY}é"])
async def test_what_is_no_token_is_not_sent(double: VaultDouble, connect: Connect, token: str) -> None:
    told = await fault_of(value(connect(environ={"VAULT_TOKEN": token})))
    assert told.endswith("what token in [vault] points at is not a token")
    assert double.asked == []


async def test_a_token_is_renewed_when_half_of_it_is_over(
    double: VaultDouble, connect: Connect, watch: Watch
) -> None:
    vault = connect(APPROLE, HALVES)
    await value(vault)
    assert vault.due_at == watch.time + 300
    watch.time += 299
    await value(vault)
    assert double.count(RENEW) == 0
    watch.time += 1
    await value(vault)
    assert (double.count(RENEW), double.count(LOGIN)) == (1, 1)
    assert vault.due_at == watch.time + 300


async def test_at_the_end_of_its_life_there_is_a_new_one(
    double: VaultDouble, connect: Connect, watch: Watch
) -> None:
    """Each renewal gives ten minutes, but none goes beyond an hour from the beginning."""
    vault = connect(APPROLE, HALVES)
    for _ in range(60):
        await value(vault)
        watch.time += 60
    assert double.count(LOGIN) == 2
    assert 8 <= double.count(RENEW) <= 12
    assert not any(asked.path == "auth/token/lookup-self" for asked in double.asked)


async def test_a_token_that_was_revoked_is_replaced_once(double: VaultDouble, connect: Connect) -> None:
    vault = connect(APPROLE, HALVES)
    await value(vault)
    double.tokens.clear()
    assert set(await asyncio.gather(*[value(vault) for _ in range(5)])) == {b"value"}
    assert double.count(LOGIN) == 2


async def test_a_policy_that_says_no_makes_no_new_token(double: VaultDouble, connect: Connect) -> None:
    vault = connect(APPROLE, HALVES)
    double.forbidden.add("kv/x")
    for _ in range(3):
        assert "does not allow it" in await fault_of(value(vault))
    assert double.count(LOGIN) == 1


async def test_a_renewal_that_is_refused(double: VaultDouble, connect: Connect, watch: Watch) -> None:
    vault = connect(APPROLE, HALVES)
    await value(vault)
    watch.time += 301
    double.forbidden.add(RENEW)
    assert await value(vault) == b"value"
    assert double.count(LOGIN) == 2


async def test_while_the_server_is_ill_the_old_token_is_used(
    double: VaultDouble, connect: Connect, watch: Watch
) -> None:
    vault = connect(APPROLE, HALVES)
    await value(vault)
    double.moods[RENEW] = double.moods[LOGIN] = 500, error("ill")
    watch.time += 301
    assert await value(vault) == b"value"
    watch.time += 300
    assert await fault_of(value(vault)) == f"{NOT_IN}the vault failed (status 500) - see its own log"
    double.moods.clear()
    assert await value(vault) == b"value"


@pytest.mark.parametrize(
    ("sign_in", "environ", "sentence"),
    [
        (
            APPROLE,
            {"ROLE_ID": "role-1", "SECRET_ID": "x"},
            "the vault does not take this question (status 400)",
        ),
        (APPROLE, {"ROLE_ID": "role-1"}, "the environment variable SECRET_ID is not set"),
        (ByJwt({"env": "JWT"}, "hoop", "nowhere"), {"JWT": "x"}, "it has no sign-in at auth/nowhere"),
        (ByJwt({"env": "JWT"}, "hoop", "kubernetes"), {"JWT": "x"}, "it does not let the gateway in"),
        (ByToken({"vault": "kv/token#t"}), {}, "the configuration does not say how to reach that"),
    ],
)
async def test_sign_ins_that_fail(
    connect: Connect, sign_in: Any, environ: dict[str, str], sentence: str
) -> None:
    assert sentence in await fault_of(value(connect(sign_in, environ)), "secret-", "jwt-")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"auth": None},
        {"auth": [CANARY]},
        {"auth": {"client_token": "", "lease_duration": 1}},
        {"auth": {"client_token": CANARY}},
        {"auth": {"client_token": CANARY, "lease_duration": "60"}},
        {"auth": {"client_token": CANARY, "lease_duration": True}},
        {"auth": {"client_token": CANARY, "lease_duration": -1}},
        {"auth": {"client_token": 7, "lease_duration": 60}},
    ],
)
async def test_answers_without_a_token(double: VaultDouble, connect: Connect, answer: Any) -> None:
    double.moods[LOGIN] = 200, answer
    told = await fault_of(value(connect(APPROLE, HALVES)))
    assert told == f"{NOT_IN}its answer has no token - check address in [vault]"


async def test_a_token_without_an_end(double: VaultDouble, connect: Connect, watch: Watch) -> None:
    token = double.token()
    double.moods[LOGIN] = 200, {"auth": {"client_token": token, "lease_duration": 0, "renewable": False}}
    vault = connect(APPROLE, HALVES)
    await value(vault)
    watch.time += 1e8
    assert await value(vault) == b"value"
    assert double.count(LOGIN) == 1


async def test_it_is_given_back_at_the_end(double: VaultDouble, connect: Connect) -> None:
    vault = connect(APPROLE, HALVES)
    await value(vault)
    before = len(double.tokens)
    await vault.close()
    assert len(double.tokens) == before - 1
    assert await value(vault) == b"value"
    double.moods["auth/token/revoke-self"] = 500, error("ill")
    await vault.close()


async def test_whoever_goes_away_does_not_take_the_sign_in_along(
    double: VaultDouble, connect: Connect
) -> None:
    came, go_on = asyncio.Event(), asyncio.Event()
    made = double.token()

    async def slow(writer: asyncio.StreamWriter) -> None:
        came.set()
        await go_on.wait()
        body = b'{"auth":{"client_token":"%s","lease_duration":60}}' % made.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    double.moods[LOGIN] = slow
    vault = connect(APPROLE, HALVES)
    first = asyncio.create_task(value(vault))
    await came.wait()
    second = asyncio.create_task(value(vault))
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()
    assert await second == b"value"
    with pytest.raises(asyncio.CancelledError):
        await first


def test_a_vault_shows_nothing(double: VaultDouble, connect: Connect) -> None:
    assert CANARY not in repr(connect(APPROLE, HALVES)) + repr(APPROLE)
    with pytest.raises(Fault):
        raise Fault(repr(APPROLE))
