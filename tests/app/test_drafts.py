"""What somebody has written down is read as it will be when it is run: one operation, or none."""

from collections.abc import AsyncIterator

import pytest

from gateway.adapters.postgres.judging import operation_of
from gateway.app.drafts import Drafts
from gateway.core.errors import Refused
from gateway.core.people import Target
from gateway.core.sql import SqlFacts
from gateway.session.database.parser import Parsers

WEB = Target("web-1", "ssh", "127.0.0.1", 22)
APPDB = Target("appdb", "postgres", "127.0.0.1", 5432)


@pytest.fixture
async def parsers() -> AsyncIterator[Parsers]:
    made = Parsers()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def drafts(parsers: Parsers) -> Drafts:
    return Drafts(lambda: parsers)


@pytest.mark.parametrize("text", ["delete from t", "delete from t;\n", " delete from t ; -- so\n"])
async def test_a_statement_is_what_its_session_makes_of_it(drafts: Drafts, text: str) -> None:
    """Whether or not a client sends its semicolon."""
    drafted = await drafts(APPDB, text)
    facts = drafted.details["sql"]
    assert isinstance(facts, SqlFacts)
    assert (drafted.verb, drafted.text, [str(name) for name in facts.writes]) == (
        "delete",
        "delete from t",
        ["t"],
    )
    assert drafted == operation_of(facts)


@pytest.mark.parametrize(
    ("target", "text", "says"),
    [
        (APPDB, "delete from t; select 1", "one statement at a time: this is 2"),
        (APPDB, ";", "one statement at a time: this is 0"),
        (APPDB, "delete t from", "this is no SQL: syntax error"),
        (APPDB, "execute q", "execute names what only a session knows"),
        (WEB, "\n", "this is no command"),
        (WEB, "a\0b", "this is no command"),
        (Target("x", "other", "", 0), "x", "nothing can be written down for x"),
    ],
)
async def test_what_is_no_single_operation(drafts: Drafts, target: Target, text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        await drafts(target, text)


async def test_a_command_without_the_last_newline_of_its_file(drafts: Drafts) -> None:
    drafted = await drafts(WEB, "systemctl restart nginx\n")
    assert (drafted.verb, drafted.text) == ("exec", "systemctl restart nginx")
