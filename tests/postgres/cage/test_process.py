"""The caged process itself: whose it is, what it holds, how it is started, fed, interrupted and ended."""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.cage import landlock, launch, seccomp
from gateway.adapters.postgres.cage.caged import Order, run_caged
from gateway.adapters.postgres.cage.program import Program, examine, find_psql
from gateway.adapters.ssh.asked import Break, Resize, Signal, Terminal
from gateway.adapters.ssh.pipes import WAITING_MOST
from gateway.adapters.ssh.running import Running
from gateway.core.errors import Unreachable
from gateway.core.shown import Stream
from gateway.session.valve import Valve
from tests.postgres.cage.inside import SCREEN, SECONDS, Inside

pytestmark = [pytest.mark.needs("postgres", "psql"), pytest.mark.interop]


def pid_of(caged: Running) -> int:
    assert isinstance(caged._process, asyncio.subprocess.Process)
    return caged._process.pid


def proc(caged: Running, name: str) -> str:
    return Path(f"/proc/{pid_of(caged)}/{name}").read_text()


def status(caged: Running) -> dict[str, str]:
    return {
        key: value.strip()
        for key, _, value in (line.partition(":") for line in proc(caged, "status").splitlines())
    }


async def test_it_has_nothing_that_is_the_gateways(inside: Inside) -> None:
    async with inside.started(terminal=SCREEN) as caged:
        await inside.until(caged, "=> ")
        told = status(caged)
        assert told["NoNewPrivs"] == "1"
        assert told["Seccomp"] == "2"
        assert {told[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
        if os.geteuid() == 0:
            assert "0" not in told["Uid"].split()
            assert told["Groups"] == ""
        environment = dict(pair.split("=", 1) for pair in proc(caged, "environ").split("\0") if pair)
        assert set(environment) <= {
            *("LANG", "TERM", "HOME", "PATH", "INPUTRC", "PSQL_HISTORY", "PGHOST", "PGUSER", "PGDATABASE"),
            *("PGSSLMODE", "PGGSSENCMODE", "PGPASSFILE", "PGSERVICEFILE", "LINES", "COLUMNS"),
        }
        held = sorted(str(file.readlink()) for file in Path(f"/proc/{pid_of(caged)}/fd").iterdir())
        terminals = [name for name in held if name.startswith("/dev/pts/")]
        assert len(terminals) == 3
        assert len(held) - len(terminals) == 1, f"its terminal and its one connection: {held}"
        limits = proc(caged, "limits")
        assert "Max core file size        0 " in limits
        assert "Max file size             0 " in limits
        assert proc(caged, "oom_score_adj").strip() == "1000"


async def test_it_ends_with_whoever_has_it(inside: Inside) -> None:
    async with inside.started(terminal=SCREEN) as caged:
        await inside.until(caged, "=> ")
        pid = pid_of(caged)
    assert not Path(f"/proc/{pid}").exists()
    assert caged.signal == ("KILL", False, "")


async def test_a_busy_one_ends_too(inside: Inside) -> None:
    async with inside.started("select pg_sleep(600)") as caged:
        async with asyncio.timeout(SECONDS):
            while not inside.connections:
                await asyncio.sleep(0.01)
        pid = pid_of(caged)
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("control", [Signal("INT"), Break(100)])
async def test_an_interrupt_cancels_the_statement(inside: Inside, control: Signal | Break) -> None:
    async with inside.started(terminal=SCREEN) as caged:
        await inside.until(caged, "=> ")
        caged.send(b"select pg_sleep(600), 'begun';\r")
        with inside.server.connect(inside.database) as watching:
            async with asyncio.timeout(SECONDS):
                while watching.execute(
                    "select count(*) from pg_stat_activity where query like 'select pg_sleep%'"
                ).fetchone() != (1,):
                    await asyncio.sleep(0.02)
        caged.control(control)
        assert "canceling statement due to user request" in await inside.until(caged, "=> ")
        assert inside.connections == 2, "the request to cancel came by a connection of its own"
        caged.end_input()
        await inside.ended(caged)


async def test_signals_that_end_it_and_those_that_are_not_passed_on(inside: Inside) -> None:
    async with inside.started(terminal=SCREEN) as caged:
        await inside.until(caged, "=> ")
        caged.control(Signal("ABRT"))  # would be a core dump elsewhere
        caged.send(b"\\echo :VERSION_NUM\r")
        assert "1" in await inside.until(caged, "=> ")
        caged.control(Signal("TERM"))
        ended = await inside.ended(caged)
    assert ended.signal == ("TERM", False, "")


async def test_the_size_of_the_window(inside: Inside) -> None:
    async with inside.started(terminal=Terminal("xterm", 33, 44)) as caged:
        await inside.until(caged, "=> ")
        assert caged._terminal is not None
        assert os.get_terminal_size(caged._terminal) == (33, 44)
        caged.control(Resize(55, 66, 0, 0))
        assert os.get_terminal_size(caged._terminal) == (55, 66)


async def test_output_and_errors_apart(inside: Inside) -> None:
    async with inside.started("select 'out'; select 1/0") as caged:
        seen: dict[Stream, bytes] = {Stream.OUT: b"", Stream.ERR: b""}
        async with asyncio.timeout(SECONDS):
            while (piece := await caged.inbox.take()) is not None:
                seen[piece[0]] += piece[1]
    assert b"division by zero" in seen[Stream.ERR]
    assert b"division by zero" not in seen[Stream.OUT]


async def test_a_large_result_waits_for_whoever_reads(inside: Inside) -> None:
    async with inside.started(
        "select repeat('x', 1000) from generate_series(1, 20000)", more=["-At"]
    ) as caged:
        async with asyncio.timeout(SECONDS):
            while not caged.inbox.ready:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert caged.inbox._size < 2 << 20
        ended = await inside.ended(caged)
    assert ended.status == 0
    assert ended.text.count("x") == 20_000_000


async def test_input_waits_for_psql_and_for_the_valve(inside: Inside) -> None:
    valve = Valve()
    async with inside.started() as caged:
        caged.obey(valve)
        valve.shut()
        assert caged.send(b"select 'pass' || 'ed';\n")
        await asyncio.sleep(0.3)
        assert not inside.connections or not caged.inbox.ready
        assert caged.send(b"-- " + b"x" * (2 * WAITING_MOST) + b"\n")
        waiting = asyncio.create_task(caged.clear())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        valve.open()
        async with asyncio.timeout(SECONDS):
            await waiting
        caged.end_input()
        ended = await inside.ended(caged)
    assert "passed" in ended.text
    assert ended.status == 0
    assert not caged.send(b"too late")


async def test_the_end_of_input_at_a_terminal(inside: Inside) -> None:
    async with inside.started(terminal=SCREEN) as caged:
        await inside.until(caged, "=> ")
        caged.end_input()
        assert (await inside.ended(caged)).status == 0


@pytest.mark.parametrize(
    ("room", "name", "answer", "why"),
    [
        (landlock, "abi", 0, "the kernel has no landlock"),
        (seccomp, "machine", None, "no system call numbers are known for this processor"),
    ],
)
def test_without_what_it_takes_nothing_is_shut_or_run(
    monkeypatch: pytest.MonkeyPatch, room: object, name: str, answer: object, why: str
) -> None:
    monkeypatch.setattr(room, name, lambda: answer)
    with pytest.raises(OSError, match=why):
        launch.shut_cage({})


async def test_a_launch_that_can_not_even_begin(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(inside.program, [], {})
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(Unreachable, match=r"no safe place to run it \(no such file or directory\)"):
        async with run_caged(order, SCREEN, lambda ours: ours.close()):
            raise AssertionError("it runs")
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(Unreachable, match=r"no safe place to run it \(it did not start\)"):
        async with run_caged(order, None, lambda ours: ours.close()):
            raise AssertionError("it runs")


def test_where_psql_is(tmp_path: Path) -> None:
    found = find_psql()
    assert found is not None
    assert Path(found.path).read_bytes()[:4] == b"\x7fELF", "Debian's wrapper is a script"
    assert any("libpq" in library for library in found.libraries)
    old, new = tmp_path / "9.6" / "bin", tmp_path / "18" / "bin"
    for directory in (old, new):
        directory.mkdir(parents=True)
        (directory / "psql").symlink_to(found.path)
    again = find_psql([(str(tmp_path / "nowhere"), "*"), (str(tmp_path), "*/bin/psql")])
    assert again == found
    (new / "psql").unlink()
    (new / "psql").write_text("#!/bin/sh\nexec psql")
    assert find_psql([(str(tmp_path), "*/bin/psql")]) == found
    assert find_psql([]) is None


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02" + b"\xff" * 200, b"\x7fELF\x01" + bytes(99)]
)
def test_what_is_no_program(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "psql").write_bytes(content)
    assert examine(tmp_path / "psql") is None
    assert examine(tmp_path / "nothing") is None


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 63), st.binary(min_size=1, max_size=8))
def test_heads_that_lead_nowhere(rest: bytes, at: int, change: bytes) -> None:
    found = find_psql()
    assert found is not None
    with Path(found.path).open("rb") as file:
        head = bytearray(file.read(64))
    head[at : at + len(change)] = change
    with tempfile.NamedTemporaryFile() as spoiled:
        spoiled.write(head + rest)
        spoiled.flush()
        assert examine(Path(spoiled.name)) is None


def test_signals_are_known() -> None:
    assert signal.SIGKILL == launch._SIGKILL


def test_an_order_says_all_that_may_be_opened() -> None:
    program = Program("/usr/bin/psql", "/lib/loader", ("/lib/libpq.so.5",))
    spoken = Order(program, ["-X"], {"A": "b"}).as_json().decode()
    assert '"runs": ["/usr/bin/psql", "/lib/loader"]' in spoken
    assert '"writes": ["/dev/null"]' in spoken
