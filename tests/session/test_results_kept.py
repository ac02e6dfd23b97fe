"""What of a result is kept: its first rows, however the network has cut them, up to the caps."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.core.sql import SqlFacts
from gateway.session.database.masks import Masks
from gateway.session.database.results import ResultDesk, Results
from gateway.session.permit import MINT, Permit
from gateway.wire.postgres.frames import BackendReader, Run, frame
from gateway.wire.postgres.tables import ByServer

READS = frozenset({Effect.READ})
ROWS, BYTES = 20, 4000


def results(desk: ResultDesk) -> Results:
    facts = SqlFacts("select", "select 1", READS)
    return Results(desk, 1, Permit(Operation("select", "select 1", READS), frozenset(), MINT), facts)


def kept(desk: ResultDesk) -> bytes:
    return b"".join(data[4:] for kind, data in desk.frames if kind is FrameKind.ROWS)


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 900), max_size=40),
    cuts=st.lists(st.integers(0, 20_000), max_size=30),
    copies=st.booleans(),
)
def test_the_first_rows_are_kept(sizes: list[int], cuts: list[int], copies: bool) -> None:
    tag = ByServer.COPY_DATA if copies else ByServer.DATA_ROW
    messages = [frame(tag, bytes([n % 256]) * size) for n, size in enumerate(sizes)]
    wire = b"".join(messages)
    desk = ResultDesk(Masks(lambda: None), ROWS, BYTES)
    result, reader, shown = results(desk), BackendReader(), b""
    places = sorted({0, *[cut for cut in cuts if cut < len(wire)], len(wire)})
    for start, end in pairwise(places):
        reader.receive(wire[start:end])
        while (item := reader.next()) is not None:
            assert isinstance(item, Run)
            if copies:
                shown += result.copied(item.data, item.count)
            else:
                shown += result.rows(item.data, item.count, starts=item.starts)
    assert shown == wire
    expected: list[bytes] = []
    for message in messages:
        if len(expected) == ROWS or len(b"".join(expected)) + len(message) > BYTES:
            break
        expected.append(message)
    assert kept(desk) == b"".join(expected)
    assert result._kept == len(expected)


def test_half_a_row_is_none() -> None:
    desk = ResultDesk(Masks(lambda: None), ROWS, BYTES)
    result, row = results(desk), frame(ByServer.DATA_ROW, b"x" * 50)
    result.rows(row + row[:20], 2, starts=True)
    assert kept(desk) == row


def test_a_row_that_is_too_large_is_not_waited_for() -> None:
    desk = ResultDesk(Masks(lambda: None), ROWS, BYTES)
    result, row = results(desk), frame(ByServer.DATA_ROW, b"x" * BYTES)
    result.rows(row[:1000], 1, starts=True)
    assert not result._tail
    result.rows(row[1000:], 0, starts=False)
    result.rows(frame(ByServer.DATA_ROW, b"y"), 1, starts=True)
    assert kept(desk) == b""
