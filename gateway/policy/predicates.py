"""What a rule can test: one function for each field of `match` and `unless`.

To add one: write the function, add it to FIELDS, describe it in docs/rules.md (a test asks for it).
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.policy import column_use, command_line, destinations, estimates, paths, statements, times
from gateway.policy.glob import matches
from gateway.policy.lines import command_of, stands_inside, was_seen
from gateway.policy.rules import Condition
from gateway.policy.scope import called


@dataclass(slots=True)
class Question:
    """One condition asked about one operation. `restricts`: doubt counts as yes. Hundreds may be asked about each
    operation, so one object is asked again and again, with another condition each time."""

    operation: Operation
    session: Session
    condition: Condition
    restricts: bool
    beside: frozenset[str] = frozenset()
    """The fields of all conditions that stand together with this one."""
    now: datetime | None = None
    """None: nobody has said."""

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
    """What is asked for. Of a statement also what stands inside it and happens."""
    facts = statements.statement_of(question.operation)
    if facts is not None:
        values = question.condition.values
        return statements.may_be(values, facts) if question.restricts else statements.is_only(values, facts)
    asked = question.operation.verb
    return question.any_fits(*called(asked, question.beside, restricts=question.restricts))


def effect(question: Question) -> bool:
    """What the operation may do. What is unknown may do anything, as far as restrictions go. Who allows statements
    must name every effect that they have."""
    effects = question.operation.effects
    if question.restricts and Effect.UNKNOWN in effects:
        return True
    facts = statements.statement_of(question.operation)
    if facts is not None and not question.restricts:
        return statements.does_only(question.condition.values, facts)
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


def client(question: Question) -> bool:
    """What the person's program calls itself. It may call itself anything."""
    return question.any_fits(question.session.peer.client)


def time(question: Question) -> bool:
    """The time of the week."""
    if question.now is None:
        raise ValueError("nobody has said what time it is")
    now = question.now
    return any(times.read(value).holds(now) for value in question.condition.values)


def command(question: Question) -> bool:
    """The command line of an exec, of a transfer by scp -O, rsync or git, or of a line typed in a shell. Restricting:
    any form that it might be meant in, what stands in a shell script that it runs, and any line that can not be read
    with certainty. Allowing: every single command of a line that holds nothing else; what was typed is never certain
    enough for that."""
    text = command_of(question.operation)
    if text is None:
        return False
    is_typed = question.operation.verb == "typed"
    line = command_line.read(text)
    if question.restricts:
        doubtful = not line.certain or (is_typed and not was_seen(question.operation))
        values = question.condition.values
        return doubtful or line.may_be(values) or bool(stands_inside(question.operation, "command", values))
    if is_typed or not line.plain:
        return False
    return bool(line.commands) and all(question.any_fits(command) for command in line.commands)


def argv(question: Question) -> bool:
    """Single words of the commands in a command line. Restricting: any word of any command, and any that only the
    target knows. Allowing: every command has such a word, in a line that holds nothing else."""
    text = command_of(question.operation)
    if text is None:
        return False
    is_typed = question.operation.verb == "typed"
    line = command_line.read(text)
    if question.restricts:
        doubtful = not line.certain or (is_typed and not was_seen(question.operation))
        values = question.condition.values
        return (
            doubtful or line.may_have_word(values) or bool(stands_inside(question.operation, "argv", values))
        )
    return not is_typed and line.plain and line.each_has_word(question.condition.values)


def path(question: Question) -> bool:
    """The paths of a file operation."""
    if question.restricts:
        return paths.may_touch(question.condition.values, question.operation)
    return paths.stays_within(question.condition.values, question.operation)


def destination(question: Question) -> bool:
    """Where a forwarded connection leads, or where the target is to listen for one. LISTEN in SQL leads nowhere."""
    if statements.statement_of(question.operation) is not None:
        return False
    if question.restricts:
        return destinations.may_lead_to(question.condition.values, question.operation)
    return destinations.leads_to(question.condition.values, question.operation)


def table(question: Question) -> bool:
    """The tables, views and sequences that a statement reads or changes."""
    facts = statements.statement_of(question.operation)
    if facts is None:
        return False
    if question.restricts:
        return statements.may_touch(question.condition.values, facts)
    return statements.stays_within(question.condition.values, facts, question.beside)


def column(question: Question) -> bool:
    """The columns that a statement reads, returns or changes."""
    facts = statements.statement_of(question.operation)
    if facts is None:
        return False
    if question.restricts:
        return column_use.may_use(question.condition.values, facts)
    return column_use.uses_only(question.condition.values, facts, question.beside)


def function(question: Question) -> bool:
    """The functions that a statement calls by name."""
    facts = statements.statement_of(question.operation)
    if facts is None:
        return False
    if question.restricts:
        return statements.may_call(question.condition.values, facts)
    return statements.calls_only(question.condition.values, facts)


def has_where(question: Question) -> bool:
    """Whether the UPDATE or DELETE of a statement has a condition."""
    facts = statements.statement_of(question.operation)
    values = question.condition.values
    return facts is not None and statements.has_where(values, facts, restricts=question.restricts)


def rows(question: Question) -> bool:
    """How many rows the statement is estimated to be about."""
    facts = statements.statement_of(question.operation)
    if facts is None:
        return False
    compare = estimates.may_be if question.restricts else estimates.surely_is
    return compare(question.condition.values, question.operation, facts)


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
    "client": client,
    "time": time,
    "command": command,
    "argv": argv,
    "path": path,
    "destination": destination,
    "table": table,
    "column": column,
    "function": function,
    "has_where": has_where,
    "rows": rows,
}
