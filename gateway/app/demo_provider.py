"""A small OpenID Connect provider for the demo and for tests: three people, nobody asks for a password.

It speaks what a real one does: discovery, authorization code with PKCE, refresh, device flow (RFC 8628), userinfo,
signed tokens with groups. It believes whoever clicks, so it listens on loopback and nowhere else. Its key is new at
each start, and everything else is forgotten with it.
"""

import base64
import hmac
import ipaddress
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gateway.api.login_codes import is_challenge, pkce_challenge
from gateway.api.pages import look
from gateway.api.pages.html import Html, tag, value, void
from gateway.api.pages.loopback import is_loopback, policy_source
from gateway.app.web import WebDoor, listen
from gateway.core.errors import Misconfigured
from gateway.core.ids import canonical_code, new_code

CLIENT = "hoop"
LIFETIME = 300
"""Seconds that codes and tokens are good for."""
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_HOUSE = "Demo identity provider"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to be."""

    subject: str
    email: str
    name: str
    groups: tuple[str, ...]

    def claims(self) -> dict[str, Any]:
        """What the provider says about them."""
        claims = {"sub": self.subject, "email": self.email, "email_verified": True, "name": self.name}
        return claims | {"preferred_username": self.subject, "groups": list(self.groups)}


PEOPLE = (
    DemoPerson("alice", "alice@example.com", "Alice", ("dev",)),
    DemoPerson("bob", "bob@example.com", "Bob", ("dba",)),
    DemoPerson("carol", "carol@example.com", "Carol", ("sec",)),
)


@dataclass(slots=True)
class _Grant:
    """Somebody asked, by code or as a device. `person` is set once somebody has clicked."""

    redirect_uri: str = ""
    state: str = ""
    nonce: str = ""
    challenge: str = ""
    person: DemoPerson | None = None
    until: float = field(default_factory=lambda: time.monotonic() + LIFETIME)
    device_code: str = ""


class _Wrong(Exception):
    """OAuth's word for what is wrong."""


