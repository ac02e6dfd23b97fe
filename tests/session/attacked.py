"""Who attacks approvals and what they attack, for the tests of it."""

from dataclasses import replace

import pytest

from gateway.core.errors import Denied
from gateway.core.operation import Operation
from gateway.core.verdict import Glass
from gateway.session.gate import Gate
from tests.session.asked import Scene, person
from tests.session.conftest import hold

ALICE = person("alice", "dev", "oncall")
BOB, CAROL, SUE = person("bob", "dba"), person("carol", "dba", "sec"), person("sue", "sec")
EVERYBODY = (ALICE, BOB, CAROL, SUE)
GLASS = Glass(frozenset({"oncall"}))
WIDE = replace(hold(60), scopes=("once", "shape 15m 3", "target 1h", "session"))
LATER = replace(hold(60), mode="fail", scopes=("once", "target 1h"))


async def refused(scene: Scene, gate: Gate, operation: Operation) -> str:
    """It is not let through now: the request that says so."""
    with pytest.raises(Denied, match="run the same again") as denied:
        await gate.admit(operation, scene.room.notice)
    return denied.value.request
