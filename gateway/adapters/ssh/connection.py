"""The two ends of SSH as asyncssh speaks it, with what it lacks: back-pressure, bounds, proof before a sign-in.

Everything in here overrides asyncssh, and tests/ssh pins each reason down. It knows nothing of sessions.
"""

import asyncio
from typing import Any, Protocol

from asyncssh.connection import SSHClientConnection, SSHConnection, SSHServerConnection
from asyncssh.constants import MSG_IGNORE, MSG_KEXINIT, MSG_USERAUTH_REQUEST
from asyncssh.misc import ConnectionLost, IllegalUserName
from asyncssh.packet import PacketDecodeError, SSHPacket, SSHPacketLogger, String
from asyncssh.public_key import SSHKey, SSHOpenSSHCertificate

from gateway.adapters.ssh.door.first_guess import guessed_wrong
from gateway.adapters.ssh.door.offered_certificate import certified_key, plain_key
from gateway.adapters.ssh.door.settings import SIGNATURES, ciphers_for
from gateway.adapters.ssh.hot_path import HotConnection
from gateway.session.lobby import Confirmed

UNSENT_PAUSE = 256 << 10
"""Bytes in the transport above which sessions stop writing."""

UNSENT_MOST = 8 << 20
"""A peer that keeps asking and never reads the answers is cut off here."""

DEFERRED_MOST = 10_000
"""Packets that may wait for the end of a key exchange."""

USER_NAME_MOST = 1000
"""Bytes. asyncssh turns away longer ones, in words of its own."""

UNREAD_MOST = 1 << 20
"""Bytes that may wait while one packet of the peer takes time, such as an audited sign-in."""


class _Together:
    """A class, because this is around every key that is echoed, and a generator takes four times as long."""

    __slots__ = ("_connection", "_outer")

    def __init__(self, connection: "PacedConnection") -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._outer, self._connection._corked = self._connection._corked, []

    def __exit__(self, *_: object) -> None:
        packets, self._connection._corked = self._connection._corked or [], self._outer
        self._connection._send(packets[0] if len(packets) == 1 else b"".join(packets))


