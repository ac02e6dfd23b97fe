"""What is known about a SQL statement before it runs: facts that rules test and that masks depend on.

Facts are found by `gateway/policy/sql`, in a process of its own; adapters carry them in the details of an Operation.
A fact that is not certain says so: then UNKNOWN is among the effects, and whatever restricts matches.
"""

from dataclasses import dataclass

from gateway.core.operation import Effect


@dataclass(frozen=True, slots=True)
class Named:
    """A relation or a function as a statement names it. Without a schema it may be in any: `search_path` decides."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a statement uses. `name` is `*` for all of them; without a relation it may be of any that the
    statement reads or changes."""

    schema: str
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Copying:
    """What a COPY says about the stream that it makes or takes."""

    columns: tuple[str, ...]
    """Empty: all of the table's, or those of the query."""
    options: tuple[tuple[str, str], ...]
    """Lower-case names and values as they mean it: ("format", "csv"), ("delimiter", ";"), ("header", "true")."""
    sends: bool
    """COPY TO STDOUT: the server sends the stream to the client."""


@dataclass(frozen=True, slots=True)
class SqlFacts:
    """Of one statement."""

    verb: str
    """Lower case: `select`, `insert`, `create` and so on; `empty` and `unknown` for what is none."""
    text: str
    """Its own text, as it was sent."""
    effects: frozenset[Effect]
    reads: tuple[Named, ...] = ()
    """Relations whose rows or columns it uses; names that only the statement itself defines are left out."""
    writes: tuple[Named, ...] = ()
    """Relations that it changes, defines, drops or locks."""
    functions: tuple[Named, ...] = ()
    """That it calls by name."""
    has_where: bool | None = None
    """Of UPDATE and DELETE, in WITH too: False where any lacks it. None where there is neither."""
    has_limit: bool = False
    writes_in_with: bool = False
    certain: bool = True
    """False: it may do anything."""
    why: str = ""
    """Why it is not certain: one clause, for people."""
    name: str = ""
    """The prepared statement, portal or cursor that it makes or uses."""
    inner: tuple["SqlFacts", ...] = ()
    """What EXPLAIN, PREPARE, DECLARE, COPY and CREATE TABLE AS hold, and what WITH changes."""
    sets: tuple[tuple[str, str], ...] = ()
    """Settings that it changes, and to what; empty for the default."""
    shape: str = ""
    """The same for statements that differ in constants only."""
    mentions: frozenset[str] = frozenset()
    """Names of columns that it uses beside what it returns; `*` where it uses whole rows."""
    copying: Copying | None = None
    """Of COPY."""
    columns: tuple[Column, ...] = ()
    """That it uses: reads, returns or changes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds: its statements, or what the grammar has against it."""

    statements: tuple[SqlFacts, ...]
    error: str = ""
    position: int = 0
    """Of the error: characters from 1; 0 where it is not known."""


def unknown(text: str, why: str) -> SqlFacts:
    """A statement of which nothing is known but its text."""
    return SqlFacts("unknown", text, frozenset({Effect.UNKNOWN}), certain=False, why=why)


_CHANGES = frozenset({Effect.DEFINE, Effect.UNKNOWN})
_KEEPS = frozenset({"vacuum", "analyze", "reindex", "cluster", "comment", "refresh", "checkpoint"})


def changes_catalog(facts: SqlFacts) -> bool:
    """Whether names, columns, views or functions may be others afterwards: what is known of the database is in
    doubt from here on, and has to be read again once the change is committed. Functions that somebody wrote may do
    so as well; that is not counted, because then nothing would ever be known for long."""
    if not facts.certain:
        return True
    if facts.verb not in _KEEPS and facts.effects & _CHANGES:
        return True
    return any(changes_catalog(inner) for inner in facts.inner)
