"""Looks into single values for what detectors know, and paints over it or gives NULL instead.

A value is looked at on its own: what stands beside it in a row makes no difference. `is_quiet` answers for many at
once, and never says so where one of them alone would not be.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from gateway.core.errors import Fault
from gateway.masking.detector import Pattern, Span, compiled
from gateway.masking.detectors import DETECTORS
from gateway.masking.paint import BEFORE_ALL, Paint, in_order, paint, painted
from gateway.masking.private_key import PRIVATE_KEY, KeyBlocks
from gateway.masking.replacement import stars
from gateway.masking.scanner import scanner
from gateway.masking.tables.types import TEXT_FORMAT, Kind
from gateway.masking.view import View

_EDGE = rb"\b"
_JSONB = b"\x01"
_NUMBER = re.compile(rb"[-+0-9.eE]*")
_PAINTABLE = frozenset({Kind.TEXT, Kind.TEXT_AS_TEXT, Kind.JSON, Kind.JSONB, Kind.XML})


@lru_cache(maxsize=64)
def gate(names: frozenset[str]) -> Pattern:
    """Is found wherever the gate of one of these detectors is found in a part: without what looks at the bytes
    around a match, a match depends on nothing but itself."""
    return compiled(b"|".join(DETECTORS[name].gate.replace(_EDGE, b"") for name in sorted(names)))


class CellMasker:
    """Masks values with the named detectors; hits of those in `nulling` make the whole value NULL."""

    def __init__(self, detectors: frozenset[str], nulling: frozenset[str] = frozenset()) -> None:
        self._scanner = scanner(detectors)
        self._nulling = nulling
        self._gate = gate(detectors) if detectors else None
        self._covers_keys = PRIVATE_KEY in self._scanner.detectors
        self.counts: dict[str, int] = {}

    def is_quiet(self, data: bytes, start: int = 0, end: int | None = None) -> bool:
        """Whether there is nothing to mask in any part of `data[start:end]`."""
        if self._gate is None:
            return True
        return self._gate.search(data, start, len(data) if end is None else end) is None

    def mask(self, value: bytes, kind: Kind, format: int) -> bytes | None:
        """The value to show; None for NULL. Raises Fault where a detector fails."""
        if self.is_quiet(value):
            return value
        try:
            return self._masked(value, kind, format)
        except Exception as problem:
            raise Fault("a detector failed on a value") from problem

    def _masked(self, value: bytes, kind: Kind, format: int) -> bytes | None:
        found = self._paints(value)
        if not found:
            return value
        shown, used = painted(value, 0, len(value), found)
        for each in used:
            if not each.is_cover:
                self.counts[each.name] = self.counts.get(each.name, 0) + 1
        if any(each.name in self._nulling for each in used) or not _may_be_painted(kind, format, value):
            return None
        if _wants_json(kind, value) and not _is_json(shown):
            return None
        return shown

    def _paints(self, value: bytes) -> list[Paint]:
        view = View(value, ((0, 0),), len(value))
        paints = list(self._covers(view)) if self._covers_keys else []
        found = self._scanner.scan(value, False)
        for finding in (*found.decided, *found.open):
            detector = self._scanner.detectors[finding.rank]
            paints.append(paint(view, finding.span, finding.rank, detector.name, detector.replacement))
        return in_order(paints)

    def _covers(self, view: View) -> Iterator[Paint]:
        for part in KeyBlocks().follow(view, 0, 0):
            replacement = PRIVATE_KEY.replacement if part.is_header else stars
            yield Paint(
                begun=part.begun,
                start=part.start,
                end=part.end,
                rank=BEFORE_ALL,
                text=view,
                span=Span(part.start, part.end),
                name=PRIVATE_KEY.name,
                replacement=replacement,
                is_cover=not part.is_header,
            )


def _may_be_painted(kind: Kind, format: int, value: bytes) -> bool:
    if kind is Kind.UNSEEN:
        # Numbers, and bytes in hexadecimal, would not be any more.
        return format == TEXT_FORMAT and not value.startswith(b"\\x") and _NUMBER.fullmatch(value) is None
    if kind not in _PAINTABLE:
        return False
    if format == TEXT_FORMAT or kind in (Kind.TEXT, Kind.JSON, Kind.XML):
        return True
    return kind is Kind.JSONB and value.startswith(_JSONB)


def _wants_json(kind: Kind, value: bytes) -> bool:
    return kind in (Kind.JSON, Kind.JSONB) or (kind is Kind.UNSEEN and _is_json(value))


def _is_json(value: bytes) -> bool:
    try:
        # Any encoding will do to see whether quotes and brackets still match; long numbers are not worked out.
        json.loads(value.removeprefix(_JSONB).decode("latin-1"), parse_int=str, parse_float=str, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
