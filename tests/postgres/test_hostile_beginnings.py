"""Bad beginnings: garbage before and after TLS, plain text put in front of TLS, floods of starts and of passwords.

Each stands for a client on an address of its own, while somebody else works.
"""

import random
import socket
import struct
import threading
import time

import pytest

from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.raw import (
    GSS_REQUEST,
    PROTOCOL_3,
    SSL_REQUEST,
    Raw,
    cancel_request,
    fields,
    message,
    query,
    start_up,
)
from tests.postgres.interop.watched import (
    DATABASE,
    bystander,
    is_served,
    nothing_leaks,
    resident_mb,
    wait_until,
)

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

ATTACKER = "127.0.0.66"
USER = {"user": "hoop", "database": DATABASE}
NOISE = random.Random(5).randbytes(4096)

GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: db\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
    "tls without asking": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "noise": NOISE,
    "nothing at all": b"",
    "length 3": struct.pack("!II", 3, PROTOCOL_3),
    "length 2^31": struct.pack("!II", 1 << 31, PROTOCOL_3) + b"user\0x\0\0",
    "length 10,001": struct.pack("!II", 10_001, PROTOCOL_3) + bytes(9993),
    "no terminator": struct.pack("!II", 16, PROTOCOL_3) + b"user\0xyz",
    "no user": start_up({"database": DATABASE}),
    "an odd number of words": struct.pack("!II", 14, PROTOCOL_3) + b"user\0\0",
    "protocol 2": start_up(USER, 2 << 16),
    "protocol 9": start_up(USER, 9 << 16),
    "a cancel request that is too short": struct.pack("!III", 12, 80877102, 1),
    "a cancel request that is too long": cancel_request(1, bytes(300)),
    "replication": start_up({**USER, "replication": "database"}),
    "a query at once": query("SELECT 1"),
}


@pytest.mark.parametrize("what", GARBAGE)
@pytest.mark.parametrize("inside", [False, True], ids=["plain", "in TLS"])
def test_garbage(hostile: GatewayProcess, what: str, inside: bool) -> None:
    """It is closed, at the latest when the time for signing in is over, and told at most one error."""
    with nothing_leaks(hostile), Raw(hostile.way.port, ATTACKER) as raw:
        if inside:
            raw.start_tls()
        raw.send(GARBAGE[what])
        if not GARBAGE[what]:
            raw.socket.shutdown(socket.SHUT_WR)
        said = raw.rest()
        assert len(said) < 2048
        assert b"Traceback" not in said
        assert not said or said[:1] in b"EvR\x15", said  # words, or an alert of TLS
        assert b"R\0\0\0\x08\0\0\0\0" not in said  # AuthenticationOk


def test_plain_text_is_not_let_in(hostile: GatewayProcess) -> None:
    """A password is never asked for where anybody could read it."""
    with Raw(hostile.way.port, ATTACKER) as raw:
        raw.send(start_up(USER))
        (tag, body), *more = raw.messages()
    assert (tag, more) == (b"E", [])
    assert "TLS" in fields(body)["M"] or "SSL" in fields(body)["M"] or "encrypt" in fields(body)["M"]


@pytest.mark.parametrize("request_", [SSL_REQUEST, GSS_REQUEST + SSL_REQUEST], ids=["ssl", "gss and ssl"])
def test_plain_text_in_front_of_tls(hostile: GatewayProcess, request_: bytes) -> None:
    """What somebody on the way puts behind the request for TLS must not count as said inside of it."""
    with nothing_leaks(hostile), Raw(hostile.way.port, ATTACKER) as raw:
        raw.send(request_ + start_up(USER) + message(b"p", b"guess\0"))
        said = raw.rest()
        assert b"R\0\0\0\x08" not in said
        assert len(said) < 2048


