"""Which operations carry a command line, and how well it is known."""

from collections.abc import Sequence

from gateway.core.attachments import UNREAD
from gateway.core.operation import Operation
from gateway.policy import command_line
from gateway.policy.glob import matches
from gateway.policy.shell.facts import CommandLine
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


def scripts_of(operation: Operation) -> Sequence[CommandLine]:
    """What the shell scripts that it runs would run. Only what plainly stands there: nearly every script has
    something that can not be read with certainty, so that restricts nothing."""
    return [command_line.read_script(each.text) for each in operation.attachments if each.is_script]


def stands_inside(operation: Operation, field: str, patterns: Sequence[str]) -> str:
    """For rules that restrict: the name of a script of its that holds a command, or for `argv` a word, that one of
    the patterns describes. Empty: none does."""
    if UNREAD in operation.attachments:
        return UNREAD.name
    for each in operation.attachments:
        if each.is_script:
            script = command_line.read_script(each.text)
            texts = script.words if field == "argv" else script.forms
            if any(matches(pattern, text) for text in texts for pattern in patterns):
                return each.name
    return ""
