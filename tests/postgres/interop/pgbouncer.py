"""pgbouncer in session mode in front of the databases of one server: a mature proxy to compare with.

It judges and records nothing, so it is what can be had for the price of being in between.
"""

import hashlib
import socket
import subprocess
import time

from tests.postgres.interop.suite_server import PASSWORD, USER, SuiteServer
from tests.postgres.interop.ways import PGBOUNCER, WayIn

PATIENCE = 20.0

_INI = """\
[databases]
* = host=127.0.0.1 port={port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = {auth}
auth_file = users
logfile = log
pool_mode = session
max_client_conn = 500
default_pool_size = 100
ignore_startup_parameters = extra_float_digits,options,search_path
server_tls_sslmode = disable
client_tls_sslmode = {tls}
client_tls_cert_file = server.pem
client_tls_key_file = server.key
"""


class Pgbouncer:
    """`start`, use `way`, `stop`. It refuses to run as root, so it lives with the server and runs as that does."""

    def __init__(self, server: SuiteServer, *, tls: bool, auth: str = "md5") -> None:
        """`auth`: how clients show the password, `md5` or `plain`."""
        self._directory = server.socket_directory / ("pgbouncer-tls" if tls else "pgbouncer")
        self._server = server
        self._tls = tls
        self._auth = auth
        self._process: subprocess.Popen[bytes] | None = None
        self.way = WayIn(PGBOUNCER, 0, USER, {})

    @property
    def pid(self) -> int:
        """The process that is judged."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Serve; returns when it takes connections."""
        port = _free_port()
        self._directory.mkdir(exist_ok=True)
        self._write(port)
        for path in (self._directory, *self._directory.iterdir()):
            self._server.give(path)
        self._process = subprocess.Popen(
            ["pgbouncer", "-q", "pgbouncer.ini"],
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._server.account,
        )
        self.way = WayIn(PGBOUNCER, port, USER, {"*": PASSWORD}, tls=self._tls)
        give_up_at = time.monotonic() + PATIENCE
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                self.stop()
                log = self._directory / "log"
                raise RuntimeError(f"pgbouncer did not start: {log.read_text() if log.exists() else ''}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, whoever is connected."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(PATIENCE)

    def _write(self, port: int) -> None:
        hashed = hashlib.md5(f"{PASSWORD}{USER}".encode(), usedforsecurity=False).hexdigest()
        shown = PASSWORD if self._auth == "plain" else f"md5{hashed}"
        (self._directory / "users").write_text(f'"{USER}" "{shown}"\n')
        if self._tls:
            subprocess.run(
                [
                    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                    *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
                    *("-keyout", "server.key", "-out", "server.pem"),
                ],
                cwd=self._directory,
                check=True,
                capture_output=True,
            )
        text = _INI.format(
            port=self._server.port,
            user=USER,
            password=PASSWORD,
            listen=port,
            auth=self._auth,
            tls="require" if self._tls else "disable",
        )
        if not self._tls:
            text = "\n".join(line for line in text.splitlines() if "_file = server" not in line)
        (self._directory / "pgbouncer.ini").write_text(text)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
