"""What a target may ask of a forwarded agent, taken out of a stream of bytes: pure, and never more than was judged.

Three requests pass: list the keys, sign with one, and say to which host a connection is bound. Whatever adds,
removes, locks or is not known is answered with a failure by the gateway itself.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.public_key import KeyImportError, decode_ssh_public_key

from gateway.core.errors import Malformed
from gateway.core.plain import plain

MESSAGE_MOST = 256 << 10
"""Bytes of one message, as in OpenSSH."""

FAILURE = b"\0\0\0\1\5"
"""The answer to what is not granted, ready to be sent."""

_LIST, _SIGN, _EXTENSION = 11, 13, 27
_BIND = b"session-bind@openssh.com"
_USERAUTH_REQUEST = 50
_OTHERS = {
    1: "list the keys of SSH 1",
    17: "add a key",
    18: "remove a key",
    19: "remove all keys",
    20: "add a key of a card",
    21: "remove a key of a card",
    22: "lock the agent",
    23: "unlock the agent",
    25: "add a key with constraints",
    26: "add a key of a card with constraints",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `frame` is what may be sent to the agent where it is granted."""

    what: Literal["list", "sign", "bind", "other"]
    text: str
    frame: bytes
    key: str = ""
    """The fingerprint of the key that is to sign."""
    data_sha256: str = ""
    """Of what is to be signed."""


class Messages:
    """Frames out of bytes: `feed` what has come, then `take` until there is none."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def feed(self, data: bytes) -> None:
        """More has come."""
        self._unread += data

    def take(self) -> bytes | None:
        """The next whole frame, with its length in front. Raises `Malformed` for one that no agent would take."""
        if len(self._unread) < 4:
            return None
        size = int.from_bytes(self._unread[:4], "big")
        if not 1 <= size <= MESSAGE_MOST:
            raise Malformed("this is not how one speaks with an agent")
        if len(self._unread) < 4 + size:
            return None
        frame = bytes(self._unread[: 4 + size])
        del self._unread[: 4 + size]
        return frame


def read_request(frame: bytes) -> Request:
    """What is asked. Everything but the three known requests, in their exact form, is `other`."""
    kind, packet = frame[4], SSHPacket(frame[5:])
    try:
        if kind == _LIST:
            packet.check_end()
            return Request("list", "list the keys of the agent", frame)
        if kind == _SIGN:
            return _signing(frame, packet)
        if kind == _EXTENSION and packet.get_string() == _BIND:
            return Request("bind", "bind the agent to a host", frame)
    except (PacketDecodeError, KeyImportError, ValueError):
        return Request("other", f"a broken request ({kind})", frame)
    return Request("other", _OTHERS.get(kind, f"request {kind}"), frame)


def _signing(frame: bytes, packet: SSHPacket) -> Request:
    blob, data = packet.get_string(), packet.get_string()
    packet.get_uint32()  # flags: which hash
    packet.check_end()
    fingerprint = _fingerprint(blob)
    text = f"sign with {fingerprint} - {purpose(data)}"
    return Request("sign", text, frame, fingerprint, sha256(data).hexdigest())


def _fingerprint(blob: bytes) -> str:
    """As `ssh-add -l` prints it; of a certificate or an unknown kind, that of the blob."""
    try:
        return decode_ssh_public_key(blob).get_fingerprint()
    except KeyImportError:
        return f"SHA256:{sha256(blob).hexdigest()}"


def purpose(data: bytes) -> str:
    """What a signature of this is good for, as far as can be told."""
    try:
        if data.startswith(b"SSHSIG"):
            return f'a signature for "{plain(_text(SSHPacket(data[6:]).get_string()), 40)}"'
        packet = SSHPacket(data)
        packet.get_string()  # the session that it is for
        if packet.get_byte() == _USERAUTH_REQUEST:
            return f"a sign-in over SSH as {plain(_text(packet.get_string()), 64)}"
    except PacketDecodeError:
        pass
    return f"{len(data)} bytes of unknown meaning"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
