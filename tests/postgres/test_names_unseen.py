"""What DO, procedures and functions do to names where nobody sees it: what is judged afterwards is what runs, and
programs that keep their statements and cursors go on."""

import psycopg
import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.sql import SqlFacts
from gateway.core.verdict import Allow, Deny, Verdict
from gateway.wire.postgres.frames import Message
from gateway.wire.postgres.messages import (
    SYNC,
    Describe,
    Execute,
    make_describe,
    make_execute,
    make_query,
    parse_fields,
)
from gateway.wire.postgres.tables import ByServer
from tests.postgres.by_hand import bind, by_hand, execute, prepare, rows_of, told
from tests.postgres.house import House
from tests.postgres.servers import DatabaseServer

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

SWAP = "execute 'deallocate s'; execute 'prepare s as delete from t returning a'"
SCHEMA = f"""
create table t as select generate_series(1, 5) as a;
create function swaps() returns int language plpgsql as $$begin {SWAP}; return 1; end$$;
create procedure swap() language plpgsql as $$begin {SWAP}; end$$;
create function one() returns int language plpgsql as $$begin return 1; end$$;
"""
UNSEEN = {
    "do": [f"do $${'begin'} {SWAP}; end$$"],
    "call": ["call swap()"],
    "a function": ["select swaps()"],
    "a function in a condition": ["select 'x' where swaps() = 1"],
    "explained": ["explain analyze select swaps()"],
    "in a cursor": ["begin", "declare d cursor for select swaps()", "fetch d", "commit"],
}
MAKE_AGAIN = "make it again"
PREPARE_AGAIN = "prepare it again"


class Rules:
    """Nobody deletes. What runs anything may run; what is run by a name has to be known."""

    def __init__(self) -> None:
        self.judged: list[SqlFacts] = []

    def __call__(self, operation: Operation, session: Session) -> Verdict:
        if operation.verb == "connect":
            return Allow("everything")
        facts = operation.details["sql"]
        assert isinstance(facts, SqlFacts)
        self.judged.append(facts)
        if facts.verb == "delete":
            return Deny("keep", "nothing is deleted here")
        if facts.verb not in ("do", "call", "explain") and Effect.UNKNOWN in facts.effects:
            return Deny("known", facts.why)
        return Allow("everything")


@pytest.fixture
def rules(house: House, postgres: DatabaseServer, database: str) -> Rules:
    with postgres.connect(database) as connection:
        connection.execute(SCHEMA.encode())
    house.decide = rules = Rules()
    return rules


def left(postgres: DatabaseServer, database: str) -> int:
    with postgres.connect(database) as connection:
        row = connection.execute("select count(*) from t").fetchone()
    assert row is not None
    return int(row[0])


def say(text: str, *, extended: bool) -> bytes:
    return prepare("", text) + bind("") + execute() + SYNC if extended else make_query(text)


WAYS = pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])


@WAYS
@pytest.mark.parametrize("what", UNSEEN)
async def test_a_statement_of_the_protocol(
    house: House, rules: Rules, postgres: DatabaseServer, database: str, what: str, extended: bool
) -> None:
    """It is prepared once more before it is bound, so it is what it was; nobody notices."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select 'harmless'"), SYNC)
        for _ in range(2):
            for text in UNSEEN[what]:
                assert told(await hand.say(say(text, extended=extended))) == []
            answer = await hand.say(bind("s"), execute(), SYNC)
            assert told(answer) == []
            assert b"harmless" in rows_of(answer)
            tags = [item.tag for item in answer if isinstance(item, Message)]
            assert tags == [ByServer.BIND_COMPLETE, ByServer.COMMAND_COMPLETE, ByServer.READY]
    assert left(postgres, database) == 5
    assert [facts.text for facts in rules.judged if facts.verb == "delete"] == []


async def test_sent_ahead(house: House, rules: Rules, postgres: DatabaseServer, database: str) -> None:
    """The same where it is bound before anything is answered."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select 'harmless'"), prepare("d", UNSEEN["do"][0]), SYNC)
        together = bind("d") + execute() + bind("s") + execute()
        answer = await hand.say(together + together + SYNC + bind("s") + execute() + SYNC, ready=2)
        assert told(answer) == []
        assert rows_of(answer).count(b"harmless") == 3
    assert left(postgres, database) == 5


