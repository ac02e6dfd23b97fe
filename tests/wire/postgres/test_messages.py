"""What is in PostgreSQL's messages: all survive the way there and back, and whatever is askew is Malformed."""

from collections.abc import Callable
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres import messages as m
from gateway.wire.postgres.fields import octets, text
from gateway.wire.postgres.frames import HEAD_SIZE

u16 = st.integers(0, 2**16 - 1)
i16 = st.integers(-(2**15), 2**15 - 1)
u32 = st.integers(0, 2**32 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
texts = st.binary(max_size=40).map(lambda data: text(data.replace(b"\0", b"")))
"""Whatever a client may say in whatever encoding, so not UTF-8 only."""
names = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=15)
formats = st.lists(st.integers(0, 1), max_size=3).map(tuple)
lists_of_u32 = st.lists(u32, max_size=4).map(tuple)
value_lists = st.lists(st.none() | st.binary(max_size=20), max_size=5).map(tuple)


@st.composite
def binds(draw: st.DrawFn) -> m.Bind:
    values = draw(value_lists)
    count = draw(st.sampled_from([0, 1, len(values)]))
    return m.Bind(draw(names), draw(names), (1,) * count, values, draw(formats))


@st.composite
def calls(draw: st.DrawFn) -> m.FunctionCall:
    values = draw(value_lists)
    count = draw(st.sampled_from([0, 1, len(values)]))
    return m.FunctionCall(draw(u32), (0,) * count, values, draw(st.integers(0, 1)))


what = st.sampled_from(["S", "P"])
columns = st.builds(m.ColumnDescription, texts, u32, i16, u32, i16, i32, i16)
letters = st.characters(min_codepoint=1, max_codepoint=255)
error_fields = st.lists(st.tuples(letters, texts), max_size=5).map(tuple)
copy_responses = st.builds(m.CopyResponse, st.integers(0, 1), formats)
authentications: st.SearchStrategy[m.Authentication] = st.one_of(
    st.just(m.AuthenticationOk()),
    st.just(m.AuthenticationCleartextPassword()),
    st.builds(m.AuthenticationMD5Password, st.binary(min_size=4, max_size=4)),
    st.builds(m.AuthenticationSASL, st.lists(texts.filter(bool), max_size=3).map(tuple)),
    st.builds(m.AuthenticationSASLContinue, st.binary(max_size=20)),
    st.builds(m.AuthenticationSASLFinal, st.binary(max_size=20)),
    st.builds(m.AuthenticationOther, st.sampled_from([2, 6, 7, 8, 9, 13]), st.binary(max_size=20)),
)

Way = tuple[Callable[[bytes], object], Callable[..., bytes], st.SearchStrategy[object]]

