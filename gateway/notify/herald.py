"""Makes notices of what is in the ledger, behind everybody's back: nobody who is held, decides or runs something
waits for it, and what it has not come to before a restart it finds afterwards.

It follows the ledger by the numbers of entries; the last one that was looked at is kept in the ledger, too, and moved
on in the same transaction that queues the notices. So of several gateways one makes each notice.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.core.approval import Approval
from gateway.core.errors import Fault
from gateway.core.notices import (
    BREAK_GLASS,
    DECIDED,
    EXPIRED,
    OPENED,
    REVIEW_OPEN,
    REVIEW_SIGNED,
    REVOKED,
    WITHDRAWN,
    Notice,
    Outbox,
    Posted,
)
from gateway.core.ports import Bus, Clock, Entry, Ledger
from gateway.notify.routes import Happened, Route

ROUND = 1.0
"""Seconds between two looks, where no hint says that there is something."""
GATHERING = 0.1
"""Seconds in which further hints make no difference."""
PAGE = 200
FAR = 10_000
"""So many entries without anything to say are remembered by this gateway alone; beyond, it is written down."""
MOST_WAITING = 10_000
"""Notices for one receiver. What comes beyond is not queued."""
MOST_LOOKED_AT = 16_384
"""Characters of a statement that are masked, of which 200 may be sent."""
MOST_SAID = 200
BROKEN = "break-glass"
"""The alert of a broken glass, which is an event of its own."""

ENTRIES = (
    *("operation.held", "operation.denied", "operation.noted"),
    *("approval.given", "approval.closed", "approval.voided", "approval.revoked", "approval.glass_broken"),
    "review.signed",
)
log = logging.getLogger("hoop.notify")


class Book(Ledger, Outbox, Protocol):
    """The ledger with its queue."""


@dataclass(frozen=True, slots=True)
class Knowing:
    """What the herald asks others: who is sent what, how text is masked, how bad the alert of a rule is."""

    routes: Callable[[], Sequence[Route]]
    mask: Callable[[str], str]
    risk_of: Callable[[str], str]


class Herald:
    """`start`, then `stop` once."""

    def __init__(
        self, book: Book, bus: Bus, clock: Clock, gateway: str, knowing: Knowing, posted: Callable[[], None]
    ) -> None:
        """`posted` is called when something was queued."""
        self._book = book
        self._bus = bus
        self._clock = clock
        self._gateway = gateway
        self._knowing = knowing
        self._posted = posted
        self._looked_at = 0
        self._full: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the ledger from now on."""
        self._task = asyncio.create_task(self._run(), name="herald")

    async def stop(self) -> None:
        """Follow it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        async with self._bus.subscribe("approval") as hints:
            while True:
                more = False
                try:
                    more = await self.look()
                except Fault as problem:
                    log.debug("the ledger can not be followed: %s", problem.sentence)
                except Exception:  # there is nobody else who would make notices
                    log.exception("a round of the herald failed")
                if more:
                    continue
                try:
                    async with asyncio.timeout(ROUND):
                        async for _ in hints:
                            break
                except TimeoutError:
                    pass
                await asyncio.sleep(GATHERING)

    async def look(self) -> bool:
        """Queue what is new. Returns whether there is more at once."""
        after, newest = await self._book.noticed(), await self._book.newest_entry()
        if after is None or after > newest:
            await self._book.post(after, newest, ())
            return False
        start = max(after, min(self._looked_at, newest))
        found = await self._book.entries_named(ENTRIES, start, newest, PAGE)
        full = len(found) == PAGE
        until = found[-1].seq if full else newest
        happened = [each for entry in found if (each := await self._read(entry)) is not None]
        posted = await self._addressed(happened)
        is_to_be_kept = bool(posted) or until - after > FAR
        if is_to_be_kept and await self._book.post(after, until, posted):
            self._posted()
        self._looked_at = until
        return full

    async def _addressed(self, happened: Sequence[Happened]) -> list[Posted]:
        routes = self._knowing.routes()
        found = [
            Posted(route.receiver, each.entry, route.cut(each.notice))
            for each in happened
            for route in routes
            if route.takes(each) and not self._is_old(each.notice, route)
        ]
        if not found:
            return []
        waiting = (await self._book.notices_waiting()).waiting
        full = {name for name, count in waiting.items() if count >= MOST_WAITING}
        for name in full - self._full:
            log.error("%d notices wait for %s: no more are queued", waiting[name], name)
        self._full = full
        return [each for each in found if each.receiver not in full]

    def _is_old(self, notice: Notice, route: Route) -> bool:
        return self._clock.now() - datetime.fromisoformat(notice.at) >= route.give_up

    async def _read(self, entry: Entry) -> Happened | None:
        """What an entry says to those outside; None where it says nothing."""
        try:
            if entry.name == "operation.noted":
                return await self._alert(entry)
            request = str(entry.body.get("request", ""))
            approval = await self._book.approval(request) if request else None
            return None if approval is None else self._about(entry, approval)
        except Fault:
            raise
        except Exception:
            log.exception("entry %d can not be made a notice", entry.seq)
            return None

    def _about(self, entry: Entry, approval: Approval) -> Happened | None:
        told = _told(entry, approval)
        if told is None:
            return None
        suffix, names, state, by, word = told
        notice = Notice(
            id=f"{approval.id}-{suffix}",
            event=names[0],
            at=entry.at.isoformat(),
            gateway=self._gateway,
            request=approval.id,
            session=approval.session,
            person=str(approval.facts.get("person") or approval.requester),
            target=approval.target,
            kind=str(approval.facts.get("kind", "")),
            verb=approval.verb,
            rule=approval.rule,
            risk="critical" if BREAK_GLASS in names else approval.risk,
            state=state,
            by=by,
            expires_at=approval.expires_at.isoformat() if names[0] == OPENED else "",
            statement=self._short(approval.text),
            reason=self._short(approval.answers.get("reason", "")),
            word=self._short(word),
        )
        return Happened(notice, frozenset(names), entry.seq, _labels(approval.facts.get("labels")))

    async def _alert(self, entry: Entry) -> Happened | None:
        alerts = [str(each) for each in entry.body.get("alerts", ()) if each != BROKEN]
        if not alerts:
            return None
        session = await self._book.session(entry.session) if entry.session else None
        risks = [str(entry.body.get("severity") or ""), *(self._knowing.risk_of(each) for each in alerts)]
        risk = next((each for each in ("critical", "high", "medium") if each in risks), "low")
        rule, person = ", ".join(alerts), session.person if session else entry.actor
        target = session.target if session else ""
        same = hashlib.sha256("\0".join((rule, person, target)).encode("utf-8", "replace")).hexdigest()[:12]
        notice = Notice(
            id=f"alert-{same}-{entry.at:%Y%m%d%H%M}",
            event=f"alert.{risk}",
            at=entry.at.isoformat(),
            gateway=self._gateway,
            session=entry.session,
            person=person,
            target=target,
            kind=session.kind if session else "",
            verb=str(entry.body.get("verb", "")),
            rule=rule,
            risk=risk,
            statement=self._short(str(entry.body.get("text", ""))),
        )
        return Happened(notice, frozenset({notice.event}), entry.seq, _labels(session and session.labels))

    def _short(self, text: str) -> str:
        return self._knowing.mask(text[:MOST_LOOKED_AT])[:MOST_SAID] if text else ""


_Told = tuple[str, tuple[str, ...], str, str, str]
"""What the notice's id ends in, what it is called, the state, who has said so, and what they said."""


