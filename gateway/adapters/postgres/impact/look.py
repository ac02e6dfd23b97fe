"""Looks into one statement without running it: plan, tables, what depends on them, and whether it may be tried.

Every question is in a transaction of its own that can change nothing. One that is not answered is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.adapters.postgres.estimate.guard import may_be_planned
from gateway.adapters.postgres.estimate.names import Names, Numbers, among_ours
from gateway.adapters.postgres.estimate.plans import rows_of
from gateway.adapters.postgres.estimate.questions import COMPILES_SINCE, begin, statement_to_plan
from gateway.adapters.postgres.impact import plan, relations
from gateway.adapters.postgres.impact.sample import Shower
from gateway.adapters.postgres.impact.side import Answer, Side
from gateway.adapters.postgres.impact.trial import Limits, Trial
from gateway.core.impact import DRY_RUN, Impact, ImpactLine, ImpactTable, ImpactText
from gateway.core.sql import SqlFacts
from gateway.session.database.trying import why_not_tried

_BEGIN = begin(1000, 200, COMPILES_SINCE)
TRIED_MOST = 100_000
"""Rows, as the planner guesses: what is rolled back is work for the server all the same."""
NOT_SEEN = "what the requester's own open transaction has changed is not seen here"
NO_PLAN = "no plan: making one might run what somebody wrote, or the server refuses it"
NOT_LISTED = 'its rules do not say impact = "dry-run"'
_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialised view",
    "f": "foreign table",
    "S": "sequence",
}
_CASCADES = "CASCADE"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Look:
    """Into one statement, on a connection that is in no transaction."""

    side: Side
    facts: SqlFacts
    values: Sequence[str | None]
    level: str
    shower: Shower
    limits: Limits

    async def all(self, *, dry_run: bool) -> Impact:
        """Raises `Unreachable`, `Malformed` and `Fault`."""
        names = Names.of(self.facts)
        planned = await self._plan()
        rows = rows_of(planned) if planned else None
        lines = self._planned(planned, rows)
        tables: list[ImpactTable] = []
        if names is not None:
            lines, tables = await self._about(names, lines)
        why = await self._why_not(names, rows)
        if dry_run and (why or names is None):
            return Impact(refused=f"it was not tried: {why}", no_dry_run=why)
        if dry_run and names is not None:
            tried = await self._trial(names).run()
            if tried.refused:
                return Impact(refused=f"it was not tried: {tried.refused}")
            rows, lines, tables = tried.rows, [*tried.lines, *lines], [*tried.tables, *tables]
        texts = (ImpactText("plan", plan.shown(planned)),) if planned else ()
        lines.append(ImpactLine(" ", NOT_SEEN))
        return Impact(tuple(lines), tuple(tables), texts, rows=rows, no_dry_run=why)

    async def _plan(self) -> str:
        """As JSON; empty where there is none."""
        text = statement_to_plan(self.facts, 1 << 30 if self.values else self.side.major)
        if not text:
            return ""
        if self.values:
            text = text.replace("GENERIC_PLAN, ", "", 1)
        await self.side.asked(_BEGIN)
        try:
            if not await may_be_planned(self.facts, self._row, bound=bool(self.values)):
                return ""
            return (await self.side.run(text, self.values)).first
        finally:
            await self.side.asked("ROLLBACK")

    async def _row(self, question: str) -> Sequence[str]:
        answer = await self.side.asked(question)
        return answer.cells[0] if answer.cells and not answer.error else ()

    def _planned(self, planned: str, rows: int | None) -> list[ImpactLine]:
        if rows is None:
            return [ImpactLine(" ", NO_PLAN)]
        return [ImpactLine(" ", f"about {_count(rows)}, as the planner guesses"), *plan.scans(planned)]

    async def _about(
        self, names: Names, lines: list[ImpactLine]
    ) -> tuple[list[ImpactLine], list[ImpactTable]]:
        found = [
            (name, _KINDS.get(kind, kind), _size(size), _number(rows), "yes" if written == "t" else "")
            for name, kind, size, rows, written in (await self._asked(names, relations.tables)).cells
        ]
        tables = [_table("tables", ("table", "kind", "size", "rows, about", "changes"), found)]
        if names.written:
            depend = (await self._asked(names, relations.dependants)).cells
            tables.append(_table("what depends on it", ("what", "name", "how"), depend))
            lines = [*lines, *_depending(depend)]
        return lines, [table for table in tables if table.rows]

    async def _asked(self, names: Names, question: Callable[[Numbers], str]) -> Answer:
        """In a transaction of its own: what is locked is not waited for long."""
        await self.side.asked(_BEGIN)
        try:
            found = await self.side.asked(names.question)
            if found.error or not found.cells:
                return Answer()
            return await self.side.asked(among_ours(question(names.numbers(found.cells[0]))))
        finally:
            await self.side.asked("ROLLBACK")

    async def _why_not(self, names: Names | None, rows: int | None) -> str:
        """Why it is not tried: one clause."""
        if self.level != DRY_RUN:
            return NOT_LISTED
        if why := why_not_tried(self.facts) or self.shower.why_not():
            return why
        if names is None:
            return "its names can not be asked about"
        if rows is not None and rows > TRIED_MOST:
            return f"it is about {rows:,} rows, and at most {TRIED_MOST:,} are tried"
        await self.side.asked(_BEGIN)
        try:
            return await self._trial(names).why_not()
        finally:
            await self.side.asked("ROLLBACK")

    def _trial(self, names: Names) -> Trial:
        return Trial(self.side, self.facts, self.values, names, self.shower, self.limits)


def _depending(rows: Sequence[tuple[str, ...]]) -> list[ImpactLine]:
    """What happens along with it, whoever looks at the table."""
    lines = []
    for what, name, how in rows:
        if what == "foreign key" and (_CASCADES in how or "SET" in how):
            lines.append(ImpactLine("+", f"{name} changes along with it ({how})"))
        elif what in ("trigger", "rule") and how != "switched off":
            lines.append(ImpactLine("+", f"the {what} {name} {how}".rstrip()))
    return lines


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> ImpactTable:
    return ImpactTable(title, columns, tuple(rows))


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _number(text: str) -> str:
    """As the server writes a sum of real numbers: `1.2e+06`."""
    try:
        return f"{round(float(text)):,}"
    except (ValueError, OverflowError):
        return ""


def _size(text: str) -> str:
    if not text.isdecimal():
        return ""
    size, unit = float(text), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if size >= 10 or not unit else f"{size:.1f} {_UNITS[unit]}"
