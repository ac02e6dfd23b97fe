"""Where a statement ends and what is a comment: our grammar and a server's are asked the same texts."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.pq import ExecStatus

from gateway.session.database.parser_grammar import NotGrammar
from tests.contracts.postgres_server import PostgresServer
from tests.policy.sql_text import read

pytestmark = pytest.mark.needs("postgres")

PIECES = [
    *("select", " ", " ", "\n", "\r", "\t", "\f", "1", "'a'", "'", "''", '"', '"a"', ";", ";", "--", "-- x\n"),
    *("/*", "*/", "/* ; */", "/* /* */ */", "$$", "$a$", "$A$", "$1$", "$", "$é$", "\\", "\\'", "E'"),
    *("e'\\''", "E'\\\\'", "U&'", "U&'\\0041'", 'U&"\\0041"', "N'x'", "B'1'", "X'F'", "é", "\U0001f600"),
    *(",", "as a", "|| 'b'", "+ 1", "(", ")", "select 1", "select 'x';", "'\n'", "' '", "'--\n'", "1e", "1a"),
    *("0x1", "1_0", "::text", "uescape '!'", "\u00a0", "\u2028", "\x0b", "select $$;$$;"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection[Any]]:
    with PostgresServer.running() as made, made.connect() as connection:
        connection.autocommit = True
        yield connection


def as_server(server: psycopg.Connection[Any], text: str) -> int | None:
    """How many statements it ran; None if it had something against one."""
    server.pgconn.send_query(text.encode())
    statuses = []
    while (result := server.pgconn.get_result()) is not None:
        statuses.append(result.status)
    if ExecStatus.FATAL_ERROR in statuses:
        return None
    return len(statuses) - statuses.count(ExecStatus.EMPTY_QUERY)


def as_we(text: str) -> int | None:
    try:
        return sum(each.verb != "empty" for each in read(text).statements)
    except NotGrammar:
        return None


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(lambda pieces: "select " + "".join(pieces)))
@example("select '\\'; select 2 --'")
@example("select 1 /* /* */; select 2 /* */ */")
@example("select $a$ $A$; select 2 $a$")
@example("select E'\\'; select 2 --'")
@example("select 'a'--\n'; select 2'")
@example("select 1 --\r; select 2")
@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_server_finds_the_same_statements(server: psycopg.Connection[Any], text: str) -> None:
    """What a server refuses it does not run, so it does not matter what we make of it."""
    theirs, ours = as_server(server, text), as_we(text)
    if theirs is not None:
        # A comment inside of one literal is known to servers alone: we refuse, which is the safe side.
        assert ours == theirs or (ours is None and ("--" in text or "uescape" in text))
