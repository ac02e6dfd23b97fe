"""The server, the gateway in front of it, and the ways in, for tests that drive stock clients.

Every test of a client runs over each of `WAYS`: what it expects is what it gets without a gateway.
"""

from collections.abc import Iterator

import pytest

from tests.contracts.postgres_server import MISSING, binaries
from tests.postgres.interop.gateway_process import GatewayProcess
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import DIRECT, GATEWAY, WayIn

WAYS = (DIRECT, GATEWAY)
DATABASES = ("drivers", "dumped", "restored")


@pytest.fixture(scope="session")
def suite_server() -> Iterator[SuiteServer]:
    """One for all tests of clients, with the databases that these use."""
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    server = SuiteServer.create(programs)
    try:
        server.start()
        server.make_databases(*DATABASES)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def gateway_process(
    suite_server: SuiteServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """In front of it, with a rule that allows everything."""
    gateway = GatewayProcess(tmp_path_factory.mktemp("gateway"), suite_server, DATABASES)
    gateway.start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, suite_server: SuiteServer) -> WayIn:
    """Each way in, one after the other."""
    if request.param == GATEWAY:
        gateway: GatewayProcess = request.getfixturevalue("gateway_process")
        return gateway.way
    return suite_server.way


@pytest.fixture(scope="session")
def hostile(suite_server: SuiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Another in front of it, with the limits that a door has by itself and little time to sign in."""
    gateway = GatewayProcess(
        tmp_path_factory.mktemp("hostile"),
        suite_server,
        DATABASES,
        door='login_grace = "3s"\n',
        name="hostile",
    )
    gateway.start()
    yield gateway
    assert gateway.stop() == 0
