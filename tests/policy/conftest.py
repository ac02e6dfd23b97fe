"""Words for policy tests: operations, sessions, and policies from text."""

from datetime import UTC, datetime

from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.policy.loader import load_policy
from gateway.policy.rules import Policy

DETECTORS = ("card", "email")


def policy(text: str) -> Policy:
    return load_policy([("rules.toml", text)], DETECTORS)


def run(command: str) -> Operation:
    return Operation("exec", command, frozenset({Effect.RUN}), details={"command": command})


SHELL = Operation("shell", "", frozenset({Effect.RUN}))


def session(
    name: str = "alice@example.com",
    groups: tuple[str, ...] = ("dev",),
    target: str = "web-1",
    address: str = "10.0.0.7",
    login: str = "deploy",
    **labels: str,
) -> Session:
    return Session(
        "s-00000000",
        Principal(name, name, frozenset(groups)),
        Target(target, "ssh", "127.0.0.1", 22, "deploy", labels or {"env": "prod"}),
        Peer(address, 1),
        datetime(2026, 11, 20, tzinfo=UTC),
        login,
    )
