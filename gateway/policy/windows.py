"""What of a session is held for people to decide: whoever wants to ask in advance asks for one of these.

What blocks is not looked at: a grant lifts a hold and nothing else, and a block beats a hold whatever was granted.
"""

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Hold
from gateway.policy.docket import docket
from gateway.policy.holding import hold_for
from gateway.policy.rules import Policy, Rule
from gateway.policy.scope import possible_verbs
from gateway.policy.verbs import CONNECT


def windows(policy: Policy, session: Session) -> tuple[Hold, ...]:
    """For each rule that may hold something in this session once it has begun, what it asks for by itself."""
    held = (rule for rule in docket(policy, Operation("", ""), session) if rule.do == "hold")
    found = (rule for rule in held if not rule.observe and _could_hold(rule, session))
    return tuple(
        hold_for([rule], rule.message, frozenset()) for rule in sorted(found, key=lambda rule: rule.id)
    )


def _could_hold(rule: Rule, session: Session) -> bool:
    about = rule.when.about if rule.when is not None else ()
    verbs = possible_verbs("hold", rule.match, (session.target.kind,), about)
    return bool(set(verbs) - {CONNECT})
