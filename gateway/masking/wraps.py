"""Line ends that a terminal program put into a long line to wrap it: a secret may go on behind them.

A CR LF counts as such when at least 40 visible bytes stand before it in its line and there are letters on both
sides. Every secret is looked for with and without these joints, so that joining can only mask more.
"""

from gateway.masking.view import View

_SHORTEST_LINE = 40
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_BEFORE = frozenset(_LETTERS + b"-+/=.@:% ")
_AFTER = frozenset(_LETTERS + b"-+/=.@:%")
_PARTS = frozenset(b"\r\n\x1b")


def wraps(data: bytes, whole: bool) -> list[tuple[int, int]]:
    """Where in `data` such line ends stand. `whole`: nothing follows, so one at the very end joins nothing."""
    found: list[tuple[int, int]] = []
    at = data.find(b"\r")
    while at != -1:
        end = at + 2
        if _may_wrap(data, at) and (data[end : end + 1][0] in _AFTER if end < len(data) else not whole):
            found.append((at, min(end, len(data))))
        at = data.find(b"\r", at + 1)
    return found


def _may_wrap(data: bytes, at: int) -> bool:
    if at < _SHORTEST_LINE or data[at - 1] not in _BEFORE or data[at + 1 : at + 2] not in (b"\n", b""):
        return False
    return _PARTS.isdisjoint(data[at - _SHORTEST_LINE : at])


def joined(text: View, whole: bool) -> View | None:
    """`text` without its wraps; None where there are none."""
    cuts = wraps(text.data, whole)
    return text.without(cuts) if cuts else None