def test_requests_that_come_again(hostile: GatewayProcess) -> None:
    """GSS encryption is declined, then TLS is taken; inside of TLS neither is there again."""
    with Raw(hostile.way.port, ATTACKER) as raw:
        raw.send(GSS_REQUEST)
        assert raw.socket.recv(1) == b"N"
        raw.sign_in(hostile.way, DATABASE)
        assert raw.answer(query("SELECT 1"))[-1][0] == b"Z"
    for again in (SSL_REQUEST, GSS_REQUEST):
        with Raw(hostile.way.port, ATTACKER) as raw:
            raw.start_tls()
            raw.send(again * 3)
            said = raw.rest()
            assert not said.startswith(b"S")
            assert len(said) < 2048


def test_a_beginning_that_never_ends(hostile: GatewayProcess) -> None:
    """A byte at a time, or none: it is over when the time for signing in is."""
    with nothing_leaks(hostile), bystander(hostile):
        silent = [Raw(hostile.way.port, ATTACKER) for _ in range(20)]
        slow = Raw(hostile.way.port, ATTACKER)
        started = time.monotonic()
        packet = start_up(USER)
        for at in range(4):
            slow.send(packet[at : at + 1])
            time.sleep(0.1)
        for raw in (*silent, slow):
            raw.socket.settimeout(30)
            raw.rest()
            raw.socket.close()
        assert time.monotonic() - started < 20


def test_a_flood_of_starts(hostile: GatewayProcess) -> None:
    """Somebody opens what they can and says nothing. Others get in all the same."""
    with nothing_leaks(hostile), bystander(hostile) as seen:
        opened: list[Raw] = []
        try:
            for number in range(400):
                try:
                    opened.append(Raw(hostile.way.port, ATTACKER))
                    if number % 2:
                        opened[-1].send(SSL_REQUEST)
                except OSError:
                    break
            assert is_served(hostile)
        finally:
            for raw in opened:
                raw.socket.close()
    assert seen.longest < 5


def test_a_thousand_wrong_passwords(hostile: GatewayProcess) -> None:
    """None gets in, somebody else goes on working, and somebody new on another address gets in."""
    refused: list[str] = []

    def guess(first: int) -> None:
        for number in range(first, first + 125):
            try:
                with Raw(hostile.way.port, ATTACKER) as raw:
                    raw.sign_in(hostile.way, DATABASE, password=f"guess-{number}")
                    refused.append("let in")
            except PermissionError as problem:
                refused.append(str(problem))
            except (ConnectionError, OSError):
                refused.append("closed")

    with nothing_leaks(hostile), bystander(hostile) as seen:
        threads = [threading.Thread(target=guess, args=(first,)) for first in range(0, 1000, 125)]
        for thread in threads:
            thread.start()
        assert is_served(hostile)
        for thread in threads:
            thread.join(120)
    assert len(refused) == 1000
    assert "let in" not in refused
    assert any("28P01" in each or "28000" in each for each in refused), refused[:3]
    assert "guess-" not in "".join(refused)
    assert seen.longest < 5


def test_a_flood_of_cancels(hostile: GatewayProcess) -> None:
    """Guessed keys end nobody's statement."""
    with nothing_leaks(hostile), bystander(hostile), Raw(hostile.way.port, "127.0.0.67") as raw:
        raw.sign_in(hostile.way, DATABASE)
        pid, secret = raw.key
        raw.send(query("SELECT pg_sleep(3), 'lives'"))
        for number in range(1500):
            try:
                with Raw(hostile.way.port, ATTACKER) as other:
                    other.send(cancel_request(pid, struct.pack("!I", number)[-len(secret) :]))
            except OSError:
                pass
        tags = [tag for tag, _ in raw.until_ready()]
    assert tags == [b"T", b"D", b"C", b"Z"]


def test_memory_stays_where_it_is(hostile: GatewayProcess) -> None:
    """A packet that says that it is large costs nothing before it has come."""
    before = resident_mb(hostile)
    opened = []
    for _ in range(50):
        raw = Raw(hostile.way.port, "127.0.0.68").start_tls()
        raw.send(struct.pack("!II", 9_999, PROTOCOL_3) + bytes(100))
        opened.append(raw)
    assert resident_mb(hostile) - before < 16
    for raw in opened:
        raw.socket.close()
    wait_until(lambda: is_served(hostile))
