"""A gateway to sign in at: a desk that keeps everything in memory, and browsers that read pages as people do."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from fastapi import FastAPI

from gateway.api.app import build_api
from gateway.api.schema import (
    CertificateAsked,
    DatabaseTokenAsked,
    MachineAsked,
    PasswordGiven,
    SignedInToken,
    SshCertificate,
)
from gateway.api.schema_databases import (
    DatabaseCertificate,
    DatabaseCertificateAsked,
    DatabasePassword,
    DatabasePlace,
)
from gateway.api.services import ApiServices, Issuer, SignIn
from gateway.core.errors import Fault, Refused
from gateway.core.people import Peer, Principal
from gateway.session.doorbell import Doorbell, Ring
from tests.api.house import House

PUBLIC = "https://hoop.example.com"
HOME = "198.51.100.7"
"""Where the person sits."""
AWAY = "203.0.113.66"
PLACE = DatabasePlace(host="hoop.example.com", port=5432, authorities="-----BEGIN CERTIFICATE-----")
ALICE = Principal("https://id.example.com#1", "alice@example.com", frozenset({"dev"}), frozenset({"person"}))
MALLORY = Principal("https://id.example.com#666", "mallory@example.com")


@dataclass(frozen=True, slots=True)
class Trip:
    """A journey to the provider of these tests, which says yes to everybody who brings a code of `codes`."""

    url: str
    state: str
    issuer: str
    callback: str


@dataclass(slots=True)
class MemoryDesk:
    """Signs in whoever brings `code-of-alice` or `code-of-mallory`, or alice's password."""

    issuers: Sequence[Issuer] = (Issuer("corp", "Corp"), Issuer("lab", "Lab & <Sons>"))
    local: bool = True
    down: bool = False
    secret: str = "right horse"
    said: list[tuple[str, ...]] = field(default_factory=list)
    """What was asked of it, in order."""
    locked: set[str] = field(default_factory=set)

    async def begin(self, issuer: str, callback: str) -> Trip:
        if self.down:
            raise Fault("Corp did not answer within 5 seconds")
        self.said.append(("begin", issuer, callback))
        state = secrets.token_urlsafe(32)
        return Trip(f"https://id.example.com/authorize?state={state}&x=\"<'", state, issuer, callback)

    async def finish(self, journey: Any, query: Mapping[str, str], browser: Peer) -> Principal:
        assert query["state"] == journey.state
        self.said.append(("finish", journey.issuer, query.get("code", ""), browser.address))
        if query.get("iss", "https://id.example.com") != "https://id.example.com":
            raise Refused("the answer is from another provider than Corp")
        people = {"code-of-alice": ALICE, "code-of-mallory": MALLORY}
        if query.get("code") not in people:
            raise Refused("Corp did not sign you in: you or it said no")
        return people[query["code"]]

    async def by_password(self, given: PasswordGiven, peer: Peer) -> Principal:
        self.said.append(("password", given.name, peer.address))
        if (given.name, given.password) != ("alice@example.com", self.secret):
            raise Refused("wrong name or password")
        return ALICE

    async def by_machine(self, asked: MachineAsked, peer: Peer) -> SignedInToken:
        self.said.append(("machine", asked.machine, peer.address))
        if (asked.client_secret or asked.subject_token) != self.secret:
            raise Refused("this machine is not known here, or not by this")
        return self._token(Principal(asked.machine, asked.machine))

    async def issue(self, who: Principal, peer: Peer, how: str, browser: Peer | None = None) -> SignedInToken:
        self.said.append(("issue", who.name, peer.address, how, browser.address if browser else ""))
        if who.name in self.locked:
            raise Refused("alice@example.com is locked")
        return self._token(who)

    async def refresh(self, who: Principal, peer: Peer) -> SignedInToken:
        self.said.append(("refresh", who.name))
        return self._token(who)

    async def logout(self, who: Principal) -> None:
        self.said.append(("logout", who.name))

    async def certify(self, who: Principal, asked: CertificateAsked, peer: Peer) -> SshCertificate:
        self.said.append(("certify", who.name, asked.public_key, str(asked.bind_address)))
        if not asked.public_key.startswith("ssh-ed25519 "):
            raise Refused("this is no public key that can be certified")
        return SshCertificate(
            certificate="ssh-ed25519-cert-v01@openssh.com AAAA",
            serial="18446744073709551615",
            expires_at="2026-11-21T00:00:00Z",  # type: ignore[arg-type]  # read by pydantic
            person=who.name,
            host_authorities=["@cert-authority hoop.example.com ssh-ed25519 AAAA"],
            hosts=["hoop.example.com"],
            ssh_host="hoop.example.com",
            ssh_port=22,
        )

    async def database_token(self, who: Principal, asked: DatabaseTokenAsked, peer: Peer) -> DatabasePassword:
        self.said.append(("database", who.name, asked.target, str(asked.ttl)))
        if asked.target != "appdb":
            raise Refused("there is no such target for you")
        return DatabasePassword(**self._token(who).model_dump(), place=PLACE)

    async def oauth_token(
        self, who: Principal, target: str, peer: Peer, browser: Peer | None
    ) -> SignedInToken:
        self.said.append(("oauth", who.name, target, peer.address, browser.address if browser else ""))
        if target == "nodb":
            raise Refused('there is no database "nodb" for you')
        return self._token(who)

    async def database_certificate(
        self, who: Principal, asked: DatabaseCertificateAsked, peer: Peer
    ) -> DatabaseCertificate:
        self.said.append(("database certificate", who.name, asked.public_key or asked.csr))
        return DatabaseCertificate(
            certificate="-----BEGIN CERTIFICATE-----",
            serial="4711",
            expires_at="2026-11-21T00:00:00Z",  # type: ignore[arg-type]  # read by pydantic
            person=who.name,
            place=PLACE,
        )

    def _token(self, who: Principal) -> SignedInToken:
        return SignedInToken(
            token=f"hoop_t-000000_{secrets.token_hex(26)}",
            id="t-000000",
            person=who.name,
            roles=sorted(who.roles),
            expires_at="2026-11-21T00:00:00Z",  # type: ignore[arg-type]  # read by pydantic
            gateway="gw-1",
        )


