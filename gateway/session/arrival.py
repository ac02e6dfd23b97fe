"""Coming in as an operation of its own, so that a rule can ask people before a session reaches its target.

Nobody needs a rule to come in: what they may do there is judged as they do it. Where no rule is about coming in,
nothing is asked and nothing is written. Next in the reading path: `gateway/session/gate.py`.
"""

from dataclasses import replace

from gateway.core.accounts import default_account
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session, Target
from gateway.core.verdict import Allow
from gateway.session.approvals import Notice
from gateway.session.gate import Gate, Permit

CONNECT = "connect"


def arrival(session: Session) -> Operation:
    """What is asked of people who decide who comes in."""
    other = session.login != default_account(session.target, session.principal)
    login = f" as {session.login}" if other and session.login else ""
    text = f"access to {place(session.target)}{login}"
    return Operation(CONNECT, text, frozenset({Effect.CONTROL}))


def place(target: Target) -> str:
    """`appdb (PROD)`"""
    env = target.labels.get("env", "")
    return f"{target.name} ({env.upper()})" if env else target.name


async def arrive(gate: Gate, notice: Notice, *, waits: bool = True) -> Permit | None:
    """Return when the session may go on; with what people let it in by, if they were asked. Raises `Denied` or
    `Fault`."""
    operation = replace(arrival(gate.session), details={"waits": waits})
    verdict = gate.foresee(operation)
    if isinstance(verdict, Allow) and not verdict.alerts and not verdict.observed:
        return None
    return await gate.admit(operation, notice)
