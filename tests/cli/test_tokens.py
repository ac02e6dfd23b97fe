"""`token create`, `ls` and `revoke` on a real store."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.people import Principal
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
    assert shown.startswith("ID ")
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
        (["--person", CAROL.name, "--expires", "0s"], 2, "--expires: must be longer than nothing"),
        (["--person", CAROL.name, "--expires", "99999d9999999s"], 0, ""),
    ],
)
def test_who_gets_none(run: Run, config: Path, arguments: list[str], code: int, told: str) -> None:
    ended = run("token", "create", *arguments, "-c", config)
    assert ended.code == code
    assert ended.err.startswith(f"hoop-gateway: {told}" if told else "t-")
    assert bool(ended.out) == (code == 0)
