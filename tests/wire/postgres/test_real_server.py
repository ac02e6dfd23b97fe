"""A real PostgreSQL, spoken to with nothing but this codec: it understands us, and each of its messages is read, and
written again as it was."""

import socket
from collections.abc import Callable, Iterator
from struct import pack
from typing import Any

import pytest

from gateway.core.errors import Malformed
from gateway.wire.postgres import messages as m
from gateway.wire.postgres.fields import name
from gateway.wire.postgres.frames import BackendReader, Message, Run, frame
from gateway.wire.postgres.rows import rows
from gateway.wire.postgres.startup import make_cancel_request, make_ssl_request, make_startup
from gateway.wire.postgres.tables import ByClient, ByServer, Phase
from tests.contracts.postgres_server import PostgresServer

pytestmark = pytest.mark.needs("postgres")

AGAIN: dict[int, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    ByServer.AUTHENTICATION: (m.parse_authentication, m.make_authentication),
    ByServer.BACKEND_KEY_DATA: (m.parse_backend_key_data, m.make_backend_key_data),
    ByServer.COMMAND_COMPLETE: (m.parse_command_complete, m.make_command_complete),
    ByServer.COPY_IN: (m.parse_copy_response, m.make_copy_in),
    ByServer.COPY_OUT: (m.parse_copy_response, m.make_copy_out),
    ByServer.ERROR: (m.parse_fields, m.make_error),
    ByServer.FUNCTION_RESULT: (m.parse_function_result, m.make_function_result),
    ByServer.NEGOTIATE_VERSION: (m.parse_negotiate_version, m.make_negotiate_version),
    ByServer.NOTICE: (m.parse_fields, m.make_notice),
    ByServer.NOTIFICATION: (m.parse_notification, m.make_notification),
    ByServer.PARAMETER_DESCRIPTION: (m.parse_parameter_description, m.make_parameter_description),
    ByServer.PARAMETER_STATUS: (m.parse_parameter_status, m.make_parameter_status),
    ByServer.READY: (m.parse_ready, m.make_ready),
    ByServer.ROW_DESCRIPTION: (m.parse_row_description, m.make_row_description),
}


class Talk:
    """One connection, signed in unless told otherwise."""

    def __init__(self, port: int, *more: tuple[str, str], version: tuple[int, int] = (3, 0)) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.reader = BackendReader(Phase.SIGN_IN)
        self.greeting = self.say(make_startup([("user", "hoop"), ("database", "postgres"), *more], version))
        self.reader.phase = Phase.SESSION

    def say(self, data: bytes) -> list[Message | Run]:
        """Send this, and read until the server is ready."""
        self.socket.sendall(data)
        return self.until(ByServer.READY)

    def until(self, tag: int) -> list[Message | Run]:
        """What comes, up to the first message of this tag."""
        found: list[Message | Run] = []
        while not found or found[-1].tag != tag:
            item = self.reader.next()
            if item is None:
                data = self.socket.recv(65536)
                assert data, "the server hung up"
                self.reader.receive(data)
            else:
                found.append(self._again(item))
        return found

    def _again(self, item: Message | Run) -> Message | Run:
        if isinstance(item, Message):
            parse, make = AGAIN.get(item.tag, (None, None))
            assert (parse and make) or not item.body, f"nothing reads {chr(item.tag)}"
            assert not (parse and make) or make(parse(item.body)) == frame(item.tag, item.body)
        return item


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with PostgresServer.running() as server:
        yield server.port


@pytest.fixture
def talk(port: int) -> Iterator[Talk]:
    talk = Talk(port)
    with talk.socket:
        yield talk


def tags(items: list[Message | Run]) -> str:
    return "".join(chr(item.tag) for item in items)


def body(items: list[Message | Run], tag: int) -> bytes:
    """The body of the one message of that tag."""
    (found,) = [item for item in items if item.tag == tag]
    assert isinstance(found, Message)
    return found.body


