"""Cutting PostgreSQL's stream: the same messages whichever way the bytes come, byte for byte."""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.postgres import tables
from gateway.wire.postgres.frames import (
    HEAD_SIZE,
    BackendReader,
    FrontendReader,
    Message,
    Run,
    frame,
)
from gateway.wire.postgres.tables import STREAM_MOST, ByClient, ByServer, Phase, Way

Reader = BackendReader | FrontendReader

ROWS = {ByServer.DATA_ROW, ByServer.COPY_DATA}


@dataclass
class Seen:
    """What came out of a reader, with Runs that are neighbours put together."""

    items: list[tuple[int, bytes, int]]
    """Tag, bytes as they were sent, and how many messages end in them."""
    refused: bool


def pulled(reader: Reader, chunks: Iterable[bytes], turns: Iterable[bool] = ()) -> Seen:
    """Everything that is in these bytes. `turns` says what `whole` becomes before each item."""
    seen = Seen([], refused=False)
    turning = iter(turns)
    try:
        for chunk in chunks:
            reader.receive(chunk)
            while True:
                if isinstance(reader, BackendReader):
                    reader.whole = next(turning, reader.whole)
                item = reader.next()
                if item is None:
                    break
                _add(seen.items, item)
    except Malformed:
        seen.refused = True
    return seen


def _add(items: list[tuple[int, bytes, int]], item: Message | Run) -> None:
    if isinstance(item, Message):
        assert item.frame == frame(item.tag, item.body)
        items.append((item.tag, item.frame, 1))
        return
    assert item.data
    if items and items[-1][0] == item.tag and (item.tag in ROWS or not item.starts):
        tag, data, count = items.pop()
        items.append((tag, data + item.data, count + item.count))
    else:
        items.append((item.tag, item.data, item.count))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The same bytes in pieces of these sizes, over and over."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


def stream(kinds: dict[int, int]) -> st.SearchStrategy[bytes]:
    """Messages that may follow one another. Of each kind its longest body is given."""
    bodies = st.one_of(st.binary(max_size=30), st.integers(0, 300).map(bytes))
    one = st.tuples(st.sampled_from(sorted(kinds)), bodies, st.integers(1, 4)).map(
        lambda drawn: frame(drawn[0], drawn[1][: kinds[drawn[0]]]) * drawn[2]
    )
    return st.lists(one, max_size=12).map(b"".join)


OF_SERVER = {tag: kind.most - 4 for tag, kind in tables.FROM_SERVER.items() if Phase.SESSION in kind.phases}
OF_CLIENT = {tag: kind.most - 4 for tag, kind in tables.FROM_CLIENT.items() if Phase.SESSION in kind.phases}
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)
turns = st.lists(st.booleans(), max_size=60)


@settings(max_examples=60)
@given(stream(OF_SERVER), sizes, turns)
def test_a_servers_messages_are_the_same_however_they_come(
    data: bytes, sizes: list[int], turns: list[bool]
) -> None:
    whole = pulled(BackendReader(), [data])
    assert b"".join(item[1] for item in whole.items) == data
    assert not whole.refused
    assert sum(item[2] for item in whole.items) == _count(data)
    for pieces in ([data], cut(data, [1]), cut(data, sizes)):
        assert pulled(BackendReader(), pieces) == whole
        assert pulled(BackendReader(whole=True), pieces) == whole
        assert pulled(BackendReader(), pieces, turns) == whole


@settings(max_examples=60)
@given(stream(OF_CLIENT), sizes)
def test_a_clients_messages_are_the_same_however_they_come(data: bytes, sizes: list[int]) -> None:
    whole = pulled(FrontendReader(), [data])
    assert b"".join(item[1] for item in whole.items) == data
    assert not whole.refused
    assert sum(item[2] for item in whole.items) == _count(data)
    assert pulled(FrontendReader(), cut(data, [1])) == whole
    assert pulled(FrontendReader(), cut(data, sizes)) == whole


def _count(data: bytes) -> int:
    at = count = 0
    while at < len(data):
        at += 1 + int.from_bytes(data[at + 1 : at + HEAD_SIZE], "big")
        count += 1
    return count


