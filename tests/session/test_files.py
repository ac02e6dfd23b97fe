"""What the books say of file transfers: digests, order, what is kept, and an end that is written exactly once."""

import asyncio
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.frame import FrameKind
from gateway.core.operation import Effect
from gateway.core.people import Target
from gateway.session.files import FilePath, Transfer, file_operation
from gateway.session.gate import Gate
from tests.session import conftest
from tests.session.conftest import WEB, Room
from tests.session.test_gate import frames_of


def upload(gate: Gate) -> Transfer:
    return Transfer(gate, direction="upload", path="app.conf", resolved="/srv/app.conf", program="sftp")


async def ends(room: Room) -> list[dict[str, Any]]:
    return [dict(entry.body) for entry in await room.ledger.entries() if entry.name == "file.transferred"]


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Target:
    target = replace(WEB, options={"keep_files": 10})
    monkeypatch.setattr(conftest, "WEB", target)
    return target


def test_one_path_reads_as_an_operation() -> None:
    operation = file_operation("upload", FilePath("app.conf", "/srv/app.conf"), program="sftp")
    assert operation.text == "upload app.conf (/srv/app.conf)"
    assert operation.effects == {Effect.TRANSFER, Effect.WRITE}
    assert operation.resources == ("/srv/app.conf",)
    assert operation.details == {
        "path": "app.conf",
        "resolved": "/srv/app.conf",
        "paths": ("app.conf", "/srv/app.conf"),
        "program": "sftp",
    }
    assert file_operation("list", FilePath("/srv", "/srv"), program="sftp").text == "list /srv"


def test_an_unresolved_path_may_be_anything() -> None:
    operation = file_operation(
        "rename", FilePath("a", "/srv/a"), FilePath("b"), program="scp", command="scp -t b"
    )
    assert operation.text == "rename a (/srv/a) to b"
    assert operation.effects == {Effect.WRITE, Effect.UNKNOWN}
    assert operation.resources == ("/srv/a",)
    assert operation.details["paths"] == ("a", "/srv/a", "b")
    assert operation.details["command"] == "scp -t b"


def test_a_name_that_is_no_text_is_hashed_as_its_bytes() -> None:
    name = b"/srv/\xff\xfe".decode("utf-8", "surrogateescape")
    operation = file_operation("remove", FilePath(name, name), program="sftp")
    assert operation.sha256 == sha256(b"remove /srv/\xff\xfe").hexdigest()


async def test_a_whole_file(room: Room) -> None:
    gate = await room.gate()
    transfer = upload(gate)
    await transfer.take(b"one ", 0)
    await transfer.take(memoryview(b"two"), 4)
    await transfer.finish()
    await gate.close("exit 0", {"status": 0})
    (end,) = await ends(room)
    assert end == {
        "direction": "upload",
        "path": "app.conf",
        "resolved": "/srv/app.conf",
        "program": "sftp",
        "size": 7,
        "sha256": sha256(b"one two").hexdigest(),
        "whole": True,
        "outcome": "done",
        "kept": "",
    }
    marks = [json.loads(f.data) for f in frames_of(room.recording()) if f.kind is FrameKind.MARK]
    assert marks == [
        {
            "kind": "file",
            "text": "upload app.conf 7 bytes",
            "direction": "upload",
            "path": "app.conf",
            "resolved": "/srv/app.conf",
            "size": 7,
            "sha256": sha256(b"one two").hexdigest(),
            "whole": True,
            "outcome": "done",
        }
    ]


@pytest.mark.parametrize("offsets", [(4, 0), (0, 5), (0, 0), (7, 11)])
async def test_out_of_order_is_not_whole(room: Room, offsets: tuple[int, int]) -> None:
    gate = await room.gate()
    transfer = upload(gate)
    for offset in offsets:
        await transfer.take(b"data", offset)
    await transfer.finish()
    (end,) = await ends(room)
    assert (end["whole"], end["size"]) == (False, 8)
    assert end["sha256"] == sha256(b"datadata").hexdigest()


async def test_the_end_is_written_once(room: Room) -> None:
    gate = await room.gate()
    transfer = upload(gate)
    await transfer.take(b"da", 0)
    before = transfer.finished
    await transfer.finish("failed: no space", complete=False)
    assert (before, transfer.finished) == (False, True)
    await transfer.cut("the person left")
    await transfer.finish()
    (end,) = await ends(room)
    assert (end["outcome"], end["whole"]) == ("failed: no space", False)


async def test_who_is_cancelled_in_the_middle_loses_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = await room.gate()
    transfer = upload(gate)
    reached, go = asyncio.Event(), asyncio.Event()
    observe = gate.observe

    async def slow(kind: FrameKind, data: bytes) -> None:
        reached.set()
        await go.wait()
        await observe(kind, data)

    monkeypatch.setattr(gate, "observe", slow)
    finishing = asyncio.create_task(transfer.finish())
    await reached.wait()
    finishing.cancel()
    await asyncio.wait([finishing])
    assert await ends(room) == []
    go.set()
    await transfer.cut("the person left")
    (end,) = await ends(room)
    assert end["outcome"] == "done"


@pytest.mark.usefixtures("keeping")
async def test_kept_up_to_the_cap(room: Room) -> None:
    gate = await room.gate()
    first, second = upload(gate), upload(gate)
    await first.take(b"0123456", 0)
    await second.take(b"other", 0)
    await first.take(memoryview(b"789abcdef"), 7)
    await first.take(b"more", 16)
    await first.finish()
    await second.finish()
    one, two = await ends(room)
    assert await room.blobs.read(one["kept"]) == b"0123456789"
    assert one["size"] == 20
    assert await room.blobs.read(two["kept"]) == b"other"
    assert gate.session.id in one["kept"]


async def test_nothing_is_kept_unless_told_to(room: Room) -> None:
    gate = await room.gate()
    transfer = upload(gate)
    await transfer.take(b"secret", 0)
    await transfer.finish()
    assert [key for key in await room.blobs.keys() if "kept" in key] == []


@pytest.mark.usefixtures("keeping")
async def test_what_can_not_be_kept_does_not_pass(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = await room.gate()

    async def full() -> Any:
        raise Fault("the disk is full")

    monkeypatch.setattr(gate, "keepsake", full)
    transfer = upload(gate)
    with pytest.raises(Fault, match="a copy of this file can not be kept"):
        await transfer.take(b"data", 0)
    assert gate.ended.is_set()
    with pytest.raises(Fault):
        await transfer.finish()
    await transfer.cut("the gate failed")


async def test_a_ledger_that_fails_ends_the_session(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = await room.gate()
    transfer = upload(gate)

    async def broken(event: object) -> int:
        raise Fault("database is locked")

    monkeypatch.setattr(room.ledger, "append", broken)
    with pytest.raises(Fault, match="audit log"):
        await transfer.finish()
    assert gate.ended.is_set()
