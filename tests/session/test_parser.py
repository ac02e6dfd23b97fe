"""SQL is parsed in processes of its own, and no text harms more than the process that reads it."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.operation import Effect
from gateway.core.sql import Reading
from gateway.session.database import parser_process
from gateway.session.database.parser import SHORT, Parsers
from tests.policy.sql_text import labelled, read

DEEP = "select " + "+".join(["1"] * 100_000)
"""A chain of so many terms ends most parsers."""
TOO_DEEP = "it is nested too deeply to be understood"
LONG = "select 'x' as a" + " " * SHORT


@pytest.fixture
async def parsers() -> AsyncIterator[Parsers]:
    made = Parsers()
    await made.start()
    yield made
    await made.stop()


def pids(parsers: Parsers) -> list[int]:
    return [place.process.pid for place in parsers._places if place.process is not None]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def halt(pid: int) -> None:
    """Stop all of its threads, and wait until they are."""
    os.kill(pid, signal.SIGSTOP)
    while any(
        stat.read_text().rsplit(")", 1)[1].split()[0] != "T"
        for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ):
        os.sched_yield()


def doubt(reading: Reading) -> str:
    (only,) = reading.statements
    assert (only.verb, only.certain, only.effects) == ("unknown", False, frozenset({Effect.UNKNOWN}))
    return only.why


async def test_what_a_process_reads_is_what_is_there(parsers: Parsers) -> None:
    for text, _ in labelled()[::5]:
        assert await parsers.read(text) == read(text)
    several = "select 1; delete from t where a = 'é'; ;"
    assert await parsers.read(several) == read(several)


async def test_what_was_read_is_known(parsers: Parsers) -> None:
    assert parsers.known("select * from t where a = 'x'") is None
    reading = await parsers.read("select * from t where a = 'x'")
    assert parsers.known("select * from t where a = 'x'") is reading
    assert await parsers.read("select * from t where a = 'x'") is reading
    assert parsers.known("select * from t where a = 'y'") is None


async def test_numbers_make_no_new_statement(parsers: Parsers) -> None:
    await parsers.read("SELECT abalance FROM accounts WHERE aid = 17;")
    for text in (
        "SELECT abalance FROM accounts WHERE aid = 4711;",
        "SELECT abalance FROM accounts WHERE aid = 0;",
    ):
        known = parsers.known(text)
        assert known == read(text)
    assert parsers.known("SELECT abalance FROM accounts WHERE aid = 1.5;") is None
    assert parsers.known("SELECT abalance FROM accounts2 WHERE aid = 1;") is None
    await parsers.read("set work_mem = 64")
    assert parsers.known("set work_mem = 65") is None


@pytest.mark.parametrize(
    ("text", "error", "position"),
    [
        ("selct 1", 'syntax error at or near "selct"', 1),
        ("select 'é', x from", "syntax error at end of input", 19),
        ("select 1; select 'x", "unterminated quoted string", 18),
        ("select /* x", "unterminated /* comment", 8),
        ('select ""', "zero-length delimited identifier", 8),
        ("select U&'\\d800'", "invalid Unicode surrogate pair", 0),
    ],
)
async def test_what_the_grammar_has_against_it(
    parsers: Parsers, text: str, error: str, position: int
) -> None:
    reading = await parsers.read(text)
    assert doubt(reading) == "PostgreSQL's grammar does not know it"
    assert reading.error.startswith(error)
    if position:
        assert reading.position == position
    assert reading.statements[0].text == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("select 1" + " " * (1 << 20), "it is longer than 1,048,576 bytes"),
        ("select '" + "é" * (1 << 19) + "'", "it is longer than 1,048,576 bytes"),
        ("select \udcff", "it is not valid UTF-8"),
        ("select 1\0; drop table t", "it has a zero byte in it"),
        (DEEP, TOO_DEEP),
    ],
)
async def test_what_is_not_understood_may_do_anything(parsers: Parsers, text: str, why: str) -> None:
    assert doubt(await parsers.read(text)) == why
    assert (await parsers.read("select 1")).statements[0].certain


@pytest.mark.parametrize(
    ("open_", "close"),
    [("(", ")"), ("array[", "]"), ("(select ", ")"), ("f(", ")"), ("case when a then ", " end")],
)
@pytest.mark.parametrize("depth", [100, 20_000])
async def test_nested_texts_end_in_facts_or_in_doubt(
    parsers: Parsers, open_: str, close: str, depth: int
) -> None:
    reading = await parsers.read(f"select {open_ * depth}1{close * depth}")
    assert reading.statements[0].certain is (depth == 100)


async def test_a_bomb_takes_its_own_process_only(parsers: Parsers) -> None:
    bombs = [asyncio.ensure_future(parsers.read(f"{DEEP}+{number}")) for number in range(3)]
    (first,) = pids(parsers)
    for number in range(50):
        assert (await parsers.read(f"select 'x{number}'")).statements[0].certain
    assert {doubt(reading) for reading in await asyncio.gather(*bombs)} == {TOO_DEEP}
    assert pids(parsers)[0] == first
    assert (await parsers.read(LONG)).statements[0].certain


async def test_what_spent_a_process_is_not_tried_again(parsers: Parsers) -> None:
    assert doubt(await parsers.read(DEEP)) == TOO_DEEP
    await parsers.read(LONG)
    before = pids(parsers)
    assert doubt(await parsers.read(DEEP)) == TOO_DEEP
    assert pids(parsers) == before


async def test_a_crash_is_seen_and_said_without_the_text(
    parsers: Parsers, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await parsers.read(LONG)
    long_one = pids(parsers)[1]
    halt(long_one)
    reading = asyncio.ensure_future(parsers.read("select 'hunter2'" + " " * SHORT))
    await asyncio.sleep(0)
    os.kill(long_one, signal.SIGSEGV)
    os.kill(long_one, signal.SIGCONT)
    assert doubt(await reading) == "the parser broke off over it"
    assert "a statement ended its SQL parser: the parser broke off over it" in caplog.text
    assert "hunter2" not in caplog.text
    assert (await parsers.read(LONG + " ")).statements[0].certain


async def test_a_process_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    parsers = Parsers(seconds=0.2)
    try:
        await parsers.read(LONG)
        stuck = pids(parsers)[-1]
        monkeypatch.setattr("gateway.session.database.parser._WAIT_SECONDS", 0.2)
        halt(stuck)
        assert doubt(await parsers.read(LONG + " ")) == "it takes too long to be understood"
        assert not is_running(stuck)
    finally:
        await parsers.stop()


async def test_too_much_work_ends_a_process() -> None:
    parsers = Parsers(seconds=0.001)
    try:
        text = "select " + ", ".join(f"a{number}" for number in range(50_000))
        assert doubt(await parsers.read(text)) == "it takes too long to be understood"
        assert (await parsers.read("select 1")).statements[0].verb in ("select", "unknown")
    finally:
        await parsers.stop()


async def test_too_much_memory_is_no_answer() -> None:
    parsers = Parsers(memory=160 << 20, seconds=10)
    try:
        text = "insert into t values " + ", ".join(["(1, 2, 'three', 4)"] * 40_000)
        assert doubt(await parsers.read(text)) in (
            "it takes too much memory to be understood",
            "the parser broke off over it",
        )
        assert (await parsers.read(LONG)).statements[0].certain
    finally:
        await parsers.stop()


async def test_a_process_that_dies_is_replaced_and_nobody_is_told(parsers: Parsers) -> None:
    for _ in range(3):
        (killed, *_) = pids(parsers)
        os.kill(killed, signal.SIGKILL)
        readings = await asyncio.gather(*(parsers.read(f"select 'k{killed}{n}'") for n in range(4)))
        assert all(reading.statements[0].certain for reading in readings)
        assert killed not in pids(parsers)


async def test_the_same_text_is_read_once_at_a_time(parsers: Parsers) -> None:
    readings = await asyncio.gather(*(parsers.read("select * from shared where a = 'x'") for _ in range(50)))
    assert all(reading is readings[0] for reading in readings)


async def test_who_goes_away_takes_nobody_along(parsers: Parsers) -> None:
    first = asyncio.ensure_future(parsers.read("select 'together'"))
    second = asyncio.ensure_future(parsers.read("select 'together'"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).statements[0].certain
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_many_at_once_all_get_their_own(parsers: Parsers) -> None:
    texts = [f"select 'q{number}' from t{number}" + " " * (number % 3 * SHORT // 2) for number in range(120)]
    readings = await asyncio.gather(*map(parsers.read, texts))
    assert [str(reading.statements[0].reads[0]) for reading in readings] == [f"t{n}" for n in range(120)]


async def test_the_cache_keeps_within_its_bounds() -> None:
    parsers = Parsers(cache_entries=10, cache_bytes=40_000)
    try:
        for number in range(30):
            await parsers.read(f"select 'c{number}'")
        kept = [number for number in range(30) if parsers.known(f"select 'c{number}'") is not None]
        assert kept == list(range(20, 30))
        await parsers.read("select 'large" + "x" * 7000 + "'")
        assert sum(parsers.known(f"select 'c{number}'") is not None for number in range(30)) < 10
        await parsers.read("select 'huge" + "x" * 12_000 + "'")
        assert parsers.known("select 'huge" + "x" * 12_000 + "'") is None
    finally:
        await parsers.stop()


async def test_without_a_parser_nothing_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "_START", "raise SystemExit(1)")
    parsers = Parsers()
    try:
        for text in ("select 1", LONG):
            assert doubt(await parsers.read(text)) == "there is no parser to understand it"
        assert parsers.known("select 1") is None
    finally:
        await parsers.stop()


async def test_a_parser_that_talks_nonsense_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    liar = """
import os
for text in (b"ready", b"+[]"):
    os.write(1, len(text).to_bytes(4, "big") + text)
while os.read(0, 99): pass
"""
    parsers = Parsers()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(parser_process, "_START", liar)
            assert doubt(await parsers.read(LONG)) == "the parser answers nonsense"
        assert (await parsers.read("select 2")).statements[0].certain
    finally:
        await parsers.stop()


async def test_stopping_leaves_nobody_waiting_and_no_process() -> None:
    parsers = Parsers()
    waiting = [
        asyncio.ensure_future(parsers.read(f"select 's{number}'" + " " * SHORT)) for number in range(20)
    ]
    await parsers.read("select 1")
    running = pids(parsers)
    await parsers.stop()
    readings = await asyncio.gather(*waiting)
    assert len(readings) == 20
    assert running
    assert not any(is_running(pid) for pid in running)
    assert pids(parsers) == []
    assert doubt(await parsers.read("select 'late'"))
    assert pids(parsers) == []
