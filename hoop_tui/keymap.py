"""One table of keys: bindings, footer, help and docs/tui.md are all made from it.

Lower case looks; a dialog or upper case changes something. Nothing here knows a screen's code: an action is a
name, with `app.` before it where the app does it whatever the screen. Keys that a person has chosen instead come in
as `own`, by the name of the action (`own_keys.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import key_to_character

from hoop_tui.screen_table import SCREENS

Place = Literal[
    "everywhere",
    "lists",
    "code",
    "signin",
    "approvals",
    "impact",
    "dialog",
    "choices",
    "scopes",
    "sessions",
    "steering",
    "replay",
    "statements",
    "result",
]

PLACES: dict[Place, str] = {
    "everywhere": "Everywhere",
    "lists": "In lists",
    "code": "Signing in with a browser",
    "signin": "Signing in with a token",
    "approvals": "Approvals",
    "impact": "What a request would do",
    "dialog": "Deciding",
    "choices": "On a button",
    "scopes": "On a scope",
    "sessions": "Sessions",
    "steering": "A live session",
    "replay": "Replay",
    "statements": "Replay of a database session",
    "result": "Result of a statement",
}

FIXED_PLACES: frozenset[Place] = frozenset({"code", "signin", "dialog", "choices", "scopes"})
TOGETHER: tuple[tuple[Place, ...], ...] = (
    ("everywhere", "lists", "approvals"),
    ("everywhere", "lists", "sessions", "steering"),
    ("everywhere", "replay", "steering"),
    ("everywhere", "lists", "statements", "steering"),
    ("everywhere", "lists", "result"),
)
"""Places whose keys work at the same time: within one of these no key means two things."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing a person can do. Keys with the same `footer` word stand together in the footer."""

    place: Place
    keys: str
    """As Textual names them, separated by commas."""
    shown: str
    action: str
    does: str
    footer: str = ""
    """One word for the footer; empty keeps it out of there."""
    writes: bool = False
    """Opens a box to write in: it must have the keys that follow, however fast they come."""
    at_once: bool = False
    """Changes something on the gateway without a box in between."""

    @property
    def name(self) -> str:
        """`approvals.approve`: what it is called in the settings."""
        return f"{self.place}.{self.action.removeprefix('app.')}"

    @property
    def is_fixed(self) -> bool:
        """Nobody can give it another key: boxes that decide, and the ways out, are the same for everybody."""
        return self.place in FIXED_PLACES or self.action in ("back", "choose", "app.help", "to_tenth")

    def shown_now(self, own: Mapping[str, str]) -> str:
        """As people read it, with the keys that are in force."""
        return shown_keys(own[self.name]) if self.name in own else self.shown


