"""What there is to ask a gateway about requests: those that wait for people, and what people say of them.

Screens know the Protocol `RequestBook`; `Requests` does it over HTTP, by way of `client.HttpGateway`. Every method
raises `GatewayTrouble` and nothing else. What changes something carries a key, so that it is sent again where the
line broke, and done once.
"""

import re
from collections.abc import Mapping
from typing import Protocol, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from gateway.api.schema import (
    IDEMPOTENCY_HEADER,
    GlassBreaking,
    ImpactAsked,
    RequestAcceptance,
    RequestAmendment,
    RequestAnswer,
    RequestApproval,
    RequestCard,
    RequestComment,
    RequestDenial,
    RequestImpact,
    RequestPage,
    RequestRevoking,
    RequestWish,
    ReviewSigning,
)
from hoop_tui.errors import GatewayTrouble, ServerSaid, Unreachable

IMPACT_SECONDS = 20.0
"""That a gateway may take to find out what a request would do."""
_Model = TypeVar("_Model", bound=BaseModel)
_ID = re.compile(r"([0-9A-Z]{3})-?([0-9A-Z]{4})")
_MISREAD = str.maketrans("OIL", "011")


def request_id(text: str) -> str:
    """`7qf2km4` as the gateway writes it: `7QF-2KM4`. Raises ValueError, one sentence."""
    found = _ID.fullmatch(text.strip().upper())
    if found is None:
        raise ValueError("A request's id looks like 7QF-2KM4.")
    return f"{found[1]}-{found[2]}".translate(_MISREAD)


