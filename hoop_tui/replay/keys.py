"""Names for recorded keystrokes: `Ret`, `Tab`, `C-c`, `Up`, `[paste 214 B]`.

Input is untrusted bytes, cut anywhere, and its names are for people to read: printable, one line, short. The
bytes themselves stay in the recording; nothing here decides what a shell made of them.
"""

import re
import unicodedata

from hoop_tui.replay.visible import is_safe

_BURST = 32
"""More plain bytes than this in one event were not typed by hand."""
_LONGEST_PENDING = 64
_PASTE_START, _PASTE_END = b"\x1b[200~", b"\x1b[201~"

_TOKEN = re.compile(
    rb"\x1b\[M[\x20-\xff]{3}"  # mouse, the old way
    rb"|\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]"  # CSI
    rb"|\x1bO[\x21-\x7e]"  # SS3
    rb"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"  # answers of the terminal
    rb"|\x1b[\x00-\x1a\x1c-\x7f]"  # Alt with a key
    rb"|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
    rb"|[\x00-\xff]"
)
_CUT = re.compile(
    rb"(?:\x1b\[M[\x20-\xff]{0,2}|\x1b\[[\x30-\x3f]*[\x20-\x2f]*|\x1bO"
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_CSI = re.compile(rb"\x1b\[([\x30-\x3f]*)([\x20-\x2f]*)([\x40-\x7e])")

_CONTROLS = {0x00: "C-Spc", 0x08: "C-h", 0x09: "Tab", 0x0D: "Ret", 0x1B: "Esc", 0x20: "Spc", 0x7F: "Bsp"}
_FINALS = {
    "A": "Up",
    "B": "Down",
    "C": "Right",
    "D": "Left",
    "E": "Begin",
    "F": "End",
    "H": "Home",
    "P": "F1",
    "Q": "F2",
    "R": "F3",
    "S": "F4",
    "Z": "S-Tab",
    "I": "[focus]",
    "O": "[unfocus]",
    "M": "Ret",
}
_TILDES = {
    1: "Home",
    2: "Ins",
    3: "Del",
    4: "End",
    5: "PgUp",
    6: "PgDn",
    7: "Home",
    8: "End",
    201: "[paste end]",
}
_TILDES |= {number: f"F{n}" for n, number in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24), 1)}
_MODIFIERS = ((4, "C-"), (2, "A-"), (1, "S-"))


class KeyReader:
    """Turns one session's input, event by event, into names. Remembers a key that was cut in two.

    Nothing else is remembered: a paste without an end must not hide the keys typed after it.
    """

    def __init__(self) -> None:
        self._pending = b""

    def read(self, data: bytes) -> list[str]:
        """The keys that are complete after `data`."""
        data, self._pending = self._pending + data, b""
        names: list[str] = []
        while data:
            typed, start, rest = data.partition(_PASTE_START)
            names += self._typed(typed, last=not start)
            pasted, _, data = rest.partition(_PASTE_END)
            if start:
                names.append(f"[paste {len(pasted)} B]")
        return names

    def _typed(self, data: bytes, last: bool) -> list[str]:
        if last and (cut := _CUT.search(data[-_LONGEST_PENDING:])):
            self._pending = cut[0]
            data = data[: len(data) - len(cut[0])]
        if len(data) > _BURST and b"\x1b" not in data:
            return [f"[paste {len(data)} B]"]
        names = [_name(token) for token in _TOKEN.findall(data[: 8 * _BURST])]
        return names if len(data) <= 8 * _BURST else [*names, f"[{len(data) - 8 * _BURST} B more]"]


def hidden_keys(count: object) -> str:
    """Keys typed while nothing was echoed: only their number is known."""
    if type(count) is not int or not 0 < count < 1_000_000:
        return "<keys hidden>"
    return "<1 key hidden>" if count == 1 else f"<{count} keys hidden>"


def _name(token: bytes) -> str:
    first = token[0]
    if first == 0x1B and len(token) > 1:
        return _escape(token)
    if len(token) > 1:
        return _letter(token.decode(errors="replace"))
    if first in _CONTROLS:
        return _CONTROLS[first]
    if first < 0x20:
        return f"C-{chr(first + 0x40).lower()}"
    return chr(first) if first < 0x7F else f"<{first:02X}>"


def _letter(letter: str) -> str:
    """A character beyond ASCII as itself if it is one visible glyph, else by its number."""
    plain = len(letter) == 1 and is_safe(letter) and letter.isprintable() and letter != "\ufffd"
    if plain and unicodedata.category(letter)[0] in "LNPS":
        return letter
    return " ".join(f"U+{ord(character):04X}" for character in letter)


def _escape(token: bytes) -> str:
    if token[1:3] in (b"[M", b"[<") and len(token) > 3:
        return "[mouse]"
    if match := _CSI.fullmatch(token):
        return _csi(*(part.decode("ascii") for part in match.groups()))
    if token[1:2] == b"O" and len(token) == 3:
        return _FINALS.get(chr(token[2]), "[key]")
    if len(token) > 3 or (token[1:2] in (b"]", b"P", b"_", b"^", b"X") and len(token) > 2):
        return "[answer]"
    return "A-" + _name(token[1:])


def _csi(parameters: str, between: str, final: str) -> str:
    """A CSI sequence: a key with modifiers, or an answer of the terminal that nobody typed."""
    if between or parameters[:1] in ("?", ">", "=", "<"):
        return "[answer]"
    numbers = [int(n) if n.isdigit() and len(n) < 7 else 0 for n in re.split("[;:]", parameters)]
    if final == "R" and len(numbers) > 1 and numbers[0] != 1:
        return "[answer]"
    held = _held(numbers[1] if len(numbers) > 1 else 1)
    if final == "~":
        return held + _TILDES.get(numbers[0], "[key]")
    if final == "u":
        return held + (_name(chr(numbers[0]).encode()) if numbers[0] in range(1, 0xD800) else "[key]")
    return held + _FINALS[final] if final in _FINALS else "[key]"


def _held(modifiers: int) -> str:
    bits = modifiers - 1 if 0 < modifiers <= 256 else 0
    return "".join(name for bit, name in _MODIFIERS if bits & bit)
