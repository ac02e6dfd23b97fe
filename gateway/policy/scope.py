"""Which rules have a say about which operations, whatever their conditions are.

Coming in, typed lines and forwarded connections are special: the first two need no permission of their own, the last
only counts as permitted where a rule names where it leads. On a target without a shell the same goes for files:
whoever may write any of them could run anything.
"""

from collections.abc import Collection, Sequence
from typing import get_args

from gateway.core.operation import Operation
from gateway.core.people import Target
from gateway.policy.columns import detectors_in
from gateway.policy.glob import matches
from gateway.policy.lines import command_of
from gateway.policy.rules import Condition, Do, Rule
from gateway.policy.statements import statement_of
from gateway.policy.verbs import (
    CARRIES_CONTENT,
    CONNECT,
    DATABASES,
    FILE_VERBS,
    FORWARD_VERBS,
    HAVE_IT,
    HELD_VERBS,
    HOLDING_VERBS,
    MASKED_VERBS,
    NEVER_HELD,
    SAME_AS_TWO_PATHS,
    TWO_PATHS,
    VERBS,
    VERBS_OF,
)

ABOUT_LINES = frozenset(("command", "argv"))
"""Fields that look at a command line."""
_SPECIAL = frozenset((CONNECT, "typed", *FILE_VERBS, *FORWARD_VERBS))


def needs_no_rule(operation: Operation) -> bool:
    """Coming in alone gives nobody anything. A line typed in a shell: the shell itself was allowed, and reading a
    screen is too weak to allow by."""
    return operation.verb in (CONNECT, "typed")


def may_be_silent(operation: Operation) -> tuple[Do, ...]:
    """Which rules without a `when` have to be asked for a reason to be silent about it."""
    if statement_of(operation) is not None or operation.verb not in _SPECIAL:
        return ("mask",)
    if operation.verb in (CONNECT, "typed"):
        return get_args(Do)
    return ("mask", "allow", "hold")


def why_silent(rule: Rule, operation: Operation, target: Target) -> str:
    """Why the rule has no say about this operation on this target; empty where it has."""
    if rule.do == "mask" and not masks_on(rule, target):
        return "it masks columns, and this is no database"
    is_statement = statement_of(operation) is not None
    if rule.when is not None:
        if "statement" in rule.when.about and not is_statement:
            return "its when is about statements, and this is none"
        if "command" in rule.when.about and (is_statement or command_of(operation) is None):
            return "its when is about command lines, and this has none"
    return "" if is_statement else _why_silent(rule, operation, target)


def _why_silent(rule: Rule, operation: Operation, target: Target) -> str:
    if operation.verb == "typed":
        if rule.do == "allow":
            return "a typed line needs no permission, the shell has it"
        if not heeds_typing(rule):
            return "it is not about lines typed in a shell"
    if operation.verb == CONNECT and not heeds_connecting(rule):
        return "it does not say that it is about coming in (connect)"
    if rule.do == "hold" and operation.verb in NEVER_HELD:
        return "a look at what a file is waits for nobody"
    if operation.verb in FORWARD_VERBS and rule.do == "allow" and "destination" not in rule.match_fields:
        return "it names no destination"
    if (
        operation.verb in FILE_VERBS
        and rule.do == "allow"
        and not target.has_shell
        and "path" not in rule.match_fields
    ):
        return "it names no path, and this target has no shell"
    return ""


def masks_on(rule: Rule, target: Target) -> frozenset[str]:
    """Which of its masks mean something on this target: columns are in databases only."""
    return rule.masks if target.kind in DATABASES else detectors_in(rule.masks)


def can_not_be_masked(operation: Operation) -> bool:
    """What comes with it are bytes that no mask can look into."""
    return operation.verb in CARRIES_CONTENT and statement_of(operation) is None


def heeds_connecting(rule: Rule) -> bool:
    """Whether somebody can be kept waiting at the door by this rule: a restriction that names it. One about every
    verb is about what they do once they are in."""
    return rule.do not in ("allow", "mask") and any(
        value != "*" and matches(value, CONNECT)
        for condition in rule.match
        if condition.field == "verb"
        for value in condition.values
    )


def heeds_typing(rule: Rule) -> bool:
    """Whether a line typed in a shell can be stopped by this rule."""
    if rule.do in ("allow", "mask"):
        return False
    if rule.when is not None and "command" in rule.when.about:
        return True
    return not rule.match_fields.isdisjoint((*ABOUT_LINES, "verb")) and "typed" in possible_verbs(
        rule.do, rule.match
    )


def possible_verbs(
    do: Do, conditions: Sequence[Condition], on: Sequence[str] = (), about: Collection[str] = ()
) -> tuple[str, ...]:
    """The verbs that a rule with these conditions could ever fire for. `on`: its protocols; without any, all.
    `about`: what its `when` asks of."""
    verbs: set[str] = set()
    for protocol in on or VERBS_OF:
        if _speaks(protocol, conditions):
            verbs |= _possible_over(protocol, do, conditions, about)
    return tuple(verb for verb in VERBS if verb in verbs)


def _possible_over(
    protocol: str, do: Do, conditions: Sequence[Condition], about: Collection[str]
) -> set[str]:
    verbs = {
        verb
        for verb in VERBS_OF[protocol]
        if _could_be(protocol, verb, conditions, about, restricts=do != "allow")
    }
    if do == "allow":
        verbs.discard(CONNECT)
    if do == "allow" and protocol == "ssh":
        verbs.discard("typed")
        if not _has(conditions, "destination"):
            verbs.difference_update(FORWARD_VERBS)
    if do == "mask":
        verbs &= set(MASKED_VERBS[protocol])
    if do == "hold":
        verbs.difference_update(NEVER_HELD)
    return verbs


def _speaks(protocol: str, conditions: Sequence[Condition]) -> bool:
    return all(
        any(matches(value, protocol) for value in condition.values)
        for condition in conditions
        if condition.field == "protocol"
    )


def called(verb: str, beside: Collection[str], *, restricts: bool) -> tuple[str, ...]:
    """The verbs by which a condition catches an operation. `beside`: the fields that stand together with it.

    A rule that keeps people from a path in one way keeps them from giving the file another name, too, and one about
    the command line of an exec also looks at lines that carry a transfer: either would be a way round."""
    names = [verb]
    if restricts and "path" in beside and verb in TWO_PATHS:
        names += SAME_AS_TWO_PATHS
    if restricts and not ABOUT_LINES.isdisjoint(beside) and verb in FILE_VERBS:
        names.append("exec")
    return tuple(names)


def _could_be(
    protocol: str,
    verb: str,
    conditions: Sequence[Condition],
    about: Collection[str],
    *,
    restricts: bool,
) -> bool:
    fields = {*(condition.field for condition in conditions), *about}
    for field, (only, verbs) in HAVE_IT.items():
        if field in fields and (protocol != only or verb not in verbs):
            return False
    names: tuple[str, ...]
    if protocol in DATABASES:
        names = (verb, *HELD_VERBS) if restricts and verb in HOLDING_VERBS else (verb,)
    else:
        names = called(verb, fields, restricts=restricts)
    return all(
        any(matches(value, name) for value in condition.values for name in names)
        for condition in conditions
        if condition.field == "verb"
    )


def _has(conditions: Sequence[Condition], field: str) -> bool:
    return any(condition.field == field for condition in conditions)
