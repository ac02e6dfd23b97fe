"""The two lines on top of most screens: which gateway, how fresh, who, when; and the screens there are."""

from datetime import datetime

from textual.content import Content
from textual.events import Resize

from gateway.api.schema import Me
from hoop_tui.feed import Freshness
from hoop_tui.keymap import shown_of
from hoop_tui.opening import own_keys
from hoop_tui.safe_text import fitted, joined, safe
from hoop_tui.screen_table import SCREENS, Badge
from hoop_tui.widgets.line import Line
from hoop_tui.wording import Zone, full_time

_STANDING_STYLE = {"live": "$text-success", "old": "$text-warning", "offline": "bold $text-error"}


class TopLine(Line):
    """` hoop  gw-eu-1  * live    bob@example.com (dba)           2026-11-20 10:42:07Z`"""

    def __init__(self) -> None:
        super().__init__()
        self._left = self._time = Content("")

    def tell(self, me: Me | None, freshness: Freshness, now: datetime, zone: Zone, readonly: bool) -> None:
        left = [safe(" hoop", "bold $text-accent"), safe("  ")]
        if me is not None:
            left += [safe(me.gateway, "bold", limit=40), safe("  ")]
        left.append(safe(str(freshness), _STANDING_STYLE[freshness.standing]))
        if me is not None and me.demo:
            left.append(safe("  DEMO", "bold $text-error"))
        if readonly:
            left.append(safe("  read-only", "$text-muted"))
        if me is not None:
            roles = f" ({', '.join(me.roles)})" if me.roles else ""
            left += [safe("    "), safe(me.person, limit=60), safe(roles, "$text-muted", limit=80)]
        self._left = joined(*left)
        self._time = safe(full_time(now, zone) + " ", "$text-muted")
        self._draw()

    def on_resize(self, _: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        room = self.size.width - self._time.cell_length - 1
        self.show(joined(fitted(self._left, room), safe(" "), self._time))


class Tabs(Line):
    """`[F3 Sessions 4]  F4 Replay`: the screen you are on stands in brackets."""

    def tell(self, current: str, live: int | None, replay: str, waiting: int | None = None) -> None:
        badges: dict[Badge, str] = {
            "waiting": "" if waiting is None else f" {waiting}",
            "live": "" if live is None else f" {live}",
            "last_replay": f" {replay}" if replay else "",
        }
        own = own_keys(self.app)
        parts: list[Content] = [safe(" ")]
        for each in SCREENS:
            label = f"{shown_of(f'everywhere.show_{each.name}', own)} {each.title}{badges[each.badge]}"
            chosen = each.name == current
            calls = each.badge == "waiting" and bool(waiting)
            style = "bold $text-warning" if calls else "bold" if chosen else "$text-muted"
            parts.append(safe(f"[{label}]" if chosen else f" {label} ", style))
            parts.append(safe(" "))
        self.show(joined(*parts))
