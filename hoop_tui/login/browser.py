"""Signing in through a browser of this computer: authorization code with PKCE, and a listener that it comes back to.

The code alone is worth nothing: only who holds the verifier, which never leaves this process but to the gateway,
gets a token for it.
"""

import hashlib
import os
import secrets
import subprocess
import sys
import threading
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from hoop_tui.errors import GatewayTrouble
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.desk import Desk
from hoop_tui.login.loopback import Loopback

CLIENT = "hoop-tui"
_PATIENCE_SECONDS = 300.0


async def sign_in(desk: Desk, show: Callable[[str], None], patience: float = _PATIENCE_SECONDS) -> SignedIn:
    """`show` gets the address to open. Raises `GatewayTrouble`."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
    async with Loopback(state, desk.url) as loopback:
        show(login_url(desk.url, loopback.redirect_uri, state, verifier))
        try:
            code = await loopback.answer(patience)
            signed_in = await desk.redeem(code, verifier, loopback.redirect_uri)
        except GatewayTrouble:
            await loopback.tell(False)
            raise
        await loopback.tell(True)
        return signed_in


def login_url(gateway: str, redirect_uri: str, state: str, verifier: str) -> str:
    """The page on which a sign-in begins."""
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{gateway}/login?{urlencode(asked)}"


def has_browser(environ: Mapping[str, str], system: str = sys.platform) -> bool:
    """Whether a browser would open where the person is: not in an ssh session, and not without a display."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    shown = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or environ.get("BROWSER")
    if system.startswith("linux") and not shown:
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def open_page(url: str) -> None:
    """Open it in the person's browser, in a process of its own: what browsers print stays out of the terminal."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HOOP_")}

    def run() -> None:
        subprocess.run(
            [sys.executable, "-m", "webbrowser", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=environ,
            check=False,
        )

    # Some browsers only return when their window is closed.
    threading.Thread(target=run, name="hoop-browser", daemon=True).start()
