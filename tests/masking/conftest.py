"""Shared by the masking tests: every detector, masking in one piece and in many, and made-up secrets."""

import base64
import itertools
from collections.abc import Iterable

from gateway.masking.detectors import DETECTORS
from gateway.masking.stream import StreamMasker

EVERY = frozenset(DETECTORS)
Masked = tuple[bytes, dict[str, int]]


def in_one(data: bytes, names: frozenset[str] = EVERY) -> Masked:
    return in_chunks([data], names)


def in_chunks(chunks: Iterable[bytes], names: frozenset[str] = EVERY) -> Masked:
    masker = StreamMasker(names)
    shown = b"".join(masker.feed(chunk) for chunk in chunks) + masker.finish()
    return shown, dict(masker.counts)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def unsigned(header: bytes, payload: bytes = b'{"sub":"1234567890"}') -> bytes:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))


JWT = unsigned(b'{"alg":"HS256","typ":"JWT"}') + b".c2lnbmF0dXJlLXNpZ25hdHVyZQ"
MATERIAL = b"\n".join(base64.b64encode(bytes(range(start, start + 48))) for start in range(0, 144, 48))


def key_block(kind: bytes = b"OPENSSH PRIVATE KEY", body: bytes = MATERIAL) -> bytes:
    return b"-----BEGIN " + kind + b"-----\n" + body + b"\nAAAA==\n-----END " + kind + b"-----\n"