@WAYS
@pytest.mark.parametrize("what", UNSEEN)
async def test_a_statement_of_sql(
    house: House, rules: Rules, postgres: DatabaseServer, database: str, what: str, extended: bool
) -> None:
    """Nobody knows what it is then, whichever way it is run, until it is prepared again."""
    async with by_hand(house.port) as hand:
        await hand.say(make_query("prepare s as select 'harmless'"))
        for text in UNSEEN[what]:
            assert told(await hand.say(say(text, extended=extended))) == []
        (error,) = told(await hand.say(say("execute s", extended=extended)))
        assert error.startswith("hoop: blocked - ")
        assert MAKE_AGAIN in error
        (error,) = told(await hand.say(bind("s"), execute(), SYNC))
        assert PREPARE_AGAIN in error
        await hand.say(make_query("deallocate s; prepare s as select 'harmless'"))
        for data in (make_query("execute s"), bind("s") + execute() + SYNC):
            assert b"harmless" in rows_of(await hand.say(data))
    assert left(postgres, database) == 5


async def test_the_unnamed_one_is_not_in_doubt(house: House, rules: Rules) -> None:
    """No SQL can say its name."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("d", UNSEEN["do"][0]), prepare("s", "select 1"), SYNC)
        await hand.say(prepare("", "select 'harmless'"), bind("d", "p"), execute("p"), SYNC)
        before = len(rules.judged)
        assert b"harmless" in rows_of(await hand.say(bind(""), execute(), SYNC))
        assert {facts.text for facts in rules.judged[before:]} == {"select 'harmless'"}


async def test_a_result_that_is_another_now(house: House, rules: Rules) -> None:
    """The client has been told of other columns: it hears what the server itself would say."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select * from t"), make_describe(Describe("S", "s")), SYNC)
        await hand.say(make_query("do $$begin execute 'alter table t add b text'; end$$"))
        answer = await hand.say(bind("s"), execute(), SYNC)
        (error,) = [dict(parse_fields(item.body)) for item in answer if item.tag == ByServer.ERROR]  # type: ignore[union-attr] # errors are messages
        assert (error["C"], error["R"]) == ("0A000", "RevalidateCachedQuery")
        assert told(await hand.say(prepare("", "select 1"), bind(""), execute(), SYNC)) == []


