"""Opens the app from the command line: finds the sign-in, what its owner wants of it, and where to begin."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from hoop_tui.address import base_url
from hoop_tui.app import HoopApp
from hoop_tui.cli.printing import complain
from hoop_tui.errors import NotSignedIn
from hoop_tui.guide import Guide
from hoop_tui.hang_up import end_with_terminal
from hoop_tui.login.renewal import usable_sign_in
from hoop_tui.mistakes import tell_mistake
from hoop_tui.moments import parse_link
from hoop_tui.opening import Begin, Manner, OpenAt
from hoop_tui.own_settings import Mistakes, OwnSettings, own_settings_file, read_own_settings
from hoop_tui.screen_table import ScreenName
from hoop_tui.sign_in import SignIn, find_sign_in, state_dir
from hoop_tui.themes import NAMES


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says; what it does not say is in `tui.toml`, or as usual."""

    link: str = ""
    screen: ScreenName = "sessions"
    person: str = ""
    theme: str = ""
    readonly: bool = False
    plain: bool = False


def run_app(gateway: str, token_file: Path | None, asked: Asked) -> int:
    """The exit code of the app."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return complain("The app needs a terminal; in a script use: hoop-tui sessions", 2)
    try:
        own = read_own_settings(own_settings_file(os.environ))
        if gateway:
            base_url(gateway)
        sign_in = _sign_in(gateway, token_file)
        open_at = OpenAt(*parse_link(asked.link)) if asked.link else None
    except Mistakes as mistakes:
        for sentence in mistakes.sentences:
            complain(sentence, 2)
        return 2
    except ValueError as problem:
        return complain(str(problem), 2)
    begin = Begin(asked.screen, asked.person)
    guide = Guide(state_dir(os.environ) / "guide-seen")
    app = HoopApp(sign_in=sign_in, open_at=open_at, begin=begin, manner=manner_of(asked, own), guide=guide)
    end_with_terminal(sys.stdin.fileno())
    logging.getLogger().addHandler(logging.NullHandler())  # asyncio's would print what errors say
    app.run(mouse=not app.manner.plain)
    if app.mistake is not None:
        return tell_mistake(app.mistake)
    return app.return_value if app.return_value is not None else app.return_code or 0


def manner_of(asked: Asked, own: OwnSettings) -> Manner:
    """The command line wins."""
    return Manner(
        theme=NAMES[asked.theme or own.theme],
        plain=asked.plain or own.plain,
        readonly=asked.readonly or own.readonly,
        keys=own.keys,
    )


def _sign_in(gateway: str, token_file: Path | None) -> SignIn:
    """What there is. Where the token has run out, the app asks for a new one itself."""
    try:
        return usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
    except NotSignedIn:
        return SignIn(find_sign_in(os.environ, gateway=gateway, token_file=token_file).gateway)
