"""What a rule can test: one function for each field of `match` and `unless`.

To add one: write the function, add it to FIELDS, describe it in docs/rules.md (a test asks for it).
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.policy import command_line
from gateway.policy.glob import matches
from gateway.policy.rules import Condition

VERBS = ("exec", "shell", "subsystem")
PROTOCOLS = ("ssh",)


@dataclass(frozen=True, slots=True)
class Question:
    """One condition asked about one operation. `restricts`: doubt counts as yes."""

    operation: Operation
    session: Session
    condition: Condition
    restricts: bool

    def any_fits(self, *texts: str) -> bool:
        """Whether one of the condition's values describes one of the texts."""
        return any(matches(value, text) for value in self.condition.values for text in texts)


def user(question: Question) -> bool:
    """The person's name."""
    return question.any_fits(question.session.principal.name)


def group(question: Question) -> bool:
    """Any of the person's groups."""
    return question.any_fits(*question.session.principal.groups)


def target(question: Question) -> bool:
    """The target's name."""
    return question.any_fits(question.session.target.name)


def label(question: Question) -> bool:
    """The value of one of the target's labels; a target without that label does not match."""
    value = question.session.target.labels.get(question.condition.key)
    return value is not None and question.any_fits(value)


def login(question: Question) -> bool:
    """The account on the target."""
    return question.any_fits(question.session.login)


def protocol(question: Question) -> bool:
    """How the person came: the target's kind."""
    return question.any_fits(question.session.target.kind)


def verb(question: Question) -> bool:
    """What is asked for: exec, shell or subsystem."""
    return question.any_fits(question.operation.verb)


def effect(question: Question) -> bool:
    """What the operation may do. What is unknown may do anything, as far as restrictions go."""
    effects = question.operation.effects
    if question.restricts and Effect.UNKNOWN in effects:
        return True
    return question.any_fits(*effects)


def source(question: Question) -> bool:
    """The address the person came from, as addresses or networks."""
    try:
        address = ipaddress.ip_address(question.session.peer.address)
    except ValueError:
        return question.restricts
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # an IPv4 client of a listener that takes both
    return any(address in ipaddress.ip_network(value) for value in question.condition.values)


def command(question: Question) -> bool:
    """The command line of an exec. Restricting: any form that it might be meant in, and any line that can not be
    read with certainty. Allowing: every single command of a line that holds nothing else."""
    if question.operation.verb != "exec":
        return False
    line = command_line.read(question.operation.text)
    if question.restricts:
        return not line.certain or question.any_fits(*line.forms)
    return line.plain and bool(line.commands) and all(question.any_fits(text) for text in line.commands)


def is_readable(operation: Operation) -> bool:
    """Whether the command line could be read with certainty."""
    return operation.verb != "exec" or command_line.read(operation.text).certain


FIELDS: dict[str, Callable[[Question], bool]] = {
    "user": user,
    "group": group,
    "target": target,
    "label": label,
    "login": login,
    "protocol": protocol,
    "verb": verb,
    "effect": effect,
    "source": source,
    "command": command,
}