WAYS: dict[str, Way] = {
    "Query": (m.parse_query, m.make_query, texts),
    "Parse": (m.parse_parse, m.make_parse, st.builds(m.Parse, names, texts, lists_of_u32)),
    "Bind": (m.parse_bind, m.make_bind, binds()),
    "Describe": (m.parse_describe, m.make_describe, st.builds(m.Describe, what, names)),
    "Close": (m.parse_close, m.make_close, st.builds(m.Close, what, names)),
    "Execute": (m.parse_execute, m.make_execute, st.builds(m.Execute, names, i32)),
    "FunctionCall": (m.parse_function_call, m.make_function_call, calls()),
    "FunctionCallResponse": (m.parse_function_result, m.make_function_result, st.none() | st.binary(max_size=20)),
    "RowDescription": (
        m.parse_row_description, m.make_row_description, st.lists(columns, max_size=4).map(tuple),
    ),
    "ParameterDescription": (
        m.parse_parameter_description, m.make_parameter_description, lists_of_u32,
    ),
    "ErrorResponse": (m.parse_fields, m.make_error, error_fields),
    "NoticeResponse": (m.parse_fields, m.make_notice, error_fields),
    "CopyInResponse": (m.parse_copy_response, m.make_copy_in, copy_responses),
    "CopyOutResponse": (m.parse_copy_response, m.make_copy_out, copy_responses),
    "CopyBothResponse": (m.parse_copy_response, m.make_copy_both, copy_responses),
    "CopyFail": (m.parse_copy_fail, m.make_copy_fail, texts),
    "CommandComplete": (m.parse_command_complete, m.make_command_complete, texts),
    "ReadyForQuery": (m.parse_ready, m.make_ready, st.sampled_from([m.IDLE, m.IN_TRANSACTION, m.FAILED])),
    "ParameterStatus": (
        m.parse_parameter_status, m.make_parameter_status, st.builds(m.ParameterStatus, texts, texts),
    ),
    "NotificationResponse": (
        m.parse_notification, m.make_notification, st.builds(m.NotificationResponse, u32, texts, texts),
    ),
    "BackendKeyData": (
        m.parse_backend_key_data, m.make_backend_key_data,
        st.builds(m.BackendKeyData, u32, st.binary(min_size=4, max_size=256)),
    ),
    "NegotiateProtocolVersion": (
        m.parse_negotiate_version, m.make_negotiate_version,
        st.builds(m.NegotiateProtocolVersion, st.tuples(u16, u16), st.lists(texts, max_size=3).map(tuple)),
    ),
    "Authentication": (m.parse_authentication, m.make_authentication, authentications),
    "Password": (m.parse_password, m.make_password, texts),
    "SASLInitialResponse": (
        m.parse_sasl_initial_response, m.make_sasl_initial_response,
        st.builds(m.SASLInitialResponse, texts, st.none() | st.binary(max_size=20)),
    ),
    "SASLResponse": (m.parse_sasl_response, m.make_sasl_response, st.binary(max_size=20)),
}  # fmt: skip

PARSERS = [pytest.param(parse, id=name) for name, (parse, _, _) in WAYS.items() if name != "SASLResponse"]
"""A SASLResponse may be anything at all."""


@pytest.mark.parametrize("name", WAYS)
def test_every_message_survives_the_way_there_and_back(name: str) -> None:
    parse, make, messages = WAYS[name]

    @settings(max_examples=30)
    @given(messages)
    def there_and_back(message: object) -> None:
        whole = make(message)
        assert int.from_bytes(whole[1:HEAD_SIZE], "big") == len(whole) - 1
        assert parse(whole[HEAD_SIZE:]) == message

    there_and_back()


@pytest.mark.parametrize("name", [name for name in WAYS if name != "SASLResponse"])
def test_what_is_cut_off_or_has_more_behind_it_is_refused(name: str) -> None:
    parse, make, messages = WAYS[name]

    @settings(max_examples=20)
    @given(messages, st.binary(min_size=1, max_size=9), st.data())
    def askew(message: object, more: bytes, data: st.DataObject) -> None:
        body = make(message)[HEAD_SIZE:]
        cut = body[: data.draw(st.integers(0, len(body) - 1))]
        for wrong in (body + more, cut):
            try:
                read = parse(wrong)
            except Malformed:
                continue
            assert make(read)[HEAD_SIZE:] == wrong, "it was read as something that it is not"
            assert _has_rest(read)

    askew()


def _has_rest(message: object) -> bool:
    """Whether it ends in what may be of any length."""
    kinds = (m.AuthenticationSASLContinue, m.AuthenticationSASLFinal, m.AuthenticationOther, m.BackendKeyData)
    return isinstance(message, kinds)


@pytest.mark.parametrize("parse", PARSERS)
def test_of_garbage_a_message_is_read_or_malformed_is_raised(parse: Callable[[bytes], object]) -> None:
    @settings(max_examples=50)
    @given(st.binary(max_size=60))
    def garbage(body: bytes) -> None:
        with suppress(Malformed):
            parse(body)

    garbage()


