"""Signing in with a code that is confirmed in a browser anywhere: on a phone, on another computer.

What the gateway says of itself is checked before it is shown: a page of another host is nothing that anybody is
sent to. It does not say how the code is shown.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.api.schema import DeviceCode
from hoop_tui.address import belongs_to
from hoop_tui.errors import Garbled, NotSignedIn, Unreachable
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.desk import Desk, NotYet

_CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}")
_LONGEST_SECONDS = 900
_LONGEST_ADDRESS = 400
_SHORTEST_PAUSE, _LONGEST_PAUSE, _MORE = 1.0, 30.0, 5.0
"""Seconds between questions; `slow_down` adds five, as RFC 8628 wants it."""

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Code:
    """A code to confirm, and the page to do it on."""

    device_code: str
    shown: str
    page: str
    seconds: int
    interval: float

    def __repr__(self) -> str:
        return f"Code({self.shown})"


async def ask(desk: Desk) -> Code:
    """A new code. Raises `GatewayTrouble`."""
    answer = await desk.ask_code(this_computer())
    return checked(answer, desk.url)


def checked(answer: DeviceCode, gateway: str) -> Code:
    """What may be shown of the answer. Raises `Garbled`."""
    page = answer.verification_uri_complete or answer.verification_uri
    if len(page) > _LONGEST_ADDRESS or not belongs_to(page, gateway):
        raise Garbled(f"refused: {gateway} would send you to an address that is not its own to sign in")
    if not _CODE.fullmatch(answer.user_code) or not answer.device_code:
        raise Garbled("The gateway sent a code that can not be read.")
    seconds = min(max(answer.expires_in, 0), _LONGEST_SECONDS)
    interval = min(max(float(answer.interval), _SHORTEST_PAUSE), _LONGEST_PAUSE)
    return Code(answer.device_code, answer.user_code, page, seconds, interval)


async def confirmed(desk: Desk, code: Code, pause: Pause = asyncio.sleep) -> SignedIn:
    """Ask until the person has confirmed it. Raises `NotSignedIn` when nobody did in time, and what `Desk` raises.

    A line that breaks is tried again: the person is busy in their browser and must not begin anew for it.
    """
    interval, waited = code.interval, 0.0
    while waited + interval <= code.seconds + _SHORTEST_PAUSE:
        await pause(interval)
        waited += interval
        try:
            answer = await desk.collect(code.device_code)
        except Unreachable:
            interval = min(interval * 2, _LONGEST_PAUSE)
            continue
        if isinstance(answer, SignedIn):
            return answer
        if answer is NotYet.SLOW_DOWN:
            interval = min(interval + _MORE, _LONGEST_PAUSE)
    raise NotSignedIn("expired: nobody confirmed the code in time")


def this_computer() -> str:
    """Its name, for the page that the person confirms on: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.-]", "", socket.gethostname())[:64]
