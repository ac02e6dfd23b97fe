"""What a PostgreSQL benchmark stands on: a server, a gateway and a pgbouncer in front of it, and what is read.

Every way is open twice where it can be: with TLS toward the client and without. A gateway takes clients with TLS
only, so the ratios that count compare ways with TLS. It measures nothing.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.postgres_stand.loop import compiled, interpreted
from bench.stand.ground import MEMORY
from tests.contracts.postgres_server import MISSING, binaries
from tests.postgres.interop.gateway_process import ALLOW, GatewayProcess
from tests.postgres.interop.pgbouncer import Pgbouncer
from tests.postgres.interop.suite_server import SuiteServer
from tests.postgres.interop.ways import DIRECT, GATEWAY, PGBOUNCER, WayIn

DATABASE = "bench"
INTERPRETED, COMPILED = "interpreted", "compiled"
"""Gateways that mask one text column."""
PLAIN = "plain"
SCALE = 10

_MASK = """
[[rule]]
id = "masks"
match = { user = "tester" }
do = "mask"
mask = { "public.bulk.note" = "redact" }
"""

_ROWS = """
CREATE TABLE bulk (id int4 NOT NULL, note text NOT NULL);
INSERT INTO bulk SELECT g, rpad('row ' || g, 91, 'abcdefgh') FROM generate_series(1, {rows}) g;
"""


@dataclass
class Ground:
    """What runs. `ways` by name: those of TLS under their name, those without under `name plain`."""

    server: SuiteServer
    ways: dict[str, WayIn]
    pids: dict[str, int]
    """The process that is judged, where something is in between."""
    rows: int
    scale: int
    """Of pgbench."""


@contextmanager
def ground(rows: int, *, scale: int = SCALE) -> Iterator[Ground]:
    """Everything started; at the end nothing is left."""
    programs = binaries()
    if programs is None:
        raise SystemExit(MISSING)
    with ExitStack() as stack:
        server = _BenchServer.create(programs)
        stack.callback(server.remove)
        server.start()
        server.make_databases(DATABASE)
        with server.connect(DATABASE) as connection:
            connection.execute(_ROWS.format(rows=rows))
            connection.execute("VACUUM (FREEZE, ANALYZE) bulk")
        ways = {f"{DIRECT} {PLAIN}": server.way, DIRECT: replace(server.way, tls=True)}
        pids: dict[str, int] = {}
        for tls in (True, False):
            bouncer = Pgbouncer(server, tls=tls, auth="plain")
            bouncer.start()
            stack.callback(bouncer.stop)
            name = PGBOUNCER if tls else f"{PGBOUNCER} {PLAIN}"
            ways[name], pids[name] = bouncer.way, bouncer.pid
        here = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hoop-bench-", dir=_memory())))
        for name, more, environment in _gateways(here / "loops"):
            gateway = GatewayProcess(
                here / name, server, (DATABASE,), ALLOW + more, name=name, environment=environment
            )
            gateway.start()
            stack.callback(gateway.stop)
            ways[name], pids[name] = gateway.way, gateway.pid
        yield Ground(server, ways, pids, rows, scale)


def _gateways(loops: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, rules besides the one that allows everything, and variables."""
    yield GATEWAY, "", {}
    yield INTERPRETED, _MASK, interpreted(loops / INTERPRETED)
    yield COMPILED, _MASK, compiled(loops / COMPILED)


def _memory() -> Path | None:
    return MEMORY if MEMORY.is_dir() else None


class _BenchServer(SuiteServer):
    """With TLS, and memory for the whole table."""

    method = "password"
    settings = (*SuiteServer.settings, "shared_buffers=1GB", "max_wal_size=8GB", "autovacuum=off", "jit=off")
