"""Operations made anew from what the ledger has of them, and how they are counted."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.adapters.postgres.judging import _operation
from gateway.adapters.postgres.standing import stands_for
from gateway.app.past_operations import (
    MANY_READINGS,
    NO_PATH,
    NO_PLACE,
    NO_SUCH,
    NOT_ONE,
    PastOperations,
    over_ssh,
)
from gateway.app.policy_replay import BEFORE, NO_RULE, NO_SESSION, Replay, Replayed
from gateway.core.events import (
    Event,
    OperationAdmitted,
    OperationDenied,
    OperationHeld,
    OperationRepeated,
    SessionOpened,
)
from gateway.core.operation import Operation
from gateway.core.people import Target
from gateway.core.sql import SqlFacts
from gateway.session.database.parser import Parsers
from gateway.store.ledger import SqlLedger
from tests.policy.conftest import policy, rule
from tests.policy.sql_text import facts
from tests.store.fresh import fresh_ledger

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
async def parsers() -> AsyncIterator[Parsers]:
    made = Parsers()
    await made.start()
    yield made
    await made.stop()


class Watch:
    time = NOON

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def ledger(tmp_path: Path, watch: Watch) -> AsyncIterator[SqlLedger]:
    opened = await fresh_ledger(tmp_path / "hoop.db", now=watch.now)
    yield opened
    await opened.close()


JUDGED = (
    facts("SELECT ssn FROM app.customers c WHERE id = $1"),
    facts("DROP TABLE app.old"),
    stands_for(facts("EXECUTE p1(1)"), facts("DELETE FROM t\nWHERE a = 1")),
    stands_for(facts("EXECUTE p1(app.f())"), facts("SELECT 1")),
    stands_for(facts('FETCH 10 FROM "odd: c"'), facts("SELECT a\n-- cursor x: y\nFROM t")),
    facts("EXECUTE p1"),
    facts("DO $$ BEGIN END $$"),
    facts("LISTEN x"),
)


@pytest.mark.parametrize("judged", JUDGED, ids=lambda judged: judged.text.split("\n")[0])
@pytest.mark.parametrize("bound", [(), ("it's\nodd -- cursor c: x", None)])
async def test_a_statement_is_what_it_was(
    parsers: Parsers, judged: SqlFacts, bound: tuple[str | None, ...]
) -> None:
    was = _operation(judged, bound, 1)
    past = await PastOperations(parsers).made("postgres", was.verb, was.text)
    assert past.operation is not None
    again = past.operation.details["sql"]
    for name in (
        "verb",
        "effects",
        "reads",
        "writes",
        "functions",
        "columns",
        "certain",
        "has_where",
        "sets",
    ):
        assert getattr(again, name) == getattr(judged, name), name
    assert [each.verb for each in again.inner] == [each.verb for each in judged.inner]
    assert (past.operation.text, past.operation.resources) == (was.text, was.resources)


@pytest.mark.parametrize(
    ("verb", "text", "certain", "why"),
    [
        ("function", "-- function lo_import('/etc/passwd')", False, ""),
        ("unknown", "SELEC 1", False, ""),
        ("execute", "EXECUTE a\n-- prepared statement b: SELECT 1", True, NOT_ONE),
        ("select", "SELECT 1; SELECT 2", True, NOT_ONE),
    ],
)
async def test_what_is_no_plain_statement(
    parsers: Parsers, verb: str, text: str, certain: bool, why: str
) -> None:
    past = await PastOperations(parsers).made("postgres", verb, text)
    assert past.why_not == why
    if past.operation is not None:
        assert past.operation.details["sql"].certain is certain
        assert past.operation.verb == verb


@pytest.mark.parametrize(
    ("verb", "text", "why"),
    [
        ("upload", "upload a (/x) (/srv/a)", MANY_READINGS),
        ("rename", "rename /a to /b to /c", MANY_READINGS),
        ("upload", "upload", NO_PATH),
        ("upload", "download /x", NO_PATH),
        ("rename", "rename /a to ", NO_PATH),
        ("forward", "forward somewhere", NO_PLACE),
        ("teleport", "teleport /x", NO_SUCH),
    ],
)
def test_what_has_more_than_one_reading_is_not_guessed_at(verb: str, text: str, why: str) -> None:
    assert over_ssh(verb, text).why_not == why


def opened(session: str) -> SessionOpened:
    return SessionOpened(
        session=session,
        actor="alice",
        person="alice@example.com",
        groups=["dev"],
        target="web-1",
        kind="ssh",
        login="deploy",
        address="10.0.0.7",
        client="OpenSSH_9.9",
        labels={"env": "prod"},
    )


def asked(
    text: str,
    state: str = "",
    *,
    verb: str = "exec",
    rule: str = "all",
    request: str = "",
    session: str = "s1",
) -> OperationAdmitted | OperationDenied:
    sha256 = Operation(verb, text).sha256
    if state:
        return OperationDenied(
            session=session,
            actor="alice",
            verb=verb,
            text=text,
            sha256=sha256,
            rule=rule,
            revision="r",
            state=state,
            reason="no",
            request=request,
        )
    return OperationAdmitted(
        session=session,
        actor="alice",
        verb=verb,
        text=text,
        sha256=sha256,
        rule=rule,
        revision="r",
        request=request,
    )


def held(text: str, request: str) -> Event:
    operation = Operation("exec", text)
    return OperationHeld(
        session="s1",
        request=request,
        verb="exec",
        text=text,
        sha256=operation.sha256,
        rule="all",
        revision="r",
        approvers=["sre"],
        count=1,
        expires_at=NOON.isoformat(),
    )


ALL = rule("all", "allow", 'user = "*"')


async def run(
    ledger: SqlLedger, parsers: Parsers, draft: str, *, recorded: bool = False, now: str = ALL
) -> Replayed:
    work = Replay(ledger, parsers, policy(now), policy(draft), find, against_recorded=recorded)
    return await work.run(NOON - timedelta(days=1))


def find(name: str) -> Target | None:
    return Target(name, "ssh", "", 0, options={"shell": "none"}) if name == "web-1" else None


async def test_each_operation_counts_once(ledger: SqlLedger, parsers: Parsers) -> None:
    await ledger.append(opened("s1"))
    for event in (
        held("a", "R1"),
        asked("a", request="R1"),
        held("b", "R2"),
        asked("b", "denied", request="R2"),
        held("c", "R3"),
        asked("d", "blocked"),
        asked("e", "blocked", rule=""),
        asked("f", session="s2"),
    ):
        await ledger.append(event)
    done = await run(ledger, parsers, ALL, recorded=True)
    assert done.tally.operations == 4
    assert done.left_out == {NO_RULE: 1, NO_SESSION: 1}
    found = {(str(each.before), str(each.after)): each.count for each in done.tally.changes()}
    assert found == {("hold by all", "allow by all"): 3, ("block by all", "allow by all"): 1}


async def test_what_was_held_is_judged_at_the_time_it_was_asked(
    ledger: SqlLedger, parsers: Parsers, watch: Watch
) -> None:
    await ledger.append(opened("s1"))
    await ledger.append(held("a", "R1"))
    watch.time += timedelta(hours=2)
    await ledger.append(asked("a", request="R1"))
    await ledger.append(asked("a"))
    draft = ALL + rule("noon", "block", 'time = "12:00-13:00"')
    done = await run(ledger, parsers, draft)
    (change,) = done.tally.changes()
    assert (change.count, change.examples[0].at, done.until) == (1, NOON, watch.time)


async def test_what_was_repeated_counts_as_often(ledger: SqlLedger, parsers: Parsers) -> None:
    text = "SELECT a FROM t"
    database = replace(opened("s1"), kind="postgres", target="appdb")
    admitted = asked(text, verb="select")
    await ledger.append(database)
    for event in (
        admitted,
        OperationRepeated(session="s1", sha256=admitted.sha256, count=5),
        OperationRepeated(session="s1", sha256="0" * 64, count=2),
    ):
        await ledger.append(event)
    done = await run(ledger, parsers, ALL + rule("no", "block", 'column = "t.a"'))
    assert (done.tally.operations, done.tally.changed, done.left_out) == (6, 6, {BEFORE: 2})


async def test_targets_are_what_they_are_now(ledger: SqlLedger, parsers: Parsers) -> None:
    """web-1 has no shell: there a rule lets files through only where it names their paths."""
    await ledger.append(opened("s1"))
    await ledger.append(asked("upload /srv/x", verb="upload"))
    paths = rule("paths", "allow", 'path = "/srv/*"')
    done = await run(ledger, parsers, paths)
    (change,) = done.tally.changes()
    assert (change.before.outcome, change.after.outcome) == ("block", "allow")


async def test_a_rule_that_says_the_same_makes_no_difference(ledger: SqlLedger, parsers: Parsers) -> None:
    await ledger.append(opened("s1"))
    await ledger.append(asked("a"))
    other = rule("other", "allow", 'group = "dev"')
    done = await run(ledger, parsers, other)
    assert done.tally.changed == 0
    assert [id for id, _ in done.tally.by_rule()] == ["all", "other"]
    done = await run(ledger, parsers, ALL + rule("watch", "alert", 'command = "a"'))
    assert [each.after.also for each in done.tally.changes()] == [("alerts watch",)]
