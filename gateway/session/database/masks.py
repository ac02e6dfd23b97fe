"""What of a database's answers may be shown: the masks of a verdict, applied by what is known of the database.

Rules and loops are in `gateway.masking.tables`; here they meet the catalog. Whatever they stumble over ends the
session: nothing that could not be masked is delivered.
"""

from collections.abc import Callable, Mapping, Sequence

from gateway.core.catalog import Catalog
from gateway.core.errors import Fault
from gateway.core.sql import SqlFacts
from gateway.masking.tables.carrying import why_not
from gateway.masking.tables.columns import ColumnRules, Fate, decide, touches_ruled
from gateway.masking.tables.copying import CopyMasker, copy_masker
from gateway.masking.tables.rows import RowMasker
from gateway.masking.tables.words import hide_words, scan_words
from gateway.session import words
from gateway.wire.postgres.messages import ColumnDescription, ErrorFields

__all__ = ["CopyMasker", "Masks", "RowMasker"]


class Masks:
    """Of one session."""

    def __init__(self, catalog: Callable[[], Catalog | None]) -> None:
        """`catalog`: what the database holds, as far as is known now."""
        self._catalog = catalog

    @staticmethod
    def name_columns(masks: frozenset[str]) -> bool:
        """Whether any of these is a rule about columns. Others look into values. Raises `Fault`."""
        return bool(_rules(masks).patterns)

    def why_not(self, masks: frozenset[str], facts: SqlFacts) -> str:
        """Why a statement must not run where these are masked; empty where it may. Raises `Fault`."""
        return why_not(facts, _rules(masks), self._catalog())

    def of_rows(
        self, masks: frozenset[str], columns: Sequence[ColumnDescription], facts: SqlFacts
    ) -> tuple[RowMasker | None, Sequence[bool]]:
        """What masks the rows of a result, and which columns; None where they may pass. Raises `Fault`."""
        plan = decide(columns, _rules(masks), self._catalog(), facts)
        if plan.is_idle:
            return None, ()
        return RowMasker(plan, [column.format for column in columns]), [
            fate is not Fate.SHOW for fate in plan.fates
        ]

    def of_copy(
        self, masks: frozenset[str], facts: SqlFacts, format: int, formats: Sequence[int], encoding: str
    ) -> CopyMasker | None:
        """The same for what COPY sends. Raises `Fault`."""
        return copy_masker(format, formats, _rules(masks), self._catalog(), facts, encoding)

    def of_words(self, masks: frozenset[str], facts: SqlFacts | None, fields: ErrorFields) -> ErrorFields:
        """What the server says about the statement, as it may be shown. No facts: nobody can tell what it is about.
        Raises `Fault`."""
        rules = _rules(masks)
        if touches_ruled(facts, rules, self._catalog()):
            return hide_words(fields)
        return scan_words(fields, rules.detectors) if rules.detectors else fields

    def counted(self, masker: RowMasker | CopyMasker | None) -> Mapping[str, int]:
        """How many values were masked, by what they are."""
        return {} if masker is None else masker.counts


def _rules(masks: frozenset[str]) -> ColumnRules:
    try:
        return ColumnRules.of(masks)
    except ValueError as problem:
        raise Fault(words.NOT_MASKED) from problem
