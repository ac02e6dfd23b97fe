"""Requests that somebody waits for, as a Gate does, over the engine and the ledger of a house."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import httpx2

from gateway.api.schema import RequestCard
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import Approval
from gateway.core.verdict import Hold
from tests.api.house import House

DBA = frozenset({"dba"})
DROP = "drop table payments_old"


@dataclass(slots=True)
class Asked:
    """One request, and whoever waits for it."""

    id: str
    waiting: "asyncio.Task[Approval]"
    told: list[str] = field(default_factory=list)


def holding(**more: Any) -> Hold:
    return Hold("ddl", "DDL needs a DBA", **{"approvers": DBA, "timeout": timedelta(minutes=10), **more})


class Askers:
    """Opens requests, and takes them back at the end."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.asked: list[Asked] = []

    async def ask(
        self,
        text: str = DROP,
        person: str = "ugo",
        *,
        groups: frozenset[str] = frozenset({"dev"}),
        effects: frozenset[Effect] = frozenset({Effect.DEFINE}),
        labels: Mapping[str, str] = MappingProxyType({"env": "prod"}),
        details: Mapping[str, Any] = MappingProxyType({}),
        **more: Any,
    ) -> Asked:
        who = Principal(f"id-{person}", person, groups, method="token t-7QF2KM")
        target = Target("appdb", "postgres", "127.0.0.1", 5432, "app", labels)
        session = Session(
            "s-2B8CK4TQ", who, target, Peer("192.0.2.7", 1, "psql"), self.house.clock.now(), "app_rw"
        )
        known = {row.id for row in await self.house.ledger.approvals(state="held")}
        heard = asyncio.Event()
        asked = Asked("", None)  # type: ignore[arg-type]  # filled in below

        async def notice(said: str) -> None:
            asked.told.append(said)
            heard.set()

        operation = Operation("drop", text, effects, details=details)
        asked.waiting = asyncio.create_task(
            self.house.approvals.wait(session, operation, holding(**more), "rev-42", notice)
        )
        async with asyncio.timeout(10):
            await heard.wait()
        (asked.id,) = {row.id for row in await self.house.ledger.approvals(state="held")} - known
        self.asked.append(asked)
        return asked

    async def gone(self) -> None:
        for each in self.asked:
            each.waiting.cancel()
        if self.asked:
            await asyncio.wait([each.waiting for each in self.asked])


@asynccontextmanager
async def askers(house: House) -> AsyncIterator[Askers]:
    asking = Askers(house)
    try:
        yield asking
    finally:
        await asking.gone()


class Colleague:
    """Somebody who calls the routes about requests."""

    def __init__(self, http: httpx2.AsyncClient, name: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer token-of-{name}"}

    async def get(self, path: str = "", **asked: Any) -> httpx2.Response:
        return await self._http.get(f"/v1/requests{path}", params=asked, headers=self._headers)

    async def post(
        self, id: str, what: str, body: dict[str, Any] | None = None, key: str = ""
    ) -> httpx2.Response:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return await self._http.post(f"/v1/requests/{id}/{what}", json=body, headers=headers)

    async def card(self, id: str) -> RequestCard:
        return card_of(await self.get(f"/{id}"))

    async def approve(self, id: str, key: str = "", **more: Any) -> httpx2.Response:
        """What the card shows now."""
        return await self.post(id, "approve", {**await self._shown(id), **more}, key)

    async def deny(self, id: str, reason: str = "not today", key: str = "", **more: Any) -> httpx2.Response:
        return await self.post(id, "deny", {**await self._shown(id), "reason": reason, **more}, key)

    async def _shown(self, id: str) -> dict[str, Any]:
        response = await self.get(f"/{id}")
        if response.status_code != 200:
            return {"sha256": "0" * 64, "version": 1}
        statement = card_of(response).statement
        return {"sha256": statement.sha256, "version": statement.version}


def card_of(response: httpx2.Response) -> RequestCard:
    assert response.status_code == 200, response.text
    return RequestCard.model_validate_json(response.content)


def refused(response: httpx2.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["detail"])