NAME = b"s\0"
BAD: list[tuple[str, Callable[[bytes], object], bytes]] = [
    ("a value with a negative length", m.parse_bind, b"\0\0" + pack(">HHi", 0, 1, -2) + b"\0\0"),
    ("a value that leads back to a format", m.parse_bind, b"\0\0" + pack(">HHHi", 1, 3, 1, -8)),
    ("a value as long as can be", m.parse_bind, b"\0\0" + pack(">HHi", 0, 1, 2**31 - 1) + b"\0\0"),
    ("a value that reaches into what follows", m.parse_bind, b"\0\0" + pack(">HHi", 0, 1, 3) + b"a\0\0"),
    ("more values than there are", m.parse_bind, b"\0\0" + pack(">HHi", 0, 2, -1) + b"\0\0"),
    ("fewer values than there are", m.parse_bind, b"\0\0" + pack(">HHii", 0, 1, -1, -1) + b"\0\0"),
    ("two formats for three values", m.parse_bind, b"\0\0" + pack(">5H3iH", 2, 0, 0, 3, 0, -1, -1, -1, 0)),
    ("a Bind that is only names", m.parse_bind, b"\0\0"),
    ("a Bind with one name", m.parse_bind, b"s\0"),
    ("65,535 formats that are not there", m.parse_bind, b"\0\0\xff\xff"),
    ("65,535 values that are not there", m.parse_bind, b"\0\0\0\0\xff\xff"),
    ("65,535 types that are not there", m.parse_parse, b"\0select 1\0\xff\xff"),
    ("a text that is none", m.parse_query, b""),
    ("a text without an end", m.parse_query, b"select 1"),
    ("two texts", m.parse_query, b"select 1\0drop table t\0"),
    ("a statement behind an end", m.parse_parse, b"\0select 1\0drop table t\0\0\0"),
    ("neither statement nor portal", m.parse_describe, b"X\0"),
    ("nothing to close", m.parse_close, b""),
    ("an Execute without a number", m.parse_execute, b"\0\0\0"),
    ("a call with a negative length", m.parse_function_call, pack(">IHHiH", 1, 0, 1, -5, 0)),
    ("two formats for one value", m.parse_function_call, pack(">IHHHHiH", 1, 2, 0, 0, 1, -1, 0)),
    ("a result with a negative length", m.parse_function_result, pack(">i", -2)),
    ("more columns than there are", m.parse_row_description, pack(">H", 2) + b"a\0" + b"\0" * 18),
    ("65,535 columns that are not there", m.parse_row_description, b"\xff\xff"),
    ("columns without a count", m.parse_row_description, b"\0"),
    ("an error without an end", m.parse_fields, b"SERROR\0"),
    ("an error that goes on", m.parse_fields, b"SERROR\0\0Mhello\0\0"),
    ("an error of nothing", m.parse_fields, b""),
    ("a state that does not exist", m.parse_ready, b"X"),
    ("two states", m.parse_ready, b"IT"),
    ("a cancel key of 3 bytes", m.parse_backend_key_data, b"\0\0\0\x01abc"),
    ("a cancel key of 257 bytes", m.parse_backend_key_data, b"\0\0\0\x01" + b"a" * 257),
    ("a salt of 3 bytes", m.parse_authentication, pack(">I", 5) + b"abc"),
    ("contentment with something behind it", m.parse_authentication, pack(">I", 0) + b"a"),
    ("a list without an end", m.parse_authentication, pack(">I", 10) + b"SCRAM-SHA-256\0"),
    ("fewer than no options", m.parse_negotiate_version, pack(">HHi", 3, 0, -1)),
    ("2,147,483,647 options", m.parse_negotiate_version, pack(">HHi", 3, 0, 2**31 - 1)),
    ("a password with more behind it", m.parse_password, b"secret\0more\0"),
]


