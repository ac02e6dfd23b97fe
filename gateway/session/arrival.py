"""Coming in as an operation of its own, so that a rule can ask people before a session reaches its target.

Nobody needs a rule to come in: what they may do there is judged as they do it. Where no rule is about coming in,
nothing is asked and nothing is written. Next in the reading path: `gateway/session/gate.py`.
"""

from dataclasses import replace

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow
from gateway.session.approvals import Notice
from gateway.session.gate import Gate

CONNECT = "connect"


def arrival(session: Session) -> Operation:
    """What is asked of people who decide who comes in."""
    login = f" as {session.login}" if session.login else ""
    return Operation(CONNECT, f"access to {session.target.name}{login}", frozenset({Effect.CONTROL}))


async def arrive(gate: Gate, notice: Notice, *, waits: bool = True) -> None:
    """Return when the session may go on. Raises `Denied` or `Fault`."""
    operation = replace(arrival(gate.session), details={"waits": waits})
    verdict = gate.foresee(operation)
    if isinstance(verdict, Allow) and not verdict.alerts and not verdict.observed:
        return
    await gate.admit(operation, notice)
