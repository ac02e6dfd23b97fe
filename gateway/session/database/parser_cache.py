"""Readings that are known already: by text, and by shape where only numbers differ. Bounded by count and by size."""

from collections import OrderedDict

from gateway.core.sql import Reading, SqlFacts
from gateway.policy.sql import shapes

_FACTS_BYTES = 1500
"""About what the facts of one statement take, beside their text."""


class ReadingCache:
    """What was not asked for the longest time goes first."""

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._texts: OrderedDict[str, Reading] = OrderedDict()
        self._shapes: OrderedDict[str, SqlFacts] = OrderedDict()

    def get(self, text: str) -> Reading | None:
        """Of exactly this text, or of one that differs in whole numbers only."""
        reading = self._texts.get(text)
        if reading is not None:
            self._texts.move_to_end(text)
            return reading
        key = shapes.bare(text)
        facts = self._shapes.get(key)
        if facts is None:
            return None
        self._shapes.move_to_end(key)
        return shapes.of_text(facts, text)

    def put(self, text: str, reading: Reading) -> None:
        """Remember."""
        size = _size(text, reading)
        if text in self._texts or size > self._most_bytes:
            return
        self._texts[text] = reading
        self._bytes += size
        while len(self._texts) > self._most_entries or self._bytes > self._most_bytes:
            old, gone = self._texts.popitem(last=False)
            self._bytes -= _size(old, gone)
        key = shapes.key(text)
        if key is not None and shapes.may_stand_for_others(text, reading):
            self._shapes[key] = reading.statements[0]
            if len(self._shapes) > self._most_entries:
                self._shapes.popitem(last=False)


def _size(text: str, reading: Reading) -> int:
    """An estimate, the same each time."""
    names = sum(len(facts.reads) + len(facts.writes) + len(facts.functions) for facts in reading.statements)
    return 4 * len(text) + _FACTS_BYTES * len(reading.statements) + 200 * names
