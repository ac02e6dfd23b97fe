"""Where the gateway's address and the token come from, and where they are kept: flags, environment, a file.

One sign-in is in use (`sign-in.json`); those for other gateways wait beside it, a file each (`gateways/`). The token
is shown nowhere: `Token` hides it, and the file is made readable by its owner only.
"""

import json
import os
import re
import stat
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from hoop_tui.address import base_url
from hoop_tui.private_files import write_private

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a person may call a gateway: no address has neither a dot nor a colon, but for one on the same network."""


class Token:
    """A bearer token that does not show itself in a repr, a traceback or a format string."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value.strip()
        if not self._value or not self._value.isascii() or not self._value.isprintable():
            raise ValueError("That is not a token: a token is one word of plain letters and digits.")
        if " " in self._value:
            raise ValueError("That is not a token: a token has no spaces.")

    def expose(self) -> str:
        """The value itself, for the Authorization header and the sign-in file only."""
        return self._value

    def __repr__(self) -> str:
        return "Token(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A gateway and the token for it; either may be missing."""

    gateway: str = ""
    token: Token | None = None
    expires_at: datetime | None = None
    """Of the token; None: not known."""
    since: datetime | None = None
    renewable: bool = False
    """The gateway gives a new token for it, without asking the person."""
    kept: bool = False
    """It comes from the sign-in file."""


def config_dir(environ: MutableMapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/hoop`, or `~/.config/hoop`."""
    base = environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "hoop"


def state_dir(environ: MutableMapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/hoop`, or `~/.local/state/hoop`: what may be lost."""
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "hoop"


def sign_in_file(environ: MutableMapping[str, str]) -> Path:
    return config_dir(environ) / "sign-in.json"


def find_sign_in(
    environ: MutableMapping[str, str], *, gateway: str = "", token_file: Path | None = None
) -> SignIn:
    """Flags win over `HOOP_GATEWAY` and `HOOP_TOKEN`, which win over the file. Raises ValueError, one sentence.

    `HOOP_TOKEN` is taken out of the environment, so that no process started from here inherits it. A kept token
    is only ever used with the gateway that it was kept for.
    """
    in_environment = environ.pop("HOOP_TOKEN", "")
    kept = read_sign_in(sign_in_file(environ))
    where = gateway or environ.get("HOOP_GATEWAY", "") or kept.gateway
    if _NAME.fullmatch(where):
        from hoop_tui.gateways import called  # few have names for their gateways

        where = called(environ, where)
    if token_file is not None:
        return SignIn(where, Token(_read_private(token_file)))
    if in_environment:
        return SignIn(where, Token(in_environment))
    if where and base_url(where) != kept.gateway:
        waiting = read_sign_in(file_of(sign_in_file(environ), base_url(where)))
        return waiting if waiting.gateway == base_url(where) else SignIn(where)
    return kept if where else SignIn(where)


def file_of(in_use: Path, gateway: str) -> Path:
    """Where the sign-in for this gateway is, or is to be kept. `in_use`: the file that counts where none is named."""
    return in_use if _kept_for(in_use) in ("", gateway) else _waiting(in_use, gateway)


def make_room(in_use: Path, gateway: str) -> None:
    """From now on the sign-in for this gateway is the one in use; another one waits. Raises OSError."""
    kept = _kept_for(in_use)
    if kept in ("", gateway):
        return
    aside, coming = _waiting(in_use, kept), _waiting(in_use, gateway)
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    in_use.replace(aside)
    if coming.exists():
        coming.replace(in_use)


def all_kept(in_use: Path) -> list[SignIn]:
    """The one in use first. Files that are none are left out."""
    found = []
    for path in [in_use, *sorted((in_use.parent / "gateways").glob("*.json"))]:
        try:
            sign_in = read_sign_in(path)
        except ValueError:
            continue
        if sign_in.token is not None:
            found.append(sign_in)
    return found


def _kept_for(path: Path) -> str:
    try:
        return read_sign_in(path).gateway
    except ValueError:
        return ""


def _waiting(in_use: Path, gateway: str) -> Path:
    host = re.sub(r"[^a-z0-9.-]", "_", gateway.partition("://")[2].lower())[:80]
    return in_use.parent / "gateways" / f"{host}-{sha256(gateway.encode()).hexdigest()[:8]}.json"


def keep_sign_in(
    path: Path,
    gateway: str,
    token: Token,
    *,
    expires_at: datetime | None = None,
    since: datetime | None = None,
    renewable: bool = False,
) -> None:
    """Write the sign-in file, readable by its owner only from the first byte. Raises OSError."""
    facts: dict[str, str | bool] = {"gateway": gateway, "token": token.expose()}
    if expires_at is not None:
        facts["expires_at"] = expires_at.isoformat()
    if since is not None:
        facts["since"] = since.isoformat()
    if renewable:
        facts["renewable"] = True
    write_private(path, json.dumps(facts).encode())


def read_sign_in(path: Path) -> SignIn:
    """What was kept; empty where nothing was. Raises ValueError, one sentence."""
    try:
        if not path.exists():
            return SignIn()
    except OSError as problem:
        raise ValueError(f"{path} can not be read.") from problem
    try:
        facts = json.loads(_read_private(path))
        return SignIn(
            str(facts["gateway"]),
            Token(str(facts["token"])),
            _moment(facts.get("expires_at")),
            _moment(facts.get("since")),
            facts.get("renewable") is True,
            kept=True,
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"{path} is not a sign-in file; remove it and sign in again.") from problem


def _moment(text: object) -> datetime | None:
    """Raises TypeError where it is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as problem:
        raise TypeError("no moment") from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise ValueError(f"Others can read {path}; run: chmod 600 {path}")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} can not be read.") from problem
