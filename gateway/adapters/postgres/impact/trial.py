"""The dry run: a statement is run in a transaction of the gateway's own that is always rolled back, and counted.

Nothing is ever committed here: no statement of this module says so, the statement that is tried is one that can not,
and a connection that breaks rolls back as well. What rolling back does not undo is found before (`undone.py`), while
the tables are locked against whoever would change the answer. A row that somebody else has locked is not waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.adapters.postgres.estimate.names import Names, Numbers, among_ours
from gateway.adapters.postgres.impact import undone
from gateway.adapters.postgres.impact.sample import ROWS_MOST, Shower, keys
from gateway.adapters.postgres.impact.side import IN_TRANSACTION, Answer, Side
from gateway.core.impact import ImpactLine, ImpactTable
from gateway.core.sql import Column, SqlFacts
from gateway.wire.postgres.messages import field
from gateway.wire.postgres.reports import rows_of

SAMPLED_MOST = 1000
"""Of more rows no sample is made: it takes a second run."""
_DONE = {"insert": "inserted", "update": "updated", "delete": "deleted", "merge": "changed"}
_KEY = """
SELECT t.oid, n.nspname, c.relname, a.attnum, a.attname
FROM (SELECT pg_catalog.to_regclass({name})::pg_catalog.oid) AS t (oid)
    JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indrelid = t.oid AND i.indisprimary
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
ORDER BY a.attnum"""


_ALONG = """
SELECT s.schemaname || '.' || s.relname, s.n_tup_del, s.n_tup_upd
FROM pg_catalog.pg_stat_xact_user_tables s
WHERE s.n_tup_del + s.n_tup_upd > 0 AND s.relid <> ALL (ARRAY[{written}]::pg_catalog.oid[])
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_partition_ancestors(s.relid) AS above (oid)
        WHERE above.oid = ANY (ARRAY[{written}]::pg_catalog.oid[]))
