"""One table of the screens that have a tab: keys, tabs, palette, `--screen`. None of their code."""

from dataclasses import dataclass
from typing import Literal

ScreenName = Literal["approvals", "sessions", "replay"]
Badge = Literal["waiting", "live", "last_replay"]


@dataclass(frozen=True, slots=True)
class TabScreen:
    """`badge`: what stands behind its title in the tabs."""

    name: ScreenName
    key: str
    title: str
    does: str
    badge: Badge

    @property
    def action(self) -> str:
        """What opens it, as the keymap says it."""
        return f"app.show_{self.name}"


SCREENS = (
    TabScreen("approvals", "f2", "Approvals", "the approvals screen: what waits for people", "waiting"),
    TabScreen("sessions", "f3", "Sessions", "the sessions screen", "live"),
    TabScreen(
        "replay", "f4", "Replay", "the replay screen: the last recording, or the chosen one", "last_replay"
    ),
)
