"""Names of prepared statements, portals and cursors that are given another meaning behind the gateway's back: what is
judged and masked is what the server runs, or nothing runs."""

import asyncio

import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.wire.postgres.messages import SYNC, make_query
from tests.postgres.by_hand import bind, by_hand, close, execute, prepare, rows_of, told
from tests.postgres.house import House
from tests.postgres.leaks import SCHEMA, SECRET
from tests.postgres.servers import DatabaseServer
from tests.postgres.test_masks import RULES

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

BAD = prepare("bad", "select * from nowhere")
HARMLESS = "select 1"
CHANGE = "delete from t"
RUN = bind("s") + execute() + SYNC


def keep_everything(operation: Operation, session: Session) -> Verdict:
    """Nobody deletes, and nothing runs of which nobody knows what it does."""
    if operation.verb == "delete" or Effect.UNKNOWN in operation.effects:
        return Deny("keep", "nothing is deleted here")
    return Allow("everything")


@pytest.fixture
def house(house: House, postgres: DatabaseServer, database: str) -> House:
    with postgres.connect(database) as connection:
        connection.execute("create table t as select generate_series(1, 5) as a")
    return house


def left(postgres: DatabaseServer, database: str) -> int:
    with postgres.connect(database) as connection:
        row = connection.execute("select count(*) from t").fetchone()
    assert row is not None
    return int(row[0])


PIPELINES: dict[str, tuple[bytes, int]] = {
    "as it is": (RUN, 1),
    "another meaning that is skipped": (BAD + close("s") + prepare("s", HARMLESS) + SYNC + RUN, 2),
    "given up and skipped twice": (
        BAD + close("s") + prepare("s", HARMLESS) + SYNC + BAD + close("s") + SYNC + RUN,
        3,
    ),
    "defined in one that is skipped, closed in another that is": (
        (BAD + close("s") + prepare("s", HARMLESS) + SYNC) * 3 + BAD + close("s") + SYNC + RUN,
        5,
    ),
    "defined where it is there already": (prepare("s", HARMLESS) + SYNC + RUN, 2),
    "the same in SQL": (BAD + make_query("deallocate s; prepare s as select 1") + SYNC + RUN, 2),
    "closed, and made again in SQL": (
        close("s")
        + SYNC
        + make_query(f"prepare s as {HARMLESS}")
        + close("s")
        + prepare("s", CHANGE)
        + SYNC
        + RUN,
        4,
    ),
    "executed in SQL": (make_query("execute s"), 1),
    "executed in SQL after what is skipped": (
        BAD + close("s") + prepare("s", HARMLESS) + SYNC + BAD + close("s") + SYNC + make_query("execute s"),
        3,
    ),
    "another portal of the same name that is skipped": (
        bind("harmless", "p")
        + SYNC
        + make_query("begin")
        + bind("s", "p")
        + BAD
        + bind("harmless", "p")
        + SYNC
        + execute("p")
        + SYNC,
        4,
    ),
}


@pytest.mark.parametrize("what", PIPELINES)
async def test_what_runs_is_what_was_judged(
    house: House, postgres: DatabaseServer, database: str, what: str
) -> None:
    """`s` deletes and was prepared while that was allowed. Nothing that is sent ahead makes it pass for another."""
    async with by_hand(house.port) as hand:
        assert told(await hand.say(prepare("s", CHANGE), prepare("harmless", HARMLESS), SYNC)) == []
        house.decide = keep_everything
        data, ready = PIPELINES[what]
        errors = told(await hand.say(data, ready=ready))
        assert errors, "it was not even refused"
        assert left(postgres, database) == 5
        house.decide = lambda operation, session: Allow("everything")
        await hand.say(SYNC, make_query("rollback"), ready=2)
        answer = await hand.say(prepare("", "select 'still here'"), bind(""), execute(), SYNC)
        assert b"still here" in rows_of(answer)


async def test_it_is_judged_when_it_is_prepared_and_when_it_is_run(house: House) -> None:
    judged: list[str] = []

    def note(operation: Operation, session: Session) -> Verdict:
        judged.append(operation.text)
        return keep_everything(operation, session)

    house.decide = note
    async with by_hand(house.port) as hand:
        answer = await hand.say(prepare("s", CHANGE), bind("s"), execute(), SYNC)
        assert told(answer) == ["hoop: blocked - nothing is deleted here"]
        (error,) = told(await hand.say(RUN))
        assert 'prepared statement "s" ' in error or "blocked" in error
        judged.clear()
        await hand.say(prepare("s", "update t set a = a"), SYNC)
        assert judged == ["update t set a = a"]
        await hand.say(RUN)
        assert judged[-1] == "update t set a = a"
        assert len(judged) > 1