async def test_what_can_not_be_prepared_again(house: House, rules: Rules) -> None:
    """The server's own error takes the place of the answer, and the next group goes on."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select * from t"), SYNC)
        await hand.say(make_query("do $$begin execute 'drop table t'; end$$"))
        (error,) = told(await hand.say(bind("s"), execute(), SYNC))
        assert error == 'relation "t" does not exist'
        assert told(await hand.say(prepare("", "select 1"), bind(""), execute(), SYNC)) == []


async def test_in_a_failed_transaction(house: House, rules: Rules) -> None:
    """Nothing runs there, and nothing is lost by trying."""
    async with by_hand(house.port) as hand:
        await hand.say(prepare("s", "select 'harmless'"), SYNC)
        fails = make_query("begin; do $$begin null; end$$; select 1/0")
        assert told(await hand.say(fails)) == ["division by zero"]
        for _ in range(2):
            (error,) = told(await hand.say(bind("s"), execute(), SYNC))
            assert "aborted" in error
        assert told(await hand.say(make_query("rollback"))) == []
        assert b"harmless" in rows_of(await hand.say(bind("s"), execute(), SYNC))
        run = bind("s") + execute() + SYNC
        answer = await hand.say(fails + run + make_query("rollback") + run, ready=4)
        assert len(told(answer)) == 2
        assert rows_of(answer).count(b"harmless") == 1


async def test_a_driver_that_keeps_its_statements(house: House, rules: Rules) -> None:
    async with await house.connect(prepare_threshold=0) as connection:
        for number in range(6):
            found = await (await connection.execute("select a, %s::int from t", (number,))).fetchall()
            assert found == [(a, number) for a in range(1, 6)]
            await connection.execute("do $$begin perform one(); end$$" if number % 2 else "select one()")


OTHER_CURSOR = "do $$declare c refcursor := 'c'; begin execute 'close c'; open c for select 'other'; end$$"


async def test_a_cursor_that_may_be_another(house: House, rules: Rules) -> None:
    async with by_hand(house.port) as hand:
        await hand.say(make_query("begin; declare c cursor for select a from t"))
        assert told(await hand.say(make_query("fetch c"))) == []
        assert told(await hand.say(make_query(OTHER_CURSOR))) == []
        (error,) = told(await hand.say(make_query("fetch c")))
        assert MAKE_AGAIN in error
        await hand.say(make_query("rollback"))
        await hand.say(make_query("begin"))
        await hand.say(prepare("h", "select a from t"), bind("h", "c"), SYNC)
        assert told(await hand.say(make_query(OTHER_CURSOR))) == []
        (error,) = told(await hand.say(execute("c"), SYNC))
        assert MAKE_AGAIN in error


async def test_a_cursor_over_a_function(house: House, rules: Rules) -> None:
    """While it runs it can not become another, and other cursors are what is in doubt."""
    some = make_execute(Execute("p", 2))
    async with by_hand(house.port) as hand:
        await hand.say(make_query("begin; declare c cursor for select one() from t"))
        for _ in range(3):
            assert told(await hand.say(make_query("fetch c"))) == []
        assert told(await hand.say(prepare("h", "select one() from t"), bind("h", "p"), SYNC)) == []
        for _ in range(2):
            assert told(await hand.say(some, SYNC)) == []
        (error,) = told(await hand.say(make_query("fetch c")))
        assert MAKE_AGAIN in error
        await hand.say(make_query("rollback"))
    async with await house.connect() as one, one.transaction(), one.cursor("named") as cursor:
        cursor.itersize = 2
        await cursor.execute("select one() from t")
        assert len([row async for row in cursor]) == 5


async def test_cursors_end_with_their_transaction(house: House, rules: Rules) -> None:
    """Of a name that is free again nothing is known."""
    async with by_hand(house.port) as hand:
        await hand.say(make_query("begin; declare c cursor for select a from t"))
        await hand.say(prepare("h", "select a from t"), bind("h", "p"), SYNC)
        for data in (make_query("fetch c"), make_execute(Execute("p", 1)) + SYNC):
            assert told(await hand.say(data)) == []
        await hand.say(make_query("commit"))
        for data in (make_query("fetch c"), execute("p") + SYNC):
            (error,) = told(await hand.say(data))
            assert error.startswith("hoop: blocked - ")
        await hand.say(bind("h", "p"), SYNC)  # by itself that is a transaction
        (error,) = told(await hand.say(execute("p"), SYNC))
        assert error.startswith("hoop: blocked - ")


async def test_cursors_that_hold(house: House, rules: Rules) -> None:
    async with by_hand(house.port) as hand:
        for text in ("begin; declare c cursor with hold for select a from t; commit", "fetch c", "fetch c"):
            assert told(await hand.say(make_query(text))) == []
        assert told(await hand.say(make_query("close c"))) == []
        (error,) = told(await hand.say(make_query("fetch c")))
        assert error.startswith("hoop: blocked - ")
    async with await house.connect() as connection:
        async with connection.cursor("named", withhold=True) as cursor:
            async with connection.transaction():
                await cursor.execute("select a from t")
            assert len(await cursor.fetchall()) == 5
        with pytest.raises(psycopg.Error):
            await connection.execute("fetch named")
