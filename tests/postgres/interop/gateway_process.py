"""A real gateway, `hoop-gateway serve` in a process of its own, in front of the databases of one server.

One target for each database, of the same name, because clients name a target where they name a database. The way in
is over TLS, with a database token for each target, asked for as people do: through the API.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from tests.postgres.interop.suite_server import PASSWORD, USER, SuiteServer
from tests.postgres.interop.ways import GATEWAY, WayIn

PROGRAM = Path(sys.executable).parent / "hoop-gateway"
PERSON = "tester"
PATIENCE = 60.0

ALLOW = """
[[rule]]
id = "everything"
match = { user = "tester" }
do = "allow"
"""

UNRELATED = """
[[rule]]
id = "no-tokens"
match = { user = "tester" }
do = "mask"
mask = { jwt = "redact" }

[[rule]]
id = "no-columns-elsewhere"
match = { user = "tester", target = "elsewhere" }
do = "mask"
mask = { "people.ssn" = "redact" }

[[rule]]
id = "no-reboots"
match = { command = "drop database production*" }
do = "block"
"""
"""Rules that have nothing to do with what suites do: every value is looked at, and nothing is found. A rule about a
column of the same database would be another matter: what may carry its values elsewhere is blocked then."""

_CONFIG = """\
version = 1

[gateway]
name = "gw-interop"
data_dir = "data"

[listen]
api = "127.0.0.1:0"
postgres = "127.0.0.1:0"

[postgres]
{door}

[login]
database_ttl = "12h"

[store]
reserve = "1MiB"

[[person]]
name = "tester"
roles = ["person", "auditor"]
"""

WIDE = """
max_connections = 5000
max_connections_per_address = 5000
max_unauthenticated = 1000
max_statement = "64MiB"
"""
"""A door for suites: they come from one address, and some of their statements are long."""

_TARGET = """
[[target]]
name = "{name}"
kind = "postgres"
to = "127.0.0.1:{port}"
database = "{name}"
user = "{user}"
password = {{ file = "password" }}
tls = "disable"
{more}
"""


class GatewayProcess:
    """`start`, use `way`, `stop`. Its directory is the caller's to remove."""

    def __init__(
        self,
        directory: Path,
        server: SuiteServer | Mapping[str, int],
        databases: Sequence[str],
        rules: str = ALLOW,
        *,
        more: str = "",
        target: str = "",
        door: str = WIDE,
        name: str = GATEWAY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`more` goes behind the configuration, `target` into each target, `door` into `[postgres]`.

        `server` may also be a port for each database."""
        self.directory = directory
        self._databases = tuple(databases)
        self._name = name
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "log"
        self.ports: dict[str, int] = {}
        ports = server if isinstance(server, Mapping) else dict.fromkeys(databases, server.port)
        targets = [_TARGET.format(name=each, port=ports[each], user=USER, more=target) for each in databases]
        directory.mkdir(exist_ok=True)
        _private(directory / "password", PASSWORD)
        self._config = directory / "hoop.toml"
        self._config.write_text(_CONFIG.replace("{door}", door) + "".join(targets) + more + rules)
        self.way = WayIn(name, 0, USER, {})

    @property
    def pid(self) -> int:
        """The process that is judged."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Serve, and have a token for each database."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", "--config", self._config],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**_without_ways(), **self._environment},
            )
        try:
            ready = self.says(r"ready: .*")
            self.ports = {name: int(port) for name, port in re.findall(r"(\w+) on port (\d+)", ready)}
            own = self._api_token()
            tokens = {database: self._token(database, own) for database in self._databases}
        except BaseException:
            self.stop()
            raise
        self.way = WayIn(self._name, self.ports["postgres"], USER, tokens, tls=True)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def says(self, pattern: str) -> str:
        """What in its log fits this, waited for."""
        give_up_at = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.log())):
            if not self.is_running:
                raise RuntimeError(f"the gateway does not run:\n{self.log()[-3000:]}")
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the gateway does not say {pattern!r}:\n{self.log()[-3000:]}")
            time.sleep(0.02)
        return found[0]

    def _token(self, database: str, own: str) -> str:
        """What people get from `hoop-tui`, for as long as a run takes."""
        answer = httpx2.post(
            f"http://127.0.0.1:{self.ports['api']}/v1/tokens",
            json={"kind": "database", "target": database},
            headers={"Authorization": f"Bearer {own}"},
            timeout=PATIENCE,
        )
        answer.raise_for_status()
        return str(answer.json()["token"])

    def _api_token(self) -> str:
        made = subprocess.run(
            [PROGRAM, "token", "create", "--person", PERSON, "--expires", "1d", "--config", self._config],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return made.stdout.strip()


def _without_ways() -> dict[str, str]:
    """What this process has, but for variables that say where a database is."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
