"""Masks whole texts: log lines, messages, statements. One call, no state."""

from collections.abc import Mapping

from gateway.masking.scanner import scanner
from gateway.masking.stream import StreamMasker


class TextMasker:
    """Masks texts with the named detectors. Raises ValueError for a name that is none."""

    def __init__(self, detectors: frozenset[str]) -> None:
        scanner(detectors)
        self._detectors = detectors

    def mask_text(self, text: str) -> tuple[str, Mapping[str, int]]:
        """The text with its secrets painted over, and how many there were of each kind."""
        masker = StreamMasker(self._detectors)
        data = text.encode("utf-8", "surrogatepass")
        masked = masker.feed(data) + masker.finish()
        return (text if masked == data else masked.decode("utf-8", "surrogatepass")), masker.counts
