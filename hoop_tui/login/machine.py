"""Signing in as a machine: with its own secret, or with the identity token that its CI job was given.

What it shows is taken out of the environment, so that no process started from here inherits it.
"""

from collections.abc import MutableMapping
from pathlib import Path

from hoop_tui.login.answers import SignedIn, read_signed_in, refusal
from hoop_tui.login.door import Door

SECRET, ID_TOKEN = "HOOP_CLIENT_SECRET", "HOOP_ID_TOKEN"  # names of variables
_LARGEST = 32_768


def proof(environ: MutableMapping[str, str], subject_token_file: Path | None) -> dict[str, str]:
    """What the machine shows: one thing. Raises ValueError, one sentence."""
    secret, id_token = environ.pop(SECRET, "").strip(), environ.pop(ID_TOKEN, "").strip()
    if subject_token_file is not None:
        return {"subject_token": _read(subject_token_file)}
    if secret and id_token:
        raise ValueError(f"Set {SECRET} or {ID_TOKEN}, and not both.")
    if id_token:
        return {"subject_token": id_token}
    if secret:
        return {"client_secret": secret}
    raise ValueError(f"Set {SECRET} or {ID_TOKEN}, or name a file with --subject-token-file.")


def exchange(door: Door, machine: str, shown: dict[str, str]) -> SignedIn:
    """A short token for it. Raises `GatewayTrouble`."""
    reply = door.ask("POST", "/v1/login/exchange", {"machine": machine, **shown})
    if reply.status != 200:
        raise refusal(reply)
    return read_signed_in(reply.body)


def _read(path: Path) -> str:
    try:
        # Container platforms mount these readable for everybody inside: their mode says nothing.
        with path.open("rb") as file:
            token = file.read(_LARGEST + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} can not be read.") from problem
    if not token or len(token) > _LARGEST:
        raise ValueError(f"{path} holds no token.")
    return token
