"""Where one signs in: what the flows ask of a gateway (`Desk`), and the one that asks over HTTP.

Questions run in threads that nobody waits for at the end: whoever leaves is not held by a gateway that is silent.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from enum import Enum
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.api.schema import DeviceCode
from hoop_tui.errors import Garbled, NotSignedIn, ServerSaid
from hoop_tui.login.answers import Reply, SignedIn, error_word, read_signed_in, refusal, said_in
from hoop_tui.login.door import Door

T = TypeVar("T")
_Model = TypeVar("_Model", bound=BaseModel)
_FORBIDDEN = 403


class NotYet(Enum):
    """Why there is no token yet."""

    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"


class Desk(Protocol):
    """Every method raises `GatewayTrouble` and nothing else."""

    @property
    def url(self) -> str: ...

    async def ask_code(self, host: str) -> DeviceCode:
        """A code that the person confirms in any browser."""
        ...

    async def collect(self, device_code: str) -> SignedIn | NotYet:
        """What became of it. Raises `NotSignedIn` when the code has expired, `ServerSaid` when they said no."""
        ...

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> SignedIn:
        """The token for what the browser brought back."""
        ...


class HttpDesk:
    """`Desk` over HTTP. Raises ValueError for an address that secrets must not be sent to."""

    def __init__(self, url: str) -> None:
        self._door = Door(url)

    @property
    def url(self) -> str:
        return self._door.url

    async def ask_code(self, host: str) -> DeviceCode:
        asked = {"client": "hoop-tui", "host": host, "what": "hoop-tui login"}
        reply = await self._post("/v1/login/device", asked)
        if reply.status != 200:
            raise refusal(reply)
        return parsed(DeviceCode, reply)

    async def collect(self, device_code: str) -> SignedIn | NotYet:
        reply = await self._post("/v1/login/token", {"grant": "device", "device_code": device_code})
        try:
            return NotYet(error_word(reply.body) if reply.status == 400 else "")
        except ValueError:
            return _granted(reply)

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> SignedIn:
        brought = {
            "grant": "code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
        }
        return _granted(await self._post("/v1/login/token", brought))

    async def _post(self, path: str, body: Mapping[str, object]) -> Reply:
        return await aside(lambda: self._door.ask("POST", path, body))


def _granted(reply: Reply) -> SignedIn:
    if reply.status == 200:
        return read_signed_in(reply.body)
    said = said_in(reply.body)
    match error_word(reply.body) if reply.status == 400 else "":
        case "expired_token":
            raise NotSignedIn(said or "expired: nobody confirmed the code in time")
        case "access_denied":
            raise ServerSaid(said or "denied: the sign-in was declined", _FORBIDDEN)
        case "invalid_grant":
            raise NotSignedIn(said or "This sign-in is not known to the gateway, or was used before.")
        case _:
            raise refusal(reply)


def parsed(model: type[_Model], reply: Reply) -> _Model:
    """Raises `Garbled`."""
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as problem:
        raise Garbled("The gateway's answer can not be understood; is it a newer version?") from problem


async def aside(work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own, which ends with the process."""
    future: Future[T] = Future()

    future.set_running_or_notify_cancel()  # from now on nobody can cancel it before it has its result

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as problem:  # noqa: BLE001  # whoever waits for the result gets it
            future.set_exception(problem)

    threading.Thread(target=run, name="hoop-ask", daemon=True).start()
    return await asyncio.wrap_future(future)