KEYS: tuple[Key, ...] = (
    Key("everywhere", "f1,question_mark", "F1 ?", "app.help", "show the keys", "Help"),
    *(Key("everywhere", each.key, each.key.upper(), each.action, each.does) for each in SCREENS),
    Key(
        "everywhere",
        "ctrl+p,colon",
        "ctrl+p :",
        "app.command_palette",
        "find a person, a session, a request, a theme or a command",
    ),
    Key("everywhere", "escape", "Esc", "back", "go back, or close what is open"),
    Key("everywhere", "t", "t", "app.toggle_zone", "show times in UTC or in local time"),
    Key("everywhere", "r", "r", "reload", "ask the gateway again"),
    Key("everywhere", "q", "q", "app.leave", "leave the app", "Quit"),
    Key("lists", "j,down", "j ↓", "cursor_down", "one row down"),
    Key("lists", "k,up", "k ↑", "cursor_up", "one row up"),
    Key("lists", "g,home", "g Home", "cursor_first", "the first row"),
    Key("lists", "G,end", "G End", "cursor_last", "the last row"),
    Key("lists", "pagedown", "PgDn", "page_down", "a page down"),
    Key("lists", "pageup", "PgUp", "page_up", "a page up"),
    Key(
        "lists",
        "enter",
        "enter",
        "choose",
        "open the row: a session, a result, or a row's values",
        "Open",
    ),
    Key("code", "r", "r", "reload", "a new code", "New code"),
    Key("code", "o", "o", "open_browser", "sign in with the browser of this computer", "Open browser"),
    Key("code", "u", "u", "use_token", "sign in with a token", "Use a token"),
    Key("code", "y", "y", "copy", "copy the address of the page", "Copy"),
    Key("code", "f1", "F1", "app.help", "show the keys", "Help"),
    Key("code", "q,escape", "q Esc", "back", "leave the app", "Quit"),
    Key("signin", "tab", "tab", "app.focus_next", "the next field", "Next field"),
    Key("signin", "f1", "F1", "app.help", "show the keys", "Help"),
    Key("signin", "escape", "Esc", "back", "leave the app", "Quit"),
    Key("approvals", "a", "a", "approve", "let it through: a box opens, nothing is decided yet", "Approve.."),
    Key("approvals", "x", "x", "deny", "refuse it, with a reason that the person reads", "Deny.."),
    Key("approvals", "c", "c", "comment", "say or ask something: the person reads it at once", "Comment"),
    Key(
        "approvals",
        "e",
        "e",
        "amend",
        "propose another text, which who asks may accept: a box opens",
        "Amend..",
    ),
    Key(
        "approvals",
        "C",
        "C",
        "claim",
        "say that you are looking at it, or that you are not any more",
        "Claim",
        at_once=True,
    ),
    Key(
        "approvals",
        "W",
        "W",
        "window",
        "let through more than this once, where the rule lists that",
        "Window..",
    ),
    Key("approvals", "L", "L", "watch", "watch the session live", "Watch"),
    Key("approvals", "ctrl+d", "ctrl+d", "scroll_card(1)", "further down in the card", "Scroll"),
    Key("approvals", "ctrl+u", "ctrl+u", "scroll_card(-1)", "back up in the card", "Scroll"),
    Key("approvals", "v", "v", "toggle_raw", "the statement as bytes, or as text", "Raw"),
    Key(
        "approvals",
        "d",
        "d",
        "diff",
        "what is different from the last of its shape that was approved",
        "Diff",
    ),
    Key("approvals", "o", "o", "ticket", "copy the link to the ticket, and open it where there is a browser"),
    Key("approvals", "u", "u", "timeline", "the sessions of whoever asks", "Sessions"),
    Key("approvals", "p", "p", "why", "why it is held, and who can decide it", "Why"),
    Key("approvals", "i", "i", "impact", "what it would do: plan, tables, what depends on them", "Impact"),
    Key(
        "approvals",
        "F",
        "F",
        "next_filter",
        "what you may decide, all that waits, what was decided, or all there was",
        "Filter",
    ),
    Key("approvals", "s", "s", "next_order", "sort by time left, by risk or by who asks", "Sort"),
    Key("approvals", "space", "space", "mark", "mark it, or not", "Mark"),
    Key("approvals", "X", "X", "deny_marked", "refuse all that are marked, with one reason"),
    Key("approvals", "y", "y", "copy", "copy the id of the request", "Copy id"),
    Key("impact", "D", "D", "try", "try it, and roll it back: press it twice", "Dry run"),
    Key("dialog", "tab", "tab", "app.focus_next", "the next field or button", "Next field"),
    Key("dialog", "up", "↑", "earlier(1)", "a reason that you gave before"),
    Key("dialog", "down", "↓", "earlier(-1)", "the one after it"),
    Key("dialog", "f1", "F1", "app.help", "show the keys", "Help"),
    Key("dialog", "escape", "Esc", "back", "decide nothing", "Cancel"),
    Key("choices", "enter", "enter", "choose", "do what it says", "Choose"),
    Key("scopes", "left,h", "←", "move(-1)", "less", "Scope"),
    Key("scopes", "right,l", "→", "move(1)", "more", "Scope"),
    Key("sessions", "slash", "/", "filter", "filter: user:alice target:web state:live", "Filter", True),
    Key("sessions", "l", "l", "only_live", "live sessions only", "Live"),
    Key("sessions", "a", "a", "all_states", "ended sessions too", "All"),
    Key("sessions", "p", "p", "toggle_preview", "show or hide the preview", "Preview"),
    Key("sessions", "u", "u", "their_sessions", "sessions of this person only"),
    Key("sessions", "A", "A", "their_requests", "what this person asks for and waits for"),
    Key("sessions", "y", "y", "copy", "copy the id of the session", "Copy id"),
    Key(
        "steering",
        "P",
        "P",
        "pause",
        "hold back what the person types, or let it go on",
        "Pause",
        at_once=True,
    ),
    Key("steering", "m", "m", "message", "say one line to the person: a box opens", "Message.."),
    Key("steering", "X", "X", "end", "end the session: a box opens, nothing happens yet", "End.."),
    Key("replay", "space", "space", "toggle_play", "play or pause", "Play"),
    Key("replay", "less_than_sign", "<", "slower", "half the speed", "Speed"),
    Key("replay", "greater_than_sign", ">", "faster", "double the speed", "Speed"),
    Key("replay", "equals_sign", "=", "normal_speed", "normal speed"),
    Key("replay", "left", "←", "seek(-5)", "5 seconds back (more at high speed)", "5s"),
    Key("replay", "right", "→", "seek(5)", "5 seconds on (more at high speed)", "5s"),
    Key("replay", "shift+left", "shift+←", "seek_share(-10)", "a tenth of the recording back"),
    Key("replay", "shift+right", "shift+→", "seek_share(10)", "a tenth of the recording on"),
    Key("replay", "comma", ",", "step(-1)", "one event back, paused", "Step"),
    Key("replay", "full_stop", ".", "step(1)", "one event on, paused", "Step"),
    Key("replay", "left_square_bracket", "[", "chapter(-1)", "the chapter before", "Chapter"),
    Key("replay", "right_square_bracket", "]", "chapter(1)", "the next chapter", "Chapter"),
    Key("replay", "0,1,2,3,4,5,6,7,8,9", "0-9", "to_tenth", "0 % to 90 % of the recording", "%"),
    Key("replay", "g", "g", "go_to", "go to 8:39, +30s, -30s, 50% or 09:20:15Z", "Go", True),
    Key("replay", "i", "i", "toggle_idle", "skip silence longer than 2 s, or not", "Idle"),
    Key("replay", "k", "k", "toggle_lane", "show or hide the keys that were typed", "Keys"),
    Key("replay", "c", "c", "cycle_chapters", "chapters narrow, wide or off", "Chapters"),
    Key("replay", "e", "e", "export", "save the recording as an asciicast or as text", "Export"),
    Key("replay", "y", "y", "copy", "copy a link to this moment", "Copy link"),
    Key("replay", "end", "End", "go_live", "follow the session as it happens, or go to the end", "Live"),
    Key("replay", "alt+left", "alt+←", "pan(-8,0)", "look further left in a large recording"),
    Key("replay", "alt+right", "alt+→", "pan(8,0)", "look further right"),
    Key("replay", "alt+up", "alt+↑", "pan(0,-4)", "look further up"),
    Key("replay", "alt+down", "alt+↓", "pan(0,4)", "look further down"),
    Key("statements", "slash", "/", "find", "find words in statements, values and rows", "Find", True),
    Key("statements", "n", "n", "find_next(1)", "the next place with these words", "Next"),
    Key("statements", "N", "N", "find_next(-1)", "the place before", "Next"),
    Key("statements", "space", "space", "toggle_fold", "fold statements that repeat, or unfold them", "Fold"),
    Key("statements", "d", "d", "scroll_pane(4)", "further down in the statement", "Scroll"),
    Key("statements", "u", "u", "scroll_pane(-4)", "back up in the statement", "Scroll"),
    Key("statements", "c", "c", "copy_statement", "copy the statement", "Copy"),
    Key("statements", "y", "y", "copy", "copy a link to this statement", "Copy link"),
    Key("statements", "T", "T", "show_transcript", "the session as plain text", "Transcript"),
    Key("statements", "e", "e", "export", "save the recording as text, JSON lines or an asciicast", "Export"),
    Key("result", "left", "←", "pan(-1)", "a column to the left", "Columns"),
    Key("result", "right", "→", "pan(1)", "a column to the right", "Columns"),
    Key("result", "x", "x", "toggle_row", "one row with all its values, or the table", "Row"),
    Key("result", "y", "y", "copy", "copy the row", "Copy row"),
)


