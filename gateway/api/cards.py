"""The card: all that is known of one request, as every front end shows it. Built from the approval alone.

It decides nothing and asks nobody: what the caller may know and may do is put in by `request_sight`.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import quote

from gateway.api import hidden
from gateway.api.card_risks import labels, risks, words
from gateway.api.schema_requests import (
    BlankStretch,
    CardAmendment,
    CardAttachment,
    CardEscalation,
    CardPast,
    CardQuorum,
    CardRisk,
    CardRule,
    CardWhere,
    CardWho,
    CardWhy,
    HiddenCharacter,
    MatchedSpan,
    Remarked,
    RequestAbout,
    RequestCard,
    RequestSummary,
    RequestWord,
    SaidYesOrNo,
    Statement,
    Tally,
)
from gateway.api.schema_reviews import CardGlass, CardReview, CardRevoked, ReviewWord
from gateway.core import quorum, scopes
from gateway.core.approval import ACCESS, Approval
from gateway.core.attachments import Attachment
from gateway.core.request_lists import Past
from gateway.core.reviews import OK
from gateway.session.request_lists import LIST_TEXT

_HALVES = re.compile("[\ud800-\udfff]")
_WHAT = 200
_MORE = " ..."
_WORDS: Mapping[str, RequestWord] = {
    "held": "held",
    "approved": "approved",
    "denied": "denied",
    "expired": "expired",
    "withdrawn": "withdrawn",
}
_ABOUT: Mapping[str, RequestAbout] = {"operation": "operation", "text": "text", "access": "access"}
_SHOWN_ELSEWHERE = frozenset(
    (
        *("key", "began", "values", "matched"),
        *("person", "groups", "address", "client", "method", "login", "kind", "labels"),
    )
)


def word(approval: Approval, now: datetime) -> RequestWord:
    """The state it is in. Nobody has to have noticed that its time is over."""
    if approval.state == "held" and now >= approval.expires_at:
        return "expired"
    return _WORDS[approval.state]


def mark(approval: Approval, now: datetime) -> str:
    """Another one with everything that happens to it."""
    said = len(approval.decisions), len(approval.remarks)
    after = _review_word(approval, now), "revoked" if approval.revoked else ""
    return ".".join(map(str, (word(approval, now), approval.version, *said, *filter(None, after))))


def until(approval: Approval) -> datetime | None:
    """Of access that was granted for a time, when that is over."""
    if approval.kind != ACCESS or approval.state != "approved":
        return None
    scope = scopes.parse(approval.granted_scope or scopes.ONCE)
    since = approval.review.opened_at if approval.review else approval.decisions[-1].at
    return since + scope.lasts if scope.lasts is not None else None


def person(approval: Approval) -> str:
    """What the person who asks is called."""
    return str(approval.facts.get("person") or approval.requester)


def summary(approval: Approval, now: datetime, may_decide: str, same: int = 1) -> RequestSummary:
    """One row. `same`: how many like it its person has that are held, this one included."""
    facts = approval.facts
    return RequestSummary(
        id=approval.id,
        state=word(approval, now),
        mark=mark(approval, now),
        person=person(approval),
        target=approval.target,
        kind=str(facts.get("kind", "")),
        env=labels(facts).get("env", ""),
        verb=approval.verb,
        what=_beginning(approval.text),
        rule=approval.rule,
        risk=approval.risk,
        opened_at=approval.opened_at,
        expires_at=approval.expires_at,
        left=_left(approval, now),
        granted=sum(decision.granted for decision in approval.decisions),
        needed=_needed(approval),
        about=_ABOUT[approval.kind],
        claimed_by=_claimed_by(approval),
        decided_by=_decided_by(approval),
        decisions=len(approval.decisions),
        remarks=len(approval.remarks),
        may_decide=may_decide,
        same=same,
        review=_review_word(approval, now),
        revoked=approval.revoked is not None,
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What the approval itself does not tell: what was found of earlier ones, when the person signed in, whether they
    are connected still, the number of the policy's revision, and where tickets are read."""

    past: CardPast
    since: datetime | None = None
    glass: CardGlass | None = None
    connected: bool | None = None
    number: int = 0
    ticket_url: str = ""
    """With `{ticket}` in it. Empty: nowhere."""


