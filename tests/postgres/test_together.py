"""A pipeline of writes: they share transactions of the ledger, keep their order, and nothing reaches the server that
is not written down."""

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import event

from gateway.core.errors import Fault
from gateway.core.events import OperationAdmitted
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.recording.statement_list import Statement, statements
from gateway.wire.postgres.frames import Message
from gateway.wire.postgres.messages import SYNC, Bind, make_bind, make_query, parse_fields
from gateway.wire.postgres.tables import ByServer
from tests.postgres.by_hand import bind, by_hand, execute, prepare, rows_of, told
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

INSERT = prepare("w", "insert into t values ($1::int)")
READ = prepare("r", "select 'read ' || $1::int")


def bound(statement: str, number: int) -> bytes:
    return make_bind(Bind("", statement, (), (str(number).encode(),), ()))


def run(statement: str, number: int) -> bytes:
    return bound(statement, number) + execute()


@pytest.fixture
def commits(house: House, postgres: DatabaseServer, database: str) -> list[object]:
    """Those of the ledger."""
    with postgres.connect(database) as connection:
        connection.execute("create table t (a int primary key)")
    seen: list[object] = []
    event.listen(house.ledger._database.writing.sync_engine, "commit", seen.append)
    return seen


def there(postgres: DatabaseServer, database: str) -> list[int]:
    with postgres.connect(database) as connection:
        return [row[0] for row in connection.execute("select a from t order by ctid").fetchall()]


def recorded(house: House, text: str) -> list[Statement]:
    return sorted(
        [each for each in statements(house.recording().frames) if text in each.text], key=lambda each: each.n
    )


def codes(answer: list[Any]) -> list[str]:
    return [
        dict(parse_fields(item.body))["C"]
        for item in answer
        if isinstance(item, Message) and item.tag == ByServer.ERROR
    ]


@pytest.mark.parametrize("each_synced", [False, True])
async def test_they_share_transactions_and_keep_their_order(
    house: House, postgres: DatabaseServer, database: str, commits: list[object], each_synced: bool
) -> None:
    numbers = list(range(200, 100, -1))
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, READ, SYNC)
        before = len(commits)
        parts = [run("w", n) + (run("r", n) if n % 10 == 0 else b"") + SYNC * each_synced for n in numbers]
        answer = await hand.say(*parts, SYNC, ready=1 + len(numbers) * each_synced)
        assert told(answer) == []
        assert rows_of(answer).count(b"read ") == 10
        assert len(commits) - before < 30
    assert there(postgres, database) == numbers
    await house.over()
    admitted = [
        each for each in await house.entries("operation.admitted") if "insert" in str(each.body["text"])
    ]
    assert len(admitted) == len(numbers)
    assert [each.values for each in recorded(house, "insert")] == [(str(n),) for n in numbers]
    results = [each.result for each in recorded(house, "insert")]
    assert all(result is not None and result.tag == "INSERT 0 1" for result in results)
    together = recorded(house, "")
    assert [each.n for each in together] == list(range(1, len(together) + 1))


async def test_what_fails_on_the_way(
    house: House, postgres: DatabaseServer, database: str, commits: list[object]
) -> None:
    """The server skips the rest of the group, and the next one is done."""
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, SYNC)
        first = run("w", 1) + run("w", 2) + run("w", 1) + run("w", 3) + SYNC
        answer = await hand.say(first + run("w", 4) + run("w", 5) + SYNC, ready=2)
        assert codes(answer) == ["23505"]
    assert there(postgres, database) == [4, 5]
    await house.over()
    errors = [each.result.error.get("message", "") for each in recorded(house, "insert") if each.result]
    assert [error.split(" ")[0] for error in errors] == ["", "", "duplicate", "not", "", ""]


async def test_one_of_them_is_not_allowed(
    house: House, postgres: DatabaseServer, database: str, commits: list[object]
) -> None:
    """It is refused in its place; what came before is done with its group or not at all, as on the server."""

    def decide(operation: Operation, session: Session) -> Verdict:
        refused = Effect.WRITE in operation.effects and operation.details.get("values") == ("3",)
        return Deny("no-threes", "no threes") if refused else Allow("everything")

    house.decide = decide
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, SYNC)
        groups = [run("w", 1) + SYNC, run("w", 2) + run("w", 3) + run("w", 4) + SYNC, run("w", 5) + SYNC]
        answer = await hand.say(*groups, ready=3)
        assert told(answer) == ["hoop: blocked - no threes"]
    assert there(postgres, database) == [1, 5]


