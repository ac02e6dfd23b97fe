"""Colours: dark (the default), light, high contrast, and the terminal's own sixteen.

No screen depends on them: words and signs carry it all.
"""

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

DARK, LIGHT, CONTRAST, ANSI = "hoop-dark", "hoop-light", "hoop-contrast", "hoop-ansi"
NAMES = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST, "ansi": ANSI}
"""As people say them."""

_STAGE = {"stage": "#0c0f14", "stage-text": "#d5dae2"}
"""Recorded screens keep their dark ground in every theme: their programs chose colours for one."""


def _scrollbar(bar: str, ground: str) -> dict[str, str]:
    names = ("scrollbar", "scrollbar-hover", "scrollbar-active")
    grounds = ("scrollbar-background", "scrollbar-background-hover", "scrollbar-background-active")
    return dict.fromkeys(names, bar) | dict.fromkeys(grounds, ground)


THEMES = (
    Theme(
        name=DARK,
        primary="#5fa8d3",
        secondary="#7f8fa6",
        accent="#8ec5e8",
        success="#7fc97f",
        warning="#e5b567",
        error="#f07178",
        foreground="#d5dae2",
        background="#12161d",
        surface="#1a202a",
        panel="#232b38",
        dark=True,
        variables=_STAGE
        | {
            "edge": "#3a4556",
            **_scrollbar("#3a4556", "#12161d"),
            "edge-focus": "#5fa8d3",
            "cursor": "#274a66",
            "cursor-blurred": "#232b38",
            "text-muted": "#8a97a8",
            "text-accent": "#8ec5e8",
            "text-success": "#8fd18f",
            "text-warning": "#e5b567",
            "text-error": "#f58b90",
        },
    ),
    Theme(
        name=LIGHT,
        primary="#1f6692",
        secondary="#5d6b7e",
        accent="#1f6692",
        success="#256b32",
        warning="#8a5a00",
        error="#a8232c",
        foreground="#1d242e",
        background="#f7f8fa",
        surface="#eceff3",
        panel="#e0e5eb",
        dark=False,
        variables=_STAGE
        | {
            "edge": "#b5bfcb",
            **_scrollbar("#b5bfcb", "#f7f8fa"),
            "edge-focus": "#1f6692",
            "cursor": "#c6def0",
            "cursor-blurred": "#e0e5eb",
            "text-muted": "#56616f",
            "text-accent": "#17557c",
            "text-success": "#1e5c2a",
            "text-warning": "#7a4f00",
            "text-error": "#981d26",
        },
    ),
    Theme(
        name=CONTRAST,
        primary="#ffffff",
        secondary="#ffffff",
        accent="#ffff00",
        success="#00ff66",
        warning="#ffff00",
        error="#ff8080",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1a1a1a",
        dark=True,
        variables={
            "stage": "#000000",
            "stage-text": "#ffffff",
            "edge": "#ffffff",
            **_scrollbar("#ffffff", "#000000"),
            "edge-focus": "#ffff00",
            "cursor": "#0044cc",
            "cursor-blurred": "#333333",
            "text-muted": "#ffffff",
            "text-accent": "#ffff00",
            "text-success": "#00ff66",
            "text-warning": "#ffff00",
            "text-error": "#ff9999",
        },
    ),
    Theme(
        name=ANSI,
        ansi=True,
        primary="ansi_blue",
        secondary="ansi_cyan",
        accent="ansi_cyan",
        success="ansi_green",
        warning="ansi_yellow",
        error="ansi_red",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables=_STAGE
        | {
            "edge": "ansi_default",
            **_scrollbar("ansi_white", "ansi_black"),
            "edge-focus": "ansi_cyan",
            "cursor": "ansi_blue",
            "cursor-blurred": "ansi_bright_black",
            "text-muted": "ansi_default",
            "text-accent": "ansi_cyan",
            "text-success": "ansi_green",
            "text-warning": "ansi_yellow",
            "text-error": "ansi_red",
            "ansi-background": "ansi_black",
            "ansi-foreground": "ansi_white",
            "border-blurred": "ansi_black",
            "screen-selection-background": "ansi_bright_blue",
            "screen-selection-foreground": "ansi_black",
            "block-cursor-foreground": "ansi_black",
            "block-cursor-background": "ansi_white",
            "input-cursor-background": "ansi_white",
            "input-cursor-foreground": "ansi_black",
            "input-selection-background": "ansi_bright_blue",
            "input-selection-foreground": "ansi_black",
        },
    ),
)

STAGE_PALETTE = TerminalTheme(
    (12, 15, 20),
    (213, 218, 226),
    [
        (40, 46, 56),
        (240, 113, 120),
        (127, 201, 127),
        (229, 181, 103),
        (110, 160, 230),
        (199, 146, 234),
        (110, 200, 210),
        (200, 206, 216),
    ],
    [
        (100, 112, 128),
        (255, 139, 146),
        (155, 225, 155),
        (255, 203, 125),
        (140, 185, 250),
        (220, 175, 250),
        (140, 225, 235),
        (255, 255, 255),
    ],
)
"""The sixteen colours of recorded screens."""
