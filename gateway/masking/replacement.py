"""What a person sees in place of a secret: always as long as the secret, so that screens stay aligned."""

from collections.abc import Callable

Replacement = Callable[[str, bytes], bytes]
"""`(detector name, secret) -> bytes` of the same length that hold no part of the secret."""


def labelled(name: str, secret: bytes) -> bytes:
    """`[card************]`; only stars where the label does not fit."""
    label = b"[" + name.encode() + b"]"
    spare = len(secret) - len(label)
    return b"*" * len(secret) if spare < 0 else label[:-1] + b"*" * spare + b"]"


_HIDE = bytes(byte if byte in b"\r\n\x1b" else ord("*") for byte in range(256))


def stars(name: str, secret: bytes) -> bytes:
    """Stars with the line ends left in place: for the inside of a block of several lines."""
    return secret.translate(_HIDE)
