"""The six errors. Each carries one plain sentence that may be shown to the person it stops.

HoopError
|-- Refused         who are you, or you may not enter
|-- Denied          policy or an approver said no to an operation
|-- Unreachable     the target cannot be reached, or is not the machine we pinned
|-- Malformed       a peer broke its protocol
|-- Fault           one of our own organs failed: policy, ledger, recorder, masker. Nothing passes.
`-- Misconfigured   the configuration is wrong; says file, line and key
"""

from typing import Literal

State = Literal["blocked", "held", "denied", "expired", "withdrawn", "ended"]
"""`held`: it was refused for now, and people are asked; the same passes once they have granted it."""


class HoopError(Exception):
    """Base of every error that the gateway raises on purpose."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Refused(HoopError):
    """The person is unknown, or has no business with this target."""


class Denied(HoopError):
    """An operation was stopped. `state` is one of the fixed words people are shown."""

    def __init__(
        self,
        sentence: str,
        *,
        state: State,
        rule: str,
        request: str = "",
        reason: str = "",
        revision: str = "",
        instead: str = "",
    ) -> None:
        """`reason`: the part of the sentence that a rule or a person has said. `instead`: another text, which the
        person has accepted: who can goes on as if that had been sent."""
        super().__init__(sentence)
        self.state: State = state
        self.rule = rule
        self.request = request
        self.reason = reason
        self.revision = revision
        self.instead = instead


class Unreachable(HoopError):
    """The target did not answer, or answered as somebody else."""


class Malformed(HoopError):
    """A peer sent what its protocol forbids."""


class Fault(HoopError):
    """The gateway can not keep its promise, so it stops: fail closed."""


class Misconfigured(HoopError):
    """The configuration can not be used. The sentence starts with `file:line:` where there is a line."""
