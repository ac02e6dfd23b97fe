"""The target's side of one session channel: what it answers, how it ends, what is sent to it. It decides nothing."""

import asyncio
import re
from typing import cast

from asyncssh.channel import SSHClientChannel
from asyncssh.session import SSHClientSession

from gateway.adapters.ssh.asked import Asked, Break, Control, Resize, Signal, Terminal
from gateway.adapters.ssh.connection import TargetConnection
from gateway.adapters.ssh.door.settings import PACKET, WINDOW
from gateway.adapters.ssh.hot_path import HotChannel
from gateway.adapters.ssh.inbox import BULK, Inbox
from gateway.core.plain import plain
from gateway.core.shown import Stream
from gateway.session.valve import Valve

_SIGNAL = re.compile(r"[A-Za-z0-9@._-]{1,64}")


class TargetChannel(HotChannel, SSHClientChannel[bytes]):
    """A session channel toward a target."""

    _valve: Valve | None = None

    def __init__(self, connection: TargetConnection) -> None:
        super().__init__(connection, asyncio.get_running_loop(), "strict", None, "strict", WINDOW, PACKET)

    async def begin(self, side: "TargetSide", asked: Asked, terminal: Terminal | None) -> None:
        """Ask for the terminal, the variables and the command. The command's bytes go as they came: asyncssh passes
        bytes on, and would refuse text that is not UTF-8. Raises what asyncssh raises."""
        screen = terminal or Terminal("", 0, 0)
        is_command = asked.verb == "exec"
        await self.create(
            session_factory=lambda: side,
            command=cast(str, asked.text.encode("utf-8", "surrogateescape")) if is_command else None,
            subsystem=asked.text if asked.verb == "subsystem" else None,
            env=dict(asked.environment),
            request_pty=terminal is not None,
            term_type=screen.term,
            term_size=(screen.cols, screen.rows, screen.xpixels, screen.ypixels),
            term_modes=dict(screen.modes),
            x11_forwarding=False,
            x11_display=None,
            x11_auth_path=None,
            x11_single_connection=False,
            agent_forwarding=asked.agent,
        )

    def obey(self, valve: Valve) -> None:
        """Send input on only while the valve is open. What is written meanwhile waits, and holds its writer back."""
        self._valve = valve
        valve.when_opened(self._flow_again)

    def _flow_again(self) -> None:
        if self._send_state in ("open", "eof_pending"):
            self._flush_send_buf()

    @property
    def _held(self) -> bool:
        return self._valve is not None and not self._valve.is_open and self._send_state != "close_pending"

    def _send_run(self, data: memoryview, datatype: int | None) -> int:
        return 0 if self._held else super()._send_run(data, datatype)

    def _flush_send_buf(self) -> None:
        """Here and in `_send_run` every byte for the target passes, whoever wrote it and whenever there was room."""
        if self._held:
            self._pause_resume_writing()
        else:
            super()._flush_send_buf()

    def _log_packet(self, *_: object) -> None:
        """Packets are not logged, so their descriptions are not made up either."""


class TargetSide(SSHClientSession[bytes]):
    """Fed by asyncssh. `closed` is set once the channel is closed and all that came is in the inbox."""

    def __init__(self, connection: TargetConnection) -> None:
        self.inbox = Inbox(BULK)
        self.closed = asyncio.Event()
        self.lost = False
        """The connection broke: there is no telling how the command ended."""
        self.status: int | None = None
        self.signal: tuple[str, bool, str] | None = None
        self._connection = connection
        self._channel: SSHClientChannel[bytes] | None = None
        self._room = asyncio.Event()
        self._room.set()

    # What asyncssh calls.

    def connection_made(self, chan: SSHClientChannel[bytes]) -> None:
        self._channel = chan
        self.inbox.attach(chan)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._channel is not None:
            # asyncssh drops what it has not delivered when a connection breaks; the person gets it.
            for data, kind in self._channel._recv_buf:
                self.data_received(data, kind)
        self.lost = exc is not None or (
            self._connection.broken and self.status is None and self.signal is None
        )
        self.inbox.finish()
        self._room.set()
        self.closed.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.inbox.put(Stream.ERR if datatype else Stream.OUT, data)

    def eof_received(self) -> bool:
        self.inbox.finish()
        return True

    def exit_status_received(self, status: int) -> None:
        self.status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        name = signal if _SIGNAL.fullmatch(signal) else "TERM"
        self.signal = (name, core_dumped, plain(msg, 200))

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # What the session calls.

    def obey(self, valve: Valve) -> None:
        """Take input only while this valve is open. Called once, before anything is sent."""
        if isinstance(self._channel, TargetChannel):
            self._channel.obey(valve)

    async def clear(self) -> None:
        """Return when the target takes more input, or will take none any more."""
        while not self.closed.is_set():
            if not self._room.is_set():
                await self._room.wait()
            if not self._connection.is_clear:
                await self._connection.clear()
            if self._room.is_set():
                return

    def send(self, data: bytes) -> bool:
        """Pass on what the person typed. False: the target takes nothing any more."""
        if self._channel is None or self._channel.is_closing():
            return False
        with self._connection.together():
            self._channel.write(data)
        return True

    def end_input(self) -> None:
        """The person's input is at its end."""
        if self._channel is not None:
            self._channel.write_eof()

    def control(self, control: Control) -> None:
        """Pass on a resize, a signal or a break."""
        if self._channel is None or self.closed.is_set():
            return
        match control:
            case Resize(cols, rows, xpixels, ypixels):
                self._channel.change_terminal_size(cols, rows, xpixels, ypixels)
            case Signal(name):
                self._channel.send_signal(name)
            case Break(milliseconds):
                self._channel.send_break(milliseconds)

    def stop_output(self) -> None:
        """Tell an OpenSSH target that nobody reads any more: its command then gets a broken pipe."""
        version = str(self._connection.get_extra_info("server_version", ""))
        if self._channel is not None and not self.closed.is_set() and "OpenSSH" in version:
            self._channel._send_request(b"eow@openssh.com")
