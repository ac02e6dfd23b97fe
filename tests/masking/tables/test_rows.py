"""Rows of one result: with the loop interpreted and compiled."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault
from gateway.masking.detectors import DETECTORS
from gateway.masking.tables.columns import Fate, Plan, PlannedColumn
from gateway.masking.tables.rows import RowMasker
from gateway.masking.tables.types import Kind
from tests.masking.tables.conftest import cells, row

SHOWN = PlannedColumn(Fate.SHOW, Kind.TEXT)
SSN = PlannedColumn(Fate.WORDS, Kind.TEXT, "ssn")
GONE = PlannedColumn(Fate.NULL, Kind.OTHER, "salary")
OTHER = PlannedColumn(Fate.SHOW, Kind.OTHER)
NOBODY_KNOWS = PlannedColumn(Fate.WORDS, Kind.TEXT, "hidden")
TEXT_FORMAT, BINARY = 0, 1
CARD = b"4111111111111111"
EVERY_LOOP = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def masker(
    *columns: PlannedColumn,
    detectors: Sequence[str] = (),
    nulling: Sequence[str] = (),
    format: int = TEXT_FORMAT,
) -> RowMasker:
    plan = Plan(columns, frozenset(detectors), frozenset(nulling))
    return RowMasker(plan, [format] * len(columns))


def one(cell: bytes | None, kind: Kind, *detectors: str, format: int = TEXT_FORMAT) -> bytes | None:
    """What becomes of a single cell that detectors look into."""
    shown = masker(PlannedColumn(Fate.SHOW, kind), detectors=detectors or ("card", "email"), format=format)
    ((found,),) = cells(shown.mask(row(cell)))
    return found


def test_words_in_place_of_text_and_null_of_everything_else(loop: str) -> None:
    mine = masker(SHOWN, SSN, SHOWN, GONE, SHOWN, NOBODY_KNOWS)
    run = row(b"1", b"123-45-6789", b"x", b"100", b"y", b"z") + row(b"2", None, None, None, None, b"") * 2
    assert cells(mine.mask(run)) == [
        [b"1", b"[masked:ssn]", b"x", None, b"y", b"[masked]"],
        [b"2", None, None, None, None, b"[masked]"],
        [b"2", None, None, None, None, b"[masked]"],
    ]
    assert mine.counts == {"ssn": 1, "salary": 1, "hidden": 3}
    assert mine.masked == (False, True, False, True, False, True)


def test_what_lies_around_is_not_touched(loop: str) -> None:
    run = row(b"\x00\xff" * 40, b"secret", None, b"") * 3
    assert masker(SHOWN, SSN, SHOWN, SHOWN).mask(run) == row(b"\x00\xff" * 40, b"[masked:ssn]", None, b"") * 3
    assert masker(SHOWN, SHOWN, SHOWN, SHOWN).mask(run) == run
    assert masker(SHOWN, SSN, SHOWN, SHOWN).mask(b"") == b""


def test_text_that_nobody_can_write_in_binary_becomes_null(loop: str) -> None:
    strange = PlannedColumn(Fate.WORDS, Kind.TEXT_AS_TEXT, "x")
    assert cells(masker(strange).mask(row(b"\x01\x02"))) == [[b"[masked:x]"]]
    assert cells(masker(strange, format=BINARY).mask(row(b"\x01\x02"))) == [[None]]
    assert cells(masker(SSN, format=BINARY).mask(row(b"123"))) == [[b"[masked:ssn]"]]


CELLS = st.none() | st.binary(max_size=40)
ROWS = st.integers(1, 6).flatmap(
    lambda width: st.tuples(
        st.lists(st.sampled_from([SHOWN, SSN, GONE]), min_size=width, max_size=width),
        st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8),
    )
)


@EVERY_LOOP
@given(ROWS)
def test_each_cell_is_itself_or_masked(
    loop: str, table: tuple[list[PlannedColumn], list[list[bytes | None]]]
) -> None:
    columns, values = table
    mine = masker(*columns)
    instead = {Fate.WORDS: b"[masked:ssn]", Fate.NULL: None}
    wanted = [
        [
            cell if cell is None or column.fate is Fate.SHOW else instead[column.fate]
            for cell, column in zip(here, columns, strict=True)
        ]
        for here in values
    ]
    assert cells(mine.mask(b"".join(row(*here) for here in values))) == wanted
    hidden = [
        column.label
        for here in values
        for cell, column in zip(here, columns, strict=True)
        if cell is not None and column.fate is not Fate.SHOW
    ]
    assert mine.counts == {label: hidden.count(label) for label in set(hidden)}


@EVERY_LOOP
@given(ROWS, st.data())
def test_where_runs_are_cut_makes_no_difference(
    loop: str, table: tuple[list[PlannedColumn], list[list[bytes | None]]], data: st.DataObject
) -> None:
    columns, values = table
    values = [[b"a@example.com" if cell == b"" else cell for cell in here] for here in values]
    messages = [row(*here) for here in values]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=5)))
    whole, pieces = masker(*columns, detectors=("email",)), masker(*columns, detectors=("email",))
    edges = [0, *cuts, len(messages)]
    parts = [b"".join(messages[start:end]) for start, end in itertools.pairwise(edges)]
    assert b"".join(pieces.mask(part) for part in parts) == whole.mask(b"".join(messages))
    assert pieces.counts == whole.counts


BROKEN = [
    row(b"a"),
    row(b"a", b"b", b"c"),
    row(b"a", b"b")[:-1],
    row(b"a", b"b") + b"D",
    row(b"a", b"b") + b"D\0\0\0\x04\0",
    b"C" + row(b"a", b"b")[1:],
    b"D\0\0\0\x05\0\x02",
    b"D\xff\xff\xff\xff\0\x02\0\0\0\0\0\0\0\0",
    b"D\0\0\0\x06\0\x02" + row(b"a", b"b"),
    b"D\0\0\0\x0c\0\x02\xff\xff\xff\xff\0\0",
    b"D\0\0\0\x0e\0\x02\xff\xff\xff\xfe\0\0\0\0",
    b"D\0\0\0\x0e\0\x02\x7f\xff\xff\xff\0\0\0\0",
    b"D\0\0\0\x0e\0\x02\0\0\0\0\0\0\0\x01" + row(b"a", b"b"),
]


@pytest.mark.parametrize("run", BROKEN)
def test_what_is_no_row_is_a_fault(loop: str, run: bytes) -> None:
    with pytest.raises(Fault):
        masker(SHOWN, SSN).mask(run)


@pytest.mark.parametrize("run", BROKEN)
def test_what_is_no_row_is_a_fault_where_cells_are_looked_into(run: bytes) -> None:
    with pytest.raises(Fault):
        masker(SHOWN, SHOWN, detectors=("email",)).mask(row(b"a@example.com", b"x") + run + b"a@example.com")


@EVERY_LOOP
@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_rows_or_a_fault(loop: str, data: bytes) -> None:
    for run in (data, b"D\0\0\0" + data, row(b"a", b"b") + b"D\0\0\0\x0e\0\x02" + data):
        try:
            shown = masker(SSN, SHOWN).mask(run)
        except Fault:
            continue
        assert len(shown) >= len(run) - len(data)


def test_formats_must_go_with_the_columns() -> None:
    with pytest.raises(Fault):
        RowMasker(Plan((SHOWN,)), [0, 0])


@pytest.mark.parametrize(
    ("cell", "kind", "shown"),
    [
        (b"mail a@example.com now", Kind.TEXT, b"mail [email******] now"),
        (b"a@example.com", Kind.XML, b"[email******]"),
        (b'{"mail": "a@example.com"}', Kind.JSON, b'{"mail": "[email******]"}'),
        (b'{"card": 4111111111111111}', Kind.JSON, None),
        (rb'["\na@example.com"]', Kind.JSON, None),
        (b'{"mail": "a@example.com"}', Kind.JSONB, b'{"mail": "[email******]"}'),
        (b"{1,4111111111111111}", Kind.OTHER, None),
        (CARD, Kind.OTHER, None),
        (CARD, Kind.UNSEEN, None),
        (b"-" + CARD, Kind.UNSEEN, None),
        (rb"\x20" + CARD, Kind.UNSEEN, rb"\x20" + CARD),
        (b"pay " + CARD, Kind.UNSEEN, b"pay [card**********]"),
        (b'{"card": 4111111111111111}', Kind.UNSEEN, None),
        (b"nothing", Kind.TEXT, b"nothing"),
        (None, Kind.TEXT, None),
        (b"4111111111111112", Kind.OTHER, b"4111111111111112"),
    ],
)
def test_what_detectors_find(cell: bytes | None, kind: Kind, shown: bytes | None) -> None:
    assert one(cell, kind) == shown


def test_what_detectors_find_in_binary() -> None:
    assert one(b"a@example.com", Kind.TEXT, format=BINARY) == b"[email******]"
    assert one(b"a@example.com", Kind.TEXT_AS_TEXT, format=BINARY) is None
    assert one(b'\x01{"m": "a@example.com"}', Kind.JSONB, format=BINARY) == b'\x01{"m": "[email******]"}'
    assert one(b'\x02{"m": "a@example.com"}', Kind.JSONB, format=BINARY) is None
    assert one(b"\0\0\0\x01a@example.com\0", Kind.OTHER, format=BINARY) is None
    assert one(b"\0\0\0\x01\x80", Kind.OTHER, format=BINARY) == b"\0\0\0\x01\x80"


def test_a_hit_that_is_to_be_null() -> None:
    mine = masker(SHOWN, detectors=("email", "card"), nulling=("card",))
    assert cells(mine.mask(row(b"a@example.com") + row(b"a@example.com " + CARD))) == [
        [b"[email******]"],
        [None],
    ]
    assert mine.counts == {"email": 2, "card": 1}


def test_a_key_block_is_covered_and_its_lines_stay() -> None:
    key = b"x\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\ny"
    shown = one(key, Kind.TEXT, "private-key")
    assert shown is not None
    assert b"MIIE" not in shown
    assert len(shown) == len(key)
    assert shown.startswith(b"x\n[private-key")
    assert shown.endswith(b"\ny")


SECRETS = {
    "email": b"somebody@example.com",
    "card": b"4111 1111 1111 1111",
    "cloud-key": b"AKIAIOSFODNN7EXAMPLE",
    "jwt": b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    "password": b"password=hunter2xyz",
    "private-key": b"-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B",
}


def test_every_detector_is_looked_for() -> None:
    assert SECRETS.keys() == DETECTORS.keys()


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(SECRETS)),
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.sampled_from([b"", b" ", b"x", b"\n", b"\r\n", b"0", b"\xff"]),
    st.sampled_from([b"", b" ", b"x", b"\n", b"\r", b"0"]),
)
def test_neighbours_never_hide_a_secret(
    name: str, before: bytes, after: bytes, left: bytes, right: bytes
) -> None:
    """What one value alone would be masked to, it is masked to between any others."""
    secret = left + SECRETS[name] + right
    alone = one(secret, Kind.TEXT, name)
    run = row(before, secret, after)
    shown = masker(OTHER, SHOWN, OTHER, detectors=(name,)).mask(run)
    assert cells(shown)[0][1] == alone
    if not left and not right:
        assert alone != secret


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_gates_look_at_nothing_around_a_match(name: str) -> None:
    """What `cells.gate` relies on: but for word edges, which it takes out, there are no conditions on neighbours."""
    gate = DETECTORS[name].gate.replace(rb"\b", b"")
    assert not any(mark in gate for mark in (rb"\B", rb"\A", rb"\z", b"$", b"(?m", b"(?s", b"(?=", b"(?<"))
    assert b"^" not in gate.replace(b"[^", b"")


def test_a_detector_that_fails_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = masker(SHOWN, detectors=("email",))

    def fails(value: bytes) -> list[object]:
        raise RecursionError(value)

    monkeypatch.setattr(mine._cells, "_paints", fails)
    with pytest.raises(Fault):
        mine.mask(row(b"a@example.com"))