def bindings(*places: Place) -> list[BindingType]:
    """The table as Textual wants it. The footer and the help are ours, so nothing is shown by Textual."""
    made: list[BindingType] = []
    for key in KEYS:
        if key.place not in places:
            continue
        for name in key.keys.split(","):
            action = f"to_tenth({name})" if key.action == "to_tenth" else key.action
            id = None if key.is_fixed else key.name
            made.append(Binding(name, action, key.does, show=False, priority=key.writes, id=id))
    return made


_ORDER: tuple[Place, ...] = (
    "code",
    "signin",
    "approvals",
    "impact",
    "dialog",
    "choices",
    "scopes",
    "sessions",
    "replay",
    "statements",
    "result",
    "steering",
    "lists",
    "everywhere",
)

WRITING = frozenset(key.action for key in KEYS if key.writes)
"""Actions that give way while somebody writes in a box."""
DEFAULTS: Mapping[str, str] = {}
"""Nobody has chosen other keys."""


def footer(*places: Place, own: Mapping[str, str] = DEFAULTS) -> list[tuple[str, str, str]]:
    """Keys, word and action of the first of them, for each footer entry in the order of the table."""
    entries: dict[str, tuple[list[str], str]] = {}
    for key in _sorted(places):
        if key.footer:
            shown, _ = entries.setdefault(key.footer, ([], key.action))
            now = key.shown_now(own)
            shown.append(now.split(" ")[-1] if key.footer == "Help" else now)
    return [(" ".join(shown), word, action) for word, (shown, action) in entries.items()]


def _sorted(places: Iterable[Place]) -> list[Key]:
    """What is particular to the screen first, what is the same everywhere last."""
    wanted = set(places)
    return [key for place in _ORDER if place in wanted for key in KEYS if key.place == place]


def help_sections(
    *places: Place, own: Mapping[str, str] = DEFAULTS
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Title and rows of (keys, what they do) for the help panel."""
    return [
        (PLACES[place], [(key.shown_now(own), key.does) for key in KEYS if key.place == place])
        for place in _ORDER
        if place in places
    ]


def shown_of(action: str, own: Mapping[str, str] = DEFAULTS) -> str:
    """The keys of an action by its name, as people read them."""
    return next(key.shown_now(own) for key in KEYS if key.name == action)


_SIGNS = {"up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp", "pagedown": "PgDn"}


def shown_keys(keys: str) -> str:
    """`ctrl+a,f5,question_mark` as people read it: `ctrl+a F5 ?`."""
    return " ".join(_shown_key(key) for key in keys.split(","))


def _shown_key(key: str) -> str:
    *modifiers, last = key.split("+")
    if last[:1] == "f" and last[1:].isdigit():
        last = last.upper()
    elif len(last) > 1 and last != "space":
        last = _SIGNS.get(last) or key_to_character(last) or last.capitalize()
    return "+".join([*modifiers, last])
