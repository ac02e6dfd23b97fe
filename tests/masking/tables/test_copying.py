"""COPY TO STDOUT: text, CSV and binary, in pieces of any size, and what can not be followed."""

import csv
import io
import itertools
from collections.abc import Callable, Sequence
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import Catalog
from gateway.core.errors import Fault
from gateway.core.sql import Copying
from gateway.masking.tables.columns import Fate, Plan, PlannedColumn
from gateway.masking.tables.copy_form import CopyForm
from gateway.masking.tables.copying import CopyMasker, copy_masker, decide_copy
from gateway.masking.tables.types import Kind
from tests.masking.tables.conftest import facts, rules

SHOW, WORDS, NULL = Fate.SHOW, Fate.WORDS, Fate.NULL
SHOWN = PlannedColumn(SHOW, Kind.TEXT)
SSN = PlannedColumn(WORDS, Kind.TEXT, "ssn")
GONE = PlannedColumn(NULL, Kind.OTHER, "salary")
Values = Sequence[str | None]


def form(statement: str, *, binary: bool = False, encoding: str = "UTF8") -> CopyForm:
    return CopyForm.of(facts(statement).copying, binary=binary, encoding=encoding)


TEXT = form("COPY t TO STDOUT")
CSV = form("COPY t TO STDOUT (FORMAT csv)")
BINARY = form("COPY t TO STDOUT (FORMAT binary)", binary=True)


def as_text(rows: Sequence[Values], delimiter: str = "\t", null: str = r"\N") -> bytes:
    """As PostgreSQL writes it."""
    special = {"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
    special.setdefault(delimiter, "\\" + delimiter)

    def field(value: str | None) -> str:
        return null if value is None else "".join(special.get(letter, letter) for letter in value)

    return "".join(delimiter.join(map(field, row)) + "\n" for row in rows).encode()


def as_csv(rows: Sequence[Values], delimiter: str = ",", quote: str = '"', escape: str = '"') -> bytes:
    """As PostgreSQL writes it, with an empty field for NULL."""

    def field(value: str | None) -> str:
        if value is None:
            return ""
        if value and not set(value) & {delimiter, quote, "\n", "\r"}:
            return value
        inside = "".join(escape + letter if letter in (quote, escape) else letter for letter in value)
        return quote + inside + quote

    return "".join(delimiter.join(map(field, row)) + "\n" for row in rows).encode()


def as_binary(rows: Sequence[Values]) -> bytes:
    """As PostgreSQL writes it."""
    data = b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, 0)
    for row in rows:
        data += pack(">h", len(row))
        for value in row:
            raw = None if value is None else value.encode()
            data += pack(">i", -1) if raw is None else pack(">i", len(raw)) + raw
    return data + b"\xff\xff"


FORMATS: dict[str, tuple[CopyForm, Callable[[Sequence[Values]], bytes]]] = {
    "text": (TEXT, as_text),
    "csv": (CSV, as_csv),
    "binary": (BINARY, as_binary),
}


def masked(
    form: CopyForm, columns: Sequence[PlannedColumn], pieces: Sequence[bytes], *detectors: str
) -> bytes:
    masker = CopyMasker(Plan(tuple(columns), frozenset(detectors)), form)
    return b"".join(masker.stream(piece) for piece in pieces) + masker.finish()


@pytest.mark.parametrize("name", FORMATS)
def test_fields_of_each_format(name: str) -> None:
    form, written = FORMATS[name]
    rows: list[list[str | None]] = [
        ["1", "123-45", "9", 'a "b", c\n\\d\te'],
        ["2", None, None, None],
        ["", "", "", ""],
    ]
    wanted: list[list[str | None]] = [
        ["1", "[masked:ssn]", None, 'a "b", c\n\\d\te'],
        ["2", None, None, None],
        ["", "[masked:ssn]", None, ""],
    ]
    columns = [SHOWN, SSN, GONE, SHOWN]
    masker = CopyMasker(Plan(tuple(columns)), form)
    shown = masker.stream(written(rows)) + masker.finish()
    # What was quoted stays quoted.
    assert shown.replace(b'"[masked:ssn]"', b"[masked:ssn]") == written(wanted)
    assert masker.counts == {"ssn": 2, "salary": 2}


