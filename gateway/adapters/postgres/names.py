"""Prepared statements and portals by name, as the server has them or is about to have them.

A client may send ahead: define a name, and use it before the server has agreed. In one group (up to Sync) that is
safe, because the server skips the use where it has refused the definition. In a later group it is not: there the use
would find whatever the name meant before. So whoever uses a name asks `settled` first.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Change(Generic[T]):
    """A name that was given another meaning, or none, in a message that the server has not answered."""

    name: str
    before: T | None
    group: int


class Names(Generic[T]):
    """Of one kind: statements, or portals."""

    def __init__(self) -> None:
        self._known: dict[str, T] = {}
        self._pending: dict[str, Change[T]] = {}

    def get(self, name: str) -> T | None:
        """What the name means once everything sent so far has been agreed to."""
        return self._known.get(name)

    def settled(self, name: str, group: int) -> bool:
        """Whether it certainly means that for a message of this group."""
        change = self._pending.get(name)
        return change is None or change.group == group

    def define(self, name: str, thing: T, group: int) -> Change[T]:
        """A message that gives the name this meaning is on its way."""
        change = Change(name, self._known.get(name), group)
        self._known[name] = thing
        self._pending[name] = change
        return change

    def drop(self, name: str, group: int) -> Change[T]:
        """A message that takes the name away is on its way."""
        change = Change(name, self._known.pop(name, None), group)
        self._pending[name] = change
        return change

    def agreed(self, change: Change[T]) -> None:
        """The server has done it."""
        if self._pending.get(change.name) is change:
            del self._pending[change.name]

    def undone(self, change: Change[T]) -> None:
        """The server has not done it. Of several, undo the last first."""
        if change.before is None:
            self._known.pop(change.name, None)
        else:
            self._known[change.name] = change.before
        self.agreed(change)

    def know(self, name: str, thing: T) -> None:
        """A statement that is over has given the name this meaning."""
        self._known[name] = thing

    def forget(self, name: str) -> None:
        """It is gone, by a statement that did it."""
        self._known.pop(name, None)

    def clear(self) -> None:
        """They are all gone."""
        self._known.clear()
