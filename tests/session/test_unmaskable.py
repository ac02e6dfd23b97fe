"""What passes beside `reveal` can not be masked: where anything is to be masked it is blocked, and never held."""

from dataclasses import replace

import pytest

from gateway.core.errors import Denied
from gateway.core.shown import Answer, Stream
from gateway.core.verdict import Allow
from tests.session.conftest import Room, hold, run


async def test_blocked_where_a_rule_masks(room: Room) -> None:
    gate = await room.gate()
    for verdict in (Allow("everything", frozenset({"card"})), replace(hold(), masks=frozenset({"card"}))):
        room.verdict = verdict
        with pytest.raises(Denied) as stopped:
            await gate.admit(run("cat file"), room.notice, maskable=False)
        assert stopped.value.state == "blocked"
        assert stopped.value.sentence.startswith("hoop: blocked - files from web-1 can not be masked")
    assert room.spoken == []
    assert (await room.names(gate.session.id))[-2:] == ["operation.denied", "operation.denied"]
    await gate.close("exit 0", {})


async def test_admitted_where_none_does(room: Room) -> None:
    gate = await room.gate()
    permit = await gate.admit(run("cat file"), room.notice, maskable=False)
    assert permit.masks == frozenset()
    await gate.close("exit 0", {})


async def test_what_was_masked_is_counted_over_all_that_was_admitted(room: Room) -> None:
    room.verdict = Allow("everything", frozenset({"card"}))
    gate = await room.gate()
    for _ in range(2):
        permit = await gate.admit(run("cat file"), room.notice)
        for stream in (Stream.OUT, Stream.ERR):
            await gate.reveal(permit, Answer(stream, b"4111 1111 1111 1111\n", last=True))
    await gate.close("exit 0", {})
    (ended,) = [entry for entry in await room.ledger.entries() if entry.name == "session.ended"]
    assert (ended.body["masked"], ended.body["commands"]) == ({"card": 4}, 2)
