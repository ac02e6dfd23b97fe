"""Cuts what a person's terminal sends into keys, and finds those that make a program take the line.

Enter is not the only one: Ctrl-J and Ctrl-O run a line too, and a terminal has several ways to say Enter. An Enter
within a paste that the program has asked to have marked is not one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
INTERRUPT = (b"\x03", b"\x1c")
END_OF_INPUT = b"\x04"

_PLAIN = re.compile(rb"[ -~]+")
_KEY = re.compile(
    rb"[^\x00-\x1f\x7f]+"
    rb"|[\x00-\x1a\x1c-\x1f\x7f]"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1bO[ -~]"
    rb"|\x1b[\]P][^\x00-\x1f\x7f]*(?:\x07|\x1b\\)"  # a reply of the terminal: no Enter can hide in it
    rb"|\x1b[^\[O\]P\x1b]"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O|[\]P][^\x00-\x1f\x7f]*\x1b?)?\Z")
_LONGEST_UNFINISHED = 64
_RUNS = re.compile(
    rb"[\r\n\x0f]"  # Enter, Ctrl-J, Ctrl-O
    rb"|\x1b[\r\naA]"  # with Alt; zsh accepts and keeps the line with Alt-A
    rb"|\x1bOM|\x1b\[13(?:;[0-9:]+)*[u~]|\x1b\[27;[0-9]+;(?:13|10)~"  # the keypad's, and newer spellings
    rb"|\x1b\[(?:106|111);5(?::[0-9]+)?u"
)


@dataclass(frozen=True, slots=True)
class Stroke:
    """Bytes up to and without the key that ends them. `rest` comes after that key."""

    data: bytes
    keys: tuple[bytes, ...]
    pasted: bytes
    """What of `data` came in a marked paste, after all `keys`."""
    ender: bytes
    """The key that makes the program take the line, or may; nothing where `data` is all there was."""
    rest: bytes


class Strokes:
    """Remembers where a paste or an unfinished key has been cut."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._in_paste = False

    def next(self, data: bytes, takes_pastes: Callable[[], bool]) -> Stroke:
        """The first stretch of what was typed. `takes_pastes`: whether the program wants pastes marked."""
        if not self._in_paste and not self._unfinished and _PLAIN.fullmatch(data):
            return Stroke(data, (data,), b"", b"", b"")
        if self._in_paste:
            return self._paste(data)
        return self._keys(data, takes_pastes)

    def _keys(self, data: bytes, takes_pastes: Callable[[], bool]) -> Stroke:
        sent = len(self._unfinished)
        whole = self._unfinished + data
        self._unfinished = b""
        keys: list[bytes] = []
        at = 0
        while at < len(whole):
            match = _KEY.match(whole, at)
            if match is None:
                rest = whole[at:]
                if _UNFINISHED.match(rest) and len(rest) <= _LONGEST_UNFINISHED:
                    self._unfinished = rest
                    break
                at += 1
                continue
            key = match.group()
            if key == PASTE_BEGINS and takes_pastes():
                self._in_paste = True
                at = match.end()
                return Stroke(whole[sent:at], (*keys, key), b"", b"", whole[at:])
            if _RUNS.fullmatch(key) or key == END_OF_INPUT:
                begin = max(at, sent)
                return Stroke(
                    whole[sent:begin], tuple(keys), b"", whole[begin : match.end()], whole[match.end() :]
                )
            keys.append(key)
            at = match.end()
        return Stroke(data, tuple(keys), b"", b"", b"")

    def _paste(self, data: bytes) -> Stroke:
        sent = len(self._unfinished)
        whole = self._unfinished + data
        self._unfinished = b""
        end = whole.find(PASTE_ENDS)
        if end >= 0:
            self._in_paste = False
            end += len(PASTE_ENDS)
            return Stroke(whole[sent:end], (), whole[: end - len(PASTE_ENDS)], b"", whole[end:])
        kept = next((n for n in range(len(PASTE_ENDS) - 1, 0, -1) if whole.endswith(PASTE_ENDS[:n])), 0)
        self._unfinished = whole[len(whole) - kept :]
        return Stroke(data, (), whole[: len(whole) - kept], b"", b"")
