"""Shared by the masking tests: every detector, one-shot masking, and made-up secrets."""

import base64
from collections.abc import Callable, Iterable

import pytest

from gateway.masking.detectors import DETECTORS
from gateway.masking.stream import StreamMasker

EVERY = frozenset(DETECTORS)


def in_one(data: bytes, names: frozenset[str] = EVERY) -> tuple[bytes, dict[str, int]]:
    masker = StreamMasker(names)
    shown = masker.feed(data) + masker.finish()
    return shown, dict(masker.counts)


def in_chunks(chunks: Iterable[bytes], names: frozenset[str] = EVERY) -> tuple[bytes, dict[str, int]]:
    masker = StreamMasker(names)
    shown = b"".join(masker.feed(chunk) for chunk in chunks) + masker.finish()
    return shown, dict(masker.counts)


def make_jwt(payload: bytes = b'{"sub":"1234567890"}') -> bytes:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    return header + b"." + base64.urlsafe_b64encode(payload).rstrip(b"=") + b".c2lnbmF0dXJl"


KEY_BLOCK = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + b"\n".join(base64.b64encode(bytes(range(i, i + 48))) for i in range(0, 144, 48))
    + b"\nAAAA==\n-----END OPENSSH PRIVATE KEY-----\n"
)


@pytest.fixture
def masked() -> Callable[[bytes], bytes]:
    return lambda data: in_one(data)[0]