garbage = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda before, tag, length, behind: before + pack(">Bi", tag, length) + behind,
        stream(OF_SERVER),
        st.sampled_from([*OF_SERVER, *OF_CLIENT, 0, 255]),
        st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-5, 300)),
        st.binary(max_size=60),
    ),
)


@settings(max_examples=100)
@given(garbage, sizes, turns)
def test_garbage_is_messages_or_malformed_the_same_however_it_comes(
    data: bytes, sizes: list[int], turns: list[bool]
) -> None:
    whole = pulled(BackendReader(), [data])
    assert data.startswith(b"".join(item[1] for item in whole.items))
    assert pulled(BackendReader(), cut(data, [1])) == whole
    assert pulled(BackendReader(), cut(data, sizes)) == whole
    in_rows = pulled(BackendReader(whole=True), [data])
    assert pulled(BackendReader(whole=True), cut(data, [1])) == in_rows
    mixed = pulled(BackendReader(), cut(data, sizes), turns)
    assert data.startswith(b"".join(item[1] for item in mixed.items))
    asked = pulled(FrontendReader(), [data])
    assert data.startswith(b"".join(item[1] for item in asked.items))
    assert pulled(FrontendReader(), cut(data, [1])) == asked
    assert pulled(FrontendReader(), cut(data, sizes)) == asked


@settings(max_examples=50)
@given(stream(OF_SERVER), sizes)
def test_whole_runs_begin_and_end_at_messages(data: bytes, sizes: list[int]) -> None:
    reader = BackendReader(whole=True)
    for piece in cut(data, sizes):
        reader.receive(piece)
        while (item := reader.next()) is not None:
            if isinstance(item, Run) and item.tag in ROWS:
                assert item.starts
                assert item.ends
                assert item.count == _count(item.data)


@settings(max_examples=50)
@given(stream({ByServer.DATA_ROW: 300, ByServer.COPY_DATA: 300}), sizes)
def test_runs_say_truly_where_they_begin_and_end(data: bytes, sizes: list[int]) -> None:
    reader, inside = BackendReader(), False
    for piece in cut(data, sizes):
        reader.receive(piece)
        while (item := reader.next()) is not None:
            assert isinstance(item, Run)
            assert item.starts != inside
            inside = not item.ends
        assert len(reader.unread) < HEAD_SIZE, "what could have been passed on was held"


def test_rows_that_nobody_looks_at_are_not_even_copied() -> None:
    buffer = frame(ByServer.DATA_ROW, b"\0\1\0\0\0\4text") * 10_000 + frame(ByServer.DATA_ROW, b"x" * 90)[:50]
    reader = BackendReader()
    reader.receive(buffer)
    run = reader.next()
    assert isinstance(run, Run)
    assert run.data is buffer
    assert (run.count, run.starts, run.ends) == (10_000, True, False)
    assert reader.next() is None
    assert reader.unread == b""


# What is refused.


LENGTHS = [-(2**31), -1, 0, 1, 3, 2**31 - 1]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tag", tables.FROM_SERVER)
def test_an_impossible_length_from_a_server_is_refused_at_once(tag: int, length: int) -> None:
    for phase in Phase:
        for whole in (False, True):
            assert pulled(BackendReader(phase, whole=whole), [pack(">Bi", tag, length)]) == Seen(
                [], refused=True
            )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("tag", tables.FROM_CLIENT)
def test_an_impossible_length_from_a_client_is_refused_at_once(tag: int, length: int) -> None:
    for phase in Phase:
        assert pulled(FrontendReader(phase=phase), [pack(">Bi", tag, length)]) == Seen([], refused=True)


@pytest.mark.parametrize("phase", Phase)
def test_every_tag_is_in_the_table_or_refused(phase: Phase) -> None:
    for tag in range(256):
        readers: list[tuple[Reader, tables.Kinds]] = [
            (BackendReader(phase), tables.FROM_SERVER),
            (FrontendReader(phase=phase), tables.FROM_CLIENT),
        ]
        for reader, kinds in readers:
            belongs = tag in kinds and phase in kinds[tag].phases
            passed = [(tag, frame(tag), 1)] if belongs else []
            assert pulled(reader, [frame(tag)]) == Seen(passed, refused=not belongs)


