"""The rules that could speak in one session about one verb: most are about other people, targets and verbs.

Decided once for each, and remembered by what they were decided by, so that the same question gets the same answer.
"""

from dataclasses import replace

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.policy.hearing import Hearing
from gateway.policy.rules import Policy, Rule
from gateway.policy.statements import every_verb, statement_of
from gateway.policy.verbs import CONNECT

ABOUT_SESSION = frozenset(("user", "group", "target", "label", "login", "protocol", "source", "client"))
"""Fields that say the same of everything in a session."""
AND_VERB = ABOUT_SESSION | {"verb"}
MOST_REMEMBERED = 1000


def docket(policy: Policy, operation: Operation, session: Session) -> tuple[Rule, ...]:
    """These rules, without the conditions that are known to be true."""
    verb = _decisive_verb(operation)
    key = (*verb, *decisive(session))
    known = policy.dockets.get(key)
    if known is None:
        fields = AND_VERB if any(verb) else ABOUT_SESSION
        hearing = Hearing(operation, session)
        kept = (_concerned(rule, hearing, fields) for rule in policy.rules)
        known = tuple(rule for rule in kept if rule is not None)
        if len(policy.dockets) >= MOST_REMEMBERED:
            policy.dockets.clear()
        policy.dockets[key] = known
    return known


def _decisive_verb(operation: Operation) -> tuple[str, str]:
    """What the field `verb` looks at, of SQL and of anything else, where that is all. A statement that holds others
    or is not understood may be several; and what is typed, or comes in, is heard by rules that name its verb."""
    facts = statement_of(operation)
    if facts is None:
        return "", operation.verb if operation.verb not in (CONNECT, "typed") else ""
    is_one = facts.certain and not facts.inner and list(every_verb(facts)) == [facts.verb]
    return (facts.verb, "") if is_one else ("", "")


def decisive(session: Session) -> tuple[object, ...]:
    """All that these fields look at."""
    person, target, peer = session.principal, session.target, session.peer
    labels = tuple(target.labels.items())
    return (
        *(person.name, person.groups, target.name, target.kind, labels),
        *(session.login, peer.address, peer.client),
    )


def _concerned(rule: Rule, hearing: Hearing, fields: frozenset[str]) -> Rule | None:
    if not hearing.could_match(rule, fields):
        return None
    match = tuple(each for each in rule.match if each.field not in fields)
    unless = tuple(each for each in rule.unless if each.field not in fields)
    if rule.unless:
        if not hearing.could_except(rule, fields):
            unless = ()  # the exception is about others
        elif not unless:
            return None
    return replace(rule, match=match, unless=unless) if (match, unless) != (rule.match, rule.unless) else rule
