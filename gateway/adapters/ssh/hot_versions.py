"""Which asyncssh the short way of `hot_path.py` may be used with: versions it was tested with, in the shape it knows.

With any other asyncssh everything works as well, only slower. To add a version: read what it changed in the methods
named here, run the tests with it, and add its number.
"""

from collections.abc import Callable, Mapping
from typing import Any

import asyncssh
from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.crypto.cipher import GCMCipher
from asyncssh.encryption import GCMEncryption
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TESTED = frozenset({"2.24.1"})

LEANED_ON: Mapping[Callable[..., Any], tuple[str, ...]] = {
    SSHConnection._recv_pkthdr: ("self",),
    SSHConnection._recv_packet: ("self",),
    SSHConnection._finish_recv_packet: ("self", "pkttype", "seq", "_task", "is_async"),
    SSHConnection._send: ("self", "data"),
    SSHConnection.send_packet: ("self", "pkttype", "handler"),
    SSHChannel._accept_data: ("self", "data", "datatype"),
    SSHChannel._flush_send_buf: ("self",),
    SSHChannel.write: ("self", "data", "datatype"),
    GCMEncryption.encrypt_packet: ("self", "seq", "header", "packet"),
    GCMEncryption.decrypt_packet: ("self", "seq", "first", "rest", "header_len", "mac"),
    GCMCipher._update_iv: ("self",),
}
"""What is replaced, and what its replacement must agree with, by parameters."""


def is_known(version: str = asyncssh.__version__) -> bool:
    """Whether this asyncssh is one that the short way was tested with, and the cipher can write in place."""
    return (
        version in TESTED
        and hasattr(AESGCM, "encrypt_into")
        and all(_parameters(method) == expected for method, expected in LEANED_ON.items())
    )


def _parameters(method: Callable[..., Any]) -> tuple[str, ...]:
    code = method.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
