"""Prepared statements and portals by name, as the server has them or is about to have them.

A client may send ahead: define a name, and use it before the server has agreed. In one group (up to Sync) that is
safe, because the server skips the use where it has refused the definition. In a later group it is not: there the use
would find whatever the name meant before. So whoever uses a name asks `settled` first.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

FORGOTTEN_MOST = 1000
"""So many names are told apart that statements have made or taken away."""


@dataclass(slots=True, eq=False)
class Change(Generic[T]):
    """A name that was given another meaning, or none, in a message that the server has not answered."""

    name: str
    before: T | None
    group: int


class Names(Generic[T]):
    """Of one kind: statements, or portals, among which are cursors."""

    def __init__(self) -> None:
        self._known: dict[str, T] = {}
        self._pending: dict[str, list[Change[T]]] = {}
        self._forgotten: dict[str, int] = {}
        """By which statement last, by its number."""
        self._all_forgotten = 0

    def get(self, name: str) -> T | None:
        """What the name means once everything sent so far has been agreed to."""
        return self._known.get(name)

    def settled(self, name: str, group: int) -> bool:
        """Whether it certainly means that for a message of this group."""
        changes = self._pending.get(name)
        return not changes or changes[-1].group == group

    def define(self, name: str, thing: T, group: int) -> Change[T]:
        """A message that gives the name this meaning is on its way."""
        change = Change(name, self._known.get(name), group)
        self._known[name] = thing
        self._pending.setdefault(name, []).append(change)
        return change

    def drop(self, name: str, group: int) -> Change[T]:
        """A message that takes the name away is on its way."""
        change = Change(name, self._known.pop(name, None), group)
        self._pending.setdefault(name, []).append(change)
        return change

    def agreed(self, change: Change[T]) -> None:
        """The server has done it."""
        self._answered(change)

    def undone(self, change: Change[T]) -> None:
        """The server has not done it. What was sent later did not change what this one seemed to have made, but
        what there was before it."""
        later = self._answered(change)
        if later is not None:
            later.before = change.before
        elif change.before is None:
            self._known.pop(change.name, None)
        else:
            self._known[change.name] = change.before

    def know(self, name: str, thing: T, n: int) -> None:
        """Statement `n`, which is over, has given the name this meaning. What is pending was sent behind it."""
        if n < max(self._forgotten.get(name, 0), self._all_forgotten):
            return  # another statement is on its way, and nobody knows whether it has run yet
        changes = self._pending.get(name)
        if changes:
            changes[0].before = thing
        else:
            self._known[name] = thing

    def forget(self, name: str, n: int) -> None:
        """Statement `n` is about to give it another meaning, or none. Whatever it meant, it will not mean again."""
        if len(self._forgotten) >= FORGOTTEN_MOST:
            self._forgotten.clear()
            self._all_forgotten = n
        self._forgotten[name] = n
        self._known.pop(name, None)
        for change in self._pending.get(name, ()):
            change.before = None

    def clear(self, n: int) -> None:
        """The same, of all of them."""
        self._forgotten.clear()
        self._all_forgotten = n
        self._known.clear()
        for changes in self._pending.values():
            for change in changes:
                change.before = None

    def _answered(self, change: Change[T]) -> Change[T] | None:
        """It is pending no more. The one that was sent next."""
        changes = self._pending.get(change.name)
        if not changes or change not in changes:
            return None
        place = changes.index(change)
        del changes[place]
        if not changes:
            del self._pending[change.name]
        return changes[place] if place < len(changes) else None
