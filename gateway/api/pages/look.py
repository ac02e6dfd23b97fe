"""How the pages look, and the headers that they all carry. Light and dark, from 320 px, without a script."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files

from starlette.responses import HTMLResponse

from gateway.api.pages.html import Html, join, tag, void

STYLE = Html(files(__package__).joinpath("style.css").read_text("ascii"))
STYLE_HASH = "sha256-" + base64.b64encode(sha256(STYLE.encode()).digest()).decode()

_RING = Html(
    '<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><circle cx="16" cy="16" r="11.5" fill="none" '
    'stroke="currentColor" stroke-width="4.5"/><circle cx="16" cy="16" r="3.4" fill="currentColor"/></svg>'
)
_SIGN = '<svg class="sign {0}" viewBox="0 0 48 48" aria-hidden="true" focusable="false">{1}</svg>'
_STROKE = (
    '<circle cx="24" cy="24" r="21" fill="none" stroke="currentColor" stroke-width="3"/><path d="{0}" fill="none" '
    'stroke="currentColor" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/>'
)
TICK = Html(_SIGN.format("yes", _STROKE.format("M15 24.5l6.5 6.5L33.5 18")))
CROSS = Html(_SIGN.format("no", _STROKE.format("M17 17l14 14M31 17L17 31")))

_HEADERS = {
    "Content-Language": "en",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(
    title: str,
    *body: str,
    footer: str = "",
    status: int = 200,
    forms_to: str = "",
    go_on: str = "",
    headers: Mapping[str, str] | None = None,
    house: str = "hoop",
) -> HTMLResponse:
    """A whole page. `forms_to`: a foreign place that a form of it may end at; `go_on`: where the browser goes from it
    by itself; `house`: whose page it is."""
    refresh = void("meta", http_equiv="refresh", content=f"0;url={go_on}") if go_on else Html()
    head = join(
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        refresh,
        tag("title", f"{title} - {house}"),
        tag("style", STYLE),
    )
    mark = tag("p", _RING if house == "hoop" else Html(), house, class_="mark")
    main = tag("main", mark, *body)
    foot = tag("footer", footer) if footer else Html()
    whole = tag("html", tag("head", head), tag("body", main, foot), lang="en")
    sent = {**_HEADERS, "Content-Security-Policy": _policy(forms_to), **(headers or {})}
    return HTMLResponse(f"<!doctype html>\n{whole}\n", status, headers=sent)


def _policy(forms_to: str) -> str:
    return (
        f"default-src 'none'; style-src '{STYLE_HASH}'; form-action 'self'{' ' + forms_to if forms_to else ''}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
