"""One browser: the cookie it is known by, the tokens in its forms, and what it sent.

The cookie says nothing about a person. It ties the steps of a sign-in to the browser that started it.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request, Response

from gateway.api.callers import peer_of
from gateway.core.people import Peer

_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
LONGEST_FORM = 16_384
MOST_FIELDS = 20
NOT_YOURS = (
    "this page was not opened in this browser, or is too old: go back to your terminal and start again"
)


@dataclass(frozen=True, slots=True)
class Browser:
    """Who asks for a page."""

    peer: Peer
    cookie: str
    fresh: bool
    """It has no cookie yet: give it this one."""

    @property
    def digest(self) -> bytes:
        """What is remembered of the cookie."""
        return sha256(self.cookie.encode()).digest()


class Cookies:
    """Gives browsers their cookie, and makes form tokens that only the same browser can send back."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        self._origin = _origin(public_url)
        self._key = secrets.token_bytes(32)

    @property
    def name(self) -> str:
        """With https, one that no other host and no unencrypted page can set."""
        return "__Host-hoop-visit" if self._secure else "hoop-visit"

    def browser(self, request: Request) -> Browser:
        """Who asks."""
        cookie = request.cookies.get(self.name, "")
        known = _COOKIE.fullmatch(cookie) is not None
        return Browser(peer_of(request), cookie if known else secrets.token_urlsafe(32), not known)

    def keep(self, browser: Browser, response: Response) -> None:
        """Give a new browser its cookie."""
        if browser.fresh:
            response.set_cookie(
                self.name, browser.cookie, path="/", httponly=True, samesite="lax", secure=self._secure
            )

    def form_token(self, browser: Browser, purpose: str) -> str:
        """For a form of this browser that does this one thing."""
        return hmac.new(self._key, f"{browser.cookie} {purpose}".encode(), sha256).hexdigest()

    async def form(self, request: Request, browser: Browser, purpose: str) -> Mapping[str, str]:
        """What the person sent from a page of ours, made for this browser and this purpose; nothing else."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, NOT_YOURS)
        # `null` is what browsers send from pages that give no referrer, such as ours.
        if request.headers.get("origin", "null") not in ("null", self._origin):
            raise HTTPException(403, f"this page works at {self._origin} only: open it there")
        fields = await _fields(request)
        sent = fields.get("form", "").encode()
        if browser.fresh or not hmac.compare_digest(sent, self.form_token(browser, purpose).encode()):
            raise HTTPException(403, NOT_YOURS)
        return fields


async def _fields(request: Request) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != _FORM or len(body) > LONGEST_FORM:
        raise HTTPException(400, "this form can not be read")
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise HTTPException(400, "this form can not be read") from error
    return once(pairs)


def _origin(url: str) -> str:
    """As browsers write it."""
    parts = urlsplit(url.lower())
    return f"{parts.scheme}://{parts.netloc.removesuffix(':443' if parts.scheme == 'https' else ':80')}"


def once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Each name once: what is there twice can be read in two ways."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise HTTPException(400, "this address or form says something twice")
    return fields
