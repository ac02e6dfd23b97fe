"""The person's side of one session channel: what the client asks, sends and may be shown. It decides nothing."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from asyncssh.channel import SSHChannel, SSHServerChannel
from asyncssh.constants import EXTENDED_DATA_STDERR, MSG_CHANNEL_CLOSE
from asyncssh.packet import SSHPacket
from asyncssh.session import SSHServerSession

from gateway.adapters.ssh import environment
from gateway.adapters.ssh.asked import Asked, Break, Control, Resize, Signal, Terminal, Verb
from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.door.settings import PACKET, WINDOW
from gateway.adapters.ssh.hot_path import HotChannel
from gateway.adapters.ssh.inbox import BULK, Inbox
from gateway.core.shown import Stream

CONTROLS_MOST = 64
PARTING = 1.0
"""Seconds that a client has to read its last words once its session was ended."""

SIGNALS = frozenset(
    {"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"}
)

_TERM = re.compile(r"[A-Za-z0-9._+-]{0,64}")
_SUBSYSTEM = re.compile(rb"[!-~]{1,64}")
_CTRL_C = b"\x03"


class PersonLeft(Exception):
    """The client closed its channel or its connection."""


class PersonSide(SSHServerSession[bytes]):
    """Made for each session channel. `ask` is called once, with what the client wants to run; `closed` at the end."""

    def __init__(
        self,
        ask: Callable[["PersonSide", Asked], None],
        closed: Callable[[], None],
        *,
        agent_offered: bool = False,
    ) -> None:
        self.inbox = Inbox(BULK)
        self.left = asyncio.Event()
        self.interrupted = asyncio.Event()
        """Ctrl-C, or a signal that means it, came while `watch_for_interrupt` was on."""
        self.watch_for_interrupt = False
        self.deaf = asyncio.Event()
        """The client has said that nobody reads its output any more."""
        self._ask = ask
        self._closed = closed
        self._agent_offered = agent_offered
        self._agent = False
        self._started = False
        self._terminal: Terminal | None = None
        self._cols = 0
        self._controls: deque[Control] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._channel: PersonChannel | None = None

    # What asyncssh calls.

    def connection_made(self, chan: SSHServerChannel[bytes]) -> None:
        assert isinstance(chan, PersonChannel)
        self._channel = chan
        self.inbox.attach(chan)

    def connection_lost(self, exc: Exception | None) -> None:
        self.leave_now()
        self._closed()

    def pty_requested(
        self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Mapping[int, int]
    ) -> bool:
        if self._started or not _TERM.fullmatch(term_type):
            return False
        self._cols = term_size[0]
        self._terminal = Terminal(term_type, *term_size, modes=dict(term_modes))
        return True

    def shell_requested(self) -> bool:
        return self._begin("shell", "")

    def exec_requested(self, command: str) -> bool:
        return self._begin("exec", command)

    def subsystem_requested(self, subsystem: str) -> bool:
        return self._begin("subsystem", subsystem)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self.watch_for_interrupt and self._terminal is not None and _CTRL_C in data:
            self.interrupted.set()
        self.inbox.put(Stream.OUT, data)

    def eof_received(self) -> bool:
        self.inbox.finish()
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self._cols = width
        if self._controls and isinstance(self._controls[-1], Resize):
            self._controls.pop()
        self._control(Resize(width, height, pixwidth, pixheight))

    def signal_received(self, signal: str) -> None:
        if signal not in SIGNALS:
            return
        if self.watch_for_interrupt and signal in ("INT", "TERM", "HUP", "KILL", "QUIT"):
            self.interrupted.set()
        self._control(Signal(signal))

    def break_received(self, msec: int) -> bool:
        self._control(Break(msec))
        return True

    def agent_requested(self) -> bool:
        """The client would let the target ask its agent."""
        if self._agent_offered and not self._started:
            self._agent = True
        return self._agent

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    # What our channel calls.

    def leave_now(self) -> None:
        """The person is gone: whoever waits for them stops waiting."""
        self.left.set()
        self._room.set()
        self.inbox.finish()

    def stop_hearing(self) -> None:
        """The client's reader has gone away, as in `ssh host yes | head`."""
        self.deaf.set()

    # What the session calls.

    @property
    def connection(self) -> PersonConnection | None:
        """The connection that carries the channel, while there is one."""
        return None if self._channel is None or self._channel.gone else self._channel.person_connection

    @property
    def columns(self) -> int:
        """How wide the person's window is now."""
        return self._cols or 80

    async def next_control(self) -> Control:
        """Resizes, signals and breaks in order; of several resizes in a row only the last."""
        while not self._controls:
            self._news.clear()
            await self._news.wait()
        return self._controls.popleft()

    async def clear(self) -> None:
        """Return when the person takes more output. Raises `PersonLeft`."""
        while not self.left.is_set():
            if not self._room.is_set():
                await self._room.wait()
            if self._channel is None or self._channel.gone:
                break
            connection = self._channel.person_connection
            if not connection.is_clear:
                await connection.clear()
            if self._room.is_set():
                return
        raise PersonLeft

    async def drained(self) -> None:
        """Return when everything written has gone out."""
        if self._channel is not None and not self.left.is_set():
            self._channel.set_write_buffer_limits(0)
        await self.clear()

    def show(self, stream: Stream, data: bytes | memoryview) -> None:
        """Send output. What can not be sent any more is dropped."""
        if self._channel is not None and not self._channel.is_closing() and data:
            with self._channel.person_connection.together():
                self._channel.write(data, EXTENDED_DATA_STDERR if stream is Stream.ERR else None)

    def end_output(self) -> None:
        """Nothing more will be shown."""
        if self._channel is not None:
            self._channel.write_eof()

    def leave_with(self, status: int | None) -> None:
        """Close the channel, with an exit status if there is one."""
        if self._channel is None:
            return
        if status is None:
            self._channel.close()
        else:
            self._channel.exit(status)

    async def part(self) -> None:
        """Give the client a moment to take its leave, and cut off one that does not read."""
        try:
            async with asyncio.timeout(PARTING):
                await self.left.wait()
        except TimeoutError:
            if self._channel is not None and not self._channel.gone:
                self._channel.cut()

    def leave_by_signal(self, name: str, core_dumped: bool, message: str) -> None:
        """Close the channel the way a process ends by a signal."""
        if self._channel is not None:
            self._channel.exit_with_signal(name, core_dumped, message, "")

    def _begin(self, verb: Verb, text: str) -> bool:
        if self._started or self._channel is None:
            return False
        self._started = True
        environment = dict(self._channel.get_environment_bytes())
        said = dict(self._channel.said)
        self._ask(self, Asked(verb, text, self._terminal, environment, self._agent, said))
        return True

    def _control(self, control: Control) -> None:
        if len(self._controls) < CONTROLS_MOST:
            self._controls.append(control)
            self._news.set()


