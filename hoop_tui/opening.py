"""What an app is told when it is opened: where to begin, and how it is to look and behave."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hoop_tui.screen_table import ScreenName
from hoop_tui.themes import DARK


@dataclass(frozen=True, slots=True)
class OpenAt:
    """Which recording to open first, and where in it."""

    session: str
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Which screen to begin with, and whose sessions to list."""

    screen: ScreenName = "sessions"
    person: str = ""


@dataclass(frozen=True, slots=True)
class Manner:
    """`plain`: no boxes, no colours, nothing moves. `keys`: those that its owner has chosen, by the action's name."""

    theme: str = DARK
    plain: bool = False
    readonly: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)


AS_USUAL, FROM_THE_START = Manner(), Begin()


def own_keys(app: object) -> Mapping[str, str]:
    """Those that the owner of this app has chosen."""
    return _manner(app).keys


def is_plain(app: object) -> bool:
    """No boxes, no colours, one thing a line: for screen readers and logs."""
    return _manner(app).plain


def _manner(app: object) -> Manner:
    manner = getattr(app, "manner", None)
    return manner if isinstance(manner, Manner) else AS_USUAL
