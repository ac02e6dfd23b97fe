"""One request in words: who, where, why, by which rule, at what risk, what came before, and the whole statement.

The same words for the screen and for commands. They are other people's text: whoever shows them makes them harmless;
of the statement, that is done here. Nothing of it is left out; where it has nothing to show for long, that is said.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.api.schema import CardAttachment, CardRule, RequestCard, RequestSummary, Statement
from hoop_tui.safe_text import visible
from hoop_tui.text_diff import can_compare, compared
from hoop_tui.wording import clock_length, full_time

RISKS = {"low": ". LOW", "medium": "~ MED", "high": "! HIGH", "critical": "! CRITICAL"}
_KINDS = {"postgres": "pg"}
_BLANKS = re.compile(r"[ \t]{60,}")
_EMPTY_LINES = 8
_SHOWN_HIDDEN = 20
MATCHED = "<- matched"
TAB = "\t"


def headline(card: RequestCard) -> str:
    """`7QF-2KM4  ! HIGH  held, 09:12 left`"""
    left = f", {clock_length(timedelta(seconds=card.left))} left" if card.state == "held" else ""
    parts = (card.id, RISKS.get(card.risk.word, card.risk.word.upper()), f"{card.state}{left}")
    return "  ".join(part for part in parts if part)


def place(request: RequestSummary) -> str:
    """`pg:appdb PROD`"""
    return where(request.kind, request.target, request.env)


def where(kind: str, target: str, env: str) -> str:
    named = f"{_KINDS.get(kind, kind)}:{target}" if kind else target
    return f"{named} {env.upper()}".strip()


def facts(card: RequestCard) -> Iterator[tuple[str, str]]:
    """`WHO`, `WHERE` and so on, each with what is known."""
    who, place, why, rule = card.who, card.where, card.why, card.rule
    since = f" since {full_time(who.since, 'utc')}" if who.since else ""
    come = ", ".join(part for part in (who.address, who.client) if part)
    yield (
        "WHO",
        _joined(who.person, ", ".join(who.groups), f"{who.method}{since}", f"from {come}" if come else ""),
    )
    labels = ", ".join(f"{name}={value}" for name, value in sorted(place.labels.items()))
    named = where(place.kind, place.target, "")
    account = f"as {place.login}" if place.login else ""
    session = f"session {place.session}" if place.session else ""
    yield "WHERE", _joined(f"{named} ({labels})" if labels else named, account, session)
    lacks = f"still to be given: {', '.join(why.missing)}" if why.missing else ""
    said = quoted(why.reason) if why.reason else ("" if why.missing else "nothing was said")
    yield "WHY", _joined(said, f"ticket {why.ticket}" if why.ticket else "", why.ticket_url, lacks)
    yield "RULE", _joined(f"{rule.id}{policy_of(rule)}: {rule.message}", _asked(card))
    yield "RISK", "  ".join(f"{line.sign} {line.text}" for line in card.risk.lines) or "nothing is known"
    yield "PAST", _joined(*_past(card))
    if card.rule.scopes != ["once"]:
        yield "SCOPES", ", ".join(card.rule.scopes)
    known = [
        f"{name}={_fact(value)}" for name, value in sorted(card.facts.items()) if value not in ("", [], {})
    ]
    yield "FACTS", _joined(f"verb={card.verb}", *known)


def policy_of(rule: CardRule) -> str:
    """`, policy rev 42 (27baed94ad31)`"""
    if not rule.revision:
        return ""
    return f", policy rev {rule.number} ({rule.revision})" if rule.number else f", policy {rule.revision}"


def _asked(card: RequestCard) -> str:
    if card.state != "held":
        return f"asked {', '.join(card.rule.asked)}"
    lacking = " and ".join(f"{each.missing} of {' or '.join(each.groups)}" for each in card.rule.missing)
    yes = sum(each.granted for each in card.decisions)
    return f"needs {lacking}" + (f", {yes} of {card.rule.needed} have said yes" if yes else "")


def _past(card: RequestCard) -> Iterator[str]:
    if (shape := card.past.shape) is not None:
        last = f", last {_moment(shape.last_at)} by {shape.last_by}" if shape.last_at else ""
        yield f"same shape: {shape.approved} approved, {shape.denied} denied{last}"
    if (person := card.past.person) is not None:
        yield f"{card.who.person}: {person.approved} approved, {person.denied} denied"


def statement_lines(statement: Statement) -> Iterator[str]:
    """Numbered, harmless, and with every stretch where nothing is to be seen said in words."""
    lines = statement.text.split("\n")
    digits = len(str(len(lines)))
    marked = matched_lines(statement)
    number = 0
    while number < len(lines):
        empty = number
        while empty < len(lines) and not lines[empty].strip():
            empty += 1
        if empty - number >= _EMPTY_LINES:
            yield f"{number + 1:>{digits}}  <{empty - number:,} empty lines>"
            number = empty
            continue
        line = visible(lines[number].removesuffix("\r"), keep="\t")
        mark = f"  {MATCHED}" if number in marked else ""
        yield f"{number + 1:>{digits}}  {_BLANKS.sub(_said, line)}{mark}"
        number += 1


def matched_lines(statement: Statement) -> frozenset[int]:
    """The lines, counted from 0, where what the rule points at begins."""
    text = statement.text
    return frozenset(text.count("\n", 0, each.offset) for each in statement.matched)


def _said(blanks: "re.Match[str]") -> str:
    return f" <{len(blanks[0]):,} blanks> "


def file_heading(each: CardAttachment) -> str:
    """Which file that the statement runs it is, or why it is not shown."""
    where = f" ({each.path})" if each.path and each.path != each.name else ""
    inside = f", which {each.inside} runs" if each.inside else ""
    if each.contents is None:
        digest = f"  sha256 {each.sha256}" if each.sha256 else ""
        return f"FILE {each.name}{where}{inside}: {each.why}{digest}"
    return f"FILE {each.name}{where}{inside}:"


def about_file(contents: Statement) -> Iterator[str]:
    """Of its contents, without what a statement has besides."""
    *said, digest = about(contents)
    yield from said
    yield digest.partition("  ")[0]


def about(statement: Statement) -> Iterator[str]:
    """How much there is of it, and what of it can not be seen."""
    count = statement.hidden_count
    odd = f"{count:,} hidden character{'' if count == 1 else 's'}, shown as <U+XXXX>" if count else ""
    yield (
        f"{statement.size:,} bytes, {statement.lines:,} line{'' if statement.lines == 1 else 's'}, all of it shown, "
        f"{odd or 'no hidden characters'}"
    )
    for each in statement.hidden[:_SHOWN_HIDDEN]:
        yield f"  at {each.offset:,}: {each.codepoint} {each.name}"
    if count > _SHOWN_HIDDEN:
        yield f"  and {count - _SHOWN_HIDDEN:,} more"
    if statement.blanks_count:
        yield f"{statement.blanks_count:,} long stretches of blanks or empty lines, shown as how many"
    yield f"sha256 {statement.sha256}  version {statement.version}"


def history(card: RequestCard) -> list[str]:
    """What people have said of it, in order."""
    said = [
        (each.at, f"{full_time(each.at, 'utc')}  {_remark(each.by, each.kind, each.text)}")
        for each in card.remarks
    ]
    said += [
        (each.at, f"{full_time(each.at, 'utc')}  {_decision(each.by, each.granted, each.reason, each.scope)}")
        for each in card.decisions
    ]
    said += [(at, f"{full_time(at, 'utc')}  {line}") for at, line in _afterwards(card)]
    return [line for _, line in sorted(said)]


def events(card: RequestCard) -> list[str]:
    """All that has happened to it, in order; and last, whether its person is still there."""
    person = card.who.person
    asked = "asked for this in advance" if card.about != "operation" else "opened this request"
    told = [f"{full_time(card.opened_at, 'utc')}  {person} {asked}", *history(card)]
    if card.where.connected is not None:
        there = "is still connected" if card.where.connected else "is not connected any more"
        told.append(f"{full_time(card.now, 'utc')}  {person} {there}")
    return told


def proposal(card: RequestCard) -> str:
    """`bob@example.com proposes another text: "only the test rows"`; empty where nobody does."""
    said = card.amendment
    if said is None:
        return ""
    verb = "proposed" if said.accepted or card.state != "held" else "proposes"
    became = (
        ", and it was accepted" + (f" ({card.replaced_by})" if card.replaced_by else "")
        if said.accepted
        else ""
    )
    return f"{said.by} {verb} another text{became}" + (f": {quoted(said.reason)}" if said.reason else "")


def proposed_lines(card: RequestCard) -> Iterator[str]:
    """Harmless, with what of the first text goes (`-`) and what comes (`+`)."""
    if card.amendment is None:
        return
    yield visible(proposal(card))
    before, after = card.statement.text, card.amendment.statement.text
    if not can_compare(before, after):
        yield from (f"+ {line}" for line in statement_lines(card.amendment.statement))
        return
    for line in compared(before, after):
        yield f"{line.sign} {visible(line.text, keep=TAB)}"


def settled_by(card: RequestCard) -> str:
    """`approved by carol@example.com, 2026-11-08 10:00:00Z`"""
    last = card.decisions[-1].at if card.decisions else card.opened_at
    by = f" by {card.decided_by}" if card.decided_by else ""
    return f"{card.state}{by}, {full_time(last, 'utc')}"


def _afterwards(card: RequestCard) -> Iterator[tuple[datetime, str]]:
    review, revoked = card.review, card.revoked
    if review is not None:
        yield review.at, f"GLASS BROKEN by {review.by}: {quoted(review.reason)}"
        if review.signed_at is not None:
            yield (
                review.signed_at,
                f"review signed {review.word} by {review.signed_by}: {quoted(review.signed_reason)}",
            )
    if revoked is not None:
        yield revoked.at, f"revoked by {revoked.by}: {quoted(revoked.reason)}"


def _remark(by: str, kind: str, text: str) -> str:
    match kind:
        case "claim":
            return f"{by} is looking"
        case "unclaim":
            return f"{by} leaves it to others"
        case "amend":
            return f"{by} proposes another text" + (f": {quoted(text)}" if text else "")
        case "reply":
            return f"{by} replies: {quoted(text)}"
        case _:
            return f"{by} says: {quoted(text)}"


def _decision(by: str, granted: bool, reason: str, scope: str) -> str:
    covers = f" ({scope})" if granted and scope != "once" else ""
    return f"{'approved' if granted else 'denied'} by {by}{covers}" + (
        f": {quoted(reason)}" if reason else ""
    )


def standing(card: RequestCard) -> Iterator[str]:
    """Why whoever looks can not decide it."""
    if card.state == "held" and card.may_decide:
        yield f"you can not decide it: {card.may_decide}"
    if card.amendment is not None and card.state == "held" and card.may_decide == "you are the requester":
        yield f"to run what {card.amendment.by} proposes instead of yours: hoop-tui request accept {card.id}"
    if card.replaces:
        yield f"this is what was accepted instead of {card.replaces}"
    if card.glass is not None and not card.glass.may_break:
        yield f'in an emergency you may let it through: hoop-tui request break-glass {card.id} --reason "..."'
    if card.review is not None and card.review.word in ("open", "overdue"):
        due = full_time(card.review.due_at, "utc")
        yield (
            f"review {card.review.word}, due {due}: hoop-tui review sign {card.id} --verdict ok|not-ok --reason ..."
        )


def quoted(text: str) -> str:
    """Somebody's words, that can not seem to end before they do."""
    return '"' + text.replace('"', "'") + '"'


def _fact(value: object) -> str:
    if isinstance(value, dict):
        inner = [
            f"{name}={_fact(each)}" for name, each in sorted(value.items()) if each not in ("", [], {}, None)
        ]
        return f"({' '.join(inner)})"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(at: datetime | None) -> str:
    return full_time(at, "utc") if at else ""


def _joined(*parts: str) -> str:
    return "   ".join(part for part in parts if part)


def scope_words(scope: str) -> str:
    """`shape 15m 3` as people say it; what is not known is said as it is."""
    kind, *rest = scope.split()
    match kind, rest:
        case "once", []:
            return "this, once"
        case "session", []:
            return "whatever the rule holds in this session"
        case "target", [lasts]:
            return f"whatever the rule holds on this target for {lasts}"
        case "shape", [lasts, runs]:
            return f"the same but for its values for {lasts}, {runs} times at most"
    return scope