@dataclass(slots=True)
class Form:
    """A form of a page, with the fields that are in it already."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What it says on a button: the field that it adds."""


class Read(HTMLParser):
    """A page as people and programs read it."""

    def __init__(self, answer: httpx2.Response) -> None:
        super().__init__()
        self.status = answer.status_code
        self.headers = answer.headers
        self.markup = answer.text
        self.url = str(answer.url)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.refresh = ""
        self.title = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self._button: tuple[str, str] | None = None
        self._label: list[str] = []
        self.feed(answer.text)
        self.close()

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(named.get("action") or self.url, named.get("method") or "get"))
        elif tag == "input" and named.get("name"):
            self.forms[-1].fields[str(named["name"])] = named.get("value") or ""
        elif tag == "button":
            self._button, self._label = (named.get("name") or "", named.get("value") or ""), []
        elif tag == "a":
            self.links.append(named.get("href") or "")
        elif tag == "meta" and named.get("http-equiv") == "refresh":
            self.refresh = str(named["content"]).partition("url=")[2]
        if tag in ("p", "div", "h1", "dd", "dt", "label", "form"):
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            self.forms[-1].buttons["".join(self._label)] = self._button

    def handle_data(self, data: str) -> None:
        last = self._open[-1] if self._open else ""
        if last == "title" and not self.title:
            self.title = data
        if last not in ("style", "title"):
            self._text.append(data)
            self._label.append(data)


class Visitor:
    """Somebody with a browser, at an address. It keeps cookies, and follows redirects within the gateway."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **more: Any) -> Read:
        return await self._read(await self.http.get(path, **more))

    async def press(self, page: Read, button: str, **typed: str) -> Read:
        return await self._read(await self.sent(page, button, **typed))

    async def sent(self, page: Read, button: str, **typed: str) -> httpx2.Response:
        form = next(form for form in page.forms if button in form.buttons)
        name, value = form.buttons[button]
        data = {**form.fields, **typed, **({name: value} if name else {})}
        return await self.http.post(form.action, data=data)

    async def come_back(
        self, leaving: Read, code: str = "code-of-alice", place: str = "/login/callback", **more: str
    ) -> Read:
        """As the provider sends it."""
        state = parse_qs(urlsplit(leaving.refresh).query)["state"][0]
        return await self.get(place, params={"code": code, "state": state, **more})

    async def to_confirm(self, path: str, code: str = "code-of-alice") -> Read:
        """All the way to the question."""
        chosen = await self.press(await self.get(path), "Sign in with Corp")
        return await self.come_back(chosen, code)

    async def _read(self, answer: httpx2.Response) -> Read:
        while answer.status_code == 303 and answer.headers["location"].startswith("/"):
            answer = await self.http.get(answer.headers["location"])
        return Read(answer)


@dataclass(slots=True)
class Front:
    """The gateway, its desk and its doorbell."""

    house: House
    desk: MemoryDesk = field(default_factory=MemoryDesk)
    public_url: str = PUBLIC
    doorbell: Doorbell = field(init=False)
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.doorbell = Doorbell(self.house.ledger, self.house.clock, timedelta(minutes=5))
        self.app = build_api(self.services())

    def services(self) -> ApiServices:
        sign_in = SignIn(desk=self.desk, doorbell=self.doorbell, public_url=self.public_url)
        return replace(self.house.services(), sign_in=sign_in)

    @asynccontextmanager
    async def at(self, address: str = HOME) -> AsyncIterator[Visitor]:
        """A new browser, or program, at this address."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 40000))
        async with httpx2.AsyncClient(transport=transport, base_url=self.public_url) as http:
            yield Visitor(http)

    async def ring(
        self, what: str = "ssh to web-1", address: str = HOME, client: str = "OpenSSH_9.2"
    ) -> Ring:
        return await self.doorbell.ring(what, Peer(address, 50000, client))

    async def refusals(self) -> list[Mapping[str, Any]]:
        """What the audit log has of sign-ins that came to nothing."""
        entries = await self.house.ledger.entries()
        return [{**entry.body, "actor": entry.actor} for entry in entries if entry.name == "identity.refused"]
