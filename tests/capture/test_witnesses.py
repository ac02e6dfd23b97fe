"""Keys, zones, and what is made of them together."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.capture import prompts, zones
from gateway.capture.backlog import MOST, Backlog
from gateway.capture.keys import LONGEST, KeyLine, Sure
from gateway.capture.line import LineWatch
from gateway.capture.reading import NOT_SHOWN, Reading, joined, reported, unseen, weigh
from gateway.capture.screen import Screen
from gateway.capture.strokes import Strokes
from gateway.capture.zones import LineTaken, PromptEnds

KEYS = st.sampled_from(
    b"\r|\n|\x0f|\x03|\x04|\t|\x15|\x19|\x17|\x1b|\x1b[A|\x1b[D|\x1bb|\x1b[200~|\x1b[201~|\x1b[20|1~|abc"
    b"|\xe6\xbc|\xa2|\x1b[13;5u|\x1bOM|\x1b]11;x\x07".split(b"|")
)


def plain(data: bytes, *, pastes: bool = False) -> list[tuple[bytes, bytes]]:
    """What is typed and what ends it, stretch by stretch."""
    strokes, found = Strokes(), []
    while data:
        stroke = strokes.next(data, lambda: pastes)
        found.append((stroke.data, stroke.ender))
        data = stroke.rest
    return found


@pytest.mark.parametrize(
    "key",
    [
        b"\r",
        b"\n",
        b"\x0f",
        b"\x1b\r",
        b"\x1ba",
        b"\x1bOM",
        b"\x1b[13u",
        b"\x1b[13;5u",
        b"\x1b[27;5;13~",
        b"\x04",
    ],
)
def test_keys_that_may_run_a_line(key: bytes) -> None:
    assert plain(b"ls" + key + b"rest") == [(b"ls", key), (b"rest", b"")]


def test_a_key_cut_in_two_is_found() -> None:
    strokes = Strokes()
    assert strokes.next(b"ls\x1b[13", lambda: False).ender == b""
    stroke = strokes.next(b";5urest", lambda: False)
    assert (stroke.data, stroke.ender, stroke.rest) == (b"", b";5u", b"rest")


@pytest.mark.parametrize("begin", [b"\x1b]", b"\x1bP", b"\x1b[1;", b"\x1bO", b"\x1b", b"\x1b]11;rgb"])
def test_no_enter_hides_in_an_unfinished_key(begin: bytes) -> None:
    strokes = Strokes()
    assert strokes.next(begin, lambda: True).ender == b""
    assert strokes.next(b"rm x\r", lambda: True).ender == b"\r"
    assert plain(begin + b"rm x\r")[-1][1] == b"\r"


def test_pastes() -> None:
    paste = b"a\x1b[200~one\rtwo\x1b[201~b\r"
    assert plain(paste, pastes=True) == [(b"a\x1b[200~", b""), (b"one\rtwo\x1b[201~", b""), (b"b", b"\r")]
    assert plain(paste) == [(b"a\x1b[200~one", b"\r"), (b"two\x1b[201~b", b"\r")]


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.one_of(KEYS, st.binary(max_size=12)), max_size=15), pastes=st.booleans())
def test_no_key_is_lost_or_made_up(pieces: list[bytes], pastes: bool) -> None:
    strokes = Strokes()
    for data in pieces:
        rest, sent = data, b""
        while rest:
            stroke = strokes.next(rest, lambda: pastes)
            sent += stroke.data + stroke.ender
            assert len(stroke.rest) < len(rest)
            rest = stroke.rest
        assert sent == data


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(st.one_of(KEYS, st.binary(max_size=12)), max_size=25))
def test_a_line_of_keys_stays_bounded(pieces: list[bytes]) -> None:
    line, strokes = KeyLine(), Strokes()
    for data in pieces:
        while data:
            stroke = strokes.next(data, lambda: False)
            for key in stroke.keys:
                line.press(key)
            data = stroke.rest
        assert len(line.text) <= LONGEST
        assert 0 <= line._caret <= len(line.text)


def test_keys_know_what_they_do_not_know() -> None:
    for keys, sure in (
        (b"abc", Sure.ALL),
        (b"\x1b[A", Sure.NOTHING),
        (b"\t", Sure.NOTHING),
        (b"\x19", Sure.PERHAPS),
    ):
        line = KeyLine()
        line.press(keys)
        assert line.sure is sure
    line = KeyLine()
    line.press(b"\x1b]11;rgb:0000/0000/0000\x07")
    assert (line.sure, line.text) == (Sure.ALL, "")
    line.insert(b"x" * (LONGEST + 1))
    assert line.sure is Sure.NOTHING


ZONES = {
    "133;A": None,
    "133;B": PromptEnds(),
    "633;B": PromptEnds(),
    "133;C": LineTaken(),
    "133;C;cmdline=ls\\ -l": LineTaken("ls -l"),
    "133;C;cmdline_url=ls%20-l%3B": LineTaken("ls -l;"),
    "633;E;echo a\\x3b b\\\\n;nonce": LineTaken("echo a; b\\n"),
    "633;E;": None,
    "7077;line;" + base64.b64encode(b" ls\n").decode(): LineTaken("ls"),
    "7077;line;%%%": None,
    "0;title": None,
    "133;C;cmdline='": LineTaken(),
}


@pytest.mark.parametrize("content", ZONES)
def test_zones(content: str) -> None:
    assert zones.read(content) == ZONES[content]


@given(st.text(max_size=60), st.sampled_from(["133;C;cmdline=", "633;E;", "7077;line;", "133;", ""]))
def test_zones_are_bounded(text: str, start: str) -> None:
    zone = zones.read(start + text * 400)
    assert not isinstance(zone, LineTaken) or len(zone.text) <= zones.MOST


def weighed(
    screen: str | None, zone: str | None, keys: str | None, sure: bool = True
) -> tuple[str, str, str]:
    reading = weigh(screen, zone, keys, keys_sure=sure, prompt="")
    return reading.text, reading.confidence, " ".join(reading.witnesses)


def test_how_witnesses_are_weighed() -> None:
    assert weighed("ls", None, "ls  ") == ("ls", "high", "keys screen")
    assert weighed("ls", None, None) == ("ls", "medium", "screen")
    assert weighed("ls", None, "rm") == ("ls", "low", "screen")
    assert weighed("ls", None, "rm", sure=False) == ("ls", "medium", "screen")
    assert weighed("$ ls", "ls", None) == ("ls", "low", "zone")
    assert weighed("$ ls", "ls", "ls") == ("ls", "high", "keys zone")
    assert weighed("ls", "ls", None) == ("ls", "high", "screen zone")
    assert weighed("!rm", None, "!rm") == ("!rm", "low", "keys screen")


def test_the_text_of_keys_alone_is_never_used() -> None:
    reading = weigh("", None, "hunter2", keys_sure=True, prompt="")
    assert "hunter2" not in repr(reading)
    assert unseen("").text == NOT_SHOWN


def test_statements_and_reports() -> None:
    first = Reading("for i in 1; do", "high", ("keys", "screen"), "$ ")
    both = joined(first, Reading("done", "medium", ("screen",), "> "))
    assert (both.text, both.confidence, both.prompt, both.joined) == (
        "for i in 1; do\ndone",
        "medium",
        "$ ",
        True,
    )
    assert reported(first, "for i in 1; do").confidence == "high"
    assert reported(first, "rm").confidence == "low"
    assert reported(unseen(""), "rm") == Reading("rm", "medium", ("shell",))
    assert reported(None, "rm").text == "rm"
    recalled = Reading("!!", "low", ("keys", "screen"))
    assert reported(recalled, "rm -rf x") == Reading("rm -rf x", "medium", ("shell",))


def test_prompts_for_more() -> None:
    for more in (
        "> ",
        ">",
        "for> ",
        "dquote> ",
        "cmdand pipe> ",
        "... ",
        "db-> ",
        "db'# ",
        "db=> "[:2] + "(> ",
        "   ...> ",
        "    -> ",
    ):
        assert prompts.continues(more), more
    for first in ("$ ", "# ", "other> ", "postgres=> ", "sqlite> ", ">>> ", "mysql> ", "user@host:~$ ", ""):
        assert not prompts.continues(first), first
    assert prompts.drops_all_on_interrupt("> ")
    assert not prompts.drops_all_on_interrupt("   ...> ")


def test_history_words() -> None:
    for text in ("!!", "!rm", "sudo !!", "^old^new", "echo hi!there"):
        assert prompts.recalls(text), text
    for text in ("echo hi!", "[ a != b ]", "! true", "if [ ! -f x ]", "ls [!a]*", "echo \\!x", "a !~ b"):
        assert not prompts.recalls(text), text


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("type"), st.one_of(KEYS, st.binary(max_size=10))),
            st.tuples(st.just("answer"), st.one_of(KEYS, st.binary(max_size=60))),
            st.tuples(
                st.just("answer"),
                st.sampled_from(
                    [
                        b"$ ",
                        b"> ",
                        b"\r\n",
                        b"\x1b]133;B\x07",
                        b"\x1b]133;C\x07",
                        b"\x1b[?2004h",
                        b"\x1b[?1049h",
                        b"x" * 70_000,
                    ]
                ),
            ),
            st.tuples(st.just("ask"), st.just(b"")),
            st.tuples(st.just("resize"), st.just(b"")),
        ),
        max_size=40,
    ),
    held=st.booleans(),
)
def test_a_watch_never_raises(steps: list[tuple[str, bytes]], held: bool) -> None:
    watch = LineWatch(20, 5)
    for what, data in steps:
        if what == "answer":
            watch.answered(data)
        elif what == "resize":
            watch.resize(30, 4)
        elif what == "ask":
            watch.collect()
            watch.wants_more()
            watch.is_bare("$ ")
            watch.is_at_some_prompt()
            watch.is_at_end()
            watch.is_full_screen()
            assert isinstance(watch.repaint(), bytes)
        while what == "type" and data:
            stroke = watch.next_stroke(data)
            watch.typed(stroke)
            if stroke.ender:
                watch.entered(watch.at_enter() if held else None, read=held)
            data = stroke.rest
    watch.read_rest()
    assert watch._unread == 0
    assert not watch._sent


def test_a_flood_keeps_its_end_and_the_screen_in_use() -> None:
    screen = Screen(20, 5)
    backlog = Backlog(screen)
    seen: list[bool] = []
    backlog.add(b"$ ")
    backlog.mark(seen.append)
    backlog.add(b"before\x1b[?10")
    backlog.add(b"49h\x1b[?2004h" + b"flood\r\n" * 20_000)
    backlog.add(b"$ ")
    backlog.mark(seen.append)
    assert backlog._size <= MOST
    backlog.catch_up()
    assert seen == [False, True]
    assert (screen.alternate, screen.takes_pastes) == (True, True)
    assert screen.row_text(screen.y) == "$"
    assert screen.row_text(screen.y - 1) == "flood"


@given(sizes=st.lists(st.integers(0, 3 * MOST), max_size=12))
@settings(max_examples=40, deadline=None)
def test_a_backlog_stays_small_and_loses_no_mark(sizes: list[int]) -> None:
    backlog = Backlog(Screen(20, 5))
    told: list[int] = []
    for number, size in enumerate(sizes):
        backlog.add(b"x" * size)
        backlog.mark(lambda _, number=number: told.append(number))  # type: ignore[misc]  # a default argument
        assert backlog._size <= MOST
    backlog.catch_up()
    assert told == list(range(len(sizes)))
