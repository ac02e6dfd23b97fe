"""Takes each answer of an SFTP server to whoever waits for it, and to the client what is the client's."""

from dataclasses import dataclass
from struct import Struct, error

from gateway.adapters.ssh.sftp.answers import Answers
from gateway.adapters.ssh.sftp.exchange import Exchange, Raw
from gateway.core.errors import Malformed
from gateway.session.gate import Gate
from gateway.wire.sftp.codec import Replies
from gateway.wire.sftp.messages import ExtendedReply, Reply, Version
from gateway.wire.sftp.numbers import COPY_DATA, DATA_MOST, EXTENSIONS, PACKET_MOST, VERSION
from gateway.wire.sftp.writing import encode, extended_reply

_TOGETHER = 64 << 10
"""Answers of so many bytes leave as one; more than that are not copied for it."""

_LIMITS = Struct(">QQQQ")
"""The longest packet, the most to read and to write at once, and how many files may be open."""


class TargetReplies:
    """What one server answers, in its order."""

    def __init__(self, gate: Gate, exchange: Exchange, answers: Answers) -> None:
        self.begun = False
        """The server has said which SFTP it speaks."""
        self._offered = offered(gate)
        self._exchange = exchange
        self._answers = answers
        self._codec = Replies()

    async def receive(self, data: bytes) -> None:
        """The server sent more. Raises `Malformed`, `Fault` and `PersonLeft`."""
        self._codec.receive(data)
        given: list[Raw] = []
        while (message := self._codec.next_message()) is not None:
            if not self.begun:
                given.append(self._begin(message))
            elif (raw := await self._exchange.settle(message).settle(message)) is not None:
                given.append(raw)
        if sum(map(len, given)) <= _TOGETHER:
            given = [b"".join(given)]
        if given[0]:
            await self._answers.give(*given)

    def _begin(self, message: Reply) -> Raw:
        if not isinstance(message, Version) or message.version != VERSION:
            raise Malformed("not version 3")
        self.begun = True
        return encode(Version(VERSION, tuple(pair for pair in message.extensions if pair in self._offered)))


@dataclass(frozen=True, slots=True)
class Limits:
    """Waits for the largest packets that the server takes: they may not be larger than what passes here."""

    expects: tuple[type, ...] = (ExtendedReply,)

    async def settle(self, reply: Reply) -> Raw | None:
        """Lower what is too high."""
        if not isinstance(reply, ExtendedReply):
            assert not isinstance(reply, Version)
            return reply.raw
        try:
            packet, read, write, handles = _LIMITS.unpack(reply.body)
        except error:
            raise Malformed("limits that are none") from None
        # 0 means that nothing is known, which is fine for handles only.
        lowered = (min(packet or PACKET_MOST, PACKET_MOST), min(read or DATA_MOST, DATA_MOST))
        body = _LIMITS.pack(*lowered, min(write or DATA_MOST, DATA_MOST), handles)
        return extended_reply(reply.id, body)


def offered(gate: Gate) -> frozenset[tuple[bytes, bytes]]:
    """The extensions that clients are told of, where the target has them. What the target copies by itself can not be
    kept here, so it does not copy where files are kept."""
    if gate.session.target.options.get("keep_files", 0):
        return EXTENSIONS - {(COPY_DATA, b"1")}
    return EXTENSIONS
