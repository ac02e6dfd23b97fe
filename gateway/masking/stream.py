"""Masks one output stream of a terminal or a command, chunk by chunk.

However the stream is cut into chunks, what comes out is the same, as long as nobody asks for held bytes early
(`release`). Only the possible beginning of a secret waits; everything else comes out at once, and bytes that are
no secret come out unchanged. A StreamMasker that has raised must not be used again.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.masking.detector import LOOK_BACK, Pattern, Span
from gateway.masking.paint import BEFORE_ALL, Paint, in_order, paint, painted, settled
from gateway.masking.private_key import PRIVATE_KEY, Cover, KeyBlocks
from gateway.masking.replacement import stars
from gateway.masking.scanner import Finding, is_too_long, scanner
from gateway.masking.view import View, visible
from gateway.masking.wraps import joined, wraps

_WRAP_REACH = 640
"""Visible bytes at the end of a text in which a wrapped beginning of a secret is looked for."""


class StreamMasker:
    """Masks one stream with the named detectors. Raises ValueError for a name that is none."""

    def __init__(self, detectors: frozenset[str]) -> None:
        self._scanner = scanner(detectors)
        self._blocks = KeyBlocks() if PRIVATE_KEY in self._scanner.detectors else None
        self._kept = b""
        self._origin = 0
        """Where in the stream `_kept` begins."""
        self._is_cut = False
        """Whether text before `_kept` has been dropped."""
        self._shown = 0
        """How much of `_kept` has been given out."""
        self._run: tuple[Pattern, bool] | None = None
        """The letters of a secret without end that is being masked, and whether it goes on behind wraps."""
        self._counts: dict[str, int] = {}
        self._counted_to: dict[str, int] = {}

    @property
    def held(self) -> int:
        """How many bytes wait for what follows."""
        return len(self._kept) - self._shown

    @property
    def counts(self) -> Mapping[str, int]:
        """How many secrets were masked, by detector."""
        return MappingProxyType(self._counts)

    def feed(self, data: bytes) -> bytes:
        """Take a chunk; return what may be shown now."""
        if not self._scanner.detectors or not data:
            return data
        raw = self._kept + data if self._kept else data
        text = visible(raw, whole=False)
        if not self._is_quiet(text.data):
            return self._mask(raw, text, whole=False, everything=False)
        undecided = self._quiet_tail(text)
        until = max(self._shown, undecided)
        shown = data if self.held == 0 and until == len(raw) else raw[self._shown : until]
        self._keep(raw, text, undecided, until)
        return shown

    def release(self) -> bytes:
        """Give out what is held: a secret that is whole so far is masked, the beginning of one is shown. It is
        remembered, so that the rest of it will be masked."""
        if not self.held:
            return b""
        return self._mask(self._kept, visible(self._kept, whole=False), whole=False, everything=True)

    def finish(self) -> bytes:
        """The stream is over: give out the rest."""
        if not self.held:
            return b""
        return self._mask(self._kept, visible(self._kept, whole=True), whole=True, everything=True)

    def _is_quiet(self, data: bytes) -> bool:
        if self._run is not None or (self._blocks is not None and self._blocks.busy):
            return False
        if not self._scanner.quiet(data):
            return False
        return b"\r\n" not in data or self._scanner.quiet(data.replace(b"\r\n", b""))

    def _quiet_tail(self, text: View) -> int:
        undecided = text.raw(self._scanner.tail(text.data))
        start = max(0, len(text.data) - _WRAP_REACH)
        cuts = [(start + a, start + b) for a, b in wraps(text.data[start:], whole=False)]
        if cuts:
            together = text.without(cuts)
            undecided = min(undecided, together.raw(self._scanner.tail(together.data)))
        return undecided

    def _mask(self, raw: bytes, text: View, *, whole: bool, everything: bool) -> bytes:
        together = joined(text, whole) or text
        undecided = text.end
        paints = list(self._covers(text, together))
        for view in (text,) if together is text else (text, together):
            found = self._scanner.scan(view.data, self._is_cut)
            undecided = min(undecided, view.raw(found.undecided))
            paints += (self._paint(view, finding) for finding in found.decided)
            if everything:
                paints += (self._paint(view, finding) for finding in found.open)
        paints, until = in_order(paints), len(raw)
        if not everything:
            if together.data and _goes_on(paints, together):
                # A line end that may prove to be a wrap waits, so that the run is known to go on behind it or not.
                undecided = min(undecided, together.raw(len(together.data) - 1) + 1)
            paints, until = settled(paints, self._shown, undecided)
        self._run = _goes_on(paints, together)
        if paints:
            shown, paints = painted(raw, self._shown, until, paints)
            self._count(paints)
        else:
            shown = raw[self._shown : until]
        self._keep(raw, text, undecided, until)
        return shown

    def _paint(self, view: View, finding: Finding) -> Paint:
        detector = self._scanner.detectors[finding.rank]
        return paint(view, finding.span, finding.rank, detector.name, detector.replacement)

    def _covers(self, text: View, together: View) -> Iterator[Paint]:
        if self._run is not None:
            letters, is_wrapped = self._run
            view = together if is_wrapped else text
            start = view.at(self._shown)
            more = letters.match(view.data, start)
            end = more.end() if more else start
            span = Span(start, end, open=end == len(view.data), goes_on=letters)
            raw_end = view.raw(end - 1) + 1 if end > start else self._shown
            yield Paint(-1, self._shown, raw_end, BEFORE_ALL, view, span, "", stars, is_cover=True)
        if self._blocks is not None:
            for part in self._blocks.follow(text, self._origin, self._origin + self._shown):
                yield self._block(text, part)

    def _block(self, text: View, part: Cover) -> Paint:
        start, end = max(0, part.start - self._origin), part.end - self._origin
        span = Span(text.at(start), text.at(end))
        replacement = PRIVATE_KEY.replacement if part.is_header else stars
        begun = part.begun - self._origin
        return Paint(
            begun, start, end, BEFORE_ALL, text, span, PRIVATE_KEY.name, replacement, not part.is_header
        )

    def _count(self, paints: list[Paint]) -> None:
        for each in paints:
            start = self._origin + each.start
            if not each.is_cover and start > self._counted_to.get(each.name, -1):
                self._counts[each.name] = self._counts.get(each.name, 0) + 1
                self._counted_to[each.name] = start

    def _keep(self, raw: bytes, text: View, undecided: int, until: int) -> None:
        context = text.at(undecided) - LOOK_BACK
        first = text.raw(context) if context > 0 else 0
        self._is_cut |= context > 0
        self._kept = raw[first:]
        self._origin += first
        self._shown = until - first


def _goes_on(paints: list[Paint], together: View) -> tuple[Pattern, bool] | None:
    """The letters that would continue a secret which has become too long to wait for its end."""
    endless = [each for each in paints if each.span.open and (each.is_cover or is_too_long(each.span))]
    endless.sort(key=lambda each: each.text is not together)
    for each in endless:
        if each.span.goes_on is not None:
            return each.span.goes_on, each.text is together
    return None
