"""`recording export` and `recording verify`: files, sessions, and what is damaged."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import SessionEnded, SessionOpened
from gateway.core.frame import Frame, FrameKind
from gateway.recording.writer import RecordingWriter
from gateway.store.ledger import SqlLedger

Run = Callable[..., Any]
SESSION = "s-2B8CK4TQ"


def recorded(*, ended: bool = True) -> bytes:
    """The bytes of a small recording."""
    writer = RecordingWriter(
        {
            "session": SESSION,
            "person": "alice",
            "target": "web-1",
            "started_at": datetime(2026, 11, 20, tzinfo=UTC).isoformat(),
            "cols": 80,
            "rows": 24,
            "command": "echo \x1b]0;evil\x07",
        }
    )
    data = writer.head()
    for at in range(3):
        writer.add(Frame(at * 1000, FrameKind.OUTPUT, b"line \x1b[31m%d\x1b[0m\r\n" % at))
        data += writer.seal()
    if ended:
        writer.add(Frame(4000, FrameKind.EXIT, b'{"status": 0}'))
        data += writer.seal()
    return data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A whole recording."""
    path = tmp_path / "whole.hrec"
    path.write_bytes(recorded())
    return path


async def keep(config: Path, data: bytes | None, *, id: str = SESSION, live: bool = False) -> None:
    """A session in the ledger, and its recording among the blobs."""
    data_dir = config.parent / "data"
    data_dir.mkdir(mode=0o700, exist_ok=True)
    ledger = await SqlLedger.open(f"sqlite:///{data_dir}/hoop.db")
    opened = SessionOpened(
        session=id,
        actor="alice",
        person="alice",
        groups=[],
        target="web-1",
        kind="ssh",
        login="deploy",
        address="127.0.0.1",
        client="",
        recording=f"2026/11/20/{id}.hrec",
    )
    await ledger.append(opened)
    if not live:
        await ledger.append(SessionEnded(session=id, actor="alice", outcome="exit 0"))
    await ledger.close()
    place = data_dir / "recordings" / "2026" / "11" / "20"
    place.mkdir(parents=True, exist_ok=True)
    if data is not None:
        (place / f"{id}.hrec").write_bytes(data)


async def viewed(config: Path) -> list[tuple[str, str]]:
    ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
    entries = await ledger.entries()
    await ledger.close()
    return [(entry.session, entry.body["how"]) for entry in entries if entry.name == "recording.viewed"]


def test_export_of_a_file(run: Run, file: Path) -> None:
    ended = run("recording", "export", file, "--as", "cast2")
    assert (ended.code, ended.err) == (0, "")
    head, *events = [json.loads(line) for line in ended.out.splitlines()]
    assert head["version"] == 2
    assert [event[2] for event in events if event[1] == "o"] == [
        f"line \x1b[31m{at}\x1b[0m\r\n" for at in range(3)
    ]
    text = run("recording", "export", file, "--as", "txt").out
    assert "line 0\nline 1\nline 2\n" in text
    assert "\x1b" not in text


def test_export_into_a_new_file(run: Run, file: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.txt"
    assert run("recording", "export", file.name, "--as", "txt", "-o", made) == (0, "", "")
    assert "line 2" in made.read_text()
    assert made.stat().st_mode & 0o777 == 0o600
    again = run("recording", "export", file, "-o", made)
    assert again == (2, "", f"hoop-gateway: {made} exists already; nothing was written\n")
    assert "line 2" in made.read_text()


def test_verify(run: Run, file: Path) -> None:
    ended = run("recording", "verify", file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{file}  frames 4  bytes {file.stat().st_size}  root ")


@pytest.mark.parametrize("command", ["export", "verify"])
def test_what_is_damaged_or_cut(run: Run, tmp_path: Path, command: str) -> None:
    whole = recorded()
    for name, data in {
        "cut": whole[:-3],
        "unended": recorded(ended=False),
        "changed": whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:],
        "empty": b"",
        "other": b"\x7fELF" + bytes(300),
    }.items():
        (tmp_path / name).write_bytes(data)
        ended = run("recording", command, tmp_path / name)
        assert ended.code == 10, name
        assert ended.err.startswith("hoop-gateway: "), name
        assert ended.err.count("\n") == 1, name
        if command == "export" and name in ("cut", "unended", "changed"):
            assert "line \\u001b[31m1" in ended.out


async def test_a_session_by_its_id(run: Run, config: Path) -> None:
    await keep(config, recorded())
    for name in (SESSION, "2b8c", "s-2b8ck"):
        ended = run("recording", "export", name, "--as", "txt", "-c", config)
        assert (ended.code, ended.err) == (0, "")
        assert "line 2" in ended.out
    assert await viewed(config) == [(SESSION, "export txt")] * 3
    ended = run("recording", "verify", "2b8c", "-c", config)
    assert ended.code == 0
    assert ended.out.startswith(f"{SESSION}  frames 4 ")
    assert len(await viewed(config)) == 3


async def test_a_session_that_is_still_open(run: Run, config: Path) -> None:
    await keep(config, recorded(ended=False), live=True)
    ended = run("recording", "verify", SESSION, "-c", config)
    assert (ended.code, ended.err) == (0, "the session is still open; all that is there is good\n")
    ended = run("recording", "export", SESSION, "--as", "txt", "-c", config)
    assert (ended.code, ended.err) == (0, "")
    assert "cut" not in ended.out


async def test_what_is_not_there(run: Run, config: Path, tmp_path: Path) -> None:
    await keep(config, None)
    await keep(config, None, id="s-2B8CAAAA")
    for which, code, told in (
        (SESSION, 7, f"the recording of {SESSION} is not there any more"),
        ("2b8c", 2, f"several sessions start so: s-2B8CAAAA, {SESSION}"),
        ("s-ZZZZ", 7, "there is no session s-ZZZZ"),
        ("nonsense!", 7, 'there is no file and no session "nonsense!"'),
        (f"{tmp_path}/none", 7, f"there is no file {tmp_path}/none"),
    ):
        assert run("recording", "verify", which, "-c", config) == (code, "", f"hoop-gateway: {told}\n")


def test_into_a_full_disk(run: Run, file: Path) -> None:
    import subprocess
    import sys

    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "recording", "export", str(file)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == b"hoop-gateway: no space left on device\n"
