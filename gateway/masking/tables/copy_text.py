"""COPY in text format: a line for each row, backslashes before what would end a field or a line."""

import re

from gateway.core.errors import Fault
from gateway.masking.tables.copy_fields import FieldMasker
from gateway.masking.tables.copy_form import CopyForm

ROW_MOST = 8 << 20
_END = rb"\."
_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SPECIAL = {value: b"\\" + letter for letter, value in _LETTERS.items()} | {b"\\": rb"\\"}


class CopyText:
    """Follows one stream. Rows are shown once they are whole."""

    def __init__(self, form: CopyForm, fields: FieldMasker) -> None:
        self._form = form
        self._fields = fields
        self._kept: list[bytes] = []
        self._length = 0
        self._is_header = form.header
        delimiter = re.escape(form.delimiter)
        self._field = re.compile(rb"((?:[^\\%b]|\\.)*)(?:%b|\Z)" % (delimiter, delimiter), re.DOTALL)
        self._escapes = re.compile(rb"[\\\x08\f\n\r\t\v%b]" % delimiter)

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the stream; return what may be shown now."""
        cut = data.rfind(b"\n") + 1
        self._length += len(data)
        if not cut:
            self._kept.append(data)
            if self._length > ROW_MOST:
                raise Fault("a row of this copy is too long to be masked")
            return b""
        whole = b"".join([*self._kept, data[:cut]])
        self._kept = [data[cut:]]
        self._length = len(data) - cut
        if self._is_quiet(whole):
            self._is_header = False
            return whole
        return b"".join([self._line(line) + b"\n" for line in whole[:-1].split(b"\n")])

    def finish(self) -> None:
        """The stream is over. Raises Fault where it stops within a row."""
        if self._length:
            raise Fault("this copy ends within a row")

    def _is_quiet(self, whole: bytes) -> bool:
        # What is escaped reads differently: only where nothing is but NULL do the bytes speak for the values.
        return (
            self._fields.only_looks
            and self._fields.is_quiet(whole)
            and whole.count(b"\\") == whole.count(rb"\N")
        )

    def _line(self, line: bytes) -> bytes:
        if self._is_header or line == _END:
            self._is_header = False
            return line
        fields = self._split(line)
        if len(fields) != self._fields.columns:
            raise Fault("a row of this copy has another number of fields than it should")
        return self._form.delimiter.join([self._shown(number, field) for number, field in enumerate(fields)])

    def _split(self, line: bytes) -> list[bytes]:
        if not line and self._fields.columns == 0:
            return []
        if self._form.delimiter == b"\t":
            return line.split(b"\t")
        fields: list[bytes] = []
        at = 0
        while True:
            field = self._field.match(line, at)
            if field is None:
                raise Fault("a row of this copy can not be followed")
            fields.append(field.group(1))
            at = field.end()
            if at == field.end(1):
                return fields

    def _shown(self, number: int, field: bytes) -> bytes:
        if field == self._form.null:
            return field
        if self._fields.is_shown(number) and b"\\" not in field and self._fields.is_quiet(field):
            return field
        value = _ESCAPED.sub(_unescaped, field)
        shown = self._fields.mask(number, value)
        if shown is None or (self._form.embeds and shown != value and self._fields.is_shown(number)):
            return self._form.null
        return field if shown == value else self._escapes.sub(self._escaped, shown)

    def _escaped(self, found: re.Match[bytes]) -> bytes:
        return _SPECIAL.get(found.group()) or b"\\" + found.group()


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _LETTERS.get(found.group(1), found.group(1))
