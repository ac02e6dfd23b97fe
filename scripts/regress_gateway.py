"""A gateway that stands where a regression script expects its sshd: the script's host keys, people and ports.

Three listeners: the gateway itself; its target, which starts the script's `sshd -i` for each connection or passes it
to the sshd that the script has started; and the relay that the scripts' proxycommand reaches, which first tells the
gateway of keys that the script has made since.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from scripts.openssh_regress import KEY_TYPES, Prepared

PATIENCE = 30.0

GATEWAY_TAKES = ("ssh-ed25519", "ssh-rsa", "ecdsa-", "sk-")

ALLOW = """
[[rule]]
id = "everything"
match = { user = "tester" }
do = "allow"

[[rule]]
id = "forwarding"
match = { user = "tester", verb = ["forward", "listen"], destination = "*" }
do = "allow"
"""

UNRELATED = """
[[rule]]
id = "no-tokens"
match = { user = "tester" }
unless = { verb = ["download", "forward", "listen", "sign"] }
do = "mask"
mask = { jwt = "redact" }

[[rule]]
id = "no-reboots"
match = { command = "reboot *" }
do = "block"

[[rule]]
id = "no-system-files"
match = { verb = ["upload", "remove", "rename", "link", "chmod"], path = "/etc/*" }
do = "block"

[[rule]]
id = "no-metadata-service"
match = { verb = ["forward", "listen"], destination = "169.254.169.254:*" }
do = "block"
"""

RULES = {"gateway": ALLOW, "rules": ALLOW + UNRELATED}
"""Mode, and the rules in force."""

CONFIG = """\
version = 1

[gateway]
data_dir = "data"

[listen]
ssh = "127.0.0.1:{port}"

[ssh]
host_key = "host_key"
banner = [""]

[store]
reserve = "1MiB"

[[person]]
name = "tester"
keys_file = "people"

[[target]]
name = "{user}"
kind = "ssh"
to = "127.0.0.1:{target_port}"
user = "{user}"
key = {{ file = "{key}" }}
host_keys = {host_keys}
agent_forwarding = true
environment = ["_XXX_TEST*"]
"""

Splice = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RegressGateway:
    """`start`, then `stop`. `last_words` is the end of the gateway's log."""

    def __init__(self, prepared: Prepared, rules: str) -> None:
        self._prepared = prepared
        self._rules = rules
        self._objects = prepared.objects
        self._directory = prepared.directory / "gateway"
        self._config = self._directory / "hoop.toml"
        self._people: list[str] = []
        self._log: list[str] = []
        self._news = asyncio.Condition()
        self._ended = False
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._servers: list[asyncio.Server] = []
        self._visits: set[asyncio.Task[None]] = set()
        self._syncing = asyncio.Lock()

    @property
    def last_words(self) -> str:
        return "".join(self._log[-15:]).rstrip()

    @property
    def has_recorded(self) -> bool:
        """Whether anybody has come."""
        return any((self._directory / "data" / "recordings").glob("**/*.hrec"))

    async def start(self) -> None:
        self._directory.mkdir()
        self._write_files()
        for visit, port in (
            (self._serve_target, self._prepared.target_port),
            (self._serve_relay, self._prepared.relay_port),
        ):
            self._servers.append(await asyncio.start_server(self._tracked(visit), "127.0.0.1", port))
        self._process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "hoop-gateway",
            *("serve", "--config", str(self._config)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read_log())
        await self._says("ready:", 1)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        if self._process is not None:
            await _end(self._process)
        if self._reading is not None:
            await self._reading
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def _write_files(self) -> None:
        kind = "ssh-rsa" if "putty" in self._prepared.script else "ssh-ed25519"
        _private(self._directory / "host_key", (self._objects / kind).read_bytes())
        _private(self._directory / "target_key", (self._objects / "gateway").read_bytes())
        public = [(self._objects / f"{kind}.pub").read_text().split() for kind in KEY_TYPES]
        self._write_people(sorted(" ".join(words[:2]) for words in public))
        config = CONFIG.format(
            port=self._prepared.port,
            user=self._prepared.user,
            target_port=self._prepared.target_port,
            key=self._directory / "target_key",
            host_keys=[" ".join(words[:2]) for words in public],
        )
        self._config.write_text(config + self._rules)

    def _write_people(self, keys: list[str]) -> None:
        self._people = keys
        (self._directory / "people").write_text("".join(f"{key}\n" for key in keys))

    async def _sync_people(self) -> None:
        """Whoever the script lets in may use the gateway, too, and nobody else."""
        async with self._syncing:
            keys = plain_keys(self._objects / f"authorized_keys_{self._prepared.user}")
            if keys == self._people:
                return
            self._write_people(keys)
            assert self._process is not None
            reloads = self._count("reloaded")
            self._process.send_signal(signal.SIGHUP)
            await self._says("reloaded", reloads + 1)

    async def _says(self, words: str, times: int) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self._count(words) >= times or self._ended)
        if self._ended:
            raise RuntimeError("the gateway does not run")

    def _count(self, words: str) -> int:
        return sum(words in line for line in self._log)

    async def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with (self._directory / "log").open("wb") as kept:
            more = True
            while more:
                line = await self._process.stderr.readline()
                kept.write(line)
                more = bool(line)
                async with self._news:
                    self._log.append(line.decode(errors="replace"))
                    self._ended = not more
                    self._news.notify_all()

    def _tracked(self, visit: Splice) -> Splice:
        async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._visits.add(task)
            try:
                await visit(reader, writer)
            finally:
                self._visits.discard(task)
                writer.close()

        return tracked

    async def _serve_relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._sync_people()
        await splice(reader, writer, *await asyncio.open_connection("127.0.0.1", self._prepared.port))

    async def _serve_target(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The server that the script has started; where it has not, one for this connection, as it would be without
        a gateway: on no network, so that it knows no address."""
        if (self._objects / "pidfile").exists():
            port = self._prepared.sshd_port
            return await splice(reader, writer, *await asyncio.open_connection("127.0.0.1", port))
        ours, its = socket.socketpair()
        with its:
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", 'cat 2>/dev/null | "$@" | cat 2>/dev/null', "sh", "/usr/sbin/sshd", "-i"),
                *("-f", self._objects / "sshd_proxy", "-E", self._objects / "sshd.log"),
                stdin=its.fileno(),
                stdout=its.fileno(),
            )
        try:
            await splice(reader, writer, *await asyncio.open_connection(sock=ours))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def splice(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    other_reader: asyncio.StreamReader,
    other_writer: asyncio.StreamWriter,
) -> None:
    """Bytes both ways until either side has nothing more to say."""
    ways = [
        asyncio.create_task(_pour(reader, other_writer)),
        asyncio.create_task(_pour(other_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for end in (writer, other_writer):
            end.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


def plain_keys(listed: Path) -> list[str]:
    """What a list of authorized keys says without options. DSA keys are none for the gateway."""
    lines = listed.read_text().splitlines() if listed.exists() else []
    return sorted(" ".join(line.split()[:2]) for line in lines if line.startswith(GATEWAY_TAKES))


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _private(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