def card(approval: Approval, now: datetime, may_decide: str, beside: Beside) -> RequestCard:
    """Everything."""
    past = beside.past
    statement = _statement(approval.text, approval.sha256, approval.version, _matched(approval))
    return RequestCard(
        id=approval.id,
        state=word(approval, now),
        mark=mark(approval, now),
        mode=approval.mode,
        about=_ABOUT[approval.kind],
        until=until(approval),
        verb=approval.verb,
        opened_at=approval.opened_at,
        expires_at=approval.expires_at,
        now=now,
        left=_left(approval, now),
        who=_who(approval, beside.since),
        where=_where(approval, beside.connected),
        why=_why(approval, beside.ticket_url),
        rule=_rule(approval, now, beside.number),
        risk=CardRisk(word=approval.risk, lines=risks(approval, statement, past)),
        past=past,
        facts={name: fact for name, fact in approval.facts.items() if name not in _SHOWN_ELSEWHERE},
        statement=statement,
        attachments=[_attachment(each, approval.version) for each in approval.attachments],
        decisions=_decisions(approval),
        scope=approval.granted_scope,
        claimed_by=_claimed_by(approval),
        remarks=_remarks(approval),
        may_decide=may_decide,
        decided_by=_decided_by(approval),
        glass=beside.glass,
        review=_review(approval, now),
        revoked=_revoked(approval),
        amendment=_amendment(approval),
        replaced_by=approval.replaced_by,
        replaces=approval.replaces,
    )


def tally(past: Past) -> Tally:
    """What became of earlier ones."""
    return Tally(**asdict(past))


def _decided_by(approval: Approval) -> str:
    if approval.review is not None and approval.state == "approved":
        return approval.review.name or approval.review.by
    last = approval.decisions[-1] if approval.decisions else None
    return (last.name or last.by) if last and approval.state in ("approved", "denied") else ""


def _review_word(approval: Approval, now: datetime) -> ReviewWord:
    review = approval.review
    if review is None:
        return ""
    if review.is_open:
        return "overdue" if review.is_overdue(now) else "open"
    return "ok" if review.verdict == OK else "not-ok"


def _review(approval: Approval, now: datetime) -> CardReview | None:
    review = approval.review
    if review is None:
        return None
    return CardReview(
        word=_review_word(approval, now),
        by=review.name or review.by,
        reason=review.reason,
        at=review.opened_at,
        due_at=review.due_at,
        signed_by=review.signed_name or review.signed_by,
        signed_reason=review.signed_reason,
        signed_at=review.signed_at,
    )


def _revoked(approval: Approval) -> CardRevoked | None:
    revoked = approval.revoked
    if revoked is None:
        return None
    return CardRevoked(by=revoked.name or revoked.by, reason=revoked.reason, at=revoked.at)


def _who(approval: Approval, since: datetime | None) -> CardWho:
    facts = approval.facts
    return CardWho(
        person=person(approval),
        groups=words(facts.get("groups")),
        method=str(facts.get("method", "")),
        since=since,
        address=str(facts.get("address", "")),
        client=str(facts.get("client", "")),
    )


def _where(approval: Approval, connected: bool | None) -> CardWhere:
    facts = approval.facts
    return CardWhere(
        target=approval.target,
        kind=str(facts.get("kind", "")),
        labels=labels(facts),
        login=str(facts.get("login", "")),
        session=approval.session,
        connected=connected,
    )


def _why(approval: Approval, ticket_url: str) -> CardWhy:
    answers = approval.answers
    ticket = answers.get("ticket", "")
    return CardWhy(
        reason=answers.get("reason", ""),
        ticket=ticket,
        ticket_url=link_of(ticket, ticket_url),
        missing=sorted(quorum.missing(approval)),
    )