def cells(items: list[Message | Run]) -> list[list[bytes | None]]:
    """All rows."""
    data = b"".join(item.data for item in items if isinstance(item, Run))
    return [[None if cell is None else bytes(cell) for cell in row] for row in rows(data)]


def test_a_session_begins_and_ends(port: int) -> None:
    talk = Talk(port, ("application_name", "codec"))
    with talk.socket:
        assert (
            m.parse_authentication(body(talk.greeting[:1], ByServer.AUTHENTICATION)) == m.AuthenticationOk()
        )
        reported = [
            item.body
            for item in talk.greeting
            if isinstance(item, Message) and item.tag == ByServer.PARAMETER_STATUS
        ]
        assert m.ParameterStatus("application_name", "codec") in map(m.parse_parameter_status, reported)
        assert m.parse_ready(body(talk.greeting, ByServer.READY)) == m.IDLE
        talk.socket.sendall(m.TERMINATE)
        assert talk.socket.recv(1) == b""


def test_another_version_is_negotiated(port: int) -> None:
    talk = Talk(port, ("_pq_.codec", "1"), version=(3, 9999))
    with talk.socket:
        told = m.parse_negotiate_version(body(talk.greeting, ByServer.NEGOTIATE_VERSION))
        assert told.unknown == ("_pq_.codec",)
        assert told.version in {(3, 0), (3, 2)}


