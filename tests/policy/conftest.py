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

EFFECTS = {
    "upload": {Effect.TRANSFER, Effect.WRITE},
    "download": {Effect.TRANSFER, Effect.READ},
    "list": {Effect.READ},
    "stat": {Effect.READ},
}


def file(
    verb: str,
    given: str,
    *resolved: str,
    command: str = "",
    tree: bool | None = None,
) -> Operation:
    """A file operation on what was `given`. Without `resolved` the target did not say what it is."""
    details: dict[str, object] = {
        "path": given,
        "resolved": resolved[0] if resolved else "",
        "paths": (given, *resolved),
        "program": "scp" if command else "sftp",
    }
    if command:
        details["command"] = command
    if tree is not None:
        details["tree"] = tree
    effects = EFFECTS.get(verb, {Effect.WRITE}) | (set() if resolved else {Effect.UNKNOWN})
    return Operation(verb, f"{verb} {given}", frozenset(effects), resolved, details)


def forward(destination: str, verb: str = "forward") -> Operation:
    return Operation(
        verb,
        f"{verb} to {destination}",
        frozenset({Effect.TRANSFER}),
        (destination,),
        {"destination": destination, "origin": ""},
    )


def typed(text: str, confidence: str = "high") -> Operation:
    details = {"command": text, "confidence": confidence, "witnesses": ["screen"]}
    return Operation("typed", text, frozenset({Effect.RUN}), details=details)


def rule(id: str, do: str, match: str, more: str = "") -> str:
    return f'[[rule]]\nid = "{id}"\nmatch = {{ {match} }}\ndo = "{do}"\n{more}\n'


EVERYTHING = rule("all", "allow", 'user = "*"')


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