async def test_what_names_another_is_judged_each_time(house: House) -> None:
    """A prepared EXECUTE or FETCH that was admitted once is no way to what its name stands for later."""

    def hold(operation: Operation, session: Session) -> Verdict:
        return Hold("ask", "", frozenset({"sre"})) if "secret" in operation.text else Allow("everything")

    house.decide = hold
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select 'x'"), prepare("by_name", "execute s"), SYNC)
        await hand.say(bind("by_name"), execute(), SYNC)
        await hand.say(close("s"), prepare("s", "select 'secret'"), SYNC)
        hand.writer.write(bind("by_name") + execute() + SYNC)
        async with asyncio.timeout(10):
            while not (held := await house.ledger.approvals(state="held")):
                await asyncio.sleep(0.02)
        assert held[0].text.endswith("select 'secret'")


IN_SQL = {
    "renamed in one go": "prepare s as select 1; deallocate s; prepare s as delete from t; execute s",
    "deallocated first": "deallocate s; prepare s as delete from t; execute s",
    "in a function": "do $$begin execute 'prepare s as delete from t'; end$$; execute s",
    "discarded": "discard all; prepare s as delete from t; execute s",
    "explained": "prepare d as delete from t; explain analyze execute d",
    "as a table": "create table u as execute s",
    "with a value that changes": "prepare v(int) as select $1; execute v((select 1 from t))",
}


DO_NO_HARM = ("as a table", "with a value that changes")


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("what", IN_SQL)
async def test_names_of_sql(
    house: House, postgres: DatabaseServer, database: str, what: str, pipelined: bool
) -> None:
    """PREPARE, EXECUTE and DEALLOCATE in one text, or sent one behind the other before anything is answered."""
    async with by_hand(house.port) as hand:
        assert told(await hand.say(make_query("prepare s as select 1"))) == []
        house.decide = keep_everything
        parts = IN_SQL[what].split("; ") if pipelined and "do $$" not in IN_SQL[what] else [IN_SQL[what]]
        answer = await hand.say(*map(make_query, parts), ready=len(parts))
        if what not in DO_NO_HARM:
            assert any(error.startswith("hoop: blocked") for error in told(answer))
        assert left(postgres, database) == 5


COMPUTED = f"select ssn || '' from app.customers where ssn = '{SECRET}'"

CURSORS: dict[str, list[tuple[bytes, int]]] = {
    "a portal that is gone, and a cursor of its name": [
        (make_query("begin") + prepare("h", "select 'x'") + bind("h", "c") + execute("c") + SYNC, 2),
        (make_query("commit"), 1),
        (make_query("begin"), 1),
        (make_query(f"declare c cursor for {COMPUTED}"), 1),
        (execute("c") + SYNC, 1),
    ],
    "a cursor that is gone, and a portal of its name": [
        (make_query("begin; declare c cursor for select 'x'; fetch c; commit"), 1),
        (make_query("begin"), 1),
        (prepare("p", COMPUTED) + bind("p", "c") + SYNC, 1),
        (make_query("fetch all from c"), 1),
    ],
    "the same, sent ahead": [
        (make_query("begin; declare c cursor for select 'x'; fetch c; commit"), 1),
        (
            make_query("begin")
            + prepare("p", COMPUTED)
            + bind("p", "c")
            + SYNC
            + make_query("fetch all from c"),
            3,
        ),
    ],
    "a cursor that was rolled back": [
        (make_query("begin; declare c cursor for select 'x'; rollback"), 1),
        (make_query(f"begin; declare c cursor for {COMPUTED}; fetch all from c"), 1),
        (make_query("rollback"), 1),
    ],
    "a portal that failed over a cursor": [
        (make_query("begin") + prepare("h", "select 'x'") + bind("h", "c") + execute("c") + SYNC, 2),
        (make_query("commit"), 1),
        (
            prepare("p", "select 1/0")
            + bind("nothing", "c")
            + SYNC
            + make_query("begin")
            + make_query(f"declare c cursor for {COMPUTED}")
            + execute("c")
            + SYNC,
            4,
        ),
    ],
    "a statement whose making is answered too late": [
        (
            make_query("select pg_sleep(0.3); prepare c as select 'x'")
            + make_query(f"select pg_sleep(0.6); deallocate c; prepare c as {COMPUTED}"),
            1,
        ),
        (bind("c") + execute() + SYNC, 2),
    ],
    "a statement of another name": [
        (make_query("prepare c as select 'x'"), 1),
        (make_query("deallocate c") + make_query(f"prepare c as {COMPUTED}") + make_query("execute c"), 3),
    ],
    "a statement made again while the first is on its way": [
        (
            make_query("prepare c as select 'x'")
            + prepare("other", "select 2")
            + SYNC
            + make_query("deallocate c")
            + prepare("c", COMPUTED)
            + bind("c")
            + execute()
            + SYNC,
            4,
        ),
    ],
}


@pytest.mark.parametrize("what", CURSORS)
async def test_masks_go_by_what_is_behind_a_name(
    house: House, postgres: DatabaseServer, database: str, what: str
) -> None:
    """A name that stood for something harmless does not make a masked value pass."""
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA)
    house.rules(RULES)
    seen = b""
    async with by_hand(house.port) as hand:
        for data, ready in CURSORS[what]:
            answer = await hand.say(data, ready=ready)
            seen += rows_of(answer) + repr(told(answer)).encode()
    assert SECRET.encode() not in seen