def test_the_tables_have_every_message_of_the_protocol() -> None:
    assert bytes(sorted(tables.FROM_CLIENT)) == b"BCDEFHPQSXcdfp"
    assert bytes(sorted(tables.FROM_SERVER)) == b"123ACDEGHIKNRSTVWZcdnstv"


@pytest.mark.parametrize("kinds", [tables.FROM_SERVER, tables.FROM_CLIENT])
def test_what_is_longer_than_its_cap_is_refused_before_it_comes(kinds: tables.Kinds) -> None:
    for tag, kind in kinds.items():
        phase = Phase.SESSION if Phase.SESSION in kind.phases else Phase.SIGN_IN
        reader = BackendReader(phase) if kinds is tables.FROM_SERVER else FrontendReader(phase=phase)
        reader.receive(pack(">Bi", tag, kind.most))
        assert isinstance(reader.next(), Run if kind.way is Way.RUN else Message | None)
        reader = BackendReader(phase) if kinds is tables.FROM_SERVER else FrontendReader(phase=phase)
        most = kind.most if kind.way is Way.WHOLE else STREAM_MOST
        reader.receive(pack(">Bi", tag, most + 1))
        with pytest.raises(Malformed):
            reader.next()


def test_statements_may_be_as_long_as_is_said() -> None:
    reader = FrontendReader(statement_most=100)
    reader.receive(frame(ByClient.QUERY, b"x" * 100 + b"\0"))
    assert isinstance(reader.next(), Message)
    reader.receive(frame(ByClient.QUERY, b"x" * 101 + b"\0"))
    with pytest.raises(Malformed, match="Query is too long"):
        reader.next()


def test_what_came_before_what_is_refused_is_still_given_out() -> None:
    for whole in (False, True):
        reader = BackendReader(whole=whole)
        reader.receive(frame(ByServer.DATA_ROW, b"\0\0") * 2 + pack(">Bi", ByServer.DATA_ROW, 2))
        run = reader.next()
        assert isinstance(run, Run)
        assert run.count == 2
        for _ in range(2):
            with pytest.raises(Malformed):
                reader.next()


def test_messages_inside_of_a_message_are_not_seen() -> None:
    inner = frame(ByClient.QUERY, b"drop table t\0")
    for outer in (ByClient.COPY_DATA, ByClient.BIND, ByClient.PARSE):
        data = frame(outer, b"\0" * 3 + inner * 3) + frame(ByClient.SYNC)
        for pieces in ([data], cut(data, [1]), cut(data, [7])):
            seen = pulled(FrontendReader(), pieces)
            assert [item[0] for item in seen.items] == [outer, ByClient.SYNC]


def test_a_length_that_wraps_at_four_gigabytes_does_not_reach_what_is_in_the_message() -> None:
    """A driver that counts 2^32 + 20 bytes writes 20 as the length, and values of its user's come to stand where a
    message is expected: whatever that is, it is read here just as the server reads it, byte for byte."""
    values = frame(ByClient.QUERY, b"drop table t\0")
    seen = pulled(FrontendReader(), [pack(">BI", ByClient.BIND, (2**32 + 20) % 2**32) + b"\0" * 16 + values])
    assert [item[0] for item in seen.items] == [ByClient.BIND, ByClient.QUERY]
    assert seen.items[1][1] == values


def test_phases_change_between_messages() -> None:
    reader = BackendReader(Phase.SIGN_IN)
    reader.receive(
        frame(ByServer.AUTHENTICATION, bytes(4)) + frame(ByServer.READY, b"I") + frame(ByServer.NO_DATA)
    )
    assert reader.next() == Message(ByServer.AUTHENTICATION, bytes(4))
    assert reader.next() == Message(ByServer.READY, b"I")
    with pytest.raises(Malformed, match="NoData does not belong here"):
        reader.next()
    reader.phase = Phase.SESSION
    assert reader.next() == Message(ByServer.NO_DATA, b"")
    reader.receive(frame(ByServer.AUTHENTICATION, bytes(4)))
    with pytest.raises(Malformed, match="Authentication does not belong here"):
        reader.next()