VALUE = st.none() | st.text(st.sampled_from("ab\\,;\"\n\r\t'N.é|@"), max_size=8) | st.just("x@example.com")
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(st.sampled_from([SHOWN, SSN, GONE]), min_size=width, max_size=width),
        st.lists(st.lists(VALUE, min_size=width, max_size=width), max_size=5),
    )
)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=80)
@given(table=TABLE, data=st.data())
def test_where_the_stream_is_cut_makes_no_difference(
    name: str, table: tuple[list[PlannedColumn], list[list[str | None]]], data: st.DataObject
) -> None:
    form, written = FORMATS[name]
    columns, rows = table
    instead: dict[Fate, str | None] = {WORDS: "[masked:ssn]", NULL: None}
    hits = {"x@example.com": "[email******]"}
    wanted = written(
        [
            [
                instead[column.fate]
                if value is not None and column.fate in instead
                else hits.get(value or "", value)
                for value, column in zip(row, columns, strict=True)
            ]
            for row in rows
        ]
    )
    stream = written(rows)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in itertools.pairwise([0, *cuts, len(stream)])]
    shown = [masked(form, columns, cut, "email") for cut in ([stream], pieces, [bytes([b]) for b in stream])]
    assert shown[0] == shown[1] == shown[2]
    if name == "csv":
        read = [list(csv.reader(io.StringIO(each.decode(), newline=""))) for each in (shown[0], wanted)]
        assert read[0] == read[1]
    else:
        assert shown[0] == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_that_was_one_message_stays_one(name: str) -> None:
    form, written = FORMATS[name]
    whole = written([["1", "s"], ["2", "s"]])
    first = len(written([["1", "s"]])) - (2 if name == "binary" else 0)
    payloads = [whole[:first], whole[first:]]
    run = b"".join(b"d" + pack(">i", len(each) + 4) + each for each in payloads)
    shown = CopyMasker(Plan((SHOWN, SSN)), form).feed(run)
    lengths = []
    at = 0
    while at < len(shown):
        assert shown[at : at + 1] == b"d"
        lengths.append(int.from_bytes(shown[at + 1 : at + 5], "big"))
        at += 1 + lengths[-1]
    assert at == len(shown)
    assert len(lengths) == 2
    with pytest.raises(Fault):
        CopyMasker(Plan((SHOWN, SSN)), form).feed(run[:-1])
    with pytest.raises(Fault):
        CopyMasker(Plan((SHOWN, SSN)), form).feed(b"D" + run[1:])


@pytest.mark.parametrize(
    ("options", "stream", "shown"),
    [
        ("DELIMITER ';'", b"a;1\\;2\n", b"a;[masked:ssn]\n"),
        ("DELIMITER ';', NULL 'none'", b"a\\;\\\\;none\n", b"a\\;\\\\;none\n"),
        ("DELIMITER ':'", b"a:b\n", rb"a:[masked\:ssn]" + b"\n"),
        ("HEADER", b"id\tssn\na\tb\n", b"id\tssn\na\t[masked:ssn]\n"),
        ("FORMAT csv, HEADER true", b"id,ssn\na,b\n", b"id,ssn\na,[masked:ssn]\n"),
        ("FORMAT csv, DELIMITER ':'", b"a:b\n", b'a:"[masked:ssn]"\n'),
        ("FORMAT csv, QUOTE '''', ESCAPE '\\'", b"a,'x\\'\n,y'\n", b"a,'[masked:ssn]'\n"),
        ("FORMAT csv, QUOTE '''', ESCAPE '\\', DELIMITER 's'", b"as'x\\''\n", b"as'[masked:ssn]'\n"),
        ("FORMAT csv, NULL '-'", b'a,-\nb,"-"\n', b'a,-\nb,"[masked:ssn]"\n'),
        ("FORMAT csv, FORCE_QUOTE *", b'"a","b"\n', b'"a","[masked:ssn]"\n'),
    ],
)
def test_letters_of_their_own(options: str, stream: bytes, shown: bytes) -> None:
    assert masked(form(f"COPY t TO STDOUT ({options})"), [SHOWN, SSN], [stream]) == shown


def test_the_old_way_to_write_options() -> None:
    old = form("COPY t TO STDOUT CSV HEADER DELIMITER AS ';' QUOTE AS '''' NULL AS 'x'")
    assert (old.format, old.header, old.delimiter, old.quote, old.escape, old.null) == (
        "csv",
        True,
        b";",
        b"'",
        b"'",
        b"x",
    )
    assert form("COPY BINARY t TO STDOUT", binary=True).format == "binary"


