"""The two doors of an ordinary session: what is admitted, revealed, recorded and audited."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gateway.core.errors import Refused
from gateway.core.frame import Frame, FrameKind
from gateway.core.secret import Secret
from gateway.core.shown import Answer, Stream
from gateway.core.verdict import Allow
from gateway.recording.reader import RecordingReader
from gateway.session.lobby import BearerToken, SshKey
from tests.session.conftest import PEER, Room, run

CARD = b"4111 1111 1111 1111"


def frames_of(reader: RecordingReader) -> list[Frame]:
    frames: list[Frame] = []
    while (more := reader.next_frames()) is not None:
        frames += more
    return frames


async def test_a_whole_session(room: Room) -> None:
    room.verdict = Allow("everything", frozenset({"card"}))
    gate = await room.gate()
    permit = await gate.admit(run("cat cards"), room.notice)
    shown = await gate.reveal(permit, Answer(Stream.OUT, b"card " + CARD[:9]))
    assert shown.held > 0
    shown2 = await gate.reveal(permit, Answer(Stream.OUT, CARD[9:] + b"\n", last=True))
    seen = shown.data + shown2.data
    assert CARD not in seen
    assert len(seen) == len(b"card " + CARD + b"\n")
    await gate.reveal(permit, Answer(Stream.ERR, b"warning\n", last=True))
    await gate.close("exit 0", {"status": 0})

    reader = room.recording()
    frames = frames_of(reader)
    assert b"".join(f.data for f in frames if f.kind is FrameKind.OUTPUT) == seen
    assert b"".join(f.data for f in frames if f.kind is FrameKind.ERROR) == b"warning\n"
    assert json.loads(frames[0].data)["text"] == "cat cards"
    assert frames[-1].kind is FrameKind.EXIT
    assert reader.meta is not None
    assert reader.meta["person"] == "alice@example.com"
    row = await room.ledger.session(gate.session.id)
    assert row is not None
    assert (row.outcome, row.commands, dict(row.masked or {})) == ("exit 0", 1, {"card": 1})
    assert await room.names(gate.session.id) == ["session.opened", "operation.admitted", "session.ended"]


async def test_the_echo_of_typing_is_never_delayed(room: Room) -> None:
    room.verdict = Allow("everything", frozenset({"card", "email"}))
    gate = await room.gate(pty=True)
    permit = await gate.admit(run(""), room.notice)
    for key in b"4111 1111":
        await gate.observe(FrameKind.INPUT, bytes([key]))
        shown = await gate.reveal(permit, Answer(Stream.OUT, bytes([key])))
        assert shown.data == bytes([key])
        assert shown.held == 0
    await gate.close("exit 0", {"status": 0})
    typed = b"".join(f.data for f in frames_of(room.recording()) if f.kind is FrameKind.INPUT)
    assert typed == b"4111 1111"


async def test_keys_typed_without_echo_are_only_counted(room: Room) -> None:
    gate = await room.gate(pty=True)
    permit = await gate.admit(run(""), room.notice)
    await gate.reveal(permit, Answer(Stream.OUT, b"Password: "))
    for key in b"hunter2\r":
        await gate.observe(FrameKind.INPUT, bytes([key]))
    await gate.reveal(permit, Answer(Stream.OUT, b"\r\nwelcome\r\n"))
    await gate.close("exit 0", {"status": 0})
    frames = frames_of(room.recording())
    assert [json.loads(f.data) for f in frames if f.kind is FrameKind.HIDDEN] == [{"keys": 7}]
    assert b"hunter2" not in next(room.directory.glob("recordings/**/*.hrec")).read_bytes()


async def test_sign_in_is_audited_either_way(room: Room) -> None:
    lobby = room.lobby()
    assert (await lobby.identify(SshKey("good", "SHA256:abc", "web-1"), PEER)).name == "alice@example.com"
    for bad in (SshKey("bad", "SHA256:def", "web\x1b[2J"), BearerToken(Secret("x"))):
        with pytest.raises(Refused):
            await lobby.identify(bad, PEER)
    assert await room.names("") == ["identity.accepted", "identity.refused", "identity.refused"]


async def test_what_was_shown_survives_a_killed_gateway(tmp_path: Path) -> None:
    """A child shows numbered lines and is killed at an arbitrary moment: all it showed is in the recording."""
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from gateway.core.shown import Answer, Stream
        from tests.session.conftest import *

        async def main(directory):
            ledger = await SqlLedger.open(f"sqlite:///{directory}/hoop.db")
            room = Room(directory, ledger, InProcessBus(), LocalBlobs(directory / "recordings"), LiveSessions())
            gate = await room.gate()
            permit = await gate.admit(run("yes"), room.notice)
            n = 0
            while True:
                n += 1
                shown = await gate.reveal(permit, Answer(Stream.OUT, b"line %d\\n" % n))
                sys.stdout.buffer.write(shown.data)
                sys.stdout.buffer.flush()

        asyncio.run(main(Path(sys.argv[1])))
        """
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None
    seen = b"".join(child.stdout.readline() for _ in range(500))
    child.send_signal(signal.SIGKILL)
    seen += child.stdout.read()
    child.stdout.close()
    child.wait()
    (path,) = tmp_path.glob("recordings/**/*.hrec")
    reader = RecordingReader()
    reader.receive(path.read_bytes())
    recorded = b"".join(f.data for f in frames_of(reader) if f.kind is FrameKind.OUTPUT)
    assert seen.count(b"\n") >= 500
    assert recorded.startswith(seen)