@pytest.mark.parametrize(("parse", "body"), [pytest.param(p, b, id=name) for name, p, b in BAD])
def test_what_could_be_read_in_two_ways_is_refused(parse: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


NAMED: list[tuple[Callable[[bytes], object], bytes]] = [
    (m.parse_parse, b"%b\0select 1\0\0\0"),
    (m.parse_bind, b"\0%b\0\0\0\0\0\0\0"),
    (m.parse_bind, b"%b\0\0\0\0\0\0\0\0"),
    (m.parse_describe, b"S%b\0"),
    (m.parse_close, b"P%b\0"),
    (m.parse_execute, b"%b\0\0\0\0\0"),
]


@pytest.mark.parametrize(("parse", "body"), NAMED)
def test_names_that_a_server_may_cut_are_refused(parse: Callable[[bytes], object], body: bytes) -> None:
    longest = "ä".encode() * 31 + b"x"
    assert len(longest) == 63
    parse(body % longest)
    with pytest.raises(Malformed):
        parse(body % (longest + b"y"))


def test_values_are_views_of_what_came() -> None:
    body = m.make_bind(m.Bind("p", "s", (), (b"one", None, b""), (1,)))[HEAD_SIZE:]
    first, second, third = m.parse_bind(body).values
    assert isinstance(first, memoryview)
    assert first.obj is body
    assert (second, bytes(third or b"")) == (None, b"")


@pytest.mark.parametrize("number", [65_535, 65_536, 65_537])
def test_more_parameters_than_their_number_can_say(number: int) -> None:
    """A server prepares such a statement; only nobody can bind it."""
    body = (number % 65_536).to_bytes(2, "big") + b"\0\0\0\x19" * number
    assert m.parse_parameter_description(body) == (25,) * number
    with pytest.raises(Malformed):
        m.parse_parameter_description(b"\0\2" + body[2:])


def test_every_byte_of_a_text_survives() -> None:
    everything = bytes(range(1, 256))
    assert octets(text(everything)) == everything
    assert octets(m.parse_query(everything + b"\0")) == everything


def test_the_beginning_of_what_comes_in_pieces_tells_what_it_is() -> None:
    bind = m.make_bind(m.Bind("p", "s", (), (b"x" * 100,), ()))
    assert m.parse_bind_names(bind[:50]) == ("p", "s")
    call = m.make_function_call(m.FunctionCall(957, (), (b"x" * 100,)))
    assert m.parse_function_number(call[:50]) == 957
    with pytest.raises(Malformed):
        m.parse_bind_names(bind[:6])
    with pytest.raises(Malformed):
        m.parse_function_number(call[:8])


UNSENDABLE: list[Callable[[], bytes]] = [
    lambda: m.make_query("select 1\0; drop table t"),
    lambda: m.make_parse(m.Parse("a\0b", "select 1")),
    lambda: m.make_parse(m.Parse("n" * 64, "select 1")),
    lambda: m.make_error((("M", "a\0Cb"),)),
    lambda: m.make_error((("", "a"),)),
    lambda: m.make_error((("\0", "a"),)),
    lambda: m.make_notice((("MM\0", "a"),)),
    lambda: m.make_backend_key_data(m.BackendKeyData(1, b"abc")),
    lambda: m.make_parameter_status(m.ParameterStatus("a\0", "b")),
]


@pytest.mark.parametrize("make", UNSENDABLE)
def test_what_would_be_read_as_something_else_is_not_written(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("done", "rows"),
    [("SELECT 5", 5), ("INSERT 0 3", 3), ("COPY 0", 0), ("BEGIN", None), ("", None), ("SELECT x", None),
     ("SELECT ²", None), ("SELECT -1", None), (f"SELECT {'9' * 5000}", None)],
)  # fmt: skip
def test_how_many_rows_a_command_says(done: str, rows: int | None) -> None:
    assert m.rows_of(done) == rows


def test_errors_of_our_own_say_what_they_must() -> None:
    fields = m.parse_fields(m.make_error(m.say("ERROR", "42501", "hoop: no", hint="ask"))[HEAD_SIZE:])
    assert fields == (("S", "ERROR"), ("V", "ERROR"), ("C", "42501"), ("M", "hoop: no"), ("H", "ask"))
    assert m.field(fields, "C") == "42501"
    assert m.field(fields, "D") == ""
