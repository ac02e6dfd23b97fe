"""COPY in CSV format, as PostgreSQL writes it: a field is quoted as a whole or not at all, and may hold line ends."""

import re

from gateway.core.errors import Fault
from gateway.masking.tables.copy_fields import FieldMasker
from gateway.masking.tables.copy_form import CopyForm
from gateway.masking.tables.copy_text import ROW_MOST


class CopyCsv:
    """Follows one stream. Rows are shown once they are whole."""

    def __init__(self, form: CopyForm, fields: FieldMasker) -> None:
        self._form = form
        self._fields = fields
        self._kept = b""
        self._is_header = form.header
        quote, escape, delimiter = re.escape(form.quote), re.escape(form.escape), re.escape(form.delimiter)
        inside = (
            rb"(?:[^%b]++|%b%b)*+" % (quote, quote, quote)
            if form.quote == form.escape
            else rb"(?:[^%b%b]++|%b.)*+" % (quote, escape, escape)
        )
        quoted = rb"%b(?P<inside>%b)%b" % (quote, inside, quote)
        bare = rb"[^%b%b\n]*" % (quote, delimiter)
        self._quoted = re.compile(quoted, re.DOTALL)
        self._field = re.compile(rb"(?:%b|%b)(?P<end>%b|\n)" % (quoted, bare, delimiter), re.DOTALL)
        self._escaped = re.compile(escape + rb"(.)", re.DOTALL)
        self._to_escape = re.compile(rb"[%b%b]" % (quote, escape))
        self._to_quote = re.compile(rb"[%b%b%b\r\n]" % (quote, escape, delimiter))

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream; return what may be shown now."""
        self._kept += data
        if b"\n" not in data:
            self._check()
            return b""
        shown: list[bytes] = []
        at = 0
        while at < len(self._kept):
            row = self._row(at)
            if row is None:
                break
            line, at = row
            shown.append(line)
        self._kept = self._kept[at:]
        self._check()
        return b"".join(shown)

    def finish(self) -> None:
        """The stream is over. Raises Fault where it stops within a row."""
        if self._kept:
            raise Fault("this copy ends within a row")

    def _check(self) -> None:
        if len(self._kept) > ROW_MOST:
            raise Fault("a row of this copy is too long to be masked")

    def _row(self, start: int) -> tuple[bytes, int] | None:
        fields: list[tuple[bytes, bytes | None]] = []
        at = start
        while True:
            field = self._field.match(self._kept, at)
            if field is None:
                self._check_rest(at)
                return None
            fields.append((field.group()[: -len(field["end"])], field["inside"]))
            at = field.end()
            if field["end"] == b"\n":
                break
        if self._fields.columns == 0 and at == start + 1:
            fields = []
        if len(fields) != self._fields.columns:
            raise Fault("a row of this copy has another number of fields than it should")
        if self._is_header:
            self._is_header = False
            return self._kept[start:at], at
        shown = [self._shown(number, raw, inside) for number, (raw, inside) in enumerate(fields)]
        return self._form.delimiter.join(shown) + b"\n", at

    def _check_rest(self, at: int) -> None:
        """Raises Fault where nothing that may still come could make a field of this."""
        closed = self._quoted.match(self._kept, at)
        if self._kept.startswith(self._form.quote, at):
            wrong = closed is not None and closed.end() < len(self._kept)
        else:
            wrong = self._form.quote in self._kept[at:] or b"\n" in self._kept[at:]
        if wrong:
            raise Fault("a row of this copy can not be followed")

    def _shown(self, number: int, raw: bytes, inside: bytes | None) -> bytes:
        if inside is None and raw == self._form.null:
            return raw
        value = raw if inside is None else self._escaped.sub(rb"\1", inside)
        shown = self._fields.mask(number, value)
        if shown is None or (self._form.embeds and shown != value and self._fields.is_shown(number)):
            return self._form.null
        if shown == value:
            return raw
        if inside is None and shown != self._form.null and not self._to_quote.search(shown):
            return shown
        return self._form.quote + self._to_escape.sub(self._escape, shown) + self._form.quote

    def _escape(self, found: re.Match[bytes]) -> bytes:
        return self._form.escape + found.group()
