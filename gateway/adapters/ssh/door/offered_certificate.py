"""A certificate that somebody offers at the door: the key whose holder must prove it, and what it is called.

Whose it is, and whether it counts at all, is not known here.
"""

import base64

import asyncssh
from asyncssh.public_key import decode_ssh_public_key

from gateway.core.errors import Malformed
from gateway.wire.ssh_certificate import kind_of, read_certificate


def plain_key(blob: bytes) -> bytes:
    """The key that a certificate is about, as its own public key is written; anything else as it is."""
    try:
        return read_certificate(blob).key if kind_of(blob) else blob
    except Malformed:
        return blob


def certified_key(blob: bytes) -> asyncssh.SSHKey | None:
    """Who has to sign. None: this is no certificate, or one that can not be read."""
    if not kind_of(blob):
        return None
    try:
        key = decode_ssh_public_key(read_certificate(blob).key)
    except (Malformed, asyncssh.KeyImportError):
        return None
    key.set_touch_required(True)
    return key


def line_of(blob: bytes) -> str:
    """The certificate as a line of text: `ssh-ed25519-cert-v01@openssh.com AAAA...`."""
    return f"{kind_of(blob)} {base64.b64encode(blob).decode()}"


def serial_of(blob: bytes) -> int:
    """Its number among those that its authority has signed. Raises `Malformed`."""
    return read_certificate(blob).serial
