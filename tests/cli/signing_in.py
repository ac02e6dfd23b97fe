"""For tests of the commands about people: who there is, what a gateway makes of it, and what was written down."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.core.errors import Refused
from gateway.core.people import Peer
from gateway.identity import sealing
from gateway.identity.local import LocalPeople, LocalPerson
from gateway.identity.passwords import Hashing
from gateway.store.ledger import SqlLedger

Run = Callable[..., Any]
ALICE, CAROL, OTTO = "alice@example.com", "carol@example.com", "otto@example.com"
VERA = "vera@example.com"
ISSUER = "https://id.example.com"
PASSWORD = "correct horse battery"


MORE = f"""
[gateway]
data_dir = "data"
name = "gw-1"
public_url = "https://hoop.example.com"

[listen]
ssh = "127.0.0.1:0"
api = "127.0.0.1:0"

[roles]
approver = ["sre"]
auditor = ["audit", "sec"]

[[issuer]]
name = "corp"
url = "{ISSUER}"
client_id = "hoop"

[[person]]
name = "{ALICE}"
groups = ["sre", "sec"]

[[person]]
name = "{CAROL}"
roles = ["person", "auditor"]
issuer = "corp"
subject = "42"

[[person]]
name = "{OTTO}"
issuer = "corp"
subject = "7"
break_glass = true

[[person]]
name = "dan@example.com"
disabled = true

[[machine]]
name = "bot"
owner = "{ALICE}"
targets = ["web-1"]
"""


@asynccontextmanager
async def ledger_of(config: Path) -> AsyncIterator[SqlLedger]:
    (config.parent / "data").mkdir(mode=0o700, exist_ok=True)
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    try:
        yield ledger
    finally:
        await ledger.close()


class WallClock:
    """The time it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


async def signs_in(config: Path, name: str, password: str, otp: str = "", *, alone: bool = False) -> bool:
    """Whether a gateway on this store would let them in."""
    async with ledger_of(config) as ledger:
        sealer = sealing.load_or_make(config.parent / "data" / "sealing.key")
        hashing = Hashing()
        local = LocalPeople(
            ledger,
            sealer,
            hashing,
            WallClock(),
            lambda name: LocalPerson(name, break_glass=name == OTTO),
            password_alone=alone,
        )
        try:
            return await local.sign_in(name, password, otp, Peer("192.0.2.7")) == name
        except Refused:
            return False
        finally:
            hashing.close()


async def noted(config: Path) -> list[tuple[str, str, dict[str, Any]]]:
    async with ledger_of(config) as ledger:
        return [(each.name, each.actor, dict(each.body)) for each in await ledger.entries()]


def set_password(run: Run, config: Path, name: str = ALICE) -> None:
    assert run("person", "password", name, "-c", config, stdin=PASSWORD + "\n").code == 0
