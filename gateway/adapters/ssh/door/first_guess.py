"""Whether a client guessed right when it sent the first packet of a key exchange before it was agreed on.

dropbear does. RFC 4253, section 7: the guess counts only when both sides like the same key exchange and the same kind
of host key best; otherwise the packet must be ignored, even if it would have done. asyncssh looks at what is agreed
on in the end, and so takes a packet that the client will send again.
"""

from asyncssh.packet import SSHPacket

_LISTS = 10
_BEFORE_LISTS = 1 + 16


def guessed_wrong(client_kexinit: bytes, server_kexinit: bytes) -> bool:
    """From both sides' whole messages. False also where nothing was guessed."""
    guessed, *client = _favourites(client_kexinit)
    _, *server = _favourites(server_kexinit)
    return bool(guessed) and client != server


def _favourites(kexinit: bytes) -> tuple[bool, bytes, bytes]:
    """Whether a packet follows, the first key exchange and the first kind of host key."""
    packet = SSHPacket(kexinit)
    packet.get_bytes(_BEFORE_LISTS)
    lists = [packet.get_namelist() for _ in range(_LISTS)]
    first = [names[0] if names else b"" for names in lists[:2]]
    return packet.get_boolean(), first[0], first[1]
