"""`hoop-tui logout`: the token is taken back, and everything that signing in has put here is taken away."""

import os

from hoop_tui.address import base_url
from hoop_tui.cli.printing import complain, tell
from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.gateways import called
from hoop_tui.login.answers import refusal
from hoop_tui.login.door import Door
from hoop_tui.login.ssh_access import close_access
from hoop_tui.sign_in import SignIn, file_of, read_sign_in, sign_in_file


def logout(gateway: str) -> int:
    """What is here goes in any case, also where the gateway can not be told."""
    path = sign_in_file(os.environ)
    try:
        where = base_url(called(os.environ, gateway)) if gateway else read_sign_in(path).gateway
        path = file_of(path, where)
        kept = read_sign_in(path)
    except ValueError as problem:
        return complain(str(problem), 2)
    theirs = kept.gateway == where and kept.token is not None
    if not where:
        tell("you are not signed in")
        return 0
    trouble = _take_back(kept) if theirs else None
    try:
        had_key = close_access(where, os.environ)
        if theirs:
            path.unlink(missing_ok=True)
    except OSError as problem:
        return complain(f"{problem.filename or path} can not be removed.", 1)
    if trouble is not None:
        return complain(
            f"signed out here, but the gateway could not be told: {trouble.sentence}", trouble.exit_code
        )
    tell(f"signed out of {where}" if theirs or had_key else f"you are not signed in to {where}")
    return 0


def _take_back(kept: SignIn) -> GatewayTrouble | None:
    """Why the gateway could not take its token back, if so. One that it does not know is none any more."""
    try:
        reply = Door(kept.gateway).ask("POST", "/v1/logout", token=kept.token)
        if not 200 <= reply.status < 300:
            raise refusal(reply)
    except NotSignedIn:
        return None
    except GatewayTrouble as trouble:
        return trouble
    except ValueError as problem:
        return GatewayTrouble(str(problem))
    return None