def link_of(ticket: str, template: str) -> str:
    """Where this ticket is read. Nothing of it is more than one word in the path or the query of that address, so it
    leads nowhere else; `.` and `..` would."""
    if not ticket.strip(".") or not template.startswith("https://"):
        return ""
    return template.replace("{ticket}", quote(_whole(ticket), safe=""))


def _rule(approval: Approval, now: datetime, number: int) -> CardRule:
    asked = quorum.asked(approval, now)
    return CardRule(
        id=approval.rule,
        message=approval.reason,
        revision=approval.revision,
        number=number,
        asked=sorted(asked),
        needed=_needed(approval),
        missing=[
            CardQuorum(groups=sorted(each.groups & asked), missing=each.count)
            for each in (quorum.unmet(approval) if word(approval, now) == "held" else ())
        ],
        then=[
            CardEscalation(at=approval.opened_at + after, groups=sorted(groups))
            for after, groups in approval.then
        ],
        scopes=scopes.grantable(approval.scopes, once=approval.kind != ACCESS),
    )


def _decisions(approval: Approval) -> list[SaidYesOrNo]:
    return [
        SaidYesOrNo(
            by=each.name or each.by,
            granted=each.granted,
            reason=each.reason,
            scope=each.scope,
            groups=sorted(each.groups or ()),
            at=each.at,
        )
        for each in approval.decisions
    ]


def _remarks(approval: Approval) -> list[Remarked]:
    return [
        Remarked(by=each.name or each.by, kind=each.kind, text=each.text, at=each.at)
        for each in approval.remarks
    ]


def _attachment(each: Attachment, version: int) -> CardAttachment:
    shown = None if each.why else _statement(each.text, each.sha256, version)
    named = {name: getattr(each, name) for name in ("path", "sha256", "why", "inside")}
    return CardAttachment(
        name=_whole(each.name),
        size=each.size,
        contents=shown,
        **{name: _whole(value) for name, value in named.items()},
    )


def _amendment(approval: Approval) -> CardAmendment | None:
    said = approval.amendment
    if said is None:
        return None
    shown = _statement(said.text, said.sha256, approval.version)
    return CardAmendment(
        by=said.name or said.by, reason=said.reason, at=said.at, accepted=said.accepted, statement=shown
    )


def _statement(text: str, sha256: str, version: int, matched: Iterable[MatchedSpan] = ()) -> Statement:
    data = text.encode("utf-8", "surrogateescape")
    whole = _whole(text)
    odd, odd_count = hidden.hidden(text)
    gaps, gap_count = hidden.gaps(text)
    return Statement(
        text=whole,
        raw="" if whole == text else base64.b64encode(data).decode(),
        size=len(data),
        characters=len(text),
        lines=text.count("\n") + 1,
        sha256=sha256,
        version=version,
        hidden=[HiddenCharacter(**each._asdict()) for each in odd],
        hidden_count=odd_count,
        blanks=[BlankStretch(**each._asdict()) for each in gaps],
        blanks_count=gap_count,
        matched=list(matched),
    )


def _matched(approval: Approval) -> Iterable[MatchedSpan]:
    spans = approval.facts.get("matched")
    for each in spans if isinstance(spans, list) else ():
        start, end = each
        yield MatchedSpan(offset=start, length=end - start)


def _beginning(text: str) -> str:
    """In one line, and never as if it were all: what hides behind a screen full of blanks is cut off visibly."""
    shown = " ".join(_whole(text).split())
    is_all = len(shown) <= _WHAT and len(text) < LIST_TEXT
    return shown if is_all else f"{shown[: _WHAT - len(_MORE)]}{_MORE}"


def _needed(approval: Approval) -> int:
    return sum(each.count for each in quorum.quorums(approval))


def _claimed_by(approval: Approval) -> str:
    names = {each.by: each.name for each in approval.remarks if each.kind == "claim"}
    return names.get(approval.claimed_by) or approval.claimed_by


def _left(approval: Approval, now: datetime) -> int:
    if word(approval, now) != "held":
        return 0
    return max(0, int((approval.expires_at - now).total_seconds()))


def _whole(text: str) -> str:
    """As JSON can carry it: each byte that is no UTF-8 becomes U+FFFD."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)