class PacedConnection(HotConnection):
    """Stops writing when the peer does not read. asyncssh ignores the transport's `pause_writing`, and keeps what is
    written during a key exchange without a limit; so sessions await `clear` before each write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._congested = False
        self._behind = False
        self._corked: list[bytes] | None = None
        self._heard_at = self._loop.time()
        self._relief = asyncio.Event()

    @property
    def broken(self) -> bool:
        """There is no transport any more."""
        return self._transport is None

    @property
    def behind(self) -> bool:
        """So much of the peer's waits that no more is read now."""
        return self._behind

    @property
    def stuck(self) -> bool:
        """The peer does not take what is sent."""
        return self._congested

    @property
    def _has_room(self) -> bool:
        return self._transport is None or not (self._congested or self._deferred_packets)

    @property
    def is_clear(self) -> bool:
        """There is room to write, or the connection is gone."""
        return self._has_room

    async def clear(self) -> None:
        """Return when that is so."""
        while not self._has_room:
            self._relief.clear()
            await self._relief.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.set_write_buffer_limits(high=UNSENT_PAUSE)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        self._relief.set()

    def together(self) -> "_Together":
        """What is sent within the block leaves as one write, however many packets it makes."""
        return _Together(self)

    def _send(self, data: bytes) -> None:
        if self._corked is not None:
            self._corked.append(data)
        elif data and self._transport is not None and not self._transport.is_closing():
            super()._send(data)

    def send_packet(self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype == MSG_IGNORE:
            return  # asyncssh puts one before each packet for the sake of CBC, which is not offered here
        super().send_packet(pkttype, *args, handler=handler)

    def _log_packet(self, *_: object) -> None:
        """Packets are not logged, so their descriptions are not made up either."""

    def _reset_keepalive_timer(self) -> None:
        """Something came. asyncssh would set its timer anew; here the timer itself looks whether it rings early."""
        self._heard_at = self._loop.time()
        if self._auth_complete and self._keepalive_timer is None:
            self._set_keepalive_timer()

    def _keepalive_timer_callback(self) -> None:
        quiet = self._loop.time() - self._heard_at
        if quiet < self._keepalive_interval:
            self._keepalive_timer = self._loop.call_later(
                self._keepalive_interval - quiet, self._keepalive_timer_callback
            )
        else:
            super()._keepalive_timer_callback()

    def _send_deferred_packets(self) -> None:
        super()._send_deferred_packets()
        self._relief.set()

    def _cleanup(self, exc: Exception | None) -> None:
        super()._cleanup(exc)
        self._relief.set()

    def _recv_data(self) -> None:
        super()._recv_data()
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() > UNSENT_MOST or len(self._deferred_packets) > DEFERRED_MOST:
            self._force_close(ConnectionLost("the peer does not read"))
            return
        behind = len(self._inpbuf) > UNREAD_MOST
        if behind != self._behind:
            self._behind = behind
            if behind:
                transport.pause_reading()
            else:
                transport.resume_reading()


class Host(Protocol):
    """Whom a PersonConnection asks."""

    async def sign_in(self, proven_key: bytes) -> bool:
        """The holder of this key, or of this certificate's key, has proved it. False: they may not enter."""
        ...

    async def sign_in_as(self, confirmed: Confirmed) -> bool:
        """They are known already. False: they may not enter."""
        ...

    async def validate_certificate(self, certificate: bytes) -> bool:
        """Is this the certificate of somebody? It may be a mere offer."""
        ...


class PersonConnection(PacedConnection, SSHServerConnection):
    """A person's end. Only a good signature counts as proof, and `sign_in` has the last word before success."""

    _proven = b""
    _no_more_sessions = False

    confirmed: Confirmed | None = None
    """Set by the Greeter right before a success that rests on no signature."""

    def give_time(self, seconds: float) -> None:
        """Let a sign-in that waits for a person take so long from now. Once: no answer of theirs makes it longer."""
        if self._login_timer is not None:
            self._cancel_login_timer()
            self._login_timer = self._loop.call_later(seconds, self._login_timer_callback)

    @property
    def takes_sessions(self) -> bool:
        """The client has not said that it will open no more sessions."""
        return not self._no_more_sessions

    def _recv_version(self) -> bool:
        line, end, _ = self._inpbuf.partition(b"\n")
        if end and not line.startswith((b"SSH-2.0-", b"SSH-1.99-")) and self._transport is not None:
            self._transport.write(b"Invalid SSH identification string.\r\n")  # the words of OpenSSH
        return super()._recv_version()

    def _send_kexinit(self) -> None:
        self._enc_algs = ciphers_for(self._client_version, list(self._enc_algs))
        super()._send_kexinit()

    async def _process_kexinit_and_guess(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        await SSHConnection._process_kexinit(self, pkttype, pktid, packet)
        self._ignore_first_kex = guessed_wrong(self._client_kexinit, self._server_kexinit)

    async def reload_config(self) -> None:
        """There are no configuration files of OpenSSH here to read again for a user name."""

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        self._proven = b""
        if msg and _algorithm(signature) not in SIGNATURES:
            return False
        signature = whole(signature, plain_key(key_data))
        known = await super().validate_public_key(username, key_data, msg, signature)
        if known and msg:
            self._proven = key_data
        return known

    async def _validate_client_certificate(self, username: str, key_data: bytes) -> SSHKey | None:
        """asyncssh asks about the authority's key alone, and lets in whom the certificate names as user. Here the
        user name is a target, and the whole certificate is looked at by whoever knows the people."""
        key = certified_key(key_data)
        host: Host = self._owner  # type: ignore[assignment]  # it is the Greeter that our factory made
        return key if key is not None and await host.validate_certificate(key_data) else None

    async def send_userauth_success(self) -> None:
        proven, confirmed, auth = self._proven, self.confirmed, self._auth
        self.confirmed = None
        host: Host = self._owner  # type: ignore[assignment]  # it is the Greeter that our factory made
        if confirmed is not None:
            allowed = await host.sign_in_as(confirmed)
        else:
            allowed = bool(proven) and await host.sign_in(proven)
        if self._auth is not auth or self._transport is None:
            return
        if allowed:
            await super().send_userauth_success()
        else:
            self.send_userauth_failure(False)

    def _process_raw_userauth_request(self, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        """asyncssh normalises user names (NFKC), and lets an empty one pass without `begin_auth`. Not here."""
        peek = SSHPacket(packet.get_remaining_payload())
        try:
            name = peek.get_string()
        except PacketDecodeError:
            name = b""
        if not name or any(not 0x21 <= byte <= 0x7E for byte in name):
            raise IllegalUserName("hoop: the user name must be plain ASCII")
        if len(name) > USER_NAME_MOST:
            raise IllegalUserName("hoop: the user name is too long")
        return SSHServerConnection._process_userauth_request(self, pkttype, pktid, packet)

    def _process_no_more_sessions_at_openssh_dot_com_global_request(self, packet: SSHPacket) -> None:
        self._no_more_sessions = True
        self._report_global_response(True)

    _packet_handlers = {  # noqa: RUF012 - asyncssh declares it this way
        **SSHConnection._packet_handlers,
        MSG_KEXINIT: _process_kexinit_and_guess,
        MSG_USERAUTH_REQUEST: _process_raw_userauth_request,
    }


class Doubter(Protocol):
    """Whom a TargetConnection asks about a host certificate."""

    def validate_host_certificate(self, host: str, certificate: SSHOpenSSHCertificate) -> bool: ...


class TargetConnection(PacedConnection, SSHClientConnection):
    """The gateway's end toward a target."""

    def _validate_openssh_host_certificate(
        self, host: str, addr: str, port: int, cert: SSHOpenSSHCertificate
    ) -> SSHKey:
        """asyncssh asks about the authority's key alone, and takes a certificate without names for anybody's."""
        doubter: Doubter = self._owner  # type: ignore[assignment]  # it is what our client_factory made
        if not doubter.validate_host_certificate(host, cert):
            raise ValueError("Host certificate is not trusted")
        return cert.key


def whole(signature: bytes, key_data: bytes) -> bytes:
    """An RSA signature as long as its key. PuTTY leaves out zeros it begins with, which one in 256 does."""
    try:
        packet = SSHPacket(signature)
        algorithm, number = packet.get_string(), packet.get_string()
        if not algorithm.startswith(b"rsa-") or packet:
            return signature
        key = SSHPacket(key_data)
        key.get_string(), key.get_mpint()
        size = (key.get_mpint().bit_length() + 7) // 8
    except PacketDecodeError:
        return signature
    return String(algorithm) + String(number.rjust(size, b"\0"))


def _algorithm(signature: bytes) -> str:
    try:
        return SSHPacket(signature).get_string().decode("ascii", "replace")
    except PacketDecodeError:
        return ""
