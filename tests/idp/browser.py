"""A browser without a screen: follows redirects, keeps cookies, fills in forms, and stops where it is told to."""

import re
from html.parser import HTMLParser
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

REDIRECTS = {301, 302, 303, 307, 308}


class _Forms(HTMLParser):
    """Every form of a page: where it goes, how, and its fields, without what its buttons would add."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append((given.get("action", ""), given.get("method", "get").lower(), {}))
        elif tag == "input" and self.found and given.get("name"):
            self.found[-1][2][given["name"]] = given.get("value", "")


class Browser:
    """One person's browser. `page` and `url` are what it shows."""

    def __init__(self) -> None:
        # As browsers do: this machine is as good as https where a cookie asks for it.
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        self._client = httpx2.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=60, cookies=cookies
        )
        self.url = ""
        self.page = ""
        self.status = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def open(self, url: str, until: str = "\0", *, form: dict[str, str] | None = None) -> None:
        """Go there and on, until a page or an address that begins with `until` (which is not asked)."""
        method = "GET" if form is None else "POST"
        for _ in range(20):
            self.url = url
            if url.startswith(until):
                return
            answer = await self._client.request(method, url, data=form)
            self.page, self.status = answer.text, answer.status_code
            if answer.status_code not in REDIRECTS:
                return
            url, method, form = urljoin(url, answer.headers["location"]), "GET", None
        raise AssertionError("redirected for ever")

    async def submit(self, until: str = "\0", **filled: str) -> None:
        """Send the page's first form, with these fields filled in."""
        parser = _Forms()
        parser.feed(self.page)
        assert parser.found, re.sub(r"\s+", " ", self.page)[:500]
        action, method, fields = parser.found[0]
        assert method == "post"
        await self.open(urljoin(self.url, action), until, form={**fields, **filled})

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the address that it has come to."""
        return dict(parse_qsl(urlsplit(self.url).query))
