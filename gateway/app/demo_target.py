"""A small SSH server for the demo: a real shell of this machine in a scratch directory, on loopback.

It exists so that the demo needs nothing installed. It is a target like any other to the gateway: own host key,
one key that may sign in. It is not hardened, and never meant to be reached by anything but our own gateway.
"""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from pathlib import Path

import asyncssh

_PIECE = 1 << 16


class DemoTarget:
    """Serves shells and files until it is stopped; then its processes are ended too."""

    def __init__(self, home: Path, host_key: asyncssh.SSHKey, person_key: asyncssh.SSHKey) -> None:
        self._home = home
        self._host_key = host_key
        self._allowed = person_key.export_public_key().decode()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._running: set[asyncio.subprocess.Process] = set()

    async def start(self) -> int:
        """Listen on a free loopback port and return it."""
        self._acceptor = await asyncssh.create_server(
            asyncssh.SSHServer,
            "127.0.0.1",
            0,
            server_host_keys=[self._host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(self._allowed),
            process_factory=self._serve,
            encoding=None,
            sftp_factory=self._files,
            allow_scp=False,
        )
        return self._acceptor.get_port()

    async def stop(self) -> None:
        """End every shell and close the port."""
        for process in list(self._running):
            _end(process)
        if self._acceptor is not None:
            self._acceptor.close()
            await self._acceptor.wait_closed()
        await asyncio.gather(*(process.wait() for process in list(self._running)))

    async def _serve(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        if process.subsystem:
            process.exit(1)
        elif process.get_terminal_type():
            await self._on_terminal(process)
        else:
            await self._piped(process)

    def _files(self, channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        """Files of the scratch directory only: the rest of this machine is none of the demo's business."""
        return _Files(channel, chroot=os.fsencode(self._home))

    def _environment(self, term: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {"LANG": "C.UTF-8", **kept, "HOME": str(self._home), "TERM": term or "dumb", "USER": "deploy"}

    def _arguments(self, command: str | None) -> list[str]:
        rc = str(self._home / ".bashrc")
        return ["bash", "-c", command] if command else ["bash", "--noprofile", "--rcfile", rc, "-i"]

    async def _piped(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        child = await asyncio.create_subprocess_exec(
            *self._arguments(process.command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._home,
            env=self._environment(""),
            start_new_session=True,
        )
        self._running.add(child)
        assert child.stdin
        assert child.stdout
        assert child.stderr
        feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
        try:
            await asyncio.gather(_carry(child.stdout, process.stdout), _carry(child.stderr, process.stderr))
            _leave(process, await child.wait())
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            _end(child)
            self._running.discard(child)

    async def _on_terminal(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        ours, theirs = pty.openpty()
        _resize(ours, *process.get_terminal_size()[:2])
        child = await asyncio.create_subprocess_exec(
            *self._arguments(process.command),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._home,
            env=self._environment(process.get_terminal_type() or ""),
            preexec_fn=_own_terminal,
        )
        os.close(theirs)
        self._running.add(child)
        typing = asyncio.create_task(_type(process, ours))
        try:
            await _show(process, ours)
            _leave(process, await child.wait())
        finally:
            typing.cancel()
            await asyncio.wait([typing])
            _end(child)
            self._running.discard(child)
            os.close(ours)


class _Files(asyncssh.SFTPServer):
    """Says how it went when it ends, as OpenSSH's does: `scp` takes silence for a failure."""

    def exit(self) -> None:
        self.channel.exit(0)


async def _feed(person: "asyncssh.SSHReader[bytes]", stdin: asyncio.StreamWriter) -> None:
    """What is piped in goes to the command, until either end has enough."""
    try:
        while data := await person.read(_PIECE):
            stdin.write(data)
            await stdin.drain()
    except (OSError, asyncssh.Error):
        pass
    stdin.close()


async def _carry(output: asyncio.StreamReader, person: "asyncssh.SSHWriter[bytes]") -> None:
    """What the command prints goes to the person, no faster than they take it."""
    while data := await output.read(_PIECE):
        person.write(data)
        await person.drain()


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(fd: int, cols: int, rows: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", max(rows, 1), max(cols, 1), 0, 0))


async def _type(process: "asyncssh.SSHServerProcess[bytes]", fd: int) -> None:
    """What the person types goes to the shell."""
    while True:
        try:
            data = await process.stdin.read(_PIECE)
        except asyncssh.TerminalSizeChanged as change:
            _resize(fd, change.width, change.height)
            continue
        except (asyncssh.BreakReceived, asyncssh.SignalReceived):
            data = b"\x03"
        await _write(fd, data or b"\x04")
        if not data:
            return


async def _write(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # the shell is not reading; a paste waits for it
            await asyncio.sleep(0.02)
        except OSError:
            return


async def _show(process: "asyncssh.SSHServerProcess[bytes]", fd: int) -> None:
    """What the shell prints goes to the person, no faster than they take it."""
    loop = asyncio.get_running_loop()
    os.set_blocking(fd, False)
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        while True:
            await readable.wait()
            readable.clear()
            try:
                data = os.read(fd, _PIECE)
            except BlockingIOError:
                continue
            except OSError:  # how Linux says that the last program closed the terminal
                return
            process.stdout.write(data)
            await process.stdout.drain()
    finally:
        loop.remove_reader(fd)


def _leave(process: "asyncssh.SSHServerProcess[bytes]", status: int) -> None:
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)


def _end(child: asyncio.subprocess.Process) -> None:
    """End a shell and everything it started."""
    for ending in (signal.SIGHUP, signal.SIGKILL):
        try:
            os.killpg(child.pid, ending)
        except (ProcessLookupError, PermissionError):
            return
