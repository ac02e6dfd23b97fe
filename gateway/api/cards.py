"""The card: all that is known of one request, as every front end shows it. Built from the approval alone.

It decides nothing and asks nobody: what the caller may know and may do is put in by `request_sight`.
"""

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.api import hidden
from gateway.api.schema_requests import (
    BlankStretch,
    CardEscalation,
    CardPast,
    CardQuorum,
    CardRisk,
    CardRule,
    CardWhere,
    CardWho,
    CardWhy,
    HiddenCharacter,
    Remarked,
    RequestAbout,
    RequestCard,
    RequestSummary,
    RequestWord,
    RiskLine,
    SaidYesOrNo,
    Statement,
    Tally,
)
from gateway.api.schema_reviews import CardGlass, CardReview, CardRevoked, ReviewWord
from gateway.core import quorum, scopes
from gateway.core.approval import ACCESS, Approval
from gateway.core.request_lists import Past
from gateway.core.reviews import OK
from gateway.session.request_lists import LIST_TEXT

LONG_TEXT = 1 << 16
MANY_ROWS = 1000
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
        *("key", "began", "values"),
        *("person", "groups", "address", "client", "method", "login", "kind", "labels"),
    )
)
_EFFECTS = {
    "write": "writes",
    "define": "changes how things are defined",
    "control": "controls the machine or the database",
    "run": "runs a program",
    "transfer": "carries a file or a connection",
    "unknown": "what it does can not be told for certain",
}
_PRODUCTION = frozenset(("prod", "production", "live"))


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
        env=_labels(facts).get("env", ""),
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


def card(
    approval: Approval,
    now: datetime,
    may_decide: str,
    past: CardPast,
    since: datetime | None = None,
    glass: CardGlass | None = None,
) -> RequestCard:
    """Everything. `past`: what was found of earlier ones; `since`: when the person signed in."""
    statement = _statement(approval)
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
        who=_who(approval, since),
        where=_where(approval),
        why=_why(approval),
        rule=_rule(approval, now),
        risk=CardRisk(word=approval.risk, lines=_risks(approval, statement, past)),
        past=past,
        facts={name: fact for name, fact in approval.facts.items() if name not in _SHOWN_ELSEWHERE},
        statement=statement,
        decisions=_decisions(approval),
        scope=approval.granted_scope,
        claimed_by=_claimed_by(approval),
        remarks=_remarks(approval),
        may_decide=may_decide,
        decided_by=_decided_by(approval),
        glass=glass,
        review=_review(approval, now),
        revoked=_revoked(approval),
    )


def tally(past: Past) -> Tally:
    """What became of earlier ones."""
    return Tally(approved=past.approved, denied=past.denied, last_by=past.last_by, last_at=past.last_at)


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
        groups=_words(facts.get("groups")),
        method=str(facts.get("method", "")),
        since=since,
        address=str(facts.get("address", "")),
        client=str(facts.get("client", "")),
    )


def _where(approval: Approval) -> CardWhere:
    facts = approval.facts
    return CardWhere(
        target=approval.target,
        kind=str(facts.get("kind", "")),
        labels=_labels(facts),
        login=str(facts.get("login", "")),
        session=approval.session,
    )


def _why(approval: Approval) -> CardWhy:
    answers = approval.answers
    return CardWhy(
        reason=answers.get("reason", ""),
        ticket=answers.get("ticket", ""),
        missing=sorted(quorum.missing(approval)),
    )


def _rule(approval: Approval, now: datetime) -> CardRule:
    asked = quorum.asked(approval, now)
    return CardRule(
        id=approval.rule,
        message=approval.reason,
        revision=approval.revision,
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


def _statement(approval: Approval) -> Statement:
    text = approval.text
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
        sha256=approval.sha256,
        version=approval.version,
        hidden=[HiddenCharacter(**each._asdict()) for each in odd],
        hidden_count=odd_count,
        blanks=[BlankStretch(**each._asdict()) for each in gaps],
        blanks_count=gap_count,
    )


def _beginning(text: str) -> str:
    """In one line, and never as if it were all: what hides behind a screen full of blanks is cut off visibly."""
    shown = " ".join(_whole(text).split())
    is_all = len(shown) <= _WHAT and len(text) < LIST_TEXT
    return shown if is_all else f"{shown[: _WHAT - len(_MORE)]}{_MORE}"


def _risks(approval: Approval, statement: Statement, past: CardPast) -> list[RiskLine]:
    return [RiskLine(sign=sign, text=text) for sign, text in _for_and_against(approval, statement, past)]


def _for_and_against(approval: Approval, statement: Statement, past: CardPast) -> Iterable[tuple[Any, str]]:
    facts = approval.facts
    effects = _words(facts.get("effects"))
    for effect in effects:
        if effect in _EFFECTS:
            yield "+", _EFFECTS[effect]
    if effects == ["read"]:
        yield "-", "only reads"
    if facts.get("has_where") is False:
        yield "+", "no WHERE: it is about all rows"
    rows = facts.get("rows")
    if isinstance(rows, int):
        yield "+" if rows > MANY_ROWS else "-", f"about {_count(rows, 'row')}, as the server guesses"
    env = _labels(facts).get("env", "")
    if env:
        production = env.casefold() in _PRODUCTION
        yield "+" if production else "-", f"{'production' if production else 'not production'} (env={env})"
    if statement.size > LONG_TEXT:
        yield "+", f"a long statement: {statement.size:,} bytes"
    if statement.hidden_count:
        yield "+", f"{_count(statement.hidden_count, 'hidden character')} in the statement"
    if statement.blanks_count:
        yield "+", f"{_count(statement.blanks_count, 'long blank stretch', 'es')} in the statement"
    shape = past.shape
    if shape is not None and shape.approved and not shape.denied:
        yield "-", f"the same shape was approved {_times(shape.approved)}, and denied never"
    if shape is not None and shape.denied:
        yield "+", f"the same shape was denied {_times(shape.denied)}"


def _needed(approval: Approval) -> int:
    return sum(each.count for each in quorum.quorums(approval))


def _claimed_by(approval: Approval) -> str:
    names = {each.by: each.name for each in approval.remarks if each.kind == "claim"}
    return names.get(approval.claimed_by) or approval.claimed_by


def _left(approval: Approval, now: datetime) -> int:
    if word(approval, now) != "held":
        return 0
    return max(0, int((approval.expires_at - now).total_seconds()))


def _labels(facts: Mapping[str, Any]) -> dict[str, str]:
    labels = facts.get("labels")
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, Mapping) else {}


def _words(value: Any) -> list[str]:
    return sorted(map(str, value)) if isinstance(value, Collection) and not isinstance(value, str) else []


def _whole(text: str) -> str:
    """As JSON can carry it: each byte that is no UTF-8 becomes U+FFFD."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def _count(number: int, thing: str, plural: str = "s") -> str:
    return f"{number:,} {thing}{'' if number == 1 else plural}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
