"""What people say about a held operation beside decisions, and how its person gets to hear it while they wait."""

from collections.abc import Awaitable, Callable

from gateway.core import quorum
from gateway.core.approval_events import ApprovalAnswered, ApprovalRemarked
from gateway.core.people import Principal
from gateway.core.ports import Approval, Clock, Ledger, Remark
from gateway.session import words
from gateway.session.objections import Objection
from gateway.session.who_decides import WhoDecides

MOST_LETTERS = 2000
MOST_REMARKS = 200
"""Of one request."""


class Spoken:
    """Tells the requester what is new, each once."""

    def __init__(self, notice: Callable[[str], Awaitable[None]]) -> None:
        self._notice = notice
        self._remarks = 0
        self._grants = 0

    async def catch_up(self, approval: Approval) -> None:
        """Say what has been said since the last time."""
        for remark in approval.remarks[self._remarks :]:
            if said := words.remarked(approval, remark):
                await self._notice(said)
        for word in approval.decisions[self._grants :]:
            await self._notice(words.granted_by_one(approval, word))
        self._remarks, self._grants = len(approval.remarks), len(approval.decisions)


class Remarks:
    """Takes what people say. Every method raises `Objection` where it does not count."""

    def __init__(self, ledger: Ledger, clock: Clock, who: WhoDecides) -> None:
        self._ledger = ledger
        self._clock = clock
        self._who = who

    async def remark(self, approval: Approval, by: Principal, kind: str, text: str) -> None:
        """Of somebody who is asked, now or later: `claim`, `unclaim` or `comment`."""
        id = approval.id
        if self._who.is_requester(approval, by):
            raise Objection("not_yours", f"{id} is yours: reply to it instead")
        if not self._who.groups(by) & quorum.ever_asked(approval):
            raise Objection("not_yours", f"{id} does not ask you")
        if kind == "comment":
            must_say(text)
        if not await self._keep(approval, by, kind, text):
            raise self._not_kept(await self._ledger.approval(id) or approval, kind, by)

    async def reply(self, approval: Approval, by: Principal, reason: str, ticket: str, text: str) -> None:
        """Of the requester."""
        id = approval.id
        if not self._who.is_requester(approval, by):
            raise Objection("not_yours", f"you can not reply to {id}: you did not ask for it")
        answers = {name: said for name, said in (("reason", reason), ("ticket", ticket)) if said.strip()}
        for said in (*answers.values(), *([text] if text or not answers else [])):
            must_say(said)
        if answers:
            event = ApprovalAnswered(session=approval.session, actor=by.id, request=id, answers=answers)
            if not await self._ledger.answer_approval(id, answers, event):
                raise self._not_answered(await self._ledger.approval(id) or approval, answers)
        if text and not await self._keep(approval, by, "reply", text):
            raise self._not_kept(await self._ledger.approval(id) or approval, "reply", by)

    async def _keep(self, approval: Approval, by: Principal, kind: str, text: str) -> bool:
        if len(approval.remarks) >= MOST_REMARKS:
            raise Objection(
                "missing", f"enough has been said about {approval.id}: decide, or talk to each other"
            )
        remark = Remark(by.id, kind, text, self._clock.now(), by.name)
        event = ApprovalRemarked(
            session=approval.session, actor=by.id, request=approval.id, kind=kind, text=text
        )
        return await self._ledger.remark_approval(approval.id, remark, event)

    def _not_kept(self, approval: Approval, kind: str, by: Principal) -> Objection:
        if approval.state != "held":
            return Objection("over", f"{approval.id} is over: it is {approval.state}")
        if kind == "claim" and approval.claimed_by == by.id:
            return Objection("claimed", f"you are looking at {approval.id} already")
        if kind == "claim":
            claims = [remark.name for remark in approval.remarks if remark.kind == "claim"]
            return Objection(
                "claimed", f"{claims[-1] if claims else 'somebody'} is looking at {approval.id} already"
            )
        return Objection("claimed", f"you were not looking at {approval.id}")

    def _not_answered(self, approval: Approval, answers: dict[str, str]) -> Objection:
        if approval.state != "held":
            return Objection("over", f"{approval.id} is over: it is {approval.state}")
        given = sorted(name for name in answers if approval.answers.get(name))
        if given:
            return Objection("changed", f"{approval.id} has a {given[0]} already: add a text instead")
        return Objection("changed", f"somebody has decided on {approval.id} as it was: add a text instead")


def must_say(text: str) -> None:
    """Raises `Objection` where it says nothing, or too much."""
    if not text.strip():
        raise Objection("missing", "say something: the text is empty")
    if len(text) > MOST_LETTERS:
        raise Objection("missing", f"a text has {MOST_LETTERS} letters at most")
