"""How a COPY stream is written: the format and its letters, from what the statement says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.core.errors import Fault
from gateway.core.sql import Copying

Format = Literal["text", "csv", "binary"]

_FORMATS: Mapping[str, Format] = {"text": "text", "csv": "csv", "binary": "binary"}
_KNOWN = frozenset({"format", "delimiter", "null", "header", "quote", "escape", "force_quote", "encoding"})
_EMBEDDING = frozenset(
    {"BIG5", "GB18030", "GBK", "JOHAB", "SHIFTJIS2004", "SJIS", "UHC", "MSKANJI", "WIN949"}
)
"""Encodings in which a byte that looks like ASCII may be the second half of a letter."""
_YES = frozenset({"", "true", "on", "1", "match"})
_NO = frozenset({"false", "off", "0"})


@dataclass(frozen=True, slots=True)
class CopyForm:
    """Of one stream from the server."""

    format: Format
    delimiter: bytes = b"\t"
    null: bytes = rb"\N"
    quote: bytes = b'"'
    escape: bytes = b'"'
    header: bool = False
    embeds: bool = False
    """The encoding is one of those that hide ASCII inside of other letters."""

    @classmethod
    def of(cls, copying: Copying | None, *, binary: bool, encoding: str) -> "CopyForm":
        """The form of the stream that this COPY makes. `binary` is what the server says, `encoding` what the client
        asked for. Raises Fault where they disagree, or something is said that is not known here."""
        if copying is None or not copying.sends:
            raise Fault("nobody can say how this copy is written")
        options = dict(copying.options)
        format = _FORMATS.get(options.get("format", "text"))
        if format is None or (format == "binary") is not binary or set(options) - _KNOWN:
            raise Fault("nobody can say how this copy is written")
        if format == "binary":
            return cls(format)
        csv = format == "csv"
        quote = _letter(options.get("quote", '"'))
        form = cls(
            format,
            delimiter=_letter(options.get("delimiter", "," if csv else "\t")),
            null=options.get("null", "" if csv else r"\N").encode(),
            quote=quote,
            escape=_letter(options["escape"]) if "escape" in options else quote,
            header=_flag(options.get("header", "false")),
            embeds=_plain(options.get("encoding", encoding)) in _EMBEDDING,
        )
        form.check()
        return form

    def check(self) -> None:
        """Raises Fault for letters that can not be told from halves of others."""
        letters = self.delimiter + (self.quote + self.escape if self.format == "csv" else b"")
        if not self.null.isascii() or (self.embeds and max(letters) >= ord("0")):
            raise Fault("this copy can not be followed in its encoding")


def _letter(text: str) -> bytes:
    letter = text.encode()
    if len(letter) != 1:
        raise Fault("this copy is parted by something other than a letter")
    return letter


def _flag(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise Fault("nobody can say whether this copy has a header")


def _plain(encoding: str) -> str:
    return "".join(letter for letter in encoding.upper() if letter.isalnum())
