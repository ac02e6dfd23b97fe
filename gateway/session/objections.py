"""Why somebody's word on a request does not count, in a sentence and in a code for programs."""

from typing import Literal

from gateway.core import quorum, scopes
from gateway.core.approval import ACCESS, Approval
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


def wanted_scope(approval: Approval, scope: str) -> str:
    """What a yes with this scope covers. Raises `Objection` where it can not be granted, or not so widely."""
    if missing := quorum.missing(approval):
        what = " and a ".join(sorted(missing))
        raise Objection("missing", f"{approval.id} can not be granted yet: a {what} has to be given first")
    wanted = scopes.chosen(scope, approval.scopes, once=approval.kind != ACCESS)
    if wanted is None:
        listed = ", ".join(scopes.grantable(approval.scopes, once=approval.kind != ACCESS))
        raise Objection("scope", f"{approval.rule} lets nobody grant {scope[:40]!r}: it lists {listed}")
    return str(wanted)
