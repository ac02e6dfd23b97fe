"""What a database holds, as far as masks need it: relations by the numbers that results name, where views take
their columns from, and which functions are whose. How it is read is the adapter's business; what follows from it is
masking's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.core.sql import Named


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation."""

    number: int
    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or anything else that has columns."""

    oid: int
    schema: str
    name: str
    kind: str
    """As PostgreSQL has it: r table, v view, m materialised view, p partitioned table, f foreign table, t toast."""
    columns: Mapping[int, Column]
    origins: Mapping[int, frozenset[tuple[int, int]]] = field(default_factory=dict)
    """Of a view: the (relation, column) that each column may come from, all the way down; column 0 is all of them.
    A column that is not in it may come from anywhere."""
    depends: frozenset[int] = frozenset()
    """The relations that its rules use, all the way down: of a view, those that it reads."""
    parents: frozenset[int] = frozenset()
    """What it inherits from or is a partition of: rules about a parent hold here, too."""
    calls: frozenset[Named] = frozenset()
    """The functions that its rules call, by name or by operators, all the way down."""
    triggers: bool = False
    """A change of it runs functions that somebody wrote."""
    cascades: frozenset[int] = frozenset()
    """Relations that foreign keys change along with it, all the way down."""


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type of values."""

    oid: int
    name: str
    category: str
    """As PostgreSQL has it: S string, N number, A array, C composite and so on."""
    base: int = 0
    """Of a domain: what it is a domain over."""
    element: int = 0


_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """One database, at one moment. Compared by identity: reading it again makes another one."""

    relations: Mapping[int, Relation] = field(default_factory=dict)
    types: Mapping[int, TypeInfo] = field(default_factory=dict)
    complete: bool = True
    """False: what is missing in it may still exist, and what it says of views may be out of date. So it is for a
    session that has changed the database and has not committed yet."""
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Relations by their name without a schema."""
    pure: frozenset[Named] = frozenset()
    """The server's own functions that depend on nothing but what they are given."""
    own: frozenset[str] = frozenset()
    """Names of functions that are not the server's own; one of them may be meant where no schema is named."""
    implicit: bool = False
    """There are operators or casts that run statements: a statement that uses one names no function."""
    notes: dict[Any, Any] = field(default_factory=dict, repr=False)
    """What others worked out about it, by keys of their own: kept for as long as it is."""

    def in_doubt(self) -> "Catalog":
        """The same for a session that has changed something which nobody else can see yet."""
        if self.complete and _DOUBT not in self.notes:
            self.notes[_DOUBT] = replace(self, complete=False, notes={})
        doubted: Catalog = self.notes[_DOUBT] if self.complete else self
        return doubted
