"""OpenSSH certificates as bytes: the fields of one, read strictly. It checks no signature and knows no time.

The format is PROTOCOL.certkeys of OpenSSH. What it leaves open is refused here: options out of order or twice, a
field that does not fill its place, text that is not UTF-8.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.errors import Malformed

FOR_A_PERSON, FOR_A_HOST = 1, 2

LONGEST = 16 << 10

PRINCIPALS_MOST = 256

_KEY_FIELDS = {
    b"ssh-ed25519-cert-v01@openssh.com": (b"ssh-ed25519", 1),
    b"sk-ssh-ed25519-cert-v01@openssh.com": (b"sk-ssh-ed25519@openssh.com", 2),
    b"ecdsa-sha2-nistp256-cert-v01@openssh.com": (b"ecdsa-sha2-nistp256", 2),
    b"ecdsa-sha2-nistp384-cert-v01@openssh.com": (b"ecdsa-sha2-nistp384", 2),
    b"ecdsa-sha2-nistp521-cert-v01@openssh.com": (b"ecdsa-sha2-nistp521", 2),
    b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": (b"sk-ecdsa-sha2-nistp256@openssh.com", 3),
    b"ssh-rsa-cert-v01@openssh.com": (b"ssh-rsa", 2),
}
"""By the kind of certificate: the kind of its key, and of how many fields that consists. No DSA."""


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """What a certificate says, whoever signed it."""

    kind: str
    key: bytes
    """The certified key, as its own public key is written."""
    serial: int
    subject: int
    """`FOR_A_PERSON`, `FOR_A_HOST`, or something that means nothing."""
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    """The first second at which it is over."""
    critical: Mapping[str, bytes]
    """Options that whoever does not know them must refuse."""
    extensions: Mapping[str, bytes]
    authority: bytes
    """The public key that is said to have signed it."""
    signed: bytes
    """What the signature is over."""
    signature: bytes


class _Reader:
    """Takes fields off bytes. Raises `Malformed`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    @property
    def over(self) -> bool:
        return self.at == len(self._data)

    def take(self, count: int) -> bytes:
        piece = self._data[self.at : self.at + count]
        if len(piece) != count:
            raise Malformed("a certificate ends too early")
        self.at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        return self.take(self.number(4))

    def end(self) -> None:
        if not self.over:
            raise Malformed("a certificate holds more than it should")


def kind_of(blob: bytes) -> str:
    """The kind of certificate that this begins like; empty where it is anything else, such as a plain key."""
    try:
        kind = _Reader(blob[:64]).string()
    except Malformed:
        return ""
    return kind.decode("ascii") if kind in _KEY_FIELDS else ""


def read_certificate(blob: bytes) -> CertificateFields:
    """Raises `Malformed`."""
    if len(blob) > LONGEST:
        raise Malformed("a certificate is too long")
    fields = _Reader(blob)
    kind = fields.string()
    if kind not in _KEY_FIELDS:
        raise Malformed("a certificate is of a kind that is not accepted")
    fields.string()  # the nonce
    plain, count = _KEY_FIELDS[kind]
    key = b"".join(map(_string, [plain, *(fields.string() for _ in range(count))]))
    serial, subject = fields.number(8), fields.number(4)
    key_id, principals = _text(fields.string()), _principals(fields.string())
    valid_after, valid_before = fields.number(8), fields.number(8)
    critical, extensions = _options(fields.string()), _options(fields.string())
    fields.string()  # reserved
    authority = fields.string()
    signed = blob[: fields.at]
    signature = fields.string()
    fields.end()
    return CertificateFields(
        kind=kind.decode("ascii"),
        key=key,
        serial=serial,
        subject=subject,
        key_id=key_id,
        principals=principals,
        valid_after=valid_after,
        valid_before=valid_before,
        critical=critical,
        extensions=extensions,
        authority=authority,
        signed=signed,
        signature=signature,
    )


def option_value(data: bytes) -> str:
    """The text that an option holds. Raises `Malformed`."""
    fields = _Reader(data)
    value = _text(fields.string())
    fields.end()
    return value


def _principals(data: bytes) -> tuple[str, ...]:
    fields, found = _Reader(data), []
    while not fields.over:
        found.append(_text(fields.string()))
        if len(found) > PRINCIPALS_MOST:
            raise Malformed("a certificate has too many principals")
    return tuple(found)


def _options(data: bytes) -> Mapping[str, bytes]:
    fields, last, found = _Reader(data), b"", {}
    while not fields.over:
        name = fields.string()
        if name <= last:
            raise Malformed("a certificate's options are not in order")
        found[_text(name)] = fields.string()
        last = name
    return MappingProxyType(found)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a certificate holds text that is not UTF-8") from None


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
