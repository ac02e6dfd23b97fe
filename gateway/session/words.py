"""The sentences a person meets in their own client.

Each stands alone, starts with one of the fixed words (held, approved, denied, expired, blocked, ended) or with the
request that it is about, and says
that nothing was run when nothing was. Sanitised here, because rules, reasons and names are other people's text.
"""

from dataclasses import replace
from datetime import timedelta

from gateway.core import quorum
from gateway.core.errors import State
from gateway.core.plain import sentence
from gateway.core.ports import Approval, Decision, Remark
from gateway.core.verdict import Quorum


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


def held(approval: Approval, left: timedelta) -> str:
    """The first thing a person hears about a held operation."""
    who = " and ".join(asked(each) for each in quorum.quorums(replace(approval, then=())))
    what = " and ".join(sorted(quorum.missing(approval)))
    first = f"give a {what}: hoop-tui request reply {approval.id} - " if what else ""
    return sentence(
        f"held {approval.id} (rule {approval.rule}, ask {who}, {_minutes(left)}) - {first}Ctrl-C withdraws"
    )


def still_held(approval: Approval, left: timedelta) -> str:
    """Said again from time to time, which also keeps idle timers alive."""
    return sentence(f"held {approval.id}, still waiting ({_minutes(left)} left) - Ctrl-C withdraws")


def held_for_later(approval: Approval) -> str:
    """It was refused for now: whoever can not wait asks again."""
    return sentence(f"held {approval.id} - run the same again once approved, nothing was run")


def remarked(approval: Approval, remark: Remark) -> str:
    """Somebody is looking at it, or asks something; empty for what is not the requester's to know."""
    name = remark.name or remark.by
    if remark.kind == "claim":
        return sentence(f"{approval.id} - {name} is looking")
    if remark.kind == "comment":
        return sentence(f"{approval.id} - {name}: {_quoted(remark.text)}")
    return ""


def granted_by_one(approval: Approval, word: Decision) -> str:
    """Somebody granted it, and others have to as well."""
    left = " and ".join(asked(each) for each in quorum.unmet(approval))
    return sentence(f"{approval.id} - granted by {word.name or word.by}, asks {left} still")


def in_an_emergency(approval: Approval) -> str:
    """How whoever asked may let it through themselves: said only where they may."""
    return sentence(f'in an emergency: hoop-tui request break-glass {approval.id} --reason "..."')


def approved(approval: Approval) -> str:
    """Somebody let it through."""
    if approval.review is not None:
        return sentence(f"{approval.id} let through by you (break-glass) - a review is open")
    return sentence(f"approved {approval.id} by {_last_word(approval)}")


def settled(approval: Approval) -> str:
    """`approved by bob@example.com`: of one that is, in a clause."""
    if approval.review is not None and approval.state == "approved":
        return f"let through by {approval.review.name or approval.review.by}, who broke the glass"
    if approval.revoked is not None:
        return f"{approval.state}, and revoked by {approval.revoked.name or approval.revoked.by}"
    last = approval.decisions[-1] if approval.decisions else None
    return f"{approval.state} by {last.name or last.by}" if last else approval.state


def denied(approval: Approval) -> str:
    """Somebody said no; their reason is shown verbatim."""
    return sentence(f"denied {approval.id} by {_last_word(approval)} - nothing was run")


def expired(approval: Approval) -> str:
    """Nobody decided in time."""
    return sentence(f"expired {approval.id} - nobody decided, nothing was run")


def withdrawn(approval: Approval) -> str:
    """The person took it back, or the gateway lost them."""
    return sentence(f"ended {approval.id} - withdrawn, nothing was run")


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


def asked(wanted: Quorum) -> str:
    """`dba, sre`, or `2 of dba, sre`."""
    groups = ", ".join(sorted(wanted.groups)) or "nobody"
    return groups if wanted.count == 1 else f"{wanted.count} of {groups}"


def _last_word(approval: Approval) -> str:
    last = approval.decisions[-1]
    return f"{last.name or last.by}: {_quoted(last.reason)}" if last.reason else last.name or last.by


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
