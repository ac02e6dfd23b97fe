"""Opens the app from the command line: finds the sign-in, and where to begin."""

import os
import sys
from pathlib import Path

from hoop_tui.address import base_url
from hoop_tui.app import HoopApp, OpenAt
from hoop_tui.cli.printing import complain
from hoop_tui.errors import NotSignedIn
from hoop_tui.guide import Guide
from hoop_tui.login.renewal import usable_sign_in
from hoop_tui.moments import parse_link
from hoop_tui.sign_in import SignIn, find_sign_in, state_dir


def run_app(
    gateway: str,
    token_file: Path | None,
    *,
    link: str = "",
    theme: str = "dark",
    readonly: bool = False,
) -> int:
    """The exit code of the app."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return complain("The app needs a terminal; in a script use: hoop-tui sessions", 2)
    try:
        if gateway:
            base_url(gateway)
        sign_in = _sign_in(gateway, token_file)
        open_at = None
        if link:
            session, at_us = parse_link(link)
            open_at = OpenAt(session, at_us)
    except ValueError as problem:
        return complain(str(problem), 2)
    guide = Guide(state_dir(os.environ) / "guide-seen")
    app = HoopApp(sign_in=sign_in, open_at=open_at, readonly=readonly, theme=f"hoop-{theme}", guide=guide)
    app.run()
    return app.return_value if app.return_value is not None else app.return_code or 0


def _sign_in(gateway: str, token_file: Path | None) -> SignIn:
    """What there is. Where the token has run out, the app asks for a new one itself."""
    try:
        return usable_sign_in(os.environ, gateway=gateway, token_file=token_file)
    except NotSignedIn:
        return SignIn(find_sign_in(os.environ, gateway=gateway, token_file=token_file).gateway)
