"""Why somebody's word on a request does not count, in a sentence and in a code for programs."""

from typing import Literal

from gateway.core.errors import Refused

Code = Literal[
    "unknown", "not_yours", "changed", "decided", "over", "missing", "scope", "claimed", "blocked", "many"
]


class Objection(Refused):
    """`unknown`: there is no such request, or it is not theirs to see. `not_yours`: it is not theirs to decide, or to
    answer. `changed`: it is not what they were shown. `decided`: somebody was quicker. `over`: it expired or was
    withdrawn. `missing`: something has to be said first. `scope`: the rule does not list it. `claimed`: somebody else
    is looking at it. `blocked`: rules let nobody grant it. `many`: too much of theirs waits."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Code = code