class PersonChannel(HotChannel, SSHServerChannel[bytes]):
    """A session channel that takes only what is offered: no X11, few variables, any bytes as a command."""

    _session: PersonSide
    _conn: PersonConnection
    _only_waits = False

    def __init__(self, connection: PersonConnection, more_variables: Sequence[str] = ()) -> None:
        super().__init__(
            connection, asyncio.get_running_loop(), True, False, False, 0, 0, None, "strict", WINDOW, PACKET
        )
        self._more_variables = more_variables
        self.said: dict[str, str] = {}
        """For people who are asked, by variables that are not the target's."""

    @property
    def gone(self) -> bool:
        """There is no connection under this channel any more."""
        return self._conn is None

    @property
    def person_connection(self) -> PersonConnection:
        """The connection that carries it."""
        return self._conn

    def cut(self) -> None:
        """Close now, without what the client has not taken; and its connection, where nothing else goes on over it
        and not even that can be sent."""
        connection = self._conn
        self.abort()
        if connection.stuck and len(connection._channels) <= 1:
            connection.abort()

    def _log_packet(self, *_: object) -> None:
        """Packets are not logged, so their descriptions are not made up either."""

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if name in environment.ANSWERS:
            self.said[environment.ANSWERS[name]] = said = environment.answer(value)
            return bool(said)
        allowed = environment.is_allowed(name, value, self._more_variables)
        if not allowed or len(self._env) >= environment.MOST:
            return False
        self._env[name] = value
        return True

    def _process_exec_request(self, packet: SSHPacket) -> bool:
        command = packet.get_string()
        packet.check_end()
        if not command or b"\0" in command:
            return False  # an empty command would read as a shell further on, and NUL cuts what a target sees
        return self._start_session(command=command.decode("utf-8", "surrogateescape"))

    def _process_subsystem_request(self, packet: SSHPacket) -> bool:
        name = packet.get_string()
        packet.check_end()
        return bool(_SUBSYSTEM.fullmatch(name)) and self._start_session(subsystem=name.decode("ascii"))

    def _process_x11_req_request(self, packet: SSHPacket) -> bool:
        return False

    def _process_auth_agent_req_at_openssh_dot_com_request(  # type: ignore[override]  # it may answer at once
        self, packet: SSHPacket
    ) -> bool:
        packet.check_end()
        return self._session.agent_requested()

    def _process_eow_at_openssh_dot_com_request(self, packet: SSHPacket) -> bool:
        packet.check_end()
        self._session.stop_hearing()
        return True

    def _process_close_and_tell(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """asyncssh reports a close after unread input was taken: a target that reads nothing must not hide it. A
        client that has had all output and sent all input closes early, too (OpenSSH over a shared connection does):
        it has not left, it waits for the exit status, and hears a close from us after that."""
        if self._send_state == self._recv_state == "eof" and not self._only_waits:
            packet.check_end()
            self._only_waits = True
            return
        person = self._session
        SSHChannel._process_close(self, pkttype, pktid, packet)
        if person is not None:
            person.leave_now()

    def _discard_recv(self) -> None:
        if self._only_waits:
            self._recv_state = "close_pending"
        super()._discard_recv()

    _packet_handlers = {  # noqa: RUF012 - asyncssh declares it this way
        **SSHChannel._packet_handlers,
        MSG_CHANNEL_CLOSE: _process_close_and_tell,
    }