class DemoProvider:
    """Serves on a free loopback port until it is stopped."""

    def __init__(self, client_secret: str, host: str = "127.0.0.1", port: int = 0) -> None:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise Misconfigured(
                f"the demo provider lets in whoever clicks: it listens on loopback, not on {host}"
            )
        self._secret = client_secret
        self._socket = listen(host, port, "the demo provider")
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        self._key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        self._pages: dict[str, _Grant] = {}
        self._codes: dict[str, _Grant] = {}
        self._refreshers: dict[str, DemoPerson] = {}
        self._bearers: dict[str, DemoPerson] = {}
        self._devices: dict[str, _Grant] = {}
        self._door = WebDoor(self._app(), self._socket)

    async def start(self) -> str:
        """Returns its issuer URL."""
        await self._door.start()
        return self.url

    async def stop(self) -> None:
        """Close the port."""
        await self._door.stop()

    def forget(self, subject: str) -> None:
        """Nobody is vouched for as this person any more without clicking again."""
        for kept in (self._refreshers, self._bearers):
            for token in [token for token, person in kept.items() if person.subject == subject]:
                del kept[token]

    def _app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/choose", self._chosen, methods=["POST"]),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
            Route("/device_authorization", self._device, methods=["POST"]),
            Route("/device", self._device_page),
        ]
        return Starlette(routes=routes)

    async def _discovery(self, request: Request) -> Response:
        ends = {"authorization": "/authorize", "token": "/token", "userinfo": "/userinfo"}
        document: dict[str, Any] = {f"{name}_endpoint": self.url + path for name, path in ends.items()}
        document |= {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "device_authorization_endpoint": f"{self.url}/device_authorization",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_GRANT],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse(document)

    async def _jwks(self, request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        grant = _Grant(
            redirect_uri=asked.get("redirect_uri", ""),
            state=asked.get("state", ""),
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
        )
        # An address that can not be trusted is never redirected to.
        if asked.get("client_id") != CLIENT or not is_loopback(grant.redirect_uri):
            return _page("This client or its redirect_uri is not known here.", status=400)
        pkce = asked.get("code_challenge_method") == "S256" and is_challenge(grant.challenge)
        if asked.get("response_type") != "code" or not pkce:
            return self._redirect(grant, error="invalid_request")
        return self._choice(grant)

    def _choice(self, grant: _Grant, code: str = "") -> Response:
        page = secrets.token_urlsafe(32)
        self._pages = {key: kept for key, kept in self._pages.items() if kept.until > time.monotonic()}
        self._pages[page] = grant
        buttons = [
            tag(
                "button",
                value(person.name),
                f"{person.email}, group {person.groups[0]}",
                name="person",
                value=person.subject,
                class_="other person",
            )
            for person in PEOPLE
        ]
        hidden = void("input", type="hidden", name="page", value=page)
        nobody = tag("button", "None of them: go back", name="person", value="", class_="other")
        form = tag("form", hidden, *buttons, nobody, method="post", action="/choose")
        back = policy_source(grant.redirect_uri)
        return _page("Who are you? Nobody asks for a password here.", form, forms_to=back, code=code)

    async def _chosen(self, request: Request) -> Response:
        fields = await _form(request)
        grant = self._pages.pop(fields.get("page", ""), None)
        if grant is None or grant.until <= time.monotonic():
            return _page("This page is too old: start again.", status=400)
        grant.person = next((person for person in PEOPLE if person.subject == fields.get("person")), None)
        if grant.device_code:
            if grant.person is None:
                self._devices.pop(grant.device_code, None)
            return _page("Done: go back to your device.")
        if grant.person is None:
            return self._redirect(grant, error="access_denied")
        code = secrets.token_urlsafe(32)
        self._codes[code] = grant
        return self._redirect(grant, code=code)

    def _redirect(self, grant: _Grant, **answer: str) -> Response:
        query = urlencode({**answer, "state": grant.state, "iss": self.url})
        return RedirectResponse(f"{grant.redirect_uri}?{query}", 303)

    async def _token(self, request: Request) -> Response:
        fields = await _form(request)
        if not self._is_client(request, fields):
            return JSONResponse({"error": "invalid_client"}, 401)
        try:
            answer = self._granted(fields)
        except _Wrong as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _granted(self, fields: Mapping[str, str]) -> dict[str, Any]:
        kind = fields.get("grant_type")
        if kind == "authorization_code":
            grant = self._codes.pop(fields.get("code", ""), None)
            if grant is None or grant.person is None or grant.until <= time.monotonic():
                raise _Wrong("invalid_grant")
            proven = hmac.compare_digest(pkce_challenge(fields.get("code_verifier", "")), grant.challenge)
            if not proven or fields.get("redirect_uri") != grant.redirect_uri:
                raise _Wrong("invalid_grant")
            return self._tokens(grant.person, grant.nonce)
        if kind == "refresh_token":
            person = self._refreshers.pop(fields.get("refresh_token", ""), None)
            if person is None:
                raise _Wrong("invalid_grant")
            return self._tokens(person, "")
        if kind == DEVICE_GRANT:
            return self._device_granted(fields.get("device_code", ""))
        raise _Wrong("unsupported_grant_type")

    def _device_granted(self, code: str) -> dict[str, Any]:
        grant = self._devices.get(code)
        if grant is None:
            raise _Wrong("access_denied")
        if grant.until <= time.monotonic():
            raise _Wrong("expired_token")
        if grant.person is None:
            raise _Wrong("authorization_pending")
        del self._devices[code]
        return self._tokens(grant.person, "")

    def _tokens(self, person: DemoPerson, nonce: str) -> dict[str, Any]:
        access, refresh, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), int(time.time())
        self._bearers[access] = self._refreshers[refresh] = person
        half = base64.urlsafe_b64encode(sha256(access.encode()).digest()[:16]).decode().rstrip("=")
        claims = person.claims() | {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + LIFETIME}
        claims |= {"auth_time": now, "at_hash": half} | ({"nonce": nonce} if nonce else {})
        return {
            "token_type": "Bearer",
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": LIFETIME,
            "id_token": jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key),
        }

    def _is_client(self, request: Request, fields: Mapping[str, str]) -> bool:
        id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except ValueError:
                return False
            id, secret = unquote_plus(id), unquote_plus(secret)
        return id == CLIENT and hmac.compare_digest(secret.encode(), self._secret.encode())

    async def _userinfo(self, request: Request) -> Response:
        person = self._bearers.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if person is None:
            return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": "Bearer"})
        return JSONResponse(person.claims())

    async def _device(self, request: Request) -> Response:
        fields = await _form(request)
        if not self._is_client(request, fields):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = _Grant(device_code=secrets.token_urlsafe(32), state=new_code())
        self._devices[grant.device_code] = grant
        page = f"{self.url}/device"
        return JSONResponse(
            {
                "device_code": grant.device_code,
                "user_code": grant.state,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={grant.state}",
                "expires_in": LIFETIME,
                "interval": 1,
            }
        )

    async def _device_page(self, request: Request) -> Response:
        typed = request.query_params.get("user_code", "")
        try:
            code = canonical_code(typed)
        except ValueError:
            code = ""
        grant = next((kept for kept in self._devices.values() if code and kept.state == code), None)
        if grant is not None and grant.person is None and grant.until > time.monotonic():
            return self._choice(grant, code)
        field_ = void(
            "input", name="user_code", class_="code", autofocus=True, required=True, autocomplete="off"
        )
        form = tag(
            "form", tag("label", "Code", field_), tag("button", "Go on"), method="get", action="/device"
        )
        return _page("This code is not known here." if typed else "Type the code of your device.", form)


def _page(words: str, *body: Html, status: int = 200, forms_to: str = "", code: str = "") -> Response:
    shown = tag("p", "The code of your device: ", tag("strong", code)) if code else Html()
    heading = tag("h1", "Choose a person")
    return look.page(
        "Demo sign-in", heading, tag("p", words), shown, *body, status=status, forms_to=forms_to, house=_HOUSE
    )


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
