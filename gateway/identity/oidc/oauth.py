"""The gateway as a client of a provider: asks for tokens, and makes sense of what comes back.

Authlib speaks the protocol, over our bounded transport. It is loaded at the first sign-in. What it raises may carry
the provider's words or the code that was sent, so none of it goes any further than this module.
"""

import asyncio
import importlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.identity.oidc.discovery import Endpoints
from gateway.identity.oidc.issuer import Issuer
from gateway.identity.oidc.journey import Journey
from gateway.identity.oidc.strict_json import read_object
from gateway.identity.oidc.web import Trouble, Web

if TYPE_CHECKING:
    import httpx2

_CODE: Final = re.compile(r"[a-z_]{1,40}")
BASIC: Final = "client_secret_basic"
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


class Said(Exception):
    """The provider answered with an error: one of the words that OAuth has for it, or "" for any other."""

    def __init__(self, error: object) -> None:
        self.error: Final = error if isinstance(error, str) and _CODE.fullmatch(error) else ""
        super().__init__(self.error)


@dataclass(frozen=True, slots=True)
class Answer:
    """Tokens, not yet checked. "" or None: not sent."""

    id_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh: Secret | None = field(default=None, repr=False)


class TokenEndpoint:
    """Everything that is asked with the client's own credentials."""

    def __init__(self, issuer: Issuer, web: Web) -> None:
        self._issuer = issuer
        self._web = web

    async def authorization_url(self, endpoints: Endpoints, journey: Journey) -> str:
        """Where to send the browser."""
        client = self._client(await _authlib(), "none")
        url, _ = client.create_authorization_url(
            endpoints.authorization,
            state=journey.state,
            nonce=journey.nonce,
            redirect_uri=journey.callback,
            scope=" ".join(self._issuer.scopes),
            code_verifier=journey.verifier.expose().decode(),
        )
        return str(url)

    async def exchange(self, endpoints: Endpoints, journey: Journey, code: str) -> Answer:
        """A code for tokens. Raises `Said`, `Fault`."""
        fields = {
            "code": code,
            "redirect_uri": journey.callback,
            "code_verifier": journey.verifier.expose().decode(),
        }
        return await self._token(endpoints, "authorization_code", fields)

    async def refresh(self, endpoints: Endpoints, token: Secret) -> Answer:
        """New tokens; `refresh` is the next one to use, be it the same or another. Raises `Said`, `Fault`."""
        answer = await self._token(
            endpoints, "refresh_token", {"refresh_token": self._text(token, "refresh token")}
        )
        return answer if answer.refresh is not None else Answer(answer.id_token, answer.access_token, token)

    async def device_token(self, endpoints: Endpoints, device_code: Secret) -> Answer:
        """Raises `Said` while the person has not answered, `Fault`."""
        return await self._token(
            endpoints, DEVICE_GRANT, {"device_code": self._text(device_code, "device code")}
        )

    async def start_device(self, endpoints: Endpoints) -> dict[str, Any]:
        """Raises `Said`, `Fault`."""
        client, auth = await self._authenticated(endpoints)
        sent = {"scope": " ".join(self._issuer.scopes)}
        if client.token_endpoint_auth_method == BASIC:
            # The only way that does not say it in the form already, where some providers look for it.
            sent["client_id"] = self._issuer.client_id

        async def ask() -> dict[str, Any]:
            answer: httpx2.Response = await client.post(endpoints.device, data=sent, auth=auth)
            said = read_object(_readable(answer).content)
            if answer.status_code != 200:
                raise Said(said["error"])
            return said

        return await self._asked(ask)

    async def _token(self, endpoints: Endpoints, grant: str, fields: dict[str, str]) -> Answer:
        client, auth = await self._authenticated(endpoints)

        async def ask() -> dict[str, Any]:
            return dict(await client.fetch_token(endpoints.token, grant_type=grant, auth=auth, **fields))

        return _read_answer(await self._asked(ask), self._issuer)

    async def _asked(self, ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        authlib = await _authlib()
        try:
            return await ask()
        except authlib.OAuthError as error:
            raise Said(error.error) from None
        except Trouble as trouble:
            raise self._web.fault(trouble) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise Fault(f"{self._issuer.shown} answered with something that is no token") from None

    async def _authenticated(self, endpoints: Endpoints) -> tuple[Any, Any]:
        """A client for one request, which keeps no state between sign-ins, and how it proves who it is."""
        authlib = await _authlib()
        if self._issuer.client_secret is None:
            return self._client(authlib, "none"), authlib.OAuth2ClientAuth(self._issuer.client_id, "", "none")
        secret = self._text(await self._issuer.client_secret(), "client_secret")
        if "client_secret_post" in endpoints.auth_methods and BASIC not in endpoints.auth_methods:
            method, id = "client_secret_post", self._issuer.client_id
        else:
            # RFC 6749 2.3.1: both are form-encoded before they are joined with a colon.
            method, id, secret = BASIC, quote_plus(self._issuer.client_id), quote_plus(secret)
        return self._client(authlib, method), authlib.OAuth2ClientAuth(id, secret, method)

    def _text(self, secret: Secret, what: str) -> str:
        try:
            return secret.expose().decode("utf-8")
        except UnicodeDecodeError:
            raise Fault(f"the {what} for {self._issuer.shown} is not text") from None

    def _client(self, authlib: Any, method: str) -> Any:
        client = authlib.AsyncOAuth2Client(
            client_id=self._issuer.client_id,
            token_endpoint_auth_method=method,
            code_challenge_method="S256",
            transport=self._web.transport,
            trust_env=False,
            follow_redirects=False,
        )
        client.register_compliance_hook("access_token_response", _readable)
        return client


async def _authlib() -> Any:
    """Its client module, loaded beside the event loop, because the first time takes a while."""
    return await asyncio.to_thread(importlib.import_module, "authlib.integrations.httpx_client")


def _readable(answer: "httpx2.Response") -> "httpx2.Response":
    """Only what can be read in one way goes on to Authlib, which then finds tokens or an error in it."""
    if answer.status_code < 500:
        said = read_object(answer.content)
        if answer.status_code == 200 or "error" in said:
            return answer
    raise Trouble(f"answered with status {answer.status_code} when asked for a token")


def _read_answer(said: dict[str, Any], issuer: Issuer) -> Answer:
    texts = [said.get(name, "") for name in ("id_token", "access_token", "refresh_token")]
    if not all(isinstance(text, str) for text in texts):
        raise Fault(f"{issuer.shown} answered with something that is no token")
    if texts[1] and str(said.get("token_type", "")).lower() != "bearer":
        raise Fault(f"{issuer.shown} sent an access token of a kind that was not asked for")
    return Answer(texts[0], texts[1], Secret(texts[2]) if texts[2] else None)
