"""What is large passes in pieces or is refused before it comes: memory is bounded whatever a peer says."""

import tracemalloc
from struct import pack

import pytest

from gateway.core.errors import Malformed
from gateway.wire.postgres.frames import (
    FIRST_PIECE,
    HEAD_SIZE,
    BackendReader,
    FrontendReader,
    Message,
    Run,
    frame,
)
from gateway.wire.postgres.tables import BIND_MOST, ROW_MOST, ByClient, ByServer


def cut(data: bytes, size: int) -> list[bytes]:
    """The same bytes in pieces of this size."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_large_bind_comes_in_pieces_of_which_the_first_tells_what_it_is() -> None:
    body = b"p\0s\0" + b"v" * BIND_MOST
    data = frame(ByClient.BIND, body)
    for pieces in ([data], cut(data, 5_000), cut(data, 100_000)):
        reader = FrontendReader()
        runs: list[Run] = []
        for piece in pieces:
            reader.receive(piece)
            while (item := reader.next()) is not None:
                assert isinstance(item, Run)
                runs.append(item)
            assert len(reader.unread) < FIRST_PIECE
        assert b"".join(run.data for run in runs) == data
        assert len(runs[0].data) >= FIRST_PIECE
        assert [run.starts for run in runs] == [True] + [False] * (len(runs) - 1)
        assert [run.ends for run in runs] == [False] * (len(runs) - 1) + [True]
        assert sum(run.count for run in runs) == 1


def test_two_large_messages_are_two_runs() -> None:
    one = frame(ByClient.BIND, b"v" * BIND_MOST)
    reader = FrontendReader()
    reader.receive(one + one + frame(ByClient.SYNC))
    assert reader.next() == Run(ByClient.BIND, one, 1, starts=True, ends=True)
    assert reader.next() == Run(ByClient.BIND, one, 1, starts=True, ends=True)
    assert reader.next() == Message(ByClient.SYNC, b"")


def test_a_row_of_hundreds_of_megabytes_passes_in_no_memory() -> None:
    size, chunk = 300 << 20, bytes(64 << 10)
    reader, passed = BackendReader(), 0
    tracemalloc.start()
    reader.receive(pack(">BI", ByServer.DATA_ROW, size + 4))
    for _ in range(size // len(chunk)):
        reader.receive(chunk)
        while (item := reader.next()) is not None:
            assert isinstance(item, Run)
            passed += len(item.data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passed == size + HEAD_SIZE
    assert most < 4 * len(chunk)


def test_a_row_that_is_too_large_to_be_masked_is_refused_before_it_comes() -> None:
    small, large = frame(ByServer.DATA_ROW, b"\0\0"), frame(ByServer.DATA_ROW, bytes(ROW_MOST - 3))
    for begun in (large[:HEAD_SIZE], large[:1000], large):
        reader = BackendReader(whole=True)
        reader.receive(small + begun)
        run = reader.next()
        assert isinstance(run, Run)
        assert run.data == small
        with pytest.raises(Malformed, match="8 MiB"):
            reader.next()


def test_the_largest_row_that_can_be_masked_is_held_once() -> None:
    buffer = 256 << 10
    row = frame(ByServer.DATA_ROW, bytes(ROW_MOST - 4))
    reader = BackendReader(whole=True)
    pieces = cut(row + frame(ByServer.READY, b"I"), buffer)
    for piece in pieces[:-1]:
        reader.receive(piece)
        assert reader.next() is None
        assert len(reader.unread) <= ROW_MOST + buffer
    reader.receive(pieces[-1])
    run = reader.next()
    assert isinstance(run, Run)
    assert run.data == row
    assert reader.next() == Message(ByServer.READY, b"I")
    assert reader.unread == b""


def test_crumbs_cost_no_more_than_bread() -> None:
    size = 64 << 10
    data = frame(ByClient.QUERY, b"x" * size + b"\0")
    reader = FrontendReader()
    tracemalloc.start()
    for at in range(0, len(data) - 1, 3):
        reader.receive(data[at : at + 3])
        assert reader.next() is None or at + 3 >= len(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * size


def test_nothing_is_kept_of_a_buffer_that_was_used_up() -> None:
    reader = BackendReader()
    tracemalloc.start()
    reader.receive(frame(ByServer.PARAMETER_STATUS, bytes(250_000)) + b"Z\0")
    assert reader.next() is not None
    assert reader.next() is None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.unread == b"Z\0"
    assert kept < 10_000
