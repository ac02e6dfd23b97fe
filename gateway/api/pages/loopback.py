"""What a program on the person's own machine asks for when it sends them to a browser (RFC 8252, RFC 7636).

Only an exact form is understood: nothing is parsed that could be read in two ways.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from gateway.api.login_codes import is_challenge
from gateway.core.errors import Refused

CLIENT = "hoop-tui"
_REDIRECT = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})(?:/[A-Za-z0-9_~-]+(?:/[A-Za-z0-9_~-]+)*)?/?", re.ASCII
)
_STATE = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}", re.ASCII)
PARAMETERS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
)


@dataclass(frozen=True, slots=True)
class ProgramAsks:
    """A checked request: `redirect_uri` is on this machine, and the code is of use to one program only."""

    redirect_uri: str
    state: str
    code_challenge: str

    @property
    def parameters(self) -> Mapping[str, str]:
        """What was asked, as it came."""
        return {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256",
        }

    def back(self, issuer: str, **answer: str) -> str:
        """Where the browser takes the answer."""
        return f"{self.redirect_uri}?{urlencode({**answer, 'state': self.state, 'iss': issuer})}"


def read(query: Mapping[str, str]) -> ProgramAsks:
    """Raises `Refused` in a sentence for whoever wrote the program."""
    asked = {name: query.get(name, "") for name in PARAMETERS}
    wrong = _wrong(asked)
    if wrong:
        raise Refused(f"this sign-in was asked for in a way that is not allowed here: {wrong}")
    return ProgramAsks(asked["redirect_uri"], asked["state"], asked["code_challenge"])


def _wrong(asked: Mapping[str, str]) -> str:
    if asked["response_type"] != "code":
        return "response_type must be code"
    if asked["client_id"] != CLIENT:
        return f"client_id must be {CLIENT}"
    if not is_loopback(asked["redirect_uri"]):
        return "redirect_uri must be http://127.0.0.1:PORT/... or http://[::1]:PORT/..."
    if asked["code_challenge_method"] != "S256" or not is_challenge(asked["code_challenge"]):
        return "there must be a code_challenge, of the method S256"
    if not _STATE.fullmatch(asked["state"]):
        return "there must be a state of 8 to 512 letters"
    return ""


def policy_source(redirect_uri: str) -> str:
    """Its origin, as a content security policy can say it: that has no words for IPv6 addresses."""
    return "http:" if "[" in redirect_uri else "/".join(redirect_uri.split("/", 3)[:3])


def is_loopback(uri: str) -> bool:
    """Is this an address of the browser's own machine, whoever reads it?"""
    found = _REDIRECT.fullmatch(uri)
    return found is not None and int(found[1]) <= 65535
