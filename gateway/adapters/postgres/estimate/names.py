"""The relations of a statement, and how a database is asked about them on the side.

Names mean what they mean in the session, which is asked first, in a way that no operator or function of somebody's
own can be part of. From then on relations go by their numbers, and names mean what they mean to the server itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.core.sql import Named, SqlFacts


@dataclass(frozen=True, slots=True)
class Names:
    """The relations of a statement, as it names them."""

    written: tuple[str, ...]
    every: tuple[str, ...]

    @classmethod
    def of(cls, facts: SqlFacts) -> "Names | None":
        """None where there are none, or they can not be asked about."""
        written = tuple(dict.fromkeys(map(quoted, facts.writes)))
        every = tuple(dict.fromkeys((*written, *map(quoted, facts.reads))))
        return cls(written, every) if every and can_be_asked(every) else None

    @property
    def question(self) -> str:
        """For their numbers."""
        asked = (f"pg_catalog.to_regclass({literals([name])})::pg_catalog.oid" for name in self.every)
        return f"SELECT {', '.join(asked)}"

    def numbers(self, row: Sequence[str]) -> "Numbers":
        """By the answer."""
        found = dict(zip(self.every, row, strict=True))
        written = [found[name] for name in self.written]
        return Numbers(_numbers(written), _numbers(row), all(each.isdecimal() for each in row))


@dataclass(frozen=True, slots=True)
class Numbers:
    """The same relations, as the server numbers them: the insides of arrays."""

    written: str = ""
    every: str = ""
    complete: bool = True
    """False: there is none of one of these names."""


def among_ours(question: str) -> str:
    """The question, asked where names mean what they mean to the server itself, and then again what they meant."""
    return (
        f"SAVEPOINT asked; SET LOCAL search_path TO pg_catalog; {question}; ROLLBACK TO SAVEPOINT asked;"
        " RELEASE SAVEPOINT asked"
    )


def can_be_asked(names: Iterable[str]) -> bool:
    """Whether these can stand in a question, however the server reads texts."""
    return all(name.isascii() and "\\" not in name and "\0" not in name for name in names)


def quoted(name: Named) -> str:
    """As a statement names it."""
    parts: Sequence[str] = (name.schema, name.name) if name.schema else (name.name,)
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literals(texts: Iterable[str]) -> str:
    """The inside of an ARRAY of texts, where strings are what the standard says."""
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


def _numbers(given: Sequence[str]) -> str:
    return ", ".join(each for each in given if each.isdecimal())