@pytest.mark.parametrize("synced", [False, True])
async def test_the_rules_change_at_this_very_moment(
    house: House, postgres: DatabaseServer, database: str, commits: list[object], synced: bool
) -> None:
    """It was allowed when it came, and is not when its turn is."""
    asked: list[object] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        if Effect.WRITE not in operation.effects or operation.details["values"] != ("3",):
            return Allow("everything")
        asked.append(operation)
        return Allow("everything") if len(asked) == 1 else Deny("no-threes", "no threes")

    house.decide = decide
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, READ, SYNC)
        first = run("w", 1) + SYNC + run("w", 2) + run("w", 3) + run("w", 4)
        if synced:
            answer = await hand.say(first + SYNC + run("w", 5) + SYNC, ready=3)
        else:
            hand.writer.write(first)
            await hand.until_ready(1)
            answer = await hand.say(run("w", 9), SYNC, run("w", 5), SYNC, ready=2)
        assert told(answer) == ["hoop: blocked - no threes"]
        assert b"read 7" in rows_of(await hand.say(run("r", 7), SYNC))
    assert there(postgres, database) == [1, 5]
    assert len(asked) == 2


CHANGE = prepare("c", "update s set note = 'n' || $1 where a = $1::int returning a, secret")
MASKS = frozenset({"public.s.secret"})


@pytest.fixture
def secrets(postgres: DatabaseServer, database: str) -> None:
    with postgres.connect(database) as connection:
        connection.execute("create table s (a int, note text, secret text)")
        connection.execute("insert into s select i, '', 'hidden-' || i from generate_series(1, 100) i")


async def test_what_is_masked_waits_for_others_too(
    house: House, secrets: None, commits: list[object]
) -> None:
    house.decide = lambda operation, session: Allow("pii", MASKS)
    async with by_hand(house.port) as hand:
        await hand.say(CHANGE, SYNC)
        await hand.say(run("c", 1), SYNC)
        before = len(commits)
        rows = rows_of(await hand.say(*[run("c", n) for n in range(1, 101)], SYNC))
        assert b"hidden" not in rows
        assert rows.count(b"[masked:secret]") == 100
        assert len(commits) - before < 30
    await house.over()
    assert (
        len([each for each in await house.entries("operation.admitted") if "update" in str(each.body)]) == 101
    )


async def test_the_rules_begin_to_mask_at_this_very_moment(
    house: House, secrets: None, commits: list[object]
) -> None:
    asked: list[object] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        if Effect.WRITE in operation.effects and operation.details["values"] == ("3",):
            asked.append(operation)
        return Allow("pii", MASKS) if len(asked) > 1 else Allow("everything")

    house.decide = decide
    async with by_hand(house.port) as hand:
        await hand.say(CHANGE, SYNC)
        rows = rows_of(await hand.say(*[run("c", n) for n in (2, 3, 4)], SYNC))
    assert rows.count(b"hidden-2") == 1
    assert b"hidden-3" not in rows
    assert rows.count(b"[masked:secret]") == 2


async def test_nothing_goes_on_that_is_not_written_down(
    house: House,
    postgres: DatabaseServer,
    database: str,
    commits: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, SYNC)
        real, count = house.ledger.append, 0

        async def append(event: Any) -> int:
            nonlocal count
            count += 1
            if count == 3:
                raise Fault("the ledger is full")
            return await real(event)

        monkeypatch.setattr(house.ledger, "append", append)
        hand.writer.write(b"".join([run("w", n) for n in range(5)]) + SYNC)
        said = await hand.reader.read()
        assert b"this can not be written to the audit log" in said
        await house.over()
    assert there(postgres, database) == []


