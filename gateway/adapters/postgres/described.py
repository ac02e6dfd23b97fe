"""What the server says of results and errors, in the shape that the rest of a conversation wants it in."""

from dataclasses import replace

from gateway.adapters.postgres.flight import Entry
from gateway.adapters.postgres.prepared import Prepared
from gateway.core.errors import Malformed
from gateway.session.database.results import Results
from gateway.wire.postgres.messages import ColumnDescription, ErrorFields, field, parse_row_description


def told(fields: ErrorFields) -> dict[str, str]:
    """An error as the recording keeps it."""
    names = (("C", "code"), ("M", "message"), ("D", "detail"), ("H", "hint"))
    return {name: field(fields, letter) for letter, name in names if field(fields, letter)}


def read_columns(prepared: Prepared, body: bytes) -> tuple[ColumnDescription, ...]:
    """The columns of a description, which is most often the same as last time."""
    if prepared.described_columns is None or prepared.described_as != body:
        prepared.described_as, prepared.described_columns = body, parse_row_description(body)
    return prepared.described_columns


def in_formats(
    columns: tuple[ColumnDescription, ...], formats: tuple[int, ...]
) -> tuple[ColumnDescription, ...]:
    """As they will come for a portal that asks for these formats."""
    if not formats:
        return columns
    if len(formats) == 1:
        formats = formats * len(columns)
    if len(formats) != len(columns):
        raise Malformed("there are not as many formats as columns")
    return tuple([replace(column, format=f) for column, f in zip(columns, formats, strict=True)])


def describe(results: Results, entry: Entry) -> None:
    """Of a result whose description came earlier, with the statement or the portal. The recording takes repeats for
    what the first one was, unless it is told otherwise."""
    prepared, portal = entry.prepared, entry.portal
    formats = () if portal is None else portal.formats
    columns = None if portal is None else portal.columns
    if columns is None and prepared is not None and prepared.columns is not None:
        columns = in_formats(prepared.columns, formats)
    if columns is None:
        return
    if prepared is None:
        results.describe(columns)
        return
    is_first, is_known = results.n == prepared.first, prepared.noted is not None
    is_new = is_first or prepared.noted != formats
    results.describe(columns, is_new=is_new, also=0 if is_known else prepared.first)
    if is_first or not is_known:
        prepared.noted = formats
