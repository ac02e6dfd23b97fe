"""Hundreds of apps are opened in one process of the tests, and nobody looks at most of what they draw."""

import weakref
from functools import partial
from typing import Any
from unittest import mock

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

_FRAME_SECONDS = 0.25


def read_styles_once() -> None:
    """For all apps of this process: each would read the same sheets several times."""
    read: dict[tuple[object, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_rules(sheet: Stylesheet, *what: Any, **more: Any) -> list[RuleSet]:
        key = (what, *sorted(more.items()), tuple(sheet._variables.items()))
        if key not in read:
            read[key] = parse(sheet, *what, **more)
        return read[key]

    mock.patch.object(Stylesheet, "_parse_rules", parse_rules).start()


def draw_less_often() -> None:
    """Nobody looks at an app without a terminal: one frame shows what many would. To draw takes most of its time."""
    draw = Screen._compositor_refresh
    waiting: weakref.WeakSet[Screen[Any]] = weakref.WeakSet()

    def draw_now(screen: Screen[Any]) -> None:
        waiting.discard(screen)
        draw(screen)

    def draw_soon(screen: Screen[Any]) -> None:
        app = screen.app
        if not app.is_headless or screen is not app.screen:
            draw(screen)
            return
        screen._dirty_widgets.clear()
        app._update_mouse_over(screen)
        if screen not in waiting:
            waiting.add(screen)
            screen.set_timer(_FRAME_SECONDS, partial(draw_now, screen))

    mock.patch.object(Screen, "_compositor_refresh", draw_soon).start()
