"""`ImpactSource` of PostgreSQL: one connection for each question, as the account of the request, with the settings
that its session began with. What is asked there is in `look.py`, and what is tried in `trial.py`.

It sees the database as others see it: what the session's own open transaction has changed is not there.
"""

import time
from dataclasses import replace

from gateway.adapters.postgres.catalog import read_catalog
from gateway.adapters.postgres.catalogs import Catalogs
from gateway.adapters.postgres.impact.look import Look
from gateway.adapters.postgres.impact.recorded import Recorded, recorded
from gateway.adapters.postgres.impact.sample import Shower
from gateway.adapters.postgres.impact.side import Side
from gateway.adapters.postgres.impact.trial import Limits
from gateway.adapters.postgres.impact.undone import OLDEST
from gateway.adapters.postgres.upstream.dial import Dialler
from gateway.adapters.postgres.upstream.parameters import APPLICATION
from gateway.adapters.postgres.upstream.server import Server
from gateway.core.catalog import Catalog
from gateway.core.impact import Impact, ImpactQuestion
from gateway.core.sql import SqlFacts
from gateway.session.database.masks import Masks

ASIDE = "hoop: impact"
LOCK_MS, RUN_MS = 200, 3000


class PostgresImpact:
    """One for a gateway."""

    def __init__(self, dialler: Dialler, catalogs: Catalogs) -> None:
        self._dialler = dialler
        self._catalogs = catalogs

    def can(self, question: ImpactQuestion) -> str | None:
        facts = question.operation.details.get("sql")
        if not isinstance(facts, SqlFacts) or not facts.certain:
            return "what it does is not certain"
        if _is_named(facts):
            return "it runs what its session knows by a name, with values that are not known here"
        return recorded(question.approval).why_not or None

    async def measure(self, question: ImpactQuestion, *, dry_run: bool) -> Impact:
        began = time.monotonic()
        facts = question.operation.details["sql"]
        shower = await self._shower(question, facts)
        kept = recorded(question.approval)
        server = await self._dial(question, kept)
        options = question.target.options
        limits = Limits(int(options.get("dry_run_lock_ms", LOCK_MS)), int(options.get("dry_run_ms", RUN_MS)))
        async with Side(server) as side:
            if side.major < OLDEST:
                return Impact(refused=f"it takes PostgreSQL {OLDEST} or later")
            found = await Look(side, facts, kept.values, question.level, shower, limits).all(dry_run=dry_run)
        return replace(found, took_ms=round((time.monotonic() - began) * 1000))

    async def _shower(self, question: ImpactQuestion, facts: SqlFacts) -> Shower:
        """What is known of the database is read again where columns are masked."""
        target, login = question.target, str(question.approval.facts.get("login", ""))

        async def read() -> Catalog:
            server = await self._dialler.dial(target, login, "hoop", {}, (3, 0))
            try:
                return await read_catalog(server)
            finally:
                server.end.abort()

        known = self._catalogs.of(target.name, login, read)
        if question.masks and not known.is_fresh:
            await known.refresh()
        return Shower(Masks(lambda: known.current), question.masks, facts)

    async def _dial(self, question: ImpactQuestion, kept: Recorded) -> Server:
        """The server's own log and pg_stat_activity say what it is for: `hoop: impact (7QF-2KM)`."""
        approval = question.approval
        login = str(approval.facts.get("login", ""))
        asked = {**kept.began, APPLICATION: ASIDE}
        return await self._dialler.dial(question.target, login, approval.id, asked)


def _is_named(facts: SqlFacts) -> bool:
    """EXECUTE, FETCH and MOVE, with what they stand for behind them."""
    return any(facts.text != inner.text and facts.text.endswith(inner.text) for inner in facts.inner[-1:])
