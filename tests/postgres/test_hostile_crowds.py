"""Two thousand people at once: a test of minutes."""

import pytest

from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.raw import Raw, query
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.watched import DATABASE, nothing_leaks, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.needs("postgres")]

ROOM = """
[ssh]
max_sessions = 2100
max_sessions_per_person = 2100
"""
"""They count for every way in. All of these people are one here."""


@pytest.mark.slow
def test_two_thousand_connections(
    suite_server: SuiteServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All of them get in, each gets its own answer, and all that they took is given back."""

    class Large(SuiteServer):
        settings = (*SuiteServer.settings, "max_connections=2100", "shared_buffers=64MB")

    server = Large.create(suite_server.programs)
    try:
        server.start()
        server.make_databases(DATABASE)
        gateway = GatewayProcess(tmp_path_factory.mktemp("large"), server, (DATABASE,), more=ROOM)
        gateway.start()
        try:
            with nothing_leaks(gateway, memory_mb=256, slack=20):
                opened: list[Raw] = []
                try:
                    for number in range(2000):
                        raw = Raw(gateway.way.port, f"127.0.1.{number % 200 + 1}")
                        opened.append(raw.sign_in(gateway.way, DATABASE))
                    for number, raw in enumerate(opened):
                        raw.send(query(f"SELECT {number}"))
                    for number, raw in enumerate(opened):
                        came = raw.until_ready()
                        assert str(number).encode() in came[1][1], came
                finally:
                    for raw in opened:
                        raw.socket.close()
                wait_until(lambda: len(server.backends()) < 5)
        finally:
            assert gateway.stop() == 0
    finally:
        server.remove()