class Line(Protocol):
    """The way to a gateway: `client.HttpGateway` is one."""

    async def ask(
        self,
        model: type[_Model],
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> _Model: ...

    async def tell(
        self,
        model: type[_Model],
        path: str,
        body: BaseModel | None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> _Model: ...


class RequestBook(Protocol):
    """What waits for people, and what they say of it."""

    async def page(
        self, *, which: str = "asked", state: str = "held", limit: int = 100, cursor: str = ""
    ) -> RequestPage:
        """`which`: `asked`, `mine` or `all`; no `state` is any."""
        ...

    async def card(self, id: str) -> RequestCard: ...

    async def approve(self, card: RequestCard, reason: str = "", scope: str = "once") -> RequestCard:
        """Say yes to what this card shows."""
        ...

    async def deny(self, card: RequestCard, reason: str) -> RequestCard: ...

    async def claim(self, id: str) -> RequestCard: ...

    async def unclaim(self, id: str) -> RequestCard: ...

    async def comment(self, id: str, text: str) -> RequestCard: ...

    async def impact(self, id: str, *, dry_run: bool = False) -> RequestImpact:
        """What it would do. `dry_run`: tried, and rolled back."""

    async def amend(self, card: RequestCard, text: str, reason: str = "") -> RequestCard:
        """Propose another text instead of what this card shows."""
        ...


class Requests:
    """The requests of one gateway."""

    def __init__(self, gateway: Line) -> None:
        self._gateway = gateway
        self._unanswered: dict[tuple[str, str], str] = {}
        """The keys of decisions of which nobody knows whether they counted: the same again is the same one."""

    async def page(
        self, *, which: str = "asked", state: str = "held", limit: int = 100, cursor: str = ""
    ) -> RequestPage:
        """`which`: `asked`, `mine`, `all`, `decided` or `reviews`; no `state` is any."""
        asked = {"which": which, "limit": str(limit)}
        asked |= {name: value for name, value in (("state", state), ("cursor", cursor)) if value}
        return await self._gateway.ask(RequestPage, "/v1/requests", asked)

    async def card(self, id: str) -> RequestCard:
        return await self._gateway.ask(RequestCard, f"/v1/requests/{request_id(id)}")

    async def wait(self, id: str, mark: str, seconds: float) -> RequestCard:
        """The card, once its mark is another one, or after so long."""
        asked = {"mark": mark, "timeout": f"{seconds:g}"}
        path = f"/v1/requests/{request_id(id)}/wait"
        return await self._gateway.ask(RequestCard, path, asked, patience=seconds)

    async def approve(self, card: RequestCard, reason: str = "", scope: str = "once") -> RequestCard:
        """Say yes to what this card shows."""
        shown = card.statement
        said = _said(RequestApproval, sha256=shown.sha256, version=shown.version, reason=reason, scope=scope)
        return await self._decide(card.id, "approve", said)

    async def deny(self, card: RequestCard, reason: str) -> RequestCard:
        shown = card.statement
        said = _said(RequestDenial, sha256=shown.sha256, version=shown.version, reason=reason)
        return await self._decide(card.id, "deny", said)

    async def claim(self, id: str) -> RequestCard:
        return await self._say(id, "claim")

    async def unclaim(self, id: str) -> RequestCard:
        return await self._say(id, "unclaim")

    async def comment(self, id: str, text: str) -> RequestCard:
        return await self._say(id, "comment", _said(RequestComment, text=text))

    async def impact(self, id: str, *, dry_run: bool = False) -> RequestImpact:
        """What it would do. `dry_run`: tried, and rolled back."""
        path, said = f"/v1/requests/{request_id(id)}/impact", ImpactAsked(dry_run=dry_run)
        return await self._gateway.tell(RequestImpact, path, said, patience=IMPACT_SECONDS)

    async def amend(self, card: RequestCard, text: str, reason: str = "") -> RequestCard:
        """Propose another text instead of what this card shows."""
        shown = card.statement
        words = {"sha256": shown.sha256, "version": shown.version, "text": text, "reason": reason}
        return await self._say(card.id, "amend", _said(RequestAmendment, **words))

    async def accept(self, card: RequestCard) -> RequestCard:
        """Take the text that this card proposes instead of yours."""
        if card.amendment is None:
            raise ServerSaid(f"Nobody has proposed another text for {card.id}.", 422)
        shown = card.amendment.statement
        said = _said(RequestAcceptance, sha256=shown.sha256, version=shown.version)
        return await self._say(card.id, "accept", said)

    async def reply(self, id: str, *, reason: str = "", ticket: str = "", text: str = "") -> RequestCard:
        return await self._say(id, "reply", _said(RequestAnswer, reason=reason, ticket=ticket, text=text))

    async def cancel(self, id: str) -> RequestCard:
        return await self._say(id, "cancel")

    async def ask(self, wish: RequestWish) -> RequestCard:
        """Ask before anything is done. The same again, while it waits, is the same request."""
        return await self._tell("/v1/requests", wish)

    async def break_glass(self, card: RequestCard, reason: str) -> RequestCard:
        """Let what this card shows through: your own."""
        shown = card.statement
        said = _said(GlassBreaking, sha256=shown.sha256, version=shown.version, reason=reason)
        return await self._say(card.id, "break-glass", said)

    async def sign(self, id: str, verdict: str, reason: str) -> RequestCard:
        """`verdict`: `ok` or `not-ok`."""
        return await self._say(id, "sign", _said(ReviewSigning, verdict=verdict, reason=reason))

    async def revoke(self, id: str, reason: str) -> RequestCard:
        return await self._say(id, "revoke", _said(RequestRevoking, reason=reason))

    async def _say(self, id: str, what: str, body: BaseModel | None = None) -> RequestCard:
        return await self._tell(f"/v1/requests/{request_id(id)}/{what}", body)

    async def _decide(self, id: str, what: str, body: BaseModel) -> RequestCard:
        path = f"/v1/requests/{request_id(id)}/{what}"
        said = path, body.model_dump_json()
        key = self._unanswered.setdefault(said, str(uuid4()))
        try:
            card = await self._tell(path, body, key)
        except GatewayTrouble as trouble:
            if trouble.is_answer:
                self._unanswered.pop(said, None)
            raise
        self._unanswered.pop(said, None)
        return card

    async def _tell(self, path: str, body: BaseModel | None, key: str = "") -> RequestCard:
        headers = {IDEMPOTENCY_HEADER: key or str(uuid4())}
        try:
            return await self._gateway.tell(RequestCard, path, body, headers)
        except Unreachable:
            return await self._gateway.tell(RequestCard, path, body, headers)


def wish(**words: object) -> RequestWish:
    """What somebody asks for. Raises ValueError, one sentence."""
    try:
        return RequestWish.model_validate(words)
    except ValidationError as problem:
        wrong = problem.errors()[0]["loc"][0]
        if wrong == "lasts":
            raise ValueError("A length of time looks like 30m or 1h here.") from problem
        raise ValueError(
            f"The {wrong} can not be sent like this: it is too long, or not in one line."
        ) from problem


def _said(model: type[_Model], **words: object) -> _Model:
    try:
        return model.model_validate(words)
    except ValidationError as problem:
        raise ServerSaid("Say it in one line of up to 300 characters.", 422) from problem
