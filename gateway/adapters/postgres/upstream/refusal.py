"""Why a server could not be had, in the words that a person gets.

What a server says may hold anything, the password that it was sent included. Its words are made harmless, and where
it has had the password itself they are not passed on at all.
"""

import re

from gateway.adapters.postgres.upstream.credential import Credential
from gateway.core.errors import Unreachable
from gateway.core.people import Target
from gateway.core.plain import plain
from gateway.wire.postgres.messages import ErrorFields, field

WORDS_MOST = 200
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")

NOT_LET_IN = "28"
"""The class of errors that say who may not enter. The account is not even looked at with 28000."""
NO_ENTRY = "28000"
NO_DATABASE = "3D000"
NOT_SUPPORTED = "0A000"
NOT_NOW = frozenset({"57P01", "57P02", "57P03"})
"""It is starting, stopping or recovering: another may do."""

_KNOWN = {
    "53300": "it has too many connections",
    "57P01": "it is shutting down",
    "57P02": "it is starting again after a crash",
    "57P03": "it is starting up or shutting down",
}


class ServerRefused(Unreachable):
    """A server said no at start-up."""

    def __init__(self, sentence: str, sqlstate: str, message: str) -> None:
        super().__init__(sentence)
        self.sqlstate = sqlstate
        """Its code, as `3D000`; empty where it gave none."""
        self.message = message
        """What to say beside the code, in place of the server's own message. Plain, and nothing of the credential."""

    @property
    def is_sign_in(self) -> bool:
        """It does not let us in, as what we are or with what we show."""
        return self.sqlstate.startswith(NOT_LET_IN)


class Missed(Exception):
    """This server could not be had. The reason follows `... can not be reached - `; `detail` is for the log only."""

    def __init__(self, reason: str, detail: str = "", *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.final = final
        """Another server would be no better."""


class NoEncryption(Missed):
    """It failed before TLS stood. One that may do without is asked again without."""


def cannot_be_reached(target: Target, reason: str) -> Unreachable:
    return Unreachable(f"{target.name} can not be reached - {reason}")


def refused(
    target: Target, database: str, fields: ErrorFields, told: bool, credential: Credential
) -> ServerRefused:
    """`told`: it was sent the password itself."""
    code = field(fields, "C")
    sqlstate = code if _SQLSTATE.fullmatch(code) else ""
    words = "" if told else _words(fields, credential)
    message = words or (f"it refused with {sqlstate}" if sqlstate else "it refused")
    reason = f"it said: {words}" if words else message
    if sqlstate.startswith(NOT_LET_IN):
        reason = message = "it does not let the gateway in, tell your platform team"
    elif sqlstate == NO_DATABASE:
        reason = message = f'database "{plain(database, 63)}" does not exist'
    elif sqlstate in _KNOWN:
        reason = message = _KNOWN[sqlstate]
    return ServerRefused(f"{target.name} can not be reached - {reason}", sqlstate, message)


def _words(fields: ErrorFields, credential: Credential) -> str:
    said = field(fields, "M")
    if credential.password is not None:
        password = credential.password.expose().decode("utf-8", "surrogateescape")
        if password in said or plain(password) in plain(said, len(said) * 12 + 4):
            return ""
    return plain(said, WORDS_MOST)
