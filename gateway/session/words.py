"""The sentences a person meets in their own client.

Each stands alone, starts with one of the fixed words (held, approved, denied, expired, blocked, ended) or with the
request that it is about, and says
that nothing was run when nothing was. Sanitised here, because rules, reasons and names are other people's text.
"""

from dataclasses import replace
from datetime import timedelta

from gateway.core import quorum
from gateway.core.errors import State
from gateway.core.plain import plain, sentence
from gateway.core.ports import Approval, Decision, Remark
from gateway.core.verdict import Quorum
from gateway.session.said import Said


def _minutes(span: timedelta) -> str:
    seconds = max(0, round(span.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def blocked(rule: str, reason: str) -> str:
    """Policy said no, or without a rule: what it asks for can not be done."""
    by = f" by {rule}" if rule else ""
    return sentence(f"blocked{by} - {reason or 'nothing was run'}")


def unmaskable(target: str, verb: str) -> str:
    """Why a file or a forwarded connection is not passed on where secrets are to be masked."""
    what = {"forward": "forwards through", "listen": "forwards through", "function": "calls by number on"}
    return f"{what.get(verb, 'files from')} {target} can not be masked, so they are not delivered where a rule masks"


def held(approval: Approval, left: timedelta) -> Said:
    """The first thing a person hears about a held operation."""
    id, rule = approval.id, approval.rule
    who = " and ".join(asked(each) for each in quorum.quorums(replace(approval, then=())))
    missing = tuple(sorted(quorum.missing(approval)))
    what = " and ".join(missing)
    first = f"give a {what}: hoop-tui request reply {id} - " if what else ""
    why = approval.reason or f"{approval.verb} on {approval.target} needs {who}"
    before = f"give a {what} first; " if what else ""
    return Said(
        sentence(f"held {id} (rule {rule}, ask {who}, {_minutes(left)}) - {first}Ctrl-C withdraws"),
        "held",
        primary=sentence(f"held {id} - {why} ({before}expires in {_minutes(left)})"),
        detail=plain(f"rule {rule}; asked: {who}"),
        hint=f"Ctrl-C withdraws it. {_how_to_answer(approval, missing)}",
        missing=missing,
    )


def _how_to_answer(approval: Approval, missing: tuple[str, ...]) -> str:
    """How the requester says what is still to be given, or more where nothing is."""
    what = " and ".join(missing)
    does = f"Give a {what}" if what else "Say more" if approval.answers.get("reason") else "Add a reason"
    ticket = ' --ticket "..."' if "ticket" in missing else ""
    reason = "" if missing == ("ticket",) else ' "..."'
    return f"{does}: hoop-tui request reply {approval.id}{reason}{ticket}"


def still_held(approval: Approval, left: timedelta) -> Said:
    """Said again from time to time, which also keeps idle timers alive."""
    again = f"held {approval.id}, still waiting ({_minutes(left)} left) - Ctrl-C withdraws"
    return Said(sentence(again), "waiting")


def held_for_later(approval: Approval) -> Said:
    """It was refused for now: whoever can not wait asks again."""
    missing = tuple(sorted(quorum.missing(approval)))
    again = "connect again" if approval.verb == "connect" else "run the same statement again"
    return Said(
        sentence(f"held {approval.id} - run the same again once approved, nothing was run"),
        primary=sentence(f"held {approval.id} - {again} once approved"),
        hint=_how_to_answer(approval, missing) if missing else f"hoop-tui request wait {approval.id}",
        missing=missing,
    )


def remarked(approval: Approval, remark: Remark) -> Said:
    """Somebody is looking at it, or asks something; empty for what is not the requester's to know."""
    name = remark.name or remark.by
    if remark.kind == "claim":
        return Said(sentence(f"{approval.id} - {name} is looking"), "waiting")
    if remark.kind == "amend" and approval.amendment is not None:
        return _proposed(approval, name, remark.text)
    if remark.kind == "comment":
        return Said(sentence(f"{approval.id} - {name}: {_quoted(remark.text)}"), "waiting")
    return Said("")


def _proposed(approval: Approval, name: str, reason: str) -> Said:
    id, text = approval.id, approval.amendment.text if approval.amendment else ""
    why = f" ({_quoted(reason)})" if reason else ""
    how = f"hoop-tui request accept {id}"
    return Said(
        sentence(f"{id} - {name} proposes another text: {how}"),
        "waiting",
        primary=sentence(f"{id} - {name} proposes another text{why}"),
        detail=plain(text),
        hint=f"To run it instead of yours, from another terminal: {how}",
    )


def granted_by_one(approval: Approval, word: Decision) -> Said:
    """Somebody granted it, and others have to as well."""
    left = " and ".join(asked(each) for each in quorum.unmet(approval))
    granted = f"{approval.id} - granted by {word.name or word.by}, asks {left} still"
    return Said(sentence(granted), "waiting")


def in_an_emergency(approval: Approval) -> str:
    """How whoever asked may let it through themselves: said only where they may."""
    return sentence(f'in an emergency: hoop-tui request break-glass {approval.id} --reason "..."')


def approved(approval: Approval) -> Said:
    """Somebody let it through."""
    if approval.review is not None:
        return Said(
            sentence(f"{approval.id} let through by you (break-glass) - a review is open"), "approved"
        )
    last = approval.decisions[-1]
    after = f" after {_minutes(last.at - approval.opened_at)}"
    running = "" if approval.verb == "connect" else " - running"
    return Said(
        sentence(f"approved {approval.id} by {_last_word(approval)}"),
        "approved",
        primary=sentence(f"approved {approval.id} by {_last_word(approval, after)}{running}"),
    )


def settled(approval: Approval) -> str:
    """`approved by bob@example.com`: of one that is, in a clause."""
    if approval.review is not None and approval.state == "approved":
        return f"let through by {approval.review.name or approval.review.by}, who broke the glass"
    if approval.revoked is not None:
        return f"{approval.state}, and revoked by {approval.revoked.name or approval.revoked.by}"
    last = approval.decisions[-1] if approval.decisions else None
    return f"{approval.state} by {last.name or last.by}" if last else approval.state


def denied(approval: Approval) -> Said:
    """Somebody said no; their reason is shown verbatim."""
    spoken = f"denied {approval.id} by {_last_word(approval)}"
    return Said(sentence(f"{spoken} - nothing was run"), primary=sentence(spoken))


def expired(approval: Approval) -> Said:
    """Nobody decided in time."""
    within = _minutes(approval.expires_at - approval.opened_at)
    return Said(
        sentence(f"expired {approval.id} - nobody decided, nothing was run"),
        primary=sentence(f"expired {approval.id} - nobody decided within {within}, nothing was run"),
    )


def withdrawn(approval: Approval) -> str:
    """The person took it back, accepted another text instead, or the gateway lost them."""
    if instead_of(approval):
        by = f" ({approval.replaced_by})" if approval.replaced_by else ""
        return sentence(f"ended {approval.id} - you accepted another text{by}: run that, this was not run")
    return sentence(f"ended {approval.id} - withdrawn, nothing was run")


def instead(id: str) -> str:
    """The client goes on with the text that its person has accepted."""
    return sentence(f"{id} - running the text that you accepted instead")


def instead_of(approval: Approval) -> str:
    """The text that the person has accepted instead; empty where there is none."""
    said = approval.amendment
    return said.text if said is not None and said.accepted and approval.state == "withdrawn" else ""


def not_approved(approval: Approval) -> tuple[State, str]:
    """What became of it instead, in one word and in a sentence."""
    if approval.state == "denied":
        return "denied", denied(approval)
    if approval.state == "held":
        return "held", held_for_later(approval)
    if approval.state == "expired":
        return "expired", expired(approval)
    return "withdrawn", withdrawn(approval)


def paused(name: str) -> str:
    """Somebody holds back what the person types."""
    return sentence(f"paused by {name} - your input waits")


def message(name: str, text: str) -> str:
    """Somebody speaks to the person."""
    return sentence(f"message from {name}: {_quoted(text)}")


def ended_by(name: str, reason: str) -> str:
    """Somebody ended the session: what `Gate.end` takes, without the words that every end begins with."""
    why = f": {_quoted(reason)}" if reason else ""
    return f"by {name}{why} - talk to them before you come back"


def access_ends(target: str, id: str, left: timedelta) -> str:
    """Said in time, so that people can finish what they are at."""
    return sentence(f"your access to {target} ends in {_minutes(left)} ({id})")


def access_over(target: str, id: str) -> str:
    """What they were granted is over: what `Gate.end` takes."""
    return f"your access to {target} is over ({id})"


def asked(wanted: Quorum) -> str:
    """`dba, sre`, or `2 of dba, sre`."""
    groups = ", ".join(sorted(wanted.groups)) or "nobody"
    return groups if wanted.count == 1 else f"{wanted.count} of {groups}"


def _last_word(approval: Approval, after: str = "") -> str:
    last = approval.decisions[-1]
    name = f"{last.name or last.by}{after}"
    return f"{name}: {_quoted(last.reason)}" if last.reason else name


def _quoted(text: str) -> str:
    """Other people's words, that can not seem to end before they do."""
    return '"' + text.replace('"', "'") + '"'


RESUMED = sentence("resumed")
NOT_SEEN_ALIVE = sentence("ended - the audit log can not be reached any more, so nothing passes")
POLICY_FAILED = sentence("blocked - the policy could not be evaluated, so nothing was run")
NOT_AUDITED = sentence("blocked - this can not be written to the audit log, so nothing passes")
NOT_RECORDED = sentence("ended - this session can not be recorded any more, so nothing passes")
NEVER_RECORDED = sentence("blocked - this session can not be recorded, so nothing passes")
NOT_KEPT = sentence("ended - a copy of this file can not be kept any more, so nothing passes")
NOT_MASKED = sentence("ended - an answer could not be checked for secrets, so it was not delivered")
