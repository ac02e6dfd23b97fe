"""What is known of types, as far as masks need it: which values are text, and which hold text."""

from collections.abc import Mapping
from enum import Enum

from gateway.core.catalog import Catalog, TypeInfo

TEXT_FORMAT = 0


class Kind(Enum):
    """How a value can be masked."""

    TEXT = "text"
    """Any bytes will do, in either format."""
    TEXT_AS_TEXT = "text as text"
    """Any text will do in text format; in binary nobody knows."""
    JSON = "json"
    JSONB = "jsonb"
    XML = "xml"
    UNSEEN = "unseen"
    """Nobody said what it is: the values of COPY from a query."""
    OTHER = "other"


_BUILT_IN = {
    25: Kind.TEXT,  # text
    1043: Kind.TEXT,  # varchar
    1042: Kind.TEXT,  # bpchar
    19: Kind.TEXT,  # name
    705: Kind.TEXT,  # unknown
    2275: Kind.TEXT,  # cstring
    114: Kind.JSON,
    3802: Kind.JSONB,
    142: Kind.XML,
}
_STRING = "S"
_SAME_AS_TEXT = frozenset({"citext"})
_DEEPEST = 32


def kind_of(type_number: int, catalog: Catalog | None) -> Kind:
    """The kind of a type; of a domain that of what it is over."""
    types: Mapping[int, TypeInfo] = {} if catalog is None else catalog.types
    for _ in range(_DEEPEST):
        known = _BUILT_IN.get(type_number)
        if known is not None:
            return known
        found = types.get(type_number)
        if found is None:
            return Kind.OTHER
        if not found.base:
            return _by_category(found)
        type_number = found.base
    return Kind.OTHER


def _by_category(found: TypeInfo) -> Kind:
    if found.category != _STRING or found.name == "char":
        return Kind.OTHER
    return Kind.TEXT if found.name in _SAME_AS_TEXT else Kind.TEXT_AS_TEXT
