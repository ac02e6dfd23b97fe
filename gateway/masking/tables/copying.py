"""Masks what COPY sends to a client. Where the pieces of the stream begin and end carries no meaning."""

from collections.abc import Mapping, Sequence

from gateway.core.catalog import Catalog
from gateway.core.errors import Fault
from gateway.core.sql import SqlFacts
from gateway.masking.tables import numbers
from gateway.masking.tables.columns import Plan, PlannedColumn, of_relation, planned_column
from gateway.masking.tables.copy_binary import CopyBinary
from gateway.masking.tables.copy_csv import CopyCsv
from gateway.masking.tables.copy_fields import FieldMasker
from gateway.masking.tables.copy_form import CopyForm
from gateway.masking.tables.copy_text import CopyText
from gateway.masking.tables.ruled import HIDDEN, Masked
from gateway.masking.tables.rules import ColumnRules
from gateway.masking.tables.touching import named, touches_ruled
from gateway.masking.tables.types import Kind, kind_of

_TAG = ord("d")
_HEAD = 5


def decide_copy(count: int, rules: ColumnRules, catalog: Catalog | None, facts: SqlFacts | None) -> Plan:
    """What becomes of the `count` columns that a COPY sends. Of a table it is known which they are; those of a query
    are masked, unless it provably touches nothing that rules are about."""
    if not rules.patterns or not touches_ruled(facts, rules, catalog):
        planned = [planned_column(None, Kind.UNSEEN)] * count
    else:
        planned = [planned_column(HIDDEN, Kind.UNSEEN)] * count
    if facts is not None and catalog is not None and catalog.complete and facts.certain:
        meant = _meant(facts, count, catalog)
        if meant:
            planned = [_planned([each[number] for each in meant], rules, catalog) for number in range(count)]
    return Plan(tuple(planned), rules.detectors, rules.nulling)


def _meant(facts: SqlFacts, count: int, catalog: Catalog) -> list[list[tuple[int, int]]]:
    """The (relation, column) of each column, for every table that the statement may mean."""
    if len(facts.reads) != 1 or facts.copying is None or facts.inner:
        return []
    found = []
    for oid in named(facts.reads[0], catalog):
        columns = catalog.relations[oid].columns
        by_name = {column.name: number for number, column in columns.items()}
        wanted = [by_name.get(name) for name in facts.copying.columns] or sorted(columns)
        places = [number for number in wanted if number is not None]
        if len(places) == len(wanted) == count:
            found.append([(oid, number) for number in places])
    return found


def _planned(origins: list[tuple[int, int]], rules: ColumnRules, catalog: Catalog) -> PlannedColumn:
    """Of one column, that may be any of these: masked if one of them is, and of no kind that they do not share."""
    masked: Masked | None = None
    for oid, number in origins:
        masked = masked or (of_relation(oid, number, rules, catalog) if rules.patterns else None)
    kinds = {kind_of(catalog.relations[oid].columns[number].type, catalog) for oid, number in origins}
    return planned_column(masked, kinds.pop() if len(kinds) == 1 else Kind.UNSEEN)


def copy_masker(
    format: int,
    formats: Sequence[int],
    rules: ColumnRules,
    catalog: Catalog | None,
    facts: SqlFacts | None,
    encoding: str = "UTF8",
) -> "CopyMasker | None":
    """The masker of a stream that the server announces with CopyOutResponse; None where nothing is to be done.
    `encoding` is the client's. Raises Fault for a stream that nobody can follow."""
    plan = decide_copy(len(formats), rules, catalog, facts)
    if plan.is_idle:
        return None
    copying = None if facts is None else facts.copying
    return CopyMasker(plan, CopyForm.of(copying, binary=format != 0, encoding=encoding))


class CopyMasker:
    """Carries out a plan on one stream of COPY TO STDOUT. Raises Fault for what it can not follow."""

    def __init__(self, plan: Plan, form: CopyForm) -> None:
        self._fields = FieldMasker(plan, binary=form.format == "binary")
        self._stream: CopyText | CopyCsv | CopyBinary
        if form.format == "binary":
            self._stream = CopyBinary(self._fields)
        else:
            self._stream = (CopyText if form.format == "text" else CopyCsv)(form, self._fields)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many values were masked, by what they are counted as."""
        return self._fields.counts

    def stream(self, data: bytes) -> bytes:
        """Take a piece of the stream; return what may be shown now. The pieces may be cut anywhere."""
        return self._stream.feed(data)

    def finish(self) -> bytes:
        """The stream is over: nothing is left. Raises Fault where something is."""
        self._stream.finish()
        return b""

    def feed(self, run: bytes) -> bytes:
        """The same for whole CopyData messages, which come out as such: a row that was one message stays one."""
        shown: list[bytes] = []
        at = 0
        while at < len(run):
            if run[at] != _TAG or len(run) - at < _HEAD:
                raise Fault("a piece of this copy is cut off, or is none")
            (length,) = numbers.size_at(run, at + 1)
            end = at + 1 + length
            if length < 4 or end > len(run):
                raise Fault("a piece of this copy is cut off")
            data = self.stream(run[at + _HEAD : end])
            if data:
                shown += (b"d", numbers.packed(len(data) + 4), data)
            at = end
        return b"".join(shown)
