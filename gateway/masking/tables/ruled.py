"""Which columns of a database the rules are about, seen through views, inheritance and partitions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.core.catalog import Catalog, Relation
from gateway.masking.tables.harmless import is_harmless
from gateway.masking.tables.rules import ColumnPattern, ColumnRules

STATISTICS = frozenset(
    {
        "pg_statistic",
        "pg_stats",
        "pg_statistic_ext_data",
        "pg_stats_ext",
        "pg_stats_ext_exprs",
        "pg_largeobject",
    }
)
"""System relations that hold values of other tables, or pages of bytes that nobody can assign."""
FIRST_OF_OTHERS = 16384
"""Below are the numbers of what a server brings with it: its views show what it knows of itself."""
_TOAST = "t"
_VIEWS = frozenset({"v", "m"})


@dataclass(frozen=True, slots=True)
class Masked:
    """A column that is masked: by which rule, or because it may hold what a rule is about."""

    label: str
    null: bool


Step = Callable[[Relation], Iterable[int]]

HIDDEN = Masked("", False)
"""Masked because nobody can tell where it comes from."""


class Ruled:
    """One set of rules on one catalog. What it finds out it keeps."""

    def __init__(self, rules: ColumnRules, catalog: Catalog) -> None:
        self._rules = rules
        self._catalog = catalog
        self._columns: dict[int, Mapping[int, Masked]] = {}
        self._touches: dict[int, bool] = {}
        self._children: dict[int, list[int]] = {}
        for relation in catalog.relations.values():
            for parent in relation.parents:
                self._children.setdefault(parent, []).append(relation.oid)

    @classmethod
    def of(cls, rules: ColumnRules, catalog: Catalog) -> "Ruled":
        """The one of this catalog: made once."""
        found = catalog.notes.get(rules)
        if not isinstance(found, Ruled) or found._catalog is not catalog:
            found = catalog.notes[rules] = cls(rules, catalog)
        return found

    def columns(self, oid: int) -> Mapping[int, Masked]:
        """The masked columns of a relation that the catalog knows."""
        found = self._columns.get(oid)
        if found is None:
            self._columns[oid] = {}  # for relations that, against all rules, go in a circle
            found = self._columns[oid] = self._find(self._catalog.relations[oid])
        return found

    def touches(self, oid: int) -> bool:
        """Whether reading this relation may read a masked column. One that the catalog does not know may."""
        found = self._touches.get(oid)
        if found is None:
            self._touches[oid] = True
            found = self._touches[oid] = self._looks(oid)
        return found

    def _looks(self, oid: int) -> bool:
        relation = self._catalog.relations.get(oid)
        if relation is None or self.columns(oid) or self._is_opaque(relation):
            return True
        return any(self.touches(used) for used in relation.depends)

    def _is_opaque(self, relation: Relation) -> bool:
        return not all(is_harmless(call, self._catalog) for call in relation.calls)

    def _find(self, relation: Relation) -> Mapping[int, Masked]:
        if _holds_values(relation):
            return dict.fromkeys(relation.columns, HIDDEN)
        found = self._own(relation)
        if relation.kind in _VIEWS:
            found = self._through_view(relation) | found
        inherited = self._by_name((*self._above(relation), *self._below(relation)))
        for number, column in relation.columns.items():
            if column.name in inherited and number not in found:
                found[number] = inherited[column.name]
        return found

    def _own(self, relation: Relation) -> dict[int, Masked]:
        found: dict[int, Masked] = {}
        for number, column in relation.columns.items():
            pattern = self._rules.match(relation.schema, relation.name, column.name)
            if pattern is not None:
                found[number] = Masked(label(pattern, column.name), pattern.null)
        return found

    def _through_view(self, relation: Relation) -> dict[int, Masked]:
        if relation.oid < FIRST_OF_OTHERS:
            return {}
        known = self._catalog.complete and not self._is_opaque(relation)
        found: dict[int, Masked] = {}
        for number in relation.columns:
            origins = relation.origins.get(number)
            if not known or origins is None:
                found[number] = HIDDEN
                continue
            masked = self._first(origins)
            if masked is not None:
                found[number] = masked
        return found

    def _first(self, origins: Iterable[tuple[int, int]]) -> Masked | None:
        found: Masked | None = None
        for oid, number in sorted(origins):
            if oid not in self._catalog.relations:
                return HIDDEN
            columns = self.columns(oid)
            here = columns.get(number) if number else next(iter(columns.values()), None)
            if here is not None and here.null:
                return here
            found = found or here
        return found

    def _above(self, relation: Relation) -> list[Relation]:
        return self._closure(relation, lambda each: each.parents)

    def _below(self, relation: Relation) -> list[Relation]:
        return self._closure(relation, lambda each: self._children.get(each.oid, ()))

    def _closure(self, relation: Relation, step: Step) -> list[Relation]:
        seen = {relation.oid}
        waiting = [relation]
        found: list[Relation] = []
        while waiting:
            for oid in step(waiting.pop()):
                other = self._catalog.relations.get(oid)
                if oid not in seen and other is not None:
                    seen.add(oid)
                    found.append(other)
                    waiting.append(other)
        return found

    def _by_name(self, relations: Iterable[Relation]) -> dict[str, Masked]:
        found: dict[str, Masked] = {}
        for relation in relations:
            for number, masked in self._own(relation).items():
                name = relation.columns[number].name
                if name not in found or masked.null:
                    found[name] = masked
        return found


def label(pattern: ColumnPattern, column: str) -> str:
    """What stands in place of a value: the column as the rule names it, or by its own name."""
    name = column if set(pattern.column) & {"*", "?"} else pattern.column
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else ""


def _holds_values(relation: Relation) -> bool:
    return relation.kind == _TOAST or (relation.schema == "pg_catalog" and relation.name in STATISTICS)
