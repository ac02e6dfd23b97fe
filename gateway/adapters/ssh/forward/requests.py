"""A person's connection whose client may ask for listeners (`-R`). asyncssh would listen on the gateway itself, and
hang up on a client that cancels what it does not have; here the Greeter is asked, and such a client is told no.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_GLOBAL_REQUEST
from asyncssh.misc import ProtocolError
from asyncssh.packet import SSHPacket, UInt32

from gateway.adapters.ssh.connection import PersonConnection
from gateway.adapters.ssh.forward.jobs import Spot

REQUESTS_MOST = 1000
"""Requests that may wait behind one that takes time, such as a held one. The answers must keep their order."""


TURN_MOST = 5.0
"""Seconds that something waits for what was asked for before it."""


SIGN_OF_LIFE = 10.0
"""Seconds after which a client whose request waits hears something: its questions whether we live wait as well."""


class Listener(Protocol):
    """Whom a ForwardingConnection asks."""

    async def listen(self, spot: Spot) -> int | None: ...
    async def stop_listening(self, spot: Spot) -> bool: ...


class ForwardingConnection(PersonConnection):
    """A person's end that can be asked to listen. Clients expect that what they ask for happens in this order, as it
    does with sshd: with `-R 8000:... -L 9000:localhost:8000` the target listens before somebody is sent there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked = self._answered = self._held = 0
        self._turns = asyncio.Event()

    def turn(self) -> Callable[[], Awaitable[None]]:
        """What returns, when it is called and awaited, once everything asked for by now has its answer."""
        asked = self._asked

        async def taken() -> None:
            try:
                async with asyncio.timeout(TURN_MOST):
                    while max(self._answered, self._held) < asked and not self.broken:
                        self._turns.clear()
                        await self._turns.wait()
            except TimeoutError:
                pass

        return taken

    def wait_for_people(self) -> None:
        """The next answer, and so every later one, waits for people who decide. What else happens does not."""
        self._held = self._asked
        self._turns.set()

    def _report_global_response(self, result: bool | bytes) -> None:
        self._answered += 1
        self._turns.set()
        super()._report_global_response(result)

    def _process_tcpip_forward_global_request(self, packet: SSHPacket) -> None:
        self.create_task(self._listen(_address(packet)))

    def _process_streamlocal_forward_at_openssh_dot_com_global_request(self, packet: SSHPacket) -> None:
        self.create_task(self._listen(_path(packet)))

    def _process_cancel_tcpip_forward_global_request(self, packet: SSHPacket) -> None:
        self.create_task(self._stop_listening(_address(packet)))

    def _process_cancel_streamlocal_forward_at_openssh_dot_com_global_request(
        self, packet: SSHPacket
    ) -> None:
        self.create_task(self._stop_listening(_path(packet)))

    async def _listen(self, spot: Spot) -> None:
        asked = asyncio.ensure_future(self._listener.listen(spot))
        while not (await asyncio.wait((asked,), timeout=SIGN_OF_LIFE))[0]:
            if not self.broken:
                self.send_debug("hoop: a remote forward waits for its answer")
        port = asked.result()
        chosen = isinstance(spot, tuple) and spot[1] == 0
        self._report_global_response(UInt32(port) if chosen and port else port is not None)

    async def _stop_listening(self, spot: Spot) -> None:
        self._report_global_response(await self._listener.stop_listening(spot))

    @property
    def _listener(self) -> Listener:
        return cast(Listener, self._owner)  # it is the Greeter that our factory made

    def _process_patient_global_request(self, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        if len(self._global_request_queue) >= REQUESTS_MOST:
            raise ProtocolError("too many requests at once")
        self._asked += 1
        return SSHConnection._process_global_request(self, pkttype, pktid, packet)

    _packet_handlers = {  # noqa: RUF012 - asyncssh declares it this way
        **PersonConnection._packet_handlers,
        MSG_GLOBAL_REQUEST: _process_patient_global_request,
    }


def _address(packet: SSHPacket) -> tuple[str, int]:
    host, port = _text(packet), packet.get_uint32()
    packet.check_end()
    return host, port


def _path(packet: SSHPacket) -> str:
    path = _text(packet)
    packet.check_end()
    return path


def _text(packet: SSHPacket) -> str:
    return packet.get_string().decode("utf-8", "replace")