def _told(entry: Entry, approval: Approval) -> _Told | None:
    body, review = entry.body, approval.review
    match entry.name:
        case "operation.held":
            return "opened", (OPENED,), "held", "", ""
        case "approval.given":
            return _decided(entry, approval)
        case "approval.voided":
            return "voided", (DECIDED,), "denied", "the gateway", str(body.get("why", ""))
        case "operation.denied" | "approval.closed" if body.get("state") == "expired":
            return "over", (EXPIRED,), "expired", "", ""
        case "operation.denied" | "approval.closed" if body.get("state") == "withdrawn":
            return "over", (WITHDRAWN,), "withdrawn", "", ""
        case "approval.revoked":
            revoked = approval.revoked
            name = (revoked.name or revoked.by) if revoked else entry.actor
            return "revoked", (REVOKED,), "revoked", name, str(body.get("reason", ""))
        case "approval.glass_broken":
            return "broken", (BREAK_GLASS, REVIEW_OPEN, "alert.critical"), "approved", "", ""
        case "review.signed":
            name = (review.signed_name or review.signed_by) if review else entry.actor
            return "signed", (REVIEW_SIGNED,), str(body.get("verdict", "")), name, str(body.get("reason", ""))
        case _:
            return None


def _decided(entry: Entry, approval: Approval) -> _Told | None:
    """Only the word that settled it: others may have been first of several."""
    last = approval.decisions[-1] if approval.decisions else None
    if approval.state not in ("approved", "denied") or last is None or last.by != entry.actor:
        return None
    return "over", (DECIDED,), approval.state, last.name or last.by, last.reason


def _labels(found: object) -> Mapping[str, str]:
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}
