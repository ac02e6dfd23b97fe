"""Collects what is found in one statement, until its facts are complete."""

from dataclasses import dataclass, field
from typing import Any

from gateway.core.operation import Effect
from gateway.core.sql import Copying, Named, SqlFacts

Tree = dict[str, Any]
"""A node of the syntax tree: names of fields and their values."""
EVERYTHING = "*"
"""As a relation's name: every one in its schema, and without a schema every one there is."""
DEFINED = frozenset((Effect.RUN, Effect.TRANSFER, Effect.UNKNOWN))
"""Effects that a query may have where it is only planned or kept for later."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that WITH gave, as they can be seen from one place."""

    places: dict[str, int]
    """Which query of its WITH has the name, from 0."""
    seen: int
    """So many of them can be seen from here."""
    outer: "Scope | None"

    def has(self, name: str) -> bool:
        """Whether it is one of those names, rather than a relation's."""
        scope: Scope | None = self
        while scope is not None:
            if scope.places.get(name, scope.seen) < scope.seen:
                return True
            scope = scope.outer
        return False


@dataclass(slots=True)
class Nested:
    """A statement inside a statement, with the names that WITH gave around it."""

    kind: str
    node: Tree
    scope: Scope | None
    in_with: bool


@dataclass(slots=True)
class Found:
    """Dictionaries keep order and drop what is doubled."""

    verb: str
    effects: set[Effect]
    reads: dict[Named, None] = field(default_factory=dict)
    writes: dict[Named, None] = field(default_factory=dict)
    functions: dict[Named, None] = field(default_factory=dict)
    wheres: list[bool] = field(default_factory=list)
    """One for each UPDATE and DELETE: whether it has a condition."""
    has_limit: bool = False
    writes_in_with: bool = False
    doubts: list[str] = field(default_factory=list)
    name: str = ""
    inner: list[SqlFacts] = field(default_factory=list)
    sets: list[tuple[str, str]] = field(default_factory=list)
    nested: list[Nested] = field(default_factory=list)
    """Met on the way, not yet looked into."""
    uses_columns: bool = False
    copying: Copying | None = None

    def doubt(self, why: str) -> None:
        """It may do anything, and this is why."""
        self.doubts.append(why)
        self.effects.add(Effect.UNKNOWN)

    def write(self, value: Any) -> None:
        """Every relation named in `value` is changed, defined, dropped or locked."""
        stack = [value]
        while stack:
            each = stack.pop()
            if isinstance(each, list):
                stack.extend(reversed(each))
            elif isinstance(each, dict):
                if "relname" in each:
                    self.writes[relation(each)] = None
                else:
                    stack.extend(reversed(list(each.values())))

    def does(self, inner: SqlFacts) -> None:
        """The statement inside runs: what it does, the whole does."""
        self.effects |= inner.effects
        self._names(inner)
        self.writes |= dict.fromkeys(inner.writes)
        self.sets += inner.sets
        if inner.has_where is not None:
            self.wheres.append(inner.has_where)
        self.has_limit |= inner.has_limit
        self.writes_in_with |= inner.writes_in_with

    def describes(self, inner: SqlFacts) -> None:
        """The statement inside is only planned, or kept for later: it changes nothing now."""
        self.effects |= inner.effects & DEFINED
        self._names(inner)
        self.reads |= dict.fromkeys(inner.writes)

    def _names(self, inner: SqlFacts) -> None:
        self.reads |= dict.fromkeys(inner.reads)
        self.functions |= dict.fromkeys(inner.functions)
        if not inner.certain:
            self.doubt(inner.why)

    def facts(self, text: str) -> SqlFacts:
        """All of it."""
        return SqlFacts(
            verb=self.verb,
            text=text,
            effects=frozenset(self.effects),
            reads=tuple(self.reads),
            writes=tuple(self.writes),
            functions=tuple(self.functions),
            has_where=all(self.wheres) if self.wheres else None,
            has_limit=self.has_limit,
            writes_in_with=self.writes_in_with,
            certain=not self.doubts,
            why=self.doubts[0] if self.doubts else "",
            name=self.name,
            inner=tuple(self.inner),
            sets=tuple(self.sets),
            copying=self.copying,
        )


def relation(node: Tree) -> Named:
    """Of a RangeVar. Its database can only be the one that the session is in."""
    return Named(node.get("schemaname", ""), node["relname"])


def strings(value: Any) -> list[str]:
    """The texts in a list of names, as in `app.customers`."""
    return [each["String"].get("sval", "") for each in value if "String" in each]


def named(parts: list[str]) -> Named:
    """The last two parts of a name."""
    return Named(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def constant(node: Any, *, only_text: bool = False) -> str | None:
    """The value of a constant, as text, whatever it is cast to; None for anything else."""
    while isinstance(node, dict) and "TypeCast" in node:
        node = node["TypeCast"].get("arg")
    if not isinstance(node, dict) or "A_Const" not in node:
        return None
    value = node["A_Const"]
    if "sval" in value:
        return str(value["sval"].get("sval", ""))
    if only_text:
        return None
    if "ival" in value:
        return str(value["ival"].get("ival", 0))
    if "fval" in value:
        return str(value["fval"].get("fval", ""))
    if "boolval" in value:
        return "on" if value["boolval"].get("boolval") else "off"
    return None
