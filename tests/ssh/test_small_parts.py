"""The parts of the SSH door that need no connection: places, variables, values, endings, the inbox."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh import ending, environment
from gateway.adapters.ssh.asked import Asked, Terminal, shown_size
from gateway.adapters.ssh.door.settings import (
    CIPHERS_FOR_TARGETS,
    KEX_FOR_PEOPLE,
    KEX_FOR_TARGETS,
    SshDoor,
    available_ciphers,
    available_kex,
)
from gateway.adapters.ssh.inbox import FULL, Inbox
from gateway.core.errors import Denied, State
from gateway.core.operation import Effect
from gateway.core.shown import Stream


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_TIME", "TERM", "COLORTERM"])
def test_variables_that_pass(name: str) -> None:
    for value in (b"", b"de_DE.UTF-8@euro", b"xterm-256color", b"C"):
        assert environment.is_allowed(name.encode(), value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"LD_PRELOAD", b"x"),
        (b"LD_LIBRARY_PATH", b"x"),
        (b"BASH_ENV", b"x"),
        (b"ENV", b"x"),
        (b"PATH", b"x"),
        (b"GIT_SSH_COMMAND", b"x"),
        (b"LOCPATH", b"x"),
        (b"TERMINFO", b"x"),
        (b"TERMCAP", b"x"),
        (b"LANGUAGE", b"x"),
        (b"LC_", b"x"),
        (b"LC_a", b"x"),
        (b"LC_ALL\n", b"x"),
        (b"LANG\0", b"x"),
        (b"lang", b"x"),
        (b"LANG", b"../../etc"),
        (b"LANG", b"$(id)"),
        (b"LANG", b"a b"),
        (b"LANG", b"\x1b[31m"),
        (b"LANG", b"x\n"),
        (b"LANG", b"\xc3\xa4"),
        (b"LANG", b"x" * 65),
        (b"TERM", b"/tmp/evil"),
    ],
)
def test_variables_that_do_not(name: bytes, value: bytes) -> None:
    assert not environment.is_allowed(name, value)


def test_an_operation_is_exactly_what_was_asked() -> None:
    asked = Asked("exec", "ls -l \udcff", Terminal("xterm", 0, 70_000))
    operation = asked.operation
    assert (operation.verb, operation.text, operation.effects) == (
        "exec",
        "ls -l \udcff",
        frozenset({Effect.RUN}),
    )
    assert dict(operation.details) == {
        "command": "ls -l \udcff",
        "pty": True,
        "term": "xterm",
        "cols": 80,
        "rows": 1000,
    }
    assert dict(Asked("shell").operation.details) == {"command": "", "pty": False}


def test_a_command_is_never_mistaken_for_a_shell() -> None:
    with pytest.raises(ValueError, match="would be a shell"):
        Asked("exec", "")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_recorded_sizes_can_be_drawn(cols: int, rows: int) -> None:
    size = shown_size(cols, rows)
    assert all(1 <= side <= 1000 for side in size.values())
    if 1 <= cols <= 1000 and 1 <= rows <= 1000:
        assert size == {"cols": cols, "rows": rows}


@pytest.mark.parametrize(
    ("state", "status"),
    [("blocked", 126), ("denied", 126), ("expired", 124), ("withdrawn", 130), ("ended", 130)],
)
def test_exit_statuses_of_denials(state: State, status: int) -> None:
    how = ending.by_denial(Denied("hoop: x", state=state, rule="r"))
    assert (how.outcome, how.status) == (state, status)


def test_algorithms() -> None:
    assert available_kex(KEX_FOR_PEOPLE)[0] == "mlkem768x25519-sha256"
    assert "curve25519-sha256" in available_kex(KEX_FOR_TARGETS)
    assert available_kex(("no-such",)) == []
    assert available_ciphers(CIPHERS_FOR_TARGETS)[:1] == ["aes128-gcm@openssh.com"]
    assert available_ciphers(("aes256-cbc", "3des-cbc", "aes256-ctr")) == ["aes256-ctr"]


def test_a_banner_of_ones_own(tmp_path: object) -> None:
    door = SshDoor(host_key_path=__file__, banner=("one", "two"))  # type: ignore[arg-type]  # not read here
    assert door.banner_lines == ("one", "two")


class Tap:
    """Notes what the inbox asks of its channel."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pause_reading(self) -> None:
        self.asked.append("pause")

    def resume_reading(self) -> None:
        self.asked.append("resume")


Pieces = st.lists(st.tuples(st.sampled_from(Stream), st.binary(min_size=1, max_size=200)), max_size=40)


@given(Pieces)
def test_the_inbox_keeps_order_and_loses_nothing(pieces: list[tuple[Stream, bytes]]) -> None:
    async def run() -> list[tuple[Stream, bytes]]:
        inbox = Inbox()
        for stream, data in pieces:
            inbox.put(stream, data)
        inbox.finish()
        taken = []
        while (piece := await inbox.take()) is not None:
            taken.append(piece)
        return taken

    taken = asyncio.run(run())

    def letters(run: list[tuple[Stream, bytes]]) -> list[tuple[Stream, int]]:
        return [(stream, byte) for stream, data in run for byte in data]

    assert letters(taken) == letters(pieces)
    assert all(first[0] is not second[0] for first, second in pairwise(taken))


async def test_a_full_inbox_stops_its_sender() -> None:
    inbox, tap = Inbox(), Tap()
    inbox.attach(tap)
    inbox.put(Stream.OUT, bytes(FULL - 1))
    assert tap.asked == []
    inbox.put(Stream.OUT, b"x")
    inbox.put(Stream.OUT, bytes(FULL))
    await inbox.take()
    assert "resume" not in tap.asked, "more than half full still"
    await inbox.take()
    assert tap.asked[0] == "pause"
    assert tap.asked[-1] == "resume"


async def test_a_cancelled_taker_loses_nothing() -> None:
    inbox = Inbox()
    taker = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    inbox.put(Stream.OUT, b"kept")
    taker.cancel()
    await asyncio.wait([taker])
    assert await inbox.take() == (Stream.OUT, b"kept")
