"""A browser without a screen: follows links and pages, fills in forms, keeps cookies. It runs no scripts."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2


@dataclass
class Button:
    """What can be pressed, with the form that it belongs to."""

    text: str
    name: str
    value: str
    form: "Form"


@dataclass
class Form:
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.buttons: list[Button] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.refresh = ""
        self._form = Form("get", "")
        self._button: Button | None = None
        self._link: str | None = None
        self._text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._form = Form(said.get("method", "get"), said.get("action", ""))
            case "input" if said.get("name"):
                self._form.fields[said["name"]] = said.get("value", "")
            case "button":
                self._button = Button("", said.get("name", ""), said.get("value", ""), self._form)
                self._text = []
            case "a":
                self._link, self._text = said.get("href", ""), []
            case "meta" if said.get("http-equiv", "").lower() == "refresh":
                self.refresh = said["content"].partition("url=")[2]

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._text).strip()
        if tag == "button" and self._button is not None:
            self._button.text = text
            self.buttons.append(self._button)
            self._button = None
        elif tag == "a" and self._link is not None:
            self.links.append((text, self._link))
            self._link = None

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        if self.lasttag != "style":
            self.words.append(data)


class Visitor:
    """Somebody at a browser."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        """`address`: the one of this machine's that they come from."""
        transport = httpx2.AsyncHTTPTransport(local_address=address)
        self._client = httpx2.AsyncClient(follow_redirects=True, transport=transport, timeout=30)
        self.address = ""
        self.status = 0
        self._page = _Page("")

    async def open(self, address: str) -> str:
        """Go there. Returns the page's text."""
        return self._read(await self._client.get(urljoin(self.address, address)))

    async def press(self, text: str, **fields: str) -> str:
        """Press the button with this in its text, with these fields filled in."""
        return self._read(await self._pressed(text, fields))

    async def leave(self, text: str) -> dict[str, str]:
        """Press a button that leads elsewhere, and do not go there. Returns what the address says."""
        said = await self._pressed(text, {}, follow=False)
        return dict(parse_qsl(urlsplit(said.headers["Location"]).query))

    async def _pressed(self, text: str, fields: dict[str, str], *, follow: bool = True) -> httpx2.Response:
        button = next((each for each in self._page.buttons if text in each.text), None)
        assert button is not None, (text, self.text, [each.text for each in self._page.buttons])
        sent = {**button.form.fields, **fields}
        if button.name:
            sent[button.name] = button.value
        where = urljoin(self.address, button.form.action)
        if button.form.method.lower() != "post":
            return await self._client.get(where, params=sent, follow_redirects=follow)
        origin = "/".join(self.address.split("/", 3)[:3])
        return await self._client.post(where, data=sent, headers={"Origin": origin}, follow_redirects=follow)

    async def go_on(self) -> str:
        """Follow the page's way on."""
        return await self.open(self._page.refresh or self._page.links[0][1])

    @property
    def text(self) -> str:
        """What stands on the page."""
        return " ".join(" ".join(self._page.words).split())

    async def sign_in(self, page: str, who: str, answer: str = "Yes", **fields: str) -> str:
        """All of it: from the address in a terminal to the last page, as one of the demo provider's people."""
        await self.open(page)
        await self.press("Sign in with")
        await self.go_on()
        await self.press(who)
        return await self.press(answer, **fields)

    async def close(self) -> None:
        await self._client.aclose()

    def _read(self, said: httpx2.Response) -> str:
        self.address, self.status = str(said.url), said.status_code
        self._page = _Page(said.text)
        return self.text