ORDER BY 1 LIMIT 20"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Milliseconds."""

    lock: int
    run: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. `refused`: it was not run."""

    lines: tuple[ImpactLine, ...] = ()
    tables: tuple[ImpactTable, ...] = ()
    refused: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """Of one statement, on a connection that is in no transaction."""

    side: Side
    facts: SqlFacts
    values: Sequence[str | None]
    names: Names
    shower: Shower
    limits: Limits

    async def why_not(self) -> str:
        """One clause, as the database is now; empty where it may be tried. Asked within a transaction."""
        if self.side.major < undone.OLDEST:
            return f"it takes PostgreSQL {undone.OLDEST} or later"
        numbers = await self._numbers()
        question = undone.reasons(self.facts, numbers) if numbers else ""
        if not question:
            return "a table that it names is not there, or can not be asked about"
        answer = await self.side.asked(among_ours(question))
        return "the database does not say what it would run" if answer.error else answer.first

    async def run(self) -> Tried:
        """Raises `Unreachable` and `Malformed`."""
        begun = await self.side.asked(_begin(self.limits))
        try:
            if begun.error or begun.status != IN_TRANSACTION:
                return Tried(refused="the database begins no transaction")
            if refused := await self._locked() or await self.why_not():
                return Tried(refused=refused)
            return await self._counted()
        finally:
            await self.side.asked("ROLLBACK")

    async def _numbers(self) -> Numbers | None:
        answer = await self.side.asked(self.names.question)
        return self.names.numbers(answer.cells[0]) if answer.cells and not answer.error else None

    async def _tables(self) -> list[str]:
        """What changes with it."""
        numbers = await self._numbers()
        answer = await self.side.asked(among_ours(undone.locked(numbers))) if numbers else Answer()
        return [] if answer.error else [row[0] for row in answer.cells]

    async def _locked(self) -> str:
        """From here on, nobody adds a trigger or a rule to what is changed."""
        tables = await self._tables()
        for table in tables:
            locked = await self.side.asked(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
            if locked.error:
                return self._why(locked) or f"the account may not lock {table}"
        if not tables or await self._tables() != tables:
            return "its tables are no plain tables, or change right now"
        return ""

    async def _counted(self) -> Tried:
        await self.side.asked("SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT tried")
        ran = await self.side.run(self.facts.text, self.values, keep=False)
        if ran.error:
            if refused := self._why(ran):
                return Tried(refused=refused)
            return Tried((ImpactLine("+", f"tried: it fails: {self.shower.words(ran)}"),), rows=0)
        count = rows_of(ran.tag) or 0
        done = _DONE.get(self.facts.verb, "changed")
        told = ImpactLine("+" if count else "-", f"tried and rolled back: {_rows(count)} {done}")
        lines = (told, *await self._along())
        await self.side.asked("ROLLBACK TO SAVEPOINT tried")
        tables = await self._sampled(bool(ran.columns)) if 0 < count <= SAMPLED_MOST else ()
        return Tried(lines, tables, rows=count)

    async def _along(self) -> tuple[ImpactLine, ...]:
        """What foreign keys changed beside it, as this transaction has counted it."""
        numbers = await self._numbers()
        if numbers is None:
            return ()
        answer = await self.side.asked(among_ours(_ALONG.format(written=numbers.written)))
        return tuple(
            ImpactLine(
                "+", f"along with it, {name}: {_rows(int(deleted))} deleted, {_rows(int(updated))} updated"
            )
            for name, deleted, updated in ([] if answer.error else answer.cells)
        )

    async def _sampled(self, returns: bool) -> tuple[ImpactTable, ...]:
        """A few rows as they would be, and as they are. What can not be told is left out."""
        text = self.facts.text if returns else f"{self.facts.text}\nRETURNING *"
        found = await self.side.asked(_KEY.format(name=_literal(self.names.written[0])))
        if found.error or not found.cells:
            return ()
        oid = int(found.cells[0][0])
        ran = await self.side.run(text, self.values, ROWS_MOST)
        await self.side.asked("ROLLBACK TO SAVEPOINT tried")
        if ran.error:
            return ()
        if self.facts.verb == "delete":
            return _only(self.shower.table("before: these rows would go", ran, oid))
        if self.facts.verb == "update":
            before = await self._before(found, ran, oid)
            return _only(before, self.shower.table("after", ran, oid))
        return _only(self.shower.table("after", ran, oid))

    async def _before(self, found: Answer, ran: Answer, oid: int) -> ImpactTable | None:
        """The same rows as they are, by their primary key, where that stays."""
        named = [(int(row[3]), row[4]) for row in found.cells if row[3]]
        schema, table = found.cells[0][1:3]
        if any(_may_change(self.facts, table, name) for _, name in named):
            return None
        rows = keys(ran, oid, [number for number, _ in named])
        if not rows:
            return None
        place = f"{_quoted(schema)}.{_quoted(table)}"
        condition, number = [], 0
        for row in rows:
            parts = []
            for _, name in named[: len(row)]:
                number += 1
                parts.append(f"{_quoted(name)} = ${number}")
            condition.append(f"({' AND '.join(parts)})")
        text = f"SELECT * FROM {place} WHERE {' OR '.join(condition)}"  # noqa: S608 - names in quotes
        answer = await self.side.run(text, [value for row in rows for value in row], ROWS_MOST)
        return None if answer.error else self.shower.table("before", answer, oid)

    def _why(self, answer: Answer) -> str:
        """Why it was given up, where that says nothing about the statement."""
        match field(answer.error, "C"):
            case "55P03":  # lock_not_available
                who = "somebody, perhaps the requester's own open transaction,"
                return f"{who} holds a lock that it needs: it waits {self.limits.lock} ms at most"
            case "57014":  # query_canceled
                return f"it takes longer than {self.limits.run} ms"
        return ""


def _begin(limits: Limits) -> str:
    """Whatever breaks, it is over soon."""
    return (
        f"BEGIN; SET LOCAL statement_timeout = {limits.run}; SET LOCAL lock_timeout = {limits.lock};"
        f" SET LOCAL idle_in_transaction_session_timeout = {limits.run + 5000};"
        " SET LOCAL jit TO off"
    )


def _may_change(facts: SqlFacts, table: str, name: str) -> bool:
    """Whether this column may be among those that are set: then it finds another row than the one that was."""
    return any(each.table == table and each.name in (name, "*") for each in _columns(facts))


def _columns(facts: SqlFacts) -> Sequence[Column]:
    return [each for each in facts.columns if each.table]


def _only(*tables: ImpactTable | None) -> tuple[ImpactTable, ...]:
    return tuple(table for table in tables if table is not None)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
