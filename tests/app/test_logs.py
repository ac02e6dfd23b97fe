"""What the log makes of what others say too often."""

import logging

import pytest

from gateway.app.logs import NoRoomOnce

NO_ROOM = "socket.accept() out of system resource\nsocket: <asyncio.TransportSocket fd=12>"


def record(name: str, message: str) -> logging.LogRecord:
    problem = OSError(24, "Too many open files")
    return logging.LogRecord(name, logging.ERROR, "", 0, message, None, (OSError, problem, None))


def test_no_room_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    few, now = NoRoomOnce(), 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    first, *others = (record("asyncio", NO_ROOM) for _ in range(1000))
    assert few.filter(first)
    assert (first.getMessage(), first.exc_info) == (
        "nothing is left to accept connections with: new ones wait",
        None,
    )
    assert not any(few.filter(each) for each in others)
    now += NoRoomOnce.EVERY
    assert few.filter(record("asyncio", NO_ROOM))
    assert not few.filter(record("asyncio", NO_ROOM))


@pytest.mark.parametrize(("name", "message"), [("asyncio", "something else"), ("hoop.ssh", NO_ROOM)])
def test_everything_else_is_told_as_it_is(name: str, message: str) -> None:
    few = NoRoomOnce()
    for _ in range(3):
        told = record(name, message)
        assert few.filter(told)
        assert told.getMessage() == message
        assert told.exc_info is not None