@pytest.mark.parametrize(
    ("statement", "binary", "encoding"),
    [
        ("COPY t TO STDOUT (FORMAT csv)", True, "UTF8"),
        ("COPY t TO STDOUT (FORMAT binary)", False, "UTF8"),
        ("COPY t TO STDOUT (FORMAT avro)", False, "UTF8"),
        ("COPY t TO STDOUT (SOMETHING new)", False, "UTF8"),
        ("COPY t TO STDOUT (HEADER perhaps)", False, "UTF8"),
        ("COPY t TO STDOUT (DELIMITER 'ab')", False, "UTF8"),
        ("COPY t TO STDOUT (NULL 'é')", False, "UTF8"),
        ("COPY t TO STDOUT (DELIMITER '|')", False, "SJIS"),
        ("COPY t TO STDOUT (FORMAT csv, QUOTE '|')", False, "GB18030"),
        ("COPY t TO STDOUT (DELIMITER '|', ENCODING 'big5')", False, "UTF8"),
        ("COPY t FROM STDIN", False, "UTF8"),
        ("COPY t TO '/tmp/x'", False, "UTF8"),
        ("COPY t TO PROGRAM 'cat'", False, "UTF8"),
        ("SELECT 1", False, "UTF8"),
    ],
)
def test_a_form_that_nobody_knows_is_a_fault(statement: str, binary: bool, encoding: str) -> None:
    with pytest.raises(Fault):
        form(statement, binary=binary, encoding=encoding)


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("text", b"a\n"),
        ("text", b"a\tb\tc\n"),
        ("text", b"a\tb"),
        ("text", b"\n"),
        ("csv", b"a\n"),
        ("csv", b"a,b,c\n"),
        ("csv", b"a,b"),
        ("csv", b'a,b"c"\n'),
        ("csv", b'a,"b"c\n'),
        ("csv", b'a,"b\n'),
        ("binary", as_binary([["a", "b"]])[:-3]),
        ("binary", as_binary([["a"]])),
        ("binary", as_binary([["a", "b"]]) + b"\0\0"),
        ("binary", b"PGCOPY\r\xff\r\n\0" + bytes(8)),
        ("binary", b"PGCOPY\n\xff\r\n\0" + pack(">ii", 1 << 16, 0)),
        ("binary", b"PGCOPY\n\xff\r\n\0" + pack(">ii", 0, -1)),
        ("binary", as_binary([])[:-2] + b"\0\x02" + pack(">i", -2) + bytes(4)),
    ],
)
def test_what_can_not_be_followed_is_a_fault(name: str, stream: bytes) -> None:
    for detectors in ((), ("email",)):
        with pytest.raises(Fault):
            masked(FORMATS[name][0], [SHOWN, SSN], [stream], *detectors)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(data=st.binary(max_size=60))
def test_arbitrary_bytes_are_masked_or_a_fault(name: str, data: bytes) -> None:
    begin = as_binary([])[:-2] if name == "binary" else b""
    try:
        masked(FORMATS[name][0], [SSN, SHOWN], [begin + data, data], "email")
    except Fault:
        return


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_without_end_is_a_fault(name: str) -> None:
    form, written = FORMATS[name]
    begun = written([["a", "x" * 70_000]])[: -2 if name == "binary" else -1]
    begun = begun[:19] + pack(">hii", 2, 1 << 30, 0) if name == "binary" else begun
    masker = CopyMasker(Plan((SHOWN, SSN)), form)
    with pytest.raises(Fault):
        list(map(masker.stream, [begun, *[b"x" * 1_000_000] * 9]))


def test_a_table_without_columns() -> None:
    for format, stream in ((TEXT, b"\n\n"), (CSV, b"\n\n"), (BINARY, as_binary([[], []]))):
        assert masked(format, [], [stream], "email") == stream


def test_the_old_end_of_data_is_passed_on() -> None:
    assert masked(TEXT, [SSN, SSN], [b"a\tb\n\\.\n"]) == b"[masked:ssn]\t[masked:ssn]\n\\.\n"


@pytest.mark.parametrize("name", FORMATS)
def test_what_detectors_find_behind_escapes(name: str) -> None:
    form, written = FORMATS[name]
    rows = [["password\t= hunter2xyz", '{"password": "hunter2xyz"}'], ["x", 'say "a@example.com"\n']]
    shown = masked(form, [SHOWN, SHOWN], [written(rows)], "password", "email")
    assert b"hunter2" not in shown
    assert b"example" not in shown
    plain = written([["a", "b"], [None, "\\"]])
    assert masked(form, [SHOWN, SHOWN], [plain], "password", "email") == plain


