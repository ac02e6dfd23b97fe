"""The sign-in that a command uses: the kept one is made new, without asking, before it runs out.

One process at a time renews, because the gateway takes the old token back with it. Standard library only.
"""

from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hoop_tui.errors import GatewayTrouble, NotSignedIn
from hoop_tui.login.answers import SIGN_IN_NEEDED, SignedIn, read_signed_in, refusal
from hoop_tui.private_files import can_write, my_turn
from hoop_tui.sign_in import SignIn, Token, file_of, find_sign_in, keep_sign_in, read_sign_in, sign_in_file

_AHEAD = timedelta(hours=1)


def usable_sign_in(
    environ: MutableMapping[str, str], *, gateway: str = "", token_file: Path | None = None
) -> SignIn:
    """Flags, environment, or what was kept. Raises ValueError, and `NotSignedIn` where it has run out."""
    sign_in = find_sign_in(environ, gateway=gateway, token_file=token_file)
    now = datetime.now(UTC)
    if not sign_in.kept or sign_in.expires_at is None:
        return sign_in
    if sign_in.expires_at <= now:
        raise NotSignedIn(SIGN_IN_NEEDED)
    return (
        _renewed(file_of(sign_in_file(environ), sign_in.gateway), sign_in, now)
        if is_due(sign_in, now)
        else sign_in
    )


def token_of(sign_in: SignIn) -> Token:
    """Raises `NotSignedIn` where there is none, or no gateway."""
    if not sign_in.gateway:
        raise NotSignedIn(
            "Name a gateway with --gateway or HOOP_GATEWAY, or run: hoop-tui login --gateway URL"
        )
    if sign_in.token is None:
        raise NotSignedIn("There is no token for this gateway: set HOOP_TOKEN, or run: hoop-tui login")
    return sign_in.token


def is_due(sign_in: SignIn, now: datetime) -> bool:
    """Within its last hour; of one that is short anyway, within its second half."""
    if not sign_in.renewable or sign_in.expires_at is None:
        return False
    life = sign_in.expires_at - sign_in.since if sign_in.since is not None else 2 * _AHEAD
    return now >= sign_in.expires_at - min(_AHEAD, life / 2)


def keep(path: Path, gateway: str, signed_in: SignedIn, *, renewable: bool) -> SignIn:
    """Put it into the sign-in file. Raises OSError."""
    now = datetime.now(UTC)
    keep_sign_in(
        path,
        gateway,
        signed_in.token,
        expires_at=signed_in.expires_at,
        since=now,
        renewable=renewable,
    )
    return SignIn(gateway, signed_in.token, signed_in.expires_at, now, renewable, kept=True)


def _renewed(path: Path, sign_in: SignIn, now: datetime) -> SignIn:
    """A new token where the gateway gives one; the old one while it lasts where it can not be asked."""
    from hoop_tui.login.door import Door

    if not can_write(path.parent):
        return sign_in
    with my_turn(path.parent):
        current = read_sign_in(path)
        if current.gateway == sign_in.gateway and current.token is not None and not is_due(current, now):
            return current
        try:
            reply = Door(sign_in.gateway).ask("POST", "/v1/login/refresh", token=sign_in.token)
            if reply.status != 200:
                raise refusal(reply)
            return keep(path, sign_in.gateway, read_signed_in(reply.body), renewable=True)
        except NotSignedIn as problem:
            raise NotSignedIn(SIGN_IN_NEEDED) from problem
        except (GatewayTrouble, OSError, ValueError):
            return sign_in
