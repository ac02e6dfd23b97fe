"""What a database holds, as far as masks need it: relations by the numbers that results name, and where views take
their columns from. How it is read is the adapter's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """As PostgreSQL has it: r table, v view, m materialised view, p partitioned table, f foreign table."""
    columns: Mapping[int, Column]
    origins: Mapping[int, frozenset[tuple[int, int]]] = field(default_factory=dict)
    """Of a view: the (relation, column) that each column may come from, as far down as is known. A column that is
    not in it may come from anywhere."""
    depends: frozenset[int] = frozenset()
    """Of a view: the relations that it uses, all the way down."""
    parents: frozenset[int] = frozenset()
    """What it inherits from or is a partition of: rules about a parent hold here, too."""


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


@dataclass(frozen=True, slots=True)
class Catalog:
    """One database, at one moment. Not `complete`: what is missing in it may still exist."""

    relations: Mapping[int, Relation] = field(default_factory=dict)
    types: Mapping[int, TypeInfo] = field(default_factory=dict)
    complete: bool = True
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Relations by their name without a schema."""
