"""Cuts what a target sends into text, controls and escape sequences. Bounded, whatever comes; cuts may fall anywhere.

It gives no meaning to anything: that is `screen.py`.
"""

import codecs
import re
from collections.abc import Iterator

LONGEST = 12_000
"""Characters of an unfinished sequence that are remembered. A longer one is skipped to its end."""

TEXT, CONTROL, CSI, OSC, ESCAPE = "text", "control", "csi", "osc", "escape"

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b\x18\x1a]*)(?:\x07|\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"
    r"|\x1b[PX^_][^\x1b\x18\x1a]*(?:\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"
    r"|\x1b(?P<escape>[ -/]*(?![\[\]PX^_])[0-~])"
)
_UNFINISHED = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\x18\x1a]*\x1b?|[PX^_][^\x1b\x18\x1a]*\x1b?|[ -/]*)\Z"
)
_BROKEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[ -/]+)?")
_END_OF_STRING = re.compile(r"\x07|\x1b\\?|[\x18\x1a]")

Token = tuple[str, str]
"""Which of the five, and its content without what introduces and ends it."""


class Tokens:
    """`feed` bytes, get tokens."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what is unfinished: bytes are missing from here on."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[Token]:
        """Everything that is finished. Take all of it before feeding more."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        at, end = 0, len(text)
        while at < end:
            if self._skipping:
                found = _END_OF_STRING.search(text, at)
                if found is None:
                    return
                self._skipping = False
                at = found.end()
                continue
            match = _TOKEN.match(text, at)
            if match is not None:
                at = match.end()
                if match.lastgroup is not None:
                    yield match.lastgroup, match[match.lastgroup]
            elif _UNFINISHED.match(text, at):
                self._keep(text[at:])
                return
            else:
                broken = _BROKEN.match(text, at)
                at = max(at + 1, broken.end() if broken else 0)

    def _keep(self, rest: str) -> None:
        if len(rest) <= LONGEST:
            self._rest = rest
        else:
            self._skipping = rest[1] in "]PX^_"