def test_in_an_encoding_that_hides_letters_a_hit_is_null() -> None:
    hidden = form("COPY t TO STDOUT", encoding="SJIS")
    assert masked(hidden, [SHOWN, SSN], [b"a@example.com \x83\x5c\tx\n"], "email") == b"\\N\t[masked:ssn]\n"


# What becomes of the columns of a copy.


@pytest.mark.parametrize(
    ("statement", "count", "masks", "fates"),
    [
        ("COPY app.customers TO STDOUT", 5, ("*.ssn",), (SHOW, SHOW, WORDS, SHOW, SHOW)),
        ("COPY app.customers (ssn, id_n) TO STDOUT", 2, ("*.ssn",), (WORDS, SHOW)),
        ("COPY app.customers (ssn_n) TO STDOUT", 1, ("*.ssn_n",), (NULL,)),
        ("COPY app.customers (ssn) TO STDOUT", 1, ("*.ssn:null",), (NULL,)),
        # Which one of two tables of that name is meant, the number of columns tells.
        ("COPY customers TO STDOUT", 2, ("app.customers.ssn",), (SHOW, SHOW)),
        ("COPY customers (id_n, ssn) TO STDOUT", 2, ("app.customers.ssn",), (SHOW, WORDS)),
        ("COPY customers TO STDOUT", 3, ("app.customers.ssn",), (NULL, NULL, NULL)),
        ("COPY app.customers (nothing) TO STDOUT", 1, ("app.customers.ssn",), (NULL,)),
        ("COPY orders TO STDOUT", 3, ("*.ssn",), (SHOW, SHOW, SHOW)),
        ("COPY unheard_of TO STDOUT", 1, ("*.ssn",), (NULL,)),
        ("COPY (SELECT id_n FROM orders) TO STDOUT", 1, ("*.ssn",), (SHOW,)),
        ("COPY (SELECT id_n FROM app.customers) TO STDOUT", 1, ("*.ssn",), (NULL,)),
        ("COPY (DELETE FROM app.customers RETURNING ssn) TO STDOUT", 1, ("*.ssn",), (NULL,)),
        ("COPY (SELECT 1) TO STDOUT", 1, ("*.ssn",), (SHOW,)),
        ("COPY people_2024 (tax) TO STDOUT", 1, ("people.tax",), (WORDS,)),
        ("COPY app.customers (ssn) TO STDOUT", 1, ("email",), (SHOW,)),
    ],
)
def test_columns_of_a_copy(
    shop: Catalog, statement: str, count: int, masks: tuple[str, ...], fates: tuple[Fate, ...]
) -> None:
    assert decide_copy(count, rules(*masks), shop, facts(statement)).fates == fates


def test_without_a_whole_catalog_or_facts_nothing_of_a_copy_is_shown(shop: Catalog) -> None:
    given = facts("COPY orders TO STDOUT")
    for known, said in ((None, given), (shop.in_doubt(), given), (shop, None)):
        assert decide_copy(1, rules("*.ssn"), known, said).fates == (NULL,)


def test_kinds_are_known_for_tables_only(shop: Catalog) -> None:
    table = decide_copy(2, rules("email"), shop, facts("COPY app.customers (id_n, name) TO STDOUT"))
    query = decide_copy(2, rules("email"), shop, facts("COPY (SELECT id_n, name FROM customers) TO STDOUT"))
    assert [column.kind for column in table.columns] == [Kind.OTHER, Kind.TEXT]
    assert [column.kind for column in query.columns] == [Kind.UNSEEN, Kind.UNSEEN]


def test_a_masker_only_where_there_is_something_to_do(shop: Catalog) -> None:
    copied = facts("COPY orders TO STDOUT")
    assert copy_masker(0, [0, 0, 0], rules("*.ssn"), shop, copied) is None
    assert copy_masker(0, [0, 0, 0], rules("email"), shop, copied) is not None
    with pytest.raises(Fault):
        copy_masker(1, [1, 1, 1], rules("email"), shop, copied)
    with pytest.raises(Fault):
        copy_masker(0, [0], rules("*.ssn"), shop, None)


def test_a_copy_from_the_client_has_no_form() -> None:
    with pytest.raises(Fault):
        CopyForm.of(Copying((), (), sends=False), binary=False, encoding="UTF8")
