"""Bad servers: one that dies in the middle of a result, one that is not there, one that says what no server says."""

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from tests.postgres.interop.gateway_process import WIDE, GatewayProcess
from tests.postgres.interop.raw import Raw, fields, message, query
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.watched import (
    DATABASE,
    bystander,
    count_descriptors,
    is_served,
    nothing_leaks,
    wait_until,
)

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

SOMEBODY = "127.0.0.77"


@contextmanager
def signed_in(gateway: GatewayProcess) -> Iterator[Raw]:
    with Raw(gateway.way.port, SOMEBODY) as raw:
        yield raw.sign_in(gateway.way, DATABASE)


def test_a_server_that_ends_a_session(hostile: GatewayProcess, suite_server: SuiteServer) -> None:
    """By an operator, in the middle of a result: it ends, with the server's words if it had any."""
    with nothing_leaks(hostile), bystander(hostile), signed_in(hostile) as raw:
        raw.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 10000000)"))
        messages = raw.messages()
        for _ in range(1000):
            assert next(messages)[0] in b"TD"
        with suite_server.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (raw.key[0],))
        rest = [(tag, body) for tag, body in messages if tag != b"D"]
        # A server that was just writing a row can not put an error behind half of it.
        assert [(tag, fields(body)["C"]) for tag, body in rest] in ([], [(b"E", "57P01")])


@pytest.fixture(scope="module")
def mortal(
    suite_server: SuiteServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SuiteServer, GatewayProcess]]:
    """A server that may die, and a gateway in front of it. Whoever kills it has it running again."""
    server = SuiteServer.create(suite_server.programs)
    try:
        server.start()
        server.make_databases(DATABASE)
        gateway = GatewayProcess(tmp_path_factory.mktemp("mortal"), server, (DATABASE,))
        gateway.start()
        try:
            yield server, gateway
        finally:
            assert gateway.stop() == 0
    finally:
        server.remove()


def test_a_server_that_dies_in_the_middle(mortal: tuple[SuiteServer, GatewayProcess]) -> None:
    """Killed again and again, at any byte of a result: the client's connection ends, and the next one works."""
    server, gateway = mortal
    dice = random.Random(3)
    assert is_served(gateway)
    descriptors = count_descriptors(gateway)
    for _ in range(5):
        with signed_in(gateway) as raw:
            raw.send(query("SELECT g, repeat('x', g % 5000) FROM generate_series(1, 10000000) g"))
            raw.socket.recv(dice.randrange(1, 100_000))
            os.kill(raw.key[0], signal.SIGKILL)
            raw.socket.settimeout(30)
            rest = raw.rest()
            assert b"Traceback" not in rest
        wait_until(lambda: lives(server))
        wait_until(lambda: answers(gateway))
    wait_until(lambda: count_descriptors(gateway) <= descriptors + 4)


def lives(server: SuiteServer) -> bool:
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def answers(gateway: GatewayProcess) -> bool:
    try:
        return is_served(gateway)
    except (PermissionError, ConnectionError):
        return False


def test_no_server_at_all(mortal: tuple[SuiteServer, GatewayProcess]) -> None:
    """People are told so in a sentence, and it says nothing of passwords or addresses that are not theirs to know."""
    server, gateway = mortal
    server.stop(signal.SIGQUIT)
    with pytest.raises(PermissionError) as raised, Raw(gateway.way.port) as raw:
        raw.sign_in(gateway.way, DATABASE)
    assert "hoop: " in str(raised.value)
    assert "canary" not in str(raised.value)
    server.start()
    assert is_served(gateway)


OK = b"R\0\0\0\x08\0\0\0\0"
READY = b"Z\0\0\0\x05I"
COLUMNS = message(b"T", b"\0\1n\0" + struct.pack("!IhIhih", 0, 0, 23, 4, -1, 0))
EVIL = {
    "hangs up at once": b"",
    "garbage": bytes(range(256)) * 10,
    "a length of 3": OK + READY + b"D\0\0\0\3",
    "a huge row": OK + READY + COLUMNS + b"D\x7f\xff\xff\xff\0\1",
    "a row cut short": OK + READY + COLUMNS + b"D\0\0\0\x0b\0\1\0\0\0\x01",
    "a row with a negative size": OK + READY + COLUMNS + message(b"D", b"\0\1\xff\xff\xff\x00"),
    "a row that nobody asked for": OK + READY + message(b"D", b"\0\0"),
    "an error without a code": OK + READY + message(b"E", b"Mwhat\0\0") + READY,
    "an error without an end": OK + READY + message(b"E", b"Mwhat"),
    "an unknown message": OK + READY + message(b"y", b"?"),
    "a message of clients": OK + READY + message(b"Q", b"SELECT 1\0"),
    "ready for ever": OK + READY * 1000,
    "a way of signing in that is none": b"R\0\0\0\x08\0\0\0\x63",
    "SCRAM with nothing": b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
    "a greeting without end": message(b"N", b"Mhello\0\0") * 20_000,
}


@contextmanager
def evil_server(said: bytes) -> Iterator[int]:
    """Whatever comes in, it says this and hangs up when the other side does."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = listening.accept()
            except OSError:
                return
            with taken:
                taken.settimeout(10)
                try:
                    taken.recv(4096)
                    taken.sendall(said)
                    while said and taken.recv(4096):
                        pass
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(30)


@pytest.fixture(scope="module")
def among_evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One gateway in front of all of them: each is a target."""
    names = {what.replace(" ", "-"): said for what, said in EVIL.items()}
    with ExitStack() as stack:
        ports = {name: stack.enter_context(evil_server(said)) for name, said in names.items()}
        door = WIDE + 'connect_timeout = "2s"\n'
        gateway = GatewayProcess(tmp_path_factory.mktemp("evil"), ports, tuple(ports), door=door)
        gateway.start()
        yield gateway
        assert gateway.stop() == 0


@pytest.mark.parametrize("what", EVIL)
def test_an_evil_server(among_evil: GatewayProcess, what: str) -> None:
    """The client gets an error or the end within seconds, and the gateway lives on."""
    for _ in range(3):
        with Raw(among_evil.way.port) as raw:
            raw.socket.settimeout(20)
            try:
                raw.sign_in(among_evil.way, what.replace(" ", "-"))
                raw.send(query("SELECT 1") + message(b"X"))
                raw.rest()
            except (PermissionError, ConnectionError):
                pass
    assert among_evil.is_running
    assert "Traceback" not in among_evil.log(), among_evil.log()[-3000:]
