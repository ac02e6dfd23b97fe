"""Somebody who takes a result a thousand bytes a second."""

import time

import pytest

from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.raw import Raw, query
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.watched import DATABASE, bystander, nothing_leaks, resident_mb

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]


def test_a_reader_of_a_thousand_bytes_a_second(hostile: GatewayProcess, suite_server: SuiteServer) -> None:
    """Ten gigabytes wait on the server, and one row of half a gigabyte does."""
    for result in (
        "SELECT repeat('x', 100000) FROM generate_series(1, 100000)",
        "SELECT repeat('x', 500000000)",
    ):
        with nothing_leaks(hostile), bystander(hostile) as seen:
            before = resident_mb(hostile)
            with Raw(hostile.way.port, "127.0.0.78").sign_in(hostile.way, DATABASE) as raw:
                raw.send(query(result))
                most = 0.0
                for _ in range(8):
                    assert raw.socket.recv(1000)
                    time.sleep(1)
                    most = max(most, resident_mb(hostile))
                assert most - before < 16
                assert raw.key[0] in suite_server.backends()
        assert seen.longest < 5
