"""Bad manners once inside: broken messages, large ones, statements no parser survives, results that nobody reads."""

import os
import random
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.raw import Raw, fields, message, query
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.watched import (
    DATABASE,
    bystander,
    nothing_leaks,
    resident_mb,
    wait_until,
)

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

SOMEBODY = "127.0.0.77"


@contextmanager
def signed_in(gateway: GatewayProcess, **parameters: str) -> Iterator[Raw]:
    with Raw(gateway.way.port, SOMEBODY) as raw:
        yield raw.sign_in(gateway.way, DATABASE, **parameters)


BROKEN = {
    "length 0": b"Q\0\0\0\0",
    "length 3": b"Q\0\0\0\3",
    "a negative length": b"Q\xff\xff\xff\xff" + bytes(50),
    "2^31 bytes announced": b"Q\x7f\xff\xff\xff" + b"SELECT 1",
    "a statement that is too long": message(b"Q", b"SELECT '" + b"x" * (3 << 20) + b"'\0"),
    "a text that is too long to prepare": message(b"P", b"\0SELECT '" + b"x" * (3 << 20) + b"'\0\0\0"),
    "an unknown message": message(b"y", b"what?"),
    "a message of servers": message(b"D", b"\0\1\0\0\0\1x"),
    "a query without an end": message(b"Q", b"SELECT 1"),
    "a query with two ends": message(b"Q", b"SELECT 1\0SELECT 2\0"),
    "Parse cut short": message(b"P", b"name"),
    "Parse with a wrong count": message(b"P", b"\0SELECT 1\0\xff\xff"),
    "Bind with too many values": message(b"B", b"\0\0\0\0\xff\xff" + bytes(20)),
    "Bind with a negative size": message(b"B", b"\0\0\0\0\0\1\xff\xff\xff\x00\0\0"),
    "Bind with a size beyond its end": message(b"B", b"\0\0\0\0\0\1\0\0\xff\xffab\0\0"),
    "Describe of neither": message(b"D", b"Xname\0"),
    "Close without a name": message(b"C", b"S"),
    "Execute cut short": message(b"E", b"\0\0"),
    "a function call cut short": message(b"F", b"\0\0"),
    "a password nobody asked for": message(b"p", b"secret\0"),
    "a copy nobody asked for": message(b"d", b"data") + message(b"c"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_message(hostile: GatewayProcess, what: str) -> None:
    """An error, then either the end or the next query's answer: never silence, and never somebody else's trouble."""
    with nothing_leaks(hostile), signed_in(hostile) as raw:
        raw.socket.settimeout(20)
        try:
            raw.send(BROKEN[what])
            raw.send(message(b"S") + query("SELECT 'after' AS word"))
            raw.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has been closed by now
        came = list(raw.messages())
        assert all(tag in b"EZTDCN1234nts" for tag, _ in came), came
        errors = [fields(body) for tag, body in came if tag == b"E"]
        if not any(b"after" in body for tag, body in came if tag == b"D"):
            assert errors or not came, came
        assert all(error["S"] in ("ERROR", "FATAL") and len(error["C"]) == 5 for error in errors), errors


def test_one_that_stops_in_the_middle(hostile: GatewayProcess, suite_server: SuiteServer) -> None:
    """The connection to the server goes, too."""
    with nothing_leaks(hostile):
        for part in (
            b"Q",
            b"Q\0\0\1\0SELECT",
            message(b"P", b"\0SELECT 1\0\0\0"),
            query("SELECT 1"),
        ):
            with signed_in(hostile, application_name="stops") as raw:
                pid = raw.key[0]
                raw.send(part)
            wait_until(lambda pid=pid: pid not in suite_server.backends())  # type: ignore[misc]


def test_random_messages(hostile: GatewayProcess) -> None:
    """Whatever somebody sends, others do not notice."""
    dice = random.Random(11)
    tags = b"QPBDECSHFXdcfpyz\0\xff"
    with nothing_leaks(hostile), bystander(hostile) as seen:
        for _ in range(60):
            with signed_in(hostile) as raw:
                raw.socket.settimeout(20)
                try:
                    for _ in range(dice.randrange(1, 12)):
                        body = dice.randbytes(dice.choice((0, 1, 4, 7, 30, 200)))
                        size = dice.choice((len(body) + 4,) * 6 + (0, 3, 5, 1 << 20, (1 << 32) - 1))
                        raw.send(bytes([dice.choice(tags)]) + struct.pack("!I", size) + body)
                    raw.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                raw.rest()
    assert seen.longest < 5


BOMBS = {
    "many terms": "SELECT 1" + "+1" * 100_000,
    "many brackets": "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
    "many arrays": "SELECT " + "ARRAY[" * 20_000 + "1" + "]" * 20_000,
    "many comments": "SELECT 1 " + "/*" * 5_000,
    "many cases": "SELECT " + "CASE WHEN true THEN " * 10_000 + "1" + " END" * 10_000,
    "many joins": "SELECT * FROM a" + " JOIN a ON true" * 20_000,
    "many statements": "SELECT 1;" * 300,
    "many selects": "SELECT * FROM (" * 5000 + "SELECT 1" + ") x" * 5000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_statement_that_no_parser_survives(hostile: GatewayProcess, what: str) -> None:
    """It is answered in seconds, by a result or an error; the session goes on, and so does everybody else's."""
    with nothing_leaks(hostile, memory_mb=64), bystander(hostile) as seen, signed_in(hostile) as raw:
        raw.socket.settimeout(60)
        came = raw.answer(query(BOMBS[what]))
        assert came[-1][0] == b"Z", came[-3:]
        assert [tag for tag, _ in raw.answer(query("SELECT 1"))] == [b"T", b"D", b"C", b"Z"]
    assert seen.longest < 10


def test_a_reader_that_never_reads(hostile: GatewayProcess, suite_server: SuiteServer) -> None:
    """Ten gigabytes that nobody takes: the server waits, and the gateway holds a few megabytes."""
    with nothing_leaks(hostile), bystander(hostile) as seen:
        before = resident_mb(hostile)
        with signed_in(hostile) as raw:
            pid = raw.key[0]
            raw.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 100000)"))
            most = 0.0
            for _ in range(40):
                time.sleep(0.1)
                most = max(most, resident_mb(hostile))
            assert most - before < 16
            assert pid in suite_server.backends()
        wait_until(lambda: pid not in suite_server.backends())
    assert seen.longest < 5


def pour(raw: Raw, size: int) -> None:
    for _ in range(0, size, 1 << 16):
        raw.send(message(b"d", b"x" * 65_530 + b"\n"))


def test_a_writer_whose_server_does_not_read(hostile: GatewayProcess) -> None:
    """COPY to a server that hangs: what can not be passed on is not taken."""
    with nothing_leaks(hostile), hostile.way.connect(DATABASE) as owner:
        owner.execute("DROP TABLE IF EXISTS filled; CREATE TABLE filled (line text)")
        with signed_in(hostile) as raw:
            before = resident_mb(hostile)
            raw.send(query("COPY filled FROM STDIN"))
            assert next(raw.messages())[0] == b"G"
            raw.send(message(b"d", b"line\n"))
            os.kill(raw.key[0], signal.SIGSTOP)
            try:
                raw.socket.settimeout(3)
                with pytest.raises(TimeoutError):
                    pour(raw, 200 << 20)
                assert resident_mb(hostile) - before < 16
            finally:
                os.kill(raw.key[0], signal.SIGCONT)
        owner.execute("DROP TABLE filled")