def test_encryption_is_asked_for_and_not_had(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(make_ssl_request())
        assert plain.recv(10) == b"N"


def test_statements_at_once(talk: Talk) -> None:
    said = talk.say(
        m.make_query("select 1 as one, null::text; ; do $$begin raise notice 'psst'; end$$; select 1/0")
    )
    assert tags(said) == "TDCNCEZ"
    columns = m.parse_row_description(body(said, ByServer.ROW_DESCRIPTION))
    assert [(column.name, column.type, column.format) for column in columns] == [
        ("one", 23, 0),
        ("text", 25, 0),
    ]
    assert cells(said) == [[b"1", None]]
    assert m.field(m.parse_fields(body(said, ByServer.NOTICE)), "M") == "psst"
    assert m.field(m.parse_fields(body(said, ByServer.ERROR)), "C") == "22012"
    assert tags(talk.say(m.make_query(""))) == "IZ"


def test_statements_prepared_bound_and_executed(talk: Talk) -> None:
    said = talk.say(
        m.make_parse(m.Parse("s", "select $1::int4, $2::text from generate_series(1, 3)", (0, 25)))
        + m.make_describe(m.Describe("S", "s"))
        + m.make_bind(m.Bind("p", "s", (1, 0), (pack(">i", 7), b"seven"), (1,)))
        + m.make_describe(m.Describe("P", "p"))
        + m.make_execute(m.Execute("p", 2))
        + m.FLUSH
        + m.make_execute(m.Execute("p"))
        + m.make_close(m.Close("P", "p"))
        + m.make_parse(m.Parse("", "listen l"))
        + m.make_describe(m.Describe("S", ""))
        + m.SYNC
    )
    assert tags(said) == "1tT2TDsDC31tnZ"
    assert cells(said) == [[pack(">i", 7), b"seven"]] * 3
    types = [
        m.parse_parameter_description(i.body) for i in said if isinstance(i, Message) and i.tag == ord("t")
    ]
    assert types == [(23, 25), ()]


def test_copy_goes_out_and_in(talk: Talk) -> None:
    said = talk.say(
        m.make_query("create temp table t (a int, b text); copy (values (1, 'x'), (2, null)) to stdout")
    )
    assert tags(said) == "CHdcCZ"
    assert m.parse_copy_response(body(said, ByServer.COPY_OUT)) == m.CopyResponse(0, (0, 0))
    talk.socket.sendall(m.make_query("copy t from stdin"))
    assert tags(talk.until(ByServer.COPY_IN)) == "G"
    said = talk.say(m.make_copy_data(b"1\tx\n2\t") + m.make_copy_data(b"\\N\n") + m.COPY_DONE)
    assert m.parse_command_complete(body(said, ByServer.COMMAND_COMPLETE)) == "COPY 2"
    talk.socket.sendall(m.make_query("copy t from stdin"))
    talk.until(ByServer.COPY_IN)
    said = talk.say(m.make_copy_fail("changed my mind"))
    assert "changed my mind" in m.field(m.parse_fields(body(said, ByServer.ERROR)), "M")


def test_functions_are_called_by_number(talk: Talk) -> None:
    number = int(cells(talk.say(m.make_query("select 'int4pl'::regproc::oid")))[0][0] or b"")
    call = m.FunctionCall(number, (1,), (pack(">i", 40), pack(">i", 2)), 1)
    said = talk.say(m.make_function_call(call))
    assert bytes(m.parse_function_result(body(said, ByServer.FUNCTION_RESULT)) or b"") == pack(">i", 42)


def test_notifications_and_changed_settings_are_reported(talk: Talk) -> None:
    said = talk.say(m.make_query("listen l; notify l, 'hello'; set time zone 'UTC'"))
    heard = m.parse_notification(body(said, ByServer.NOTIFICATION))
    assert (heard.channel, heard.payload) == ("l", "hello")
    assert m.parse_parameter_status(body(said, ByServer.PARAMETER_STATUS)) == m.ParameterStatus(
        "TimeZone", "UTC"
    )
    assert m.parse_ready(body(talk.say(m.make_query("begin")), ByServer.READY)) == m.IN_TRANSACTION
    assert m.parse_ready(body(talk.say(m.make_query("oops")), ByServer.READY)) == m.FAILED


def test_what_it_is_busy_with_is_cancelled(port: int, talk: Talk) -> None:
    key = m.parse_backend_key_data(body(talk.greeting, ByServer.BACKEND_KEY_DATA))
    talk.socket.sendall(m.make_query("do $$begin raise notice 'busy'; perform pg_sleep(60); end$$"))
    talk.until(ByServer.NOTICE)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as another:
        another.sendall(make_cancel_request(key.pid, key.secret))
        assert another.recv(1) == b""
    said = talk.until(ByServer.READY)
    assert m.field(m.parse_fields(body(said, ByServer.ERROR)), "C") == "57014"


@pytest.mark.parametrize("whole", [False, True])
def test_many_rows_and_large_ones(talk: Talk, whole: bool) -> None:
    talk.reader.whole = whole
    said = talk.say(m.make_query("select n, repeat('x', n % 200) from generate_series(1, 30000) n"))
    assert sum(item.count for item in said if isinstance(item, Run)) == 30_000
    assert [row[0] for row in cells(said)] == [b"%d" % n for n in range(1, 30_001)]
    if whole:
        assert all(item.starts and item.ends for item in said if isinstance(item, Run))
    said = talk.say(m.make_query("select repeat('x', 3000000)"))
    assert cells(said) == [[b"x" * 3_000_000]]
    assert (len([item for item in said if isinstance(item, Run)]) == 1) == whole


def test_why_long_names_are_refused(talk: Talk) -> None:
    """The server takes two names for one that we would take for two."""
    one, other = "n" * 63 + "a", "n" * 63 + "b"
    said = talk.say(
        frame(ByClient.PARSE, one.encode() + b"\0select 'what was prepared'\0\0\0")
        + frame(ByClient.BIND, b"\0" + other.encode() + b"\0" + bytes(6))
        + m.make_execute(m.Execute(""))
        + m.SYNC
    )
    assert cells(said) == [[b"what was prepared"]]
    with pytest.raises(Malformed):
        m.parse_bind(b"\0" + other.encode() + b"\0" + bytes(6))
    with pytest.raises(ValueError):
        name(other)
