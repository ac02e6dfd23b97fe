"""A gateway that holds what changes the tables of a shop, and somebody who asks what it would do."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from gateway.app.clock import SystemClock
from gateway.app.databases import POSTGRES
from gateway.app.impact_sources import Remade
from gateway.core.impact import Impact
from gateway.core.people import Principal
from gateway.core.ports import Approval
from gateway.session.impacts import Impacts, Surroundings
from tests.postgres.house import BOB, House
from tests.postgres.servers import DatabaseServer

RULES = """
[[rule]]
id = "everybody"
match = { target = "appdb" }
do = "allow"

[[rule]]
id = "changes"
match = { verb = ["insert", "update", "delete", "merge", "copy", "truncate"], label = { env = "prod" } }
do = "hold"
mode = "fail"
impact = "dry-run"
ask = { group = "sre" }
"""
MASKS = """
[[rule]]
id = "pan"
match = { target = "appdb" }
do = "mask"
mask = { "*.card" = "redact" }
"""
SHOP = """
CREATE SCHEMA app;
CREATE TABLE app.people (id int PRIMARY KEY, name text, card text, region text, seen timestamptz);
INSERT INTO app.people SELECT i, 'person ' || i, '4111-secret-' || i, CASE i % 2 WHEN 0 THEN 'eu' ELSE 'us' END,
    '2026-01-01' FROM generate_series(1, 40) i;
CREATE TABLE app.orders (id int PRIMARY KEY, person int REFERENCES app.people ON DELETE CASCADE, total int);
INSERT INTO app.orders SELECT i, i % 40 + 1, i FROM generate_series(1, 200) i;
CREATE INDEX orders_person ON app.orders (person);
CREATE VIEW app.europeans AS SELECT id, name FROM app.people WHERE region = 'eu';
CREATE TABLE app.plain (id int PRIMARY KEY, note text);
INSERT INTO app.plain SELECT i, 'note ' || i FROM generate_series(1, 5000) i;
ANALYZE;
"""


@dataclass
class Asking:
    """`impact` of a statement: it is held, and then asked about."""

    house: House
    server: DatabaseServer
    database: str
    around: Surroundings
    people: dict[str, Principal]

    @classmethod
    async def at(cls, house: House, server: DatabaseServer, database: str, rules: str = RULES) -> "Asking":
        with server.connect(database) as connection:
            connection.execute(SHOP)
        house.rules(rules)
        alice = await house.alice()
        people = {alice.id: alice, BOB.id: BOB}
        around = Surroundings(
            *(house.ledger, SystemClock(), house._judge, house.targets.find, people.get),
            Remade(lambda: house.parsers),
        )
        return cls(house, server, database, around, people)

    def __post_init__(self) -> None:
        self.impacts = self.fresh()

    def fresh(self) -> Impacts:
        """Another gateway, which remembers nothing."""
        return Impacts(self.around, {POSTGRES: self.house.adapter.impact})

    def rules(self, text: str) -> None:
        self.house.rules(text)

    def run(self, text: str) -> Any:
        """At the database itself."""
        with self.server.connect(self.database) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else None

    async def held(self, statement: str, *values: Any, before: str = "", **more: Any) -> Approval:
        """The request for it."""
        known = {each.id for each in await self.house.ledger.approvals()}
        async with await self.house.connect(**more) as connection:
            if before:
                await connection.execute(before)
            with pytest.raises(psycopg.Error, match="hoop: held"):
                await connection.execute(statement, values or None)
        found = [each for each in await self.house.ledger.approvals() if each.id not in known]
        assert len(found) == 1, statement
        return found[0]

    async def all_held(self, statements: str) -> list[Approval]:
        """Requests for these, new and old. Some never come to be one."""
        async with await self.house.connect() as connection:
            with suppress(psycopg.Error):
                await connection.execute(statements)
        return [each for each in await self.house.ledger.approvals() if each.text in statements]

    async def impact(self, statement: str, *values: Any, dry_run: bool = True, **more: Any) -> Impact:
        approval = await self.held(statement, *values, **more)
        return await self.impacts.ask(approval, BOB, dry_run=dry_run)

    async def elsewhere(self) -> int:
        """Connections that impacts have left open."""
        async with asyncio.timeout(5):
            while found := self.run(
                "select count(*) from pg_stat_activity"
                f" where datname = '{self.database}' and application_name like 'hoop: impact%'"
            )[0][0]:
                await asyncio.sleep(0.05)
        return int(found)


def said(impact: Impact) -> str:
    """All of it, as one text."""
    lines = [f"{line.sign} {line.text}" for line in impact.lines]
    for table in impact.tables:
        lines += [table.title, " | ".join(table.columns), *map(" | ".join, table.rows)]
    return "\n".join([*lines, *(f"{text.title}\n{text.text}" for text in impact.texts), impact.refused])


def table(impact: Impact, title: str) -> list[tuple[str, ...]]:
    """Its rows."""
    return [row for each in impact.tables if each.title.startswith(title) for row in each.rows]
