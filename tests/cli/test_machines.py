"""`machine`: secrets that overlap, are exchanged and revoked, and a list that says what wants looking after."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Refused
from gateway.core.events import TokenCreated
from gateway.core.people import Peer, Principal
from gateway.core.ports import TokenRow
from gateway.identity.machines import Machine, Machines
from gateway.store.ledger import SqlLedger
from tests.identity.register import MovedClock

Run = Callable[..., Any]
CAROL = "carol@example.com"
MORE = f"""
[[machine]]
name = "deploy-bot"
owner = "{CAROL}"
groups = ["deployers"]
targets = ["web-1", "local-7"]

[[machine]]
name = "ci"
owner = "Carol@Example.com"
targets = ["web-1"]
issuer = "https://token.example.com"
audience = "hoop"
claims = {{ repository = "acme/shop" }}

[[machine]]
name = "orphan"
owner = "gone@example.com"
targets = ["web-1"]

[[machine]]
name = "dans"
owner = "dan@example.com"
targets = ["web-1"]

[[machine]]
name = "off"
owner = "{CAROL}"
targets = ["web-1"]
disabled = true
"""


@pytest.fixture
def config(config: Path) -> Path:
    """The usual one, with machines."""
    config.write_text(config.read_text() + MORE)
    return config


@asynccontextmanager
async def ledger_of(config: Path) -> AsyncIterator[SqlLedger]:
    (config.parent / "data").mkdir(mode=0o700, exist_ok=True)
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    try:
        yield ledger
    finally:
        await ledger.close()


async def opens(config: Path, secret: str, name: str = "deploy-bot") -> bool:
    """Whether a gateway on this store would take the secret."""
    async with ledger_of(config) as ledger:
        clock = MovedClock(datetime.now(UTC))
        machines = Machines(
            ledger,
            clock,
            lambda id: Principal(id, id),
            lambda issuer: None,
            [Machine(name, CAROL, frozenset({"web-1"}))],
        )
        try:
            given = await machines.by_secret(name, secret, Peer("192.0.2.7"))
        except Refused:
            return False
        return given.principal.id == f"machine:{name}"


def listed(run: Run, config: Path) -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("machine", "ls", "-o", "json", "-c", config).out)
    return {row["name"]: row for row in found}


async def test_a_secret_is_printed_once_and_works_until_it_is_revoked(run: Run, config: Path) -> None:
    made = run("machine", "secret", "deploy-bot", "--expires", "30d", "--label", "cron", "-c", config)
    assert made.code == 0
    secret = made.out.strip()
    id = secret.split("_")[1]
    assert re.fullmatch(r"hoop_m-[0-9A-Z]{6}_[a-z2-7]{52}\n", made.out)
    assert re.fullmatch(rf"{id} works for deploy-bot until \S+ \S+Z; it is not shown again\n", made.err)
    hidden = secret.split("_")[2]
    assert hidden.encode() not in (config.parent / "data" / "hoop.db").read_bytes()
    assert await opens(config, secret)
    (row,) = json.loads(run("token", "ls", "--kind", "secret", "-o", "json", "-c", config).out)
    assert (row["id"], row["person"], row["label"], row["state"]) == (
        id,
        "machine:deploy-bot",
        "cron",
        "works",
    )
    assert row["used"] is not None
    assert run("machine", "revoke", id.lower(), "-c", config) == (0, "", f"{id} works no longer\n")
    assert not await opens(config, secret)
    assert run("machine", "revoke", secret, "-c", config).code == 7


async def test_the_old_one_works_beside_the_new_one(run: Run, config: Path) -> None:
    old = run("machine", "secret", "deploy-bot", "-c", config).out.strip()
    made = run("machine", "secret", "machine:deploy-bot", "--expires", "never", "-c", config)
    new, old_id = made.out.strip(), old.split("_")[1]
    assert "works for deploy-bot until it is revoked; it is not shown again" in made.err
    assert (
        f"{old_id} works, too; once the new one is in place: hoop-gateway machine revoke {old_id}\n"
        in made.err
    )
    assert await opens(config, old)
    assert await opens(config, new)
    row = listed(run, config)["deploy-bot"]
    assert row["secrets"] == [old_id, new.split("_")[1]]
    assert row["signs_in_with"] == "2 secrets"
    assert run("machine", "revoke", old_id, "-c", config).code == 0
    assert not await opens(config, old)
    assert await opens(config, new)
    assert listed(run, config)["deploy-bot"]["signs_in_with"] == "a secret"


def test_token_revoke_knows_secrets_too(run: Run, config: Path) -> None:
    secret = run("machine", "secret", "deploy-bot", "-c", config).out.strip()
    id = secret.split("_")[1]
    assert run("token", "revoke", secret, "-c", config) == (0, "", f"{id} works no longer\n")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ["deploy-bod"],
            7,
            'there is no machine "deploy-bod" in the configuration; did you mean "deploy-bot"?',
        ),
        (["off"], 2, "off is disabled"),
        (["ci"], 2, "ci signs in with tokens of https://token.example.com, and needs no secret"),
        (["deploy-bot", "--expires", "soon"], 2, '--expires: must be a duration, as in "10s"'),
        (["deploy-bot", "--label", "a\tb"], 2, "--label: must be one line of at most 200 characters"),
    ],
)
def test_what_gets_no_secret(run: Run, config: Path, arguments: list[str], code: int, told: str) -> None:
    ended = run("machine", "secret", *arguments, "-c", config)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"hoop-gateway: {told}")


def test_an_owner_who_is_gone_is_said(run: Run, config: Path) -> None:
    told = "can not sign in with it: its owner"
    assert (
        f"orphan {told} gone@example.com is unknown\n" in run("machine", "secret", "orphan", "-c", config).err
    )
    assert f"dans {told} dan@example.com is disabled\n" in run("machine", "secret", "dans", "-c", config).err


async def test_the_list_says_what_wants_looking_after(run: Run, config: Path) -> None:
    now = datetime.now(UTC)
    async with ledger_of(config) as ledger:
        for days, kind, name in (
            (200, "secret", "deploy-bot"),
            (3, "machine", "ci"),
            (1, "secret", "orphan"),
        ):
            at = now - timedelta(days=days, hours=1)
            row = TokenRow(f"x-{days}", "a" * 64, f"machine:{name}", frozenset(), at, None, kind=kind)
            await ledger.add_token(row, TokenCreated(token=row.id, person=row.person, roles=[]))
    found = listed(run, config)
    assert {name: row["report"] for name, row in found.items()} == {
        "deploy-bot": ["UNUSED", "UNROTATED"],
        "ci": [],
        "orphan": ["NO OWNER"],
        "dans": ["UNUSED", "NO OWNER"],
        "off": ["UNUSED"],
    }
    assert found["deploy-bot"]["secret_age"] == "200d"
    assert found["deploy-bot"]["targets"] == ["local-7", "web-1"]
    assert found["deploy-bot"]["last_used"] is None
    assert found["ci"]["last_used"] == (now - timedelta(days=3, hours=1)).strftime("%Y-%m-%d %H:%M:%SZ")
    assert {name: row["owner_is"] for name, row in found.items()} == {
        "deploy-bot": "active",
        "ci": "active",
        "orphan": "unknown",
        "dans": "disabled",
        "off": "active",
    }
    assert found["off"]["state"] == "disabled"
    run("person", "lock", CAROL, "--reason", "x", "-c", config)
    assert listed(run, config)["ci"]["report"] == ["NO OWNER"]
    table = run("machine", "ls", "-c", config).out.splitlines()
    assert re.split(r"\s{2,}", table[0]) == [
        "NAME",
        "STATE",
        "OWNER",
        "TARGETS",
        "SIGNS IN WITH",
        "LAST USED",
        "SECRET AGE",
        "REPORT",
    ]
    assert re.search(
        r"^deploy-bot +active +carol@example.com +local-7,web-1 +a secret +- +200d +UNUSED,UNR", table[1]
    )
