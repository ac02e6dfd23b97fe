"""How a conversation with PostgreSQL begins: read strictly, within bounds, and as PostgreSQL itself would read it."""

from collections.abc import Callable
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import text
from gateway.wire.postgres.frames import HEAD_SIZE
from gateway.wire.postgres.messages import negotiate_version, parse_negotiate_version
from gateway.wire.postgres.startup import (
    PACKET_MOST,
    CancelRequest,
    First,
    GssEncRequest,
    SslRequest,
    Startup,
    StartupReader,
    make_cancel_request,
    make_gss_request,
    make_ssl_request,
    make_startup,
)

texts = st.binary(max_size=30).map(lambda data: text(data.replace(b"\0", b"")))
parameters = st.lists(
    st.tuples(texts.filter(bool), texts), max_size=6, unique_by=lambda pair: pair[0].lower()
)


def packet(body: bytes) -> bytes:
    return pack(">I", len(body) + 4) + body


def first_of(data: bytes) -> First | None:
    reader = StartupReader()
    reader.receive(data)
    return reader.next()


@settings(max_examples=50)
@given(parameters, st.integers(0, 9))
def test_what_a_client_asks_for_survives_the_way(parameters: list[tuple[str, str]], minor: int) -> None:
    first = first_of(make_startup(parameters, (3, minor)))
    assert isinstance(first, Startup)
    assert (first.major, first.minor) == (3, minor)
    assert first.parameters == [pair for pair in parameters if not pair[0].startswith("_pq_.")]
    assert list(first.options) == [pair for pair in parameters if pair[0].startswith("_pq_.")]


@given(st.integers(0, 2**32 - 1), st.binary(min_size=4, max_size=256))
def test_a_cancel_key_of_either_version_survives_the_way(pid: int, secret: bytes) -> None:
    assert first_of(make_cancel_request(pid, secret)) == CancelRequest(pid, secret)


def test_encryption_is_asked_for() -> None:
    assert first_of(make_ssl_request()) == SslRequest()
    assert first_of(make_gss_request()) == GssEncRequest()
    assert make_ssl_request() == bytes.fromhex("0000000804d2162f")
    assert make_gss_request() == bytes.fromhex("0000000804d21630")


PACKETS = [
    make_ssl_request(),
    make_gss_request(),
    make_cancel_request(4711, b"keys"),
    make_startup([("user", "ann"), ("database", "appdb"), ("_pq_.x", "y")], (3, 2)),
]


@pytest.mark.parametrize("data", PACKETS)
def test_packets_are_the_same_however_they_come(data: bytes) -> None:
    reader = StartupReader()
    for at in range(len(data) - 1):
        reader.receive(data[at : at + 1])
        assert reader.next() is None
        assert reader.unread == data[: at + 1]
    reader.receive(data[-1:])
    assert reader.next() == first_of(data)
    assert reader.unread == b""
    assert reader.next() is None


def test_what_was_sent_before_an_answer_can_be_seen() -> None:
    behind = make_startup([("user", "ann")])
    reader = StartupReader()
    reader.receive(make_ssl_request() + behind)
    assert reader.next() == SslRequest()
    assert reader.unread == behind
    reader = StartupReader()
    reader.receive(behind + b"p\0\0\0\5\0")
    assert reader.next() == Startup(3, 0, [("user", "ann")])
    assert reader.unread == b"p\0\0\0\5\0"


def test_options_of_the_protocol_are_no_parameters() -> None:
    first = first_of(make_startup([("user", "ann"), ("_pq_.a", "1"), ("_PQ_.b", "2"), ("_pq_.", "3")]))
    assert isinstance(first, Startup)
    assert first.parameters == [("user", "ann"), ("_PQ_.b", "2")]
    assert first.options == (("_pq_.a", "1"), ("_pq_.", "3"))


def test_of_other_protocols_only_the_version_is_read() -> None:
    assert first_of(packet(pack(">HH", 2, 0) + bytes(288))) == Startup(2, 0, [])
    assert first_of(packet(pack(">HH", 4, 1))) == Startup(4, 1, [])
    assert first_of(packet(pack(">HH", 1234, 5677))) == Startup(1234, 5677, [])


def test_tls_without_a_question_is_recognised() -> None:
    for data, is_tls in [
        (bytes.fromhex("16030100c8010000c4"), True),
        *((data, False) for data in (b"", *PACKETS)),
    ]:
        reader = StartupReader()
        reader.receive(data)
        assert reader.is_tls == is_tls


