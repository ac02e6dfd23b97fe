"""The frames of a database session, as bytes: marks for statements and their results, and the rows that are kept.

Made ten thousand times a second, so each is one formatted string; `statement_marks.py` reads them again, and
docs/recordings.md describes them. It decides nothing: not what is kept, not what is masked, not when.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from json import encoder
from typing import Literal

_quoted = encoder.encode_basestring_ascii
"""The only thing here that text goes through: plain ASCII comes out, whatever went in."""

VALUES_MOST = 6 << 20
"""Bytes that a mark may have with its values: they fit into one frame with a statement of two megabytes at least."""

ROWS_HEAD = struct.Struct(">I")


def mark_command(
    n: int,
    text: str,
    verb: str,
    values: Sequence[str | None] = (),
    state: str = "admitted",
    rule: str = "",
    request: str = "",
    like: int = 0,
) -> bytes:
    """Statement `n`, counted from 1 in its session, and what was decided about it. `like`: that it differs from
    statement `like` in constants only."""
    told = _quoted(text)
    more = f',"rule":{_quoted(rule)}' if rule else ""
    if request:
        more += f',"request":{_quoted(request)}'
    if values:
        more += _values(values, VALUES_MOST - len(told))
    alike = f',"like":{like}' if like else ""
    return (
        f'{{"kind":"command","n":{n}{alike},"text":{told},"verb":{_quoted(verb)},"state":{_quoted(state)}{more}}}'
    ).encode("ascii")


def mark_again(n: int, of: int, values: Sequence[str | None] = ()) -> bytes:
    """Statement `n` is the text of statement `of` once more, admitted as that was."""
    more = _values(values, VALUES_MOST) if values else ""
    return f'{{"kind":"again","n":{n},"of":{of}{more}}}'.encode("ascii")


def mark_columns(n: int, columns: Iterable[tuple[str, int, int, bool, str]]) -> bytes:
    """What the rows of statement `n` consist of: name, type's OID, format (0 text, 1 binary), whether it is masked,
    and the type's name where it is known. Repeats without columns of their own have those of the first."""
    told = ",".join(
        [
            f'{{"name":{_quoted(name)},"type":{_quoted(type_name)},"oid":{oid},"format":{format}'
            f',"masked":{"true" if is_masked else "false"}}}'
            for name, oid, format, is_masked, type_name in columns
        ]
    )
    return f'{{"kind":"columns","n":{n},"columns":[{told}]}}'.encode("ascii")


def mark_result(
    n: int,
    tag: str,
    rows: int,
    size: int,
    sha256: str,
    us: int,
    *,
    kept: int = 0,
    shown_size: int | None = None,
    shown_sha256: str = "",
    masked: Mapping[str, int] | None = None,
    error: Mapping[str, str] | None = None,
) -> bytes:
    """How statement `n` ended. `size` and `sha256`: of the result as the server sent it; what was shown is told only
    where it differs. `us`: from its being sent on to its end. `kept`: rows of it in ROWS frames. `error`: `code`,
    `message` and, where there are any, `detail` and `hint`, as shown."""
    more = ""
    if shown_size is not None:
        more = f',"shown_bytes":{shown_size},"shown_sha256":"{shown_sha256}"'
    if masked:
        more += f',"masked":{_counts(masked)}'
    if error:
        more += f',"error":{_words(error)}'
    return (
        f'{{"kind":"result","n":{n},"tag":{_quoted(tag)},"rows":{rows},"bytes":{size},"sha256":"{sha256}"'
        f',"us":{us},"kept":{kept}{more}}}'
    ).encode("ascii")


def mark_copy(n: int, way: Literal["in", "out", "both"], format: int, columns: int) -> bytes:
    """Statement `n` moves data: into the server, out of it, or both. Its result tells how much, and the digest."""
    return f'{{"kind":"copy","n":{n},"way":"{way}","format":{format},"columns":{columns}}}'.encode("ascii")


def mark_said(kind: Literal["notice", "notification"], text: str, n: int = 0) -> bytes:
    """What the server said besides: about statement `n`, or about none."""
    about = f',"n":{n}' if n else ""
    return f'{{"kind":"{kind}","text":{_quoted(text)}{about}}}'.encode("ascii")


def rows_frame(n: int, data: bytes) -> bytes:
    """A ROWS frame's data. `data`: whole messages of statement `n` as shown, DataRow or CopyData; any number of
    such frames may follow one another."""
    return ROWS_HEAD.pack(n & 0xFFFF_FFFF) + data


def _values(values: Sequence[str | None], room: int) -> str:
    told: list[str] = []
    for value in values:
        text = "null" if value is None else _quoted(value)
        room -= len(text) + 1
        if room < 0:
            return f',"values":[{",".join(told)}],"values_left_out":{len(values) - len(told)}'
        told.append(text)
    return f',"values":[{",".join(told)}]'


def _counts(counts: Mapping[str, int]) -> str:
    return "{" + ",".join([f"{_quoted(name)}:{count}" for name, count in counts.items()]) + "}"


def _words(words: Mapping[str, str]) -> str:
    return "{" + ",".join([f"{_quoted(name)}:{_quoted(text)}" for name, text in words.items()]) + "}"
