"""Denied lines in programs of all kinds: taken back where that can be proved, else the session ends."""

import asyncio
from pathlib import Path

import pytest

from tests.contracts.postgres_server import PostgresServer, binaries
from tests.ssh.typist import Typist

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd", "bash")]

STUCK = b"hoop: ended - the line you typed could not be taken back, so nothing passes any more"


@pytest.mark.needs("zsh")
async def test_zsh(typist: Typist, tmp_path: Path) -> None:
    typist.stop("touch")
    await typist.start("PROMPT='one$ ' RPROMPT='[right]' exec zsh -f -i", prompt=b"[right]")
    await typist.line("echo fine", then=b"fine\r\n")
    await typist.sees(b"[right]")
    typist.type(f"touch {tmp_path}/made\r".encode())
    await typist.sees(b"hoop: blocked by no-such")
    await typist.line("echo on-$((1+1))", then=b"on-2\r\n")
    await typist.sees(b"[right]")
    await typist.line("for i in 1 2; do", then=b"for> ")
    typist.type(f"touch {tmp_path}/made\r".encode())
    await typist.sees(b"hoop: blocked by no-such")
    await typist.sees(b"[right]")
    await typist.line("echo on-$((1+2))", then=b"on-3\r\n")
    assert not (tmp_path / "made").exists()


@pytest.mark.needs("python3")
async def test_python(typist: Typist) -> None:
    typist.stop("forbidden")
    await typist.start("PYTHON_BASIC_REPL=1 exec python3 -q", prompt=b">>> ")
    await typist.line("print('forbidden'.upper())", then=b"hoop: blocked by no-such")
    await typist.sees(b">>> ")
    await typist.line("if 1:", then=b"... ")
    await typist.line("  print('forbidden'.upper())", then=b"hoop: blocked by no-such")
    await typist.sees(b">>> ")
    await typist.line("print(6*7)", then=b"42\r\n")
    assert b"FORBIDDEN" not in typist.desk.seen


@pytest.mark.needs("sqlite3")
async def test_sqlite3_keeps_what_seemed_cleared_so_the_session_ends(typist: Typist) -> None:
    typist.stop("'forb'")
    await typist.start("exec sqlite3", prompt=b"sqlite> ")
    await typist.line("select 'forb'||'idden';", then=b"hoop: blocked by no-such")
    await typist.sees(b"sqlite> ")
    await typist.line("select 6*7;", then=b"42\r\n")
    await typist.sees(b"sqlite> ")
    await typist.line("select 1,", then=b"...> ")
    await typist.line("'forb'||'idden';", then=b"hoop: blocked by no-such")
    await typist.sees(STUCK)
    assert await typist.desk.ended() == 130
    assert b"forbidden" not in typist.desk.seen
    assert await typist.house.outcomes() == ["ended"]


@pytest.mark.needs("postgres", "psql")
async def test_psql(typist: Typist) -> None:
    programs = binaries()
    assert programs is not None
    server = await asyncio.to_thread(PostgresServer.create, programs)
    try:
        await asyncio.to_thread(server.start)
        typist.stop("'forb'")
        await typist.start(f"PSQLRC=/dev/null exec psql -q {server.url('postgres')}", prompt=b"postgres=# ")
        await typist.line("select 'forb'||'idden';", then=b"hoop: blocked by no-such")
        await typist.sees(b"postgres=# ")
        await typist.line("select 1,", then=b"postgres-# ")
        await typist.line("'forb'||'idden';", then=b"hoop: blocked by no-such")
        await typist.sees(b"postgres=# ")
        await typist.line("select 6*7;", then=b" 42\r\n")
        assert b"forbidden" not in typist.desk.seen
    finally:
        await asyncio.to_thread(server.remove)


async def test_a_line_for_a_program_is_taken_back_gently(typist: Typist, tmp_path: Path) -> None:
    typist.stop("forbidden")
    await typist.start()
    await typist.line(f"echo go-$((1)); cat > {tmp_path}/written", then=b"go-1\r\n")
    await typist.line("fine", then=b"fine\r\n")
    await typist.line("forbidden", then=b"hoop: blocked by no-such")
    await typist.line("also fine", then=b"also fine\r\n")
    typist.type(b"\x04")
    await typist.sees(b"one$ ")
    await typist.line("echo on", then=b"on\r\n")
    assert (tmp_path / "written").read_text() == "fine\nalso fine\n"


async def test_a_program_that_can_not_be_cleared_ends_the_session(typist: Typist) -> None:
    """It ignores what clears lines elsewhere, and would take the line with the next Enter."""
    typist.stop("forbidden")
    deaf = "trap '' INT; stty -icanon echo intr undef; printf 'deaf> '; while read -rn1 c; do :; done"
    await typist.start(f'bash -c "{deaf}"', prompt=b"deaf> ")
    await typist.line("forbidden", then=b"hoop: blocked by no-such")
    await typist.sees(STUCK)
    assert await typist.desk.ended() == 130
