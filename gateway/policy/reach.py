"""Refuses rules that can never fire."""

from collections.abc import Sequence

from gateway.policy.rules import Condition, Do
from gateway.policy.scope import possible_verbs
from gateway.policy.when import When
from gateway.policy.wrong import Wrong

WHERE_TO = 'can never fire: say where to, as in destination = ["db.internal:5432"]'
_ASKS_OF = {"statement": "statements", "command": "command lines"}


def can_fire(
    do: Do,
    match: Sequence[Condition],
    unless: Sequence[Condition],
    on: Sequence[str],
    when: When | None,
) -> None:
    """Raises `Wrong` where it can not."""
    asked = possible_verbs("block", match)
    if not possible_verbs("block", match, on):
        said = next((", ".join(c.values) for c in match if c.field == "verb"), match[-1].field)
        raise Wrong(("on",), f"can never fire: there is no {said} over {', '.join(on)}")
    _when_can_be_asked(match, on, when)
    about = when.about if when is not None else ()
    verbs = possible_verbs(do, match, on, about)
    if not verbs:
        _never(do, asked)
    if (
        do == "allow"
        and verbs == ("listen",)
        and on != ("postgres",)
        and possible_verbs("block", match, ("ssh",))
    ):
        raise Wrong(("match",), f'{WHERE_TO}; for LISTEN in SQL write on = ["postgres"]')
    fields = {condition.field for condition in match}
    if do == "allow" and "argv" in fields and "command" not in fields:
        raise Wrong(("match", "argv"), "says nothing of what is run: name that with command, too")
    if unless and not set(verbs) & set(possible_verbs("block", unless, on)):
        raise Wrong(("unless",), "can never lift this rule: nothing meets match and unless at once")


def _when_can_be_asked(match: Sequence[Condition], on: Sequence[str], when: When | None) -> None:
    if when is None or possible_verbs("block", match, on, when.about):
        return
    of = " and ".join(_ASKS_OF[each] for each in sorted(when.about))
    raise Wrong(("when",), f"can never fire: when is about {of}, and what matches has none")


def _never(do: Do, asked: Sequence[str]) -> None:
    if do == "mask":
        raise Wrong(("match",), f"can never fire: {', '.join(asked)} shows nothing that could be masked")
    if do == "hold":
        raise Wrong(("match",), "can never fire: a look at what a file is waits for nobody")
    if asked == ("typed",):
        raise Wrong(("match",), "can never fire: a line typed in a shell needs no permission of its own")
    if asked == ("connect",):
        raise Wrong(("match",), "can never fire: coming in needs no permission of its own")
    raise Wrong(("match",), WHERE_TO)
