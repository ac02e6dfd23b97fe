"""`token create`, `ls` and `revoke` on a real store."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import TokenCreated
from gateway.core.people import Principal
from gateway.core.ports import TokenRow
from gateway.identity.tokens import TokenIdentities
from gateway.store.ledger import SqlLedger

Run = Callable[..., Any]
CAROL = Principal("carol@example.com", "carol@example.com", roles=frozenset({"person", "auditor"}))


class WallClock:
    """The time it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        return 0


async def who(config: Path, token: str) -> Principal | None:
    """Who the gateway would take the bearer of this token for."""
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    try:
        return await TokenIdentities(ledger, WallClock(), {CAROL.name: CAROL}.get).by_token(token)
    finally:
        await ledger.close()


def listed(run: Run, config: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("token", "ls", "-o", "json", "-c", config).out)
    return found


async def test_a_token_works_until_it_is_revoked(run: Run, config: Path) -> None:
    made = run(
        "token", "create", "--person", CAROL.name, "--role", "auditor", "--expires", "12h", "-c", config
    )
    assert made.code == 0
    token = made.out.strip()
    id = token.split("_")[1]
    assert made.out == token + "\n"
    assert re.fullmatch(rf"{id} works for {CAROL.name} until \S+ \S+Z; it is not shown again\n", made.err)
    found = await who(config, token)
    assert found is not None
    assert (found.name, found.method) == (CAROL.name, f"token {id}")
    assert found.roles == {"auditor"}
    (row,) = listed(run, config)
    assert (row["id"], row["state"], row["person"], row["roles"]) == (id, "works", CAROL.name, ["auditor"])
    shown = run("token", "ls", "-c", config).out
    columns = ["ID", "KIND", "STATE", "PERSON", "ROLES", "TARGET", "LABEL", "CREATED", "EXPIRES", "USED"]
    assert shown.splitlines()[0].split() == columns
    assert token.split("_")[2] not in shown
    assert token.split("_")[2].encode() not in (config.parent / "data" / "hoop.db").read_bytes()
    assert run("token", "revoke", id.lower(), "-c", config) == (0, "", f"{id} works no longer\n")
    assert await who(config, token) is None
    assert listed(run, config)[0]["state"] == "revoked"
    assert run("token", "revoke", id, "-c", config).code == 7


async def test_what_was_done_is_in_the_ledger(run: Run, config: Path) -> None:
    token = run("token", "create", "--person", CAROL.name, "--expires", "never", "-c", config).out.strip()
    run("token", "revoke", token, "-c", config)
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    entries = await ledger.entries()
    await ledger.close()
    assert [entry.name for entry in entries] == ["token.created", "token.revoked"]
    assert all(entry.actor.startswith("local:") for entry in entries)
    assert token.split("_")[2] not in repr(entries)


async def fill(config: Path) -> None:
    """One token of each kind, the later made with the one before it where that is so."""
    (config.parent / "data").mkdir(mode=0o700)
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for id, kind, person, parent in (
        ("t-000000", "api", CAROL.id, ""),
        ("t-111111", "login", CAROL.id, ""),
        ("t-222222", "database", CAROL.id, "t-111111"),
        ("m-333333", "secret", "machine:bot", ""),
        ("t-444444", "machine", "machine:bot", "m-333333"),
    ):
        target = "appdb" if kind == "database" else ""
        row = TokenRow(
            id,
            "a" * 64,
            person,
            frozenset(),
            now,
            None,
            kind=kind,
            parent=parent,
            target=target,
            label="my \x1b[2J laptop",
            created_by=person,
            used_at=now if kind == "login" else None,
        )
        await ledger.add_token(row, TokenCreated(token=id, person=person, roles=[], kind=kind))
    await ledger.close()


async def test_every_kind_is_listed_and_can_be_chosen(run: Run, config: Path) -> None:
    await fill(config)
    found = {row["id"]: row for row in listed(run, config)}
    assert {row["kind"] for row in found.values()} == {"api", "login", "database", "machine", "secret"}
    assert found["t-222222"]["target"] == "appdb"
    assert found["t-222222"]["parent"] == "t-111111"
    assert found["t-111111"]["used"] == "2026-11-01 00:00:00Z"
    assert found["t-000000"]["used"] is None
    assert found["t-111111"]["created_by"] == CAROL.id

    def ids(*arguments: str) -> list[str]:
        return sorted(
            row["id"] for row in json.loads(run("token", "ls", "-o", "json", *arguments, "-c", config).out)
        )

    assert ids("--kind", "login") == ["t-111111"]
    assert ids("--person", "Carol@example.com") == ["t-000000", "t-111111", "t-222222"]
    assert ids("--person", "machine:bot") == ["m-333333", "t-444444"]
    assert ids("--person", "machine:bot", "--kind", "secret") == ["m-333333"]
    assert ids("--person", "nobody") == []
    assert run("token", "ls", "--kind", "cookie", "-c", config).code == 2
    table = run("token", "ls", "-c", config).out
    assert "\x1b" not in table
    assert "my <U+001B>[2J laptop" in table


async def test_what_was_made_with_a_token_ends_with_it(run: Run, config: Path) -> None:
    await fill(config)
    assert run("token", "revoke", "111111", "--reason", "left on a train", "-c", config).code == 0
    assert run("token", "revoke", "M-333333", "-c", config) == (0, "", "m-333333 works no longer\n")
    states = {row["id"]: row["state"] for row in listed(run, config)}
    assert states == {
        "t-000000": "works",
        "t-111111": "revoked",
        "t-222222": "revoked",
        "m-333333": "revoked",
        "t-444444": "revoked",
    }
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    reasons = [entry.body["reason"] for entry in await ledger.entries() if entry.name == "token.revoked"]
    await ledger.close()
    assert reasons == ["left on a train", ""]


def test_a_label_is_kept(run: Run, config: Path) -> None:
    made = run("token", "create", "--person", CAROL.name, "--label", "backup job", "-c", config)
    assert made.code == 0
    (row,) = listed(run, config)
    assert (row["label"], row["kind"]) == ("backup job", "api")
    assert row["created_by"].startswith("local:")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ["--person", "carl@example.com"],
            7,
            'there is no person "carl@example.com" in the configuration; did you',
        ),
        (["--person", "dan@example.com"], 2, "dan@example.com is disabled"),
        (
            ["--person", CAROL.name, "--role", "audtor"],
            2,
            'carol@example.com does not have the role "audtor"; did',
        ),
        (["--person", CAROL.name, "--expires", "soon"], 2, '--expires: must be a duration, as in "10s"'),
        (
            ["--person", CAROL.name, "--label", "x" * 201],
            2,
            "--label: must be one line of at most 200 characters",
        ),
        (["--person", CAROL.name, "--expires", "0s"], 2, "--expires: must be longer than nothing"),
        (["--person", CAROL.name, "--expires", "99999d9999999s"], 0, ""),
    ],
)
def test_who_gets_none(run: Run, config: Path, arguments: list[str], code: int, told: str) -> None:
    ended = run("token", "create", *arguments, "-c", config)
    assert ended.code == code
    assert ended.err.startswith(f"hoop-gateway: {told}" if told else "t-")
    assert bool(ended.out) == (code == 0)
