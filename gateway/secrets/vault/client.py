"""A Vault or OpenBao server as the gateway signed in to it: `Vault.ask`, with a token that is looked after.

A token is renewed while the server lets it be, because what was borrowed with it ends with it; then a new one is
got. A token that somebody else makes is read anew each time and never renewed.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from gateway.core.errors import Fault
from gateway.core.ports import Secrets
from gateway.core.secret import Secret
from gateway.secrets.vault.server import Answer, VaultServer
from gateway.secrets.vault.settings import ByAppRole, ByJwt, ByToken, VaultSettings
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere

_SIGN_IN: Final = "the gateway can not sign in to the vault"
_CLOSING: Final = 3.0
"""Seconds for the last question when the gateway stops."""


@dataclass(slots=True, eq=False)
class Tenure:
    """How long a token lasts, over all its renewals. What was borrowed with it does not last longer."""

    ends_at: float


@dataclass(frozen=True, slots=True)
class _Pass:
    """A token of our own. Times are seconds of the monotonic clock."""

    token: Secret
    tenure: Tenure
    due_at: float
    """When to renew it: half of its time is over."""
    renewable: bool


class Vault:
    """One server, asked as the gateway."""

    def __init__(
        self, settings: VaultSettings, secrets: Secrets, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`secrets` fetches what the gateway signs in with: a reference that leads back to a vault is an error."""
        self._settings = settings
        self._secrets = secrets
        self._now = now
        self._server = VaultServer(settings)
        self._pass: _Pass | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, method: str, path: str, what: str, body: Answer | None = None) -> Answer:
        """The answer's JSON object. Raises `Fault`, whose sentence begins with `what`. A token that has ended early
        is replaced, once."""
        token = await self._token()
        try:
            return await self._server.ask(method, path, what, token=token, body=body)
        except NotAllowed:
            if not await self._has_ended(token):
                raise
        return await self._server.ask(method, path, what, token=await self._token(), body=body)

    @property
    def due_at(self) -> float:
        """When the token must be renewed, on the clock of `now`; never, if that is somebody else's business."""
        held = self._pass
        return inf if held is None or not held.renewable else held.due_at

    @property
    def tenure(self) -> Tenure | None:
        """The present token's; None where there is none, or where it is somebody else's."""
        return None if self._pass is None else self._pass.tenure

    async def keep(self) -> None:
        """Renew the token if it is due. Raises `Fault`."""
        await self._token()

    async def close(self) -> None:
        """Give the token back and close the connections."""
        held, self._pass = self._pass, None
        try:
            if held is not None:
                async with asyncio.timeout(_CLOSING):
                    await self._server.ask(
                        "POST", "auth/token/revoke-self", _SIGN_IN, token=held.token, body={}
                    )
        except (Fault, TimeoutError):
            pass  # it ends by itself, and the gateway stops now
        finally:
            await self._server.close()

    async def _token(self) -> Secret:
        if isinstance(self._settings.sign_in, ByToken):
            return await self._secrets.fetch(self._settings.sign_in.token)
        async with self._one_at_a_time:
            held = self._pass
            if held is None or self._now() >= held.due_at:
                held = self._pass = await self._fresh(held)
            return held.token

    async def _fresh(self, held: _Pass | None) -> _Pass:
        """Renewed if that gives it more time; otherwise a new one, or the old one while the server is down."""
        if held is not None and self._now() < held.tenure.ends_at:
            try:
                return await self._renewed(held) or await self._signed_in()
            except NotAnswering:
                return held
        return await self._signed_in()

    async def _renewed(self, held: _Pass) -> _Pass | None:
        if not held.renewable:
            return None
        try:
            answer = await self._server.ask(
                "POST", "auth/token/renew-self", _SIGN_IN, token=held.token, body={}
            )
        except NotAnswering:
            raise
        except Fault:
            return None
        renewed = self._read(answer)
        # Near the longest life that the server grants, each renewal gives less: then the time is better a new one's.
        ends_at = renewed.tenure.ends_at
        if ends_at - held.tenure.ends_at <= 0.1 * (ends_at - self._now()):
            return None
        held.tenure.ends_at = ends_at
        return replace(renewed, tenure=held.tenure)

    async def _signed_in(self) -> _Pass:
        match self._settings.sign_in:
            case ByAppRole(role_id, secret_id, mount):
                body = {
                    "role_id": _text(await self._secrets.fetch(role_id)),
                    "secret_id": _text(await self._secrets.fetch(secret_id)),
                }
            case ByJwt(jwt, role, mount):
                body = {"role": role, "jwt": _text(await self._secrets.fetch(jwt))}
            case ByToken():
                raise AssertionError("a token that is given needs no sign-in")
        try:
            return self._read(await self._server.ask("POST", f"auth/{mount}/login", _SIGN_IN, body=body))
        except NotAnswering:
            raise
        except NothingThere:
            raise Fault(f"{_SIGN_IN}: it has no sign-in at auth/{mount} - check mount in [vault]") from None
        except NotAllowed:
            raise Fault(f"{_SIGN_IN}: it does not let the gateway in - {self._what_to_check()}") from None

    def _what_to_check(self) -> str:
        if isinstance(self._settings.sign_in, ByAppRole):
            return "check role_id and secret_id in [vault]"
        return "check jwt and role in [vault]"

    def _read(self, answer: Answer) -> _Pass:
        found = answer.get("auth")
        token = found.get("client_token") if isinstance(found, dict) else None
        lasts = found.get("lease_duration") if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(token, str) or not token:
            raise Fault(f"{_SIGN_IN}: its answer has no token - check address in [vault]")
        if not isinstance(lasts, int) or isinstance(lasts, bool) or lasts < 0:
            raise Fault(f"{_SIGN_IN}: its answer has no token - check address in [vault]")
        now = self._now()
        if lasts == 0:  # a token without an end
            return _Pass(Secret(token), Tenure(inf), inf, False)
        return _Pass(Secret(token), Tenure(now + lasts), now + lasts / 2, found.get("renewable") is True)

    async def _has_ended(self, token: Secret) -> bool:
        """Whether the server does not know `token` any more; if so, the next question gets a new one."""
        if isinstance(self._settings.sign_in, ByToken):
            return await self._token() != token
        async with self._one_at_a_time:
            if self._pass is None or self._pass.token != token:
                return True
            try:
                await self._server.ask("GET", "auth/token/lookup-self", _SIGN_IN, token=token)
            except NotAllowed:
                self._pass = None
                return True
            return False


def _text(secret: Secret) -> str:
    try:
        return secret.expose().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Fault(f"{_SIGN_IN}: what it signs in with is not text") from None