V3 = pack(">HH", 3, 0)
BAD: list[tuple[str, bytes]] = [
    ("no length", pack(">i", 0)),
    ("a length that is only itself", pack(">i", 4)),
    ("a version of three bytes", pack(">i", 7)),
    ("a negative length", pack(">i", -1)),
    ("as long as can be", pack(">i", 2**31 - 1)),
    ("one byte more than PostgreSQL takes", pack(">i", PACKET_MOST + 5)),
    ("a browser", b"GET / HTTP/1.1\r\nHost: db\r\n\r\n"),
    ("an SSH client", b"SSH-2.0-OpenSSH_9.9\r\n"),
    ("TLS", bytes.fromhex("16030100c8010000c4")),
    ("nothing but a version", packet(V3)),
    ("no end", packet(V3 + b"user\0ann\0")),
    ("a name without a value", packet(V3 + b"user\0ann\0database\0\0")),
    ("a value without an end", packet(V3 + b"user\0ann")),
    ("more behind the end", packet(V3 + b"user\0ann\0\0x")),
    ("another user behind the end", packet(V3 + b"user\0ann\0\0user\0bob\0\0")),
    ("two users", packet(V3 + b"user\0ann\0user\0bob\0\0")),
    ("the same user twice", packet(V3 + b"user\0ann\0user\0ann\0\0")),
    ("two databases", packet(V3 + b"user\0ann\0database\0a\0database\0b\0\0")),
    ("a setting in two spellings", packet(V3 + b"user\0ann\0role\0a\0Role\0b\0\0")),
    ("a request for TLS with more in it", packet(pack(">HH", 1234, 5679) + b"x")),
    ("a request for GSSAPI with more in it", packet(pack(">HH", 1234, 5680) + b"x" * 8)),
    ("a cancel request without a key", packet(pack(">HHI", 1234, 5678, 1))),
    ("a cancel request without anything", packet(pack(">HH", 1234, 5678))),
    ("a cancel key of 3 bytes", packet(pack(">HHI", 1234, 5678, 1) + b"abc")),
    ("a cancel key of 257 bytes", packet(pack(">HHI", 1234, 5678, 1) + b"a" * 257)),
]


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in BAD])
def test_what_is_no_start_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        first_of(data)


def test_a_length_is_refused_before_what_it_counts_has_come() -> None:
    reader = StartupReader()
    reader.receive(b"\0\0\x27")
    assert reader.next() is None
    reader.receive(b"\x15")
    with pytest.raises(Malformed):
        reader.next()


def test_the_longest_packet_is_read() -> None:
    room = PACKET_MOST - len(V3) - len(b"user\0\0\0")
    data = packet(V3 + b"user\0" + b"a" * room + b"\0\0")
    assert len(data) == PACKET_MOST + 4
    assert first_of(data) == Startup(3, 0, [("user", "a" * room)])
    assert make_startup([("user", "a" * room)]) == data
    with pytest.raises(ValueError, match="too long"):
        make_startup([("user", "a" * (room + 1))])


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(lambda body: packet(V3 + body)),
        st.binary(max_size=9).map(lambda body: packet(pack(">H", 1234) + body)),
    )
)
def test_garbage_is_a_start_or_malformed(data: bytes) -> None:
    reader = StartupReader()
    reader.receive(data)
    with suppress(Malformed):
        while reader.next() is not None:
            pass
    assert len(reader.unread) <= len(data)


@pytest.mark.parametrize(
    ("asked", "newest", "spoken", "is_told"),
    [
        (Startup(3, 0, []), (3, 2), (3, 0), False),
        (Startup(3, 2, []), (3, 2), (3, 2), False),
        (Startup(3, 3, []), (3, 2), (3, 2), True),
        (Startup(3, 9999, []), (3, 2), (3, 2), True),
        (Startup(3, 2, []), (3, 0), (3, 0), True),
        (Startup(3, 0, [], (("_pq_.command_compression", "on"),)), (3, 2), (3, 0), True),
    ],
)
def test_versions_are_negotiated(
    asked: Startup, newest: tuple[int, int], spoken: tuple[int, int], is_told: bool
) -> None:
    version, told = negotiate_version(asked, newest)
    assert version == spoken
    assert bool(told) == is_told
    if told:
        said = parse_negotiate_version(told[HEAD_SIZE:])
        assert said.version == spoken
        assert said.unknown == tuple(name for name, _ in asked.options)


UNSENDABLE: list[Callable[[], bytes]] = [
    lambda: make_startup([("user", "ann\0database\0other")]),
    lambda: make_startup([("us\0er", "ann")]),
    lambda: make_startup([("", "ann")]),
    lambda: make_cancel_request(1, b"abc"),
    lambda: make_cancel_request(1, b"a" * 257),
]


@pytest.mark.parametrize("make", UNSENDABLE)
def test_what_would_be_read_as_something_else_is_not_written(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError):
        make()
