"""The two directions of an SFTP conversation: bytes in, messages out. `encode` makes bytes of messages again."""

from gateway.wire.sftp.framing import Packets
from gateway.wire.sftp.messages import Reply, Request
from gateway.wire.sftp.replies import read_reply
from gateway.wire.sftp.requests import read_request


class _Direction:
    def __init__(self) -> None:
        self._packets = Packets()

    @property
    def unread(self) -> bytes:
        """What was received and is in no message yet."""
        return self._packets.unread

    def receive(self, data: bytes) -> None:
        """More has come."""
        self._packets.receive(data)


class Requests(_Direction):
    """What a client sends."""

    def next_message(self) -> Request | None:
        """The next message, or None until more comes. Raises `Malformed`, and then the conversation is over."""
        packet = self._packets.next()
        return None if packet is None else read_request(packet)


class Replies(_Direction):
    """What a server answers."""

    def next_message(self) -> Reply | None:
        """The next message, or None until more comes. Raises `Malformed`, and then the conversation is over."""
        packet = self._packets.next()
        return None if packet is None else read_reply(packet)