async def test_other_messages_do_not_overtake(
    house: House, postgres: DatabaseServer, database: str, commits: list[object]
) -> None:
    """A simple query, a statement that is prepared on the way, a rollback, a goodbye."""
    async with by_hand(house.port) as hand:
        await hand.say(INSERT, SYNC)
        count = prepare("", "select 'there are ' || count(*) from t") + bind("") + execute()
        answer = await hand.say(
            run("w", 1) + run("w", 2) + count + SYNC + make_query("select 'now ' || count(*) from t"), ready=2
        )
        assert b"there are 2" in rows_of(answer)
        assert b"now 2" in rows_of(answer)
        begin, rollback = [prepare("", text) + bind("") + execute() for text in ("begin", "rollback")]
        answer = await hand.say(begin + run("w", 3) + run("w", 4) + count + rollback + count + SYNC)
        assert told(answer) == []
        assert b"there are 4" in rows_of(answer)
        assert b"there are 2" in rows_of(answer)
        hand.writer.write(run("w", 5) + SYNC + b"X\0\0\0\4")
        assert b"INSERT 0 1" in await hand.reader.read()
    assert there(postgres, database) == [1, 2, 5]


SLOW_TO_FAIL = """create function slow_to_fail() returns int immutable language plpgsql as
    $$begin perform pg_sleep(0.3); raise exception 'not today'; end$$"""


@pytest.fixture
def failed(
    house: House,
    postgres: DatabaseServer,
    database: str,
    commits: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> asyncio.Event:
    """Until it is set, nothing can be written down."""
    with postgres.connect(database) as connection:
        connection.execute(SLOW_TO_FAIL)
    failed = asyncio.Event()
    real = house.ledger.append

    async def append(entry: Any) -> int:
        if isinstance(entry, OperationAdmitted):
            await failed.wait()
        return await real(entry)

    monkeypatch.setattr(house.ledger, "append", append)
    return failed


@pytest.mark.parametrize(
    "text", ["do $$begin perform 1; end$$", "select slow_to_fail()", "insert into t values (1)"]
)
async def test_the_server_fails_while_more_is_being_judged(
    house: House, postgres: DatabaseServer, database: str, failed: asyncio.Event, text: str
) -> None:
    """The server skips what comes then, so nobody may wait for its answer."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("bad", "select slow_to_fail()"), prepare("next", text), SYNC)
        hand.writer.write(bind("next", "p") + bind("bad"))  # the server begins with it now
        await asyncio.sleep(0.1)
        hand.writer.write(execute("p"))
        answer = await hand.until(ByServer.ERROR)
        failed.set()
        assert told(answer) == ["not today"]
        assert told(await hand.say(bind("next") + execute(), SYNC)) == []
        assert b"5" in rows_of(await hand.say(prepare("", "select 2 + 3"), bind(""), execute(), SYNC))
    assert there(postgres, database) == []


async def test_the_server_fails_while_a_whole_group_is_being_judged(
    house: House, postgres: DatabaseServer, database: str, failed: asyncio.Event
) -> None:
    """What is sent behind that group's end is not skipped."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("bad", "select slow_to_fail()"), INSERT, SYNC)
        hand.writer.write(bind("bad"))
        await asyncio.sleep(0.1)
        hand.writer.write(run("w", 1) + SYNC + run("w", 2) + SYNC)
        answer = await hand.until(ByServer.ERROR)
        failed.set()
        assert told([*answer, *await hand.until_ready(2)]) == ["not today"]
        assert b"5" in rows_of(await hand.say(make_query("select 2 + 3")))
    assert there(postgres, database) == [2]


async def test_what_comes_in_pieces_goes_on_in_pieces(house: House, commits: list[object]) -> None:
    """The system would keep a second small piece back until the server has acknowledged the first: 40 ms."""
    took: list[float] = []
    async with by_hand(house.port) as hand:
        await hand.say(READ, SYNC)
        await hand.say(run("r", 1), SYNC)
        for n in range(7):
            hand.writer.write(bound("r", n))
            await asyncio.sleep(0.005)
            began = time.perf_counter()
            await hand.say(execute(), SYNC)
            took.append(time.perf_counter() - began)
    assert min(took) < 0.02, took
