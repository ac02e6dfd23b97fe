"""A prepared statement and a portal: what the gateway knows of them between the messages that use them."""

from dataclasses import dataclass

from gateway.core.sql import SqlFacts, unknown
from gateway.session.database.results import Results
from gateway.session.gate import Permit
from gateway.wire.postgres.messages import ColumnDescription, Parse


@dataclass(slots=True, eq=False)
class Prepared:
    """What Parse has made, or PREPARE."""

    facts: SqlFacts
    types: tuple[int, ...] = ()
    """Of its parameters, as far as they are known."""
    columns: tuple[ColumnDescription, ...] | None = None
    """Of its result: None until it was described, none where it has no rows."""
    masks: frozenset[str] = frozenset()
    """What is masked in what the server says of it before it runs."""
    permit: Permit | None = None
    """By which it ran last, for when it is run again."""
    first: int = 0
    """The number that it ran under then."""
    answer: bytes = b""
    """How the answer to an unnamed portal of it began last time, as messages."""
    described_as: bytes = b""
    """The description that was read last, so that the same one is not read again and again."""
    described_columns: tuple[ColumnDescription, ...] | None = None
    """And what it said."""
    noted: tuple[int, ...] | None = None
    """The formats of results, as Bind asked for them, in which the recording knows the columns of statement `first`;
    None where it does not know them."""
    parsed: Parse | None = None
    """What has made it, where that was a Parse with a name: so it can be made again."""
    encoding: str = ""
    """In which that was written."""

    def ran(self, results: Results) -> None:
        """It was judged, and runs. What repeats it from now on refers to that."""
        self.permit, self.first, self.noted = results.permit, results.n, None


@dataclass(slots=True, eq=False)
class Portal:
    """What Bind has made, or DECLARE."""

    prepared: Prepared
    values: tuple[str | None, ...] = ()
    formats: tuple[int, ...] = ()
    """Of the columns of its result: none, one for all, or one each."""
    described: bool = False
    """A description of it is on its way, or there."""
    columns: tuple[ColumnDescription, ...] | None = None
    running: Results | None = None
    """It has been executed in part."""
    holds: bool = False
    """It may outlive its transaction."""


_MAY_BE_ANOTHER = "was not seen here, or may have changed since"


def never_seen(name: str) -> Prepared:
    """A statement that was prepared where the gateway could not see it, or may have been."""
    why = f"what this statement stands for {_MAY_BE_ANOTHER} - prepare it again"
    return Prepared(unknown(f'-- prepared statement "{name}"', why))


def never_made(name: str) -> Portal:
    """A portal of the same kind."""
    why = f"what this portal stands for {_MAY_BE_ANOTHER} - make it again"
    return Portal(Prepared(unknown(f'-- portal "{name}"', why)))


def may_hold(facts: SqlFacts) -> bool:
    """Whether a cursor may be there after its transaction. The word can not be written in any other way."""
    return "hold" in facts.text.lower()


def dies_with_transaction(portal: Portal) -> bool:
    """All but such cursors are gone then."""
    return not portal.holds
