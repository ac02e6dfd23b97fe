"""The way to a database: a password for it, where to show it, and an environment in which psql goes there.

Standard library only, as for `hoop-tui token`. The words are those of `DatabasePassword` in the gateway's API.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hoop_tui.errors import Garbled, GatewayTrouble, NotSignedIn
from hoop_tui.login.answers import SIGN_IN_NEEDED, Reply, read_signed_in, refusal
from hoop_tui.login.door import Door
from hoop_tui.private_files import write_private
from hoop_tui.sign_in import SignIn, Token

_NOT_OURS = (
    "PGHOSTADDR",
    "PGPASSFILE",
    "PGREQUIREAUTH",
    "PGREQUIRESSL",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLKEY",
)
"""What would lead psql elsewhere, or have it show something else than the password."""


@dataclass(frozen=True, slots=True)
class Way:
    """A password, and the gateway's listener. No `authorities`: this computer's own count."""

    password: Token
    host: str
    port: int
    authorities: str


def way_to(target: str, sign_in: SignIn, token: Token, seconds: int = 0) -> Way:
    """Ask the gateway for it. Raises `GatewayTrouble`."""
    asked: dict[str, object] = {"kind": "database", "target": target}
    if seconds:
        asked["ttl"] = seconds
    reply = Door(sign_in.gateway).ask("POST", "/v1/tokens", asked, token)
    if reply.status == 401:
        raise NotSignedIn(SIGN_IN_NEEDED)
    if not 200 <= reply.status < 300:
        raise refusal(reply)
    return _read(reply, urlsplit(sign_in.gateway).hostname or "")


def psql_environment(way: Way, target: str, directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with what leads psql to the target, and the gateway's authority in a file below `directory`. Raises
    OSError where it can not be written."""
    theirs = {name: value for name, value in environ.items() if name not in _NOT_OURS}
    return {
        **theirs,
        "PGHOST": way.host,
        "PGPORT": str(way.port),
        "PGDATABASE": target,
        "PGPASSWORD": way.password.expose(),
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": _trusted(way, directory),
        # A certificate of theirs for other servers would be refused here; this file does not exist.
        "PGSSLCERT": str(directory / "none.crt"),
        "PGSSLCERTMODE": "disable",
        "PGGSSENCMODE": "disable",
    }


def _trusted(way: Way, directory: Path) -> str:
    if way.authorities:
        file = directory / "postgres" / _file_name(way.host) / "root.crt"
        write_private(file, way.authorities.encode())
        return str(file)
    paths = ssl.get_default_verify_paths()
    return paths.cafile or "system"  # which psql knows from version 16 on


def _file_name(host: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host).strip(".") or "_"


def _read(reply: Reply, gateway: str) -> Way:
    password = read_signed_in(reply.body).token
    place = json.loads(reply.body).get("place")
    host, port, authorities = (place.get(name) if isinstance(place, dict) else None for name in _PLACE)
    if not isinstance(host, str) or not isinstance(port, int) or not isinstance(authorities, str):
        raise Garbled("The gateway does not say where databases are reached; is it an older version?")
    if not port:
        raise GatewayTrouble("Databases are not reached at this gateway: it does not listen for them.")
    return Way(password, host or gateway, port, authorities)


_PLACE = ("host", "port", "authorities")
