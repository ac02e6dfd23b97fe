"""Which operations carry a command line, and how well it is known."""

from gateway.core.operation import Operation
from gateway.policy import command_line
from gateway.policy.verbs import FILE_VERBS


def command_of(operation: Operation) -> str | None:
    """The command line, of those operations that have one."""
    if operation.verb == "exec":
        return operation.text
    said = operation.details.get("command")
    if operation.verb == "typed":
        return said if isinstance(said, str) else operation.text
    if operation.verb in FILE_VERBS and isinstance(said, str) and said:
        return said
    return None


def was_seen(operation: Operation) -> bool:
    """A typed line could be read from the screen well enough."""
    return operation.details.get("confidence") in ("high", "medium")


def what_is_unclear(operation: Operation) -> str:
    """Why rules about commands match whatever this is; empty where they can tell."""
    text = command_of(operation)
    if text is None:
        return ""
    if operation.verb == "typed" and not was_seen(operation):
        return "this line can not be read from the screen with certainty"
    why = command_line.read(text).why
    return f"this command line can not be read with certainty: {why}" if why else ""
