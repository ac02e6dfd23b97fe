"""Every way out of psql that its manual names ends at the cage, with psql's own words and nothing done."""

from pathlib import Path

import pytest

from gateway.adapters.postgres.cage.caged import Order, run_caged
from gateway.adapters.postgres.cage.program import Program
from gateway.core.errors import Unreachable
from tests.postgres.cage.inside import Inside

pytestmark = [pytest.mark.needs("postgres", "psql"), pytest.mark.interop]

DENIED = "Permission denied"
NO_PROCESS = "Cannot allocate memory"  # what the C library makes of a fork that is refused


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (r"\! touch {mark}", ""),
        (r"\o |touch {mark}", NO_PROCESS),
        (r"\o {mark}", DENIED),
        (r"\i {secret}", DENIED),
        (r"\i /etc/passwd", DENIED),
        (r"\i /proc/self/environ", DENIED),
        (r"\i /proc/1/cmdline", DENIED),
        (r"\i /dev/tty", DENIED),
        (r"\ir {secret}", DENIED),
        (r"\i /usr/bin/id", DENIED),
        (r"\copy (select 1) to '{mark}'", DENIED),
        (r"\copy (select 1) to program 'touch {mark}'", NO_PROCESS),
        (r"\copy mine from '{secret}'", DENIED),
        (r"\copy mine from program 'cat {secret}'", NO_PROCESS),
        (r"\lo_import {secret}", DENIED),
        (r"\set found `cat {secret}`", NO_PROCESS),
        (r"\setenv PATH /bin \! touch {mark}", ""),
        (r"\c - - 127.0.0.1 {port}", DENIED),
        (r"\c - - ::1 {port}", DENIED),
        (r"\c - - localhost {port}", "could not translate host name"),
        (r"\c service=other", "not found"),
        (r"\c 'sslmode=disable host=10.0.0.1 port=80'", DENIED),
    ],
)
async def test_by_command(inside: Inside, tmp_path: Path, command: str, said: str) -> None:
    secret, mark = tmp_path / "secret", tmp_path / "mark"
    secret.write_text("canary-7Hq\n")
    tmp_path.chmod(0o777)
    with inside.server.connect(inside.database) as connection:
        connection.execute("CREATE TABLE mine (text text); GRANT ALL ON mine TO PUBLIC")
    text = command.format(secret=secret, mark=mark, port=inside.server.port)
    ended = await inside.run(text)
    assert said in ended.text
    assert ended.status == 1 or not said or command.startswith(r"\set")
    assert "canary" not in ended.text
    assert not mark.exists()
    with inside.server.connect(inside.database) as connection:
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([r"select 1 \g |touch {mark}"], NO_PROCESS),
        ([r"select 1 \g {mark}"], DENIED),
        (["select 1", r"\w {mark}"], DENIED),
        ([r"\s {mark}"], DENIED),
        (["select 1", r"\w |touch {mark}"], NO_PROCESS),
        (["select 1", r"\e"], DENIED),
        ([r"\ef"], DENIED),
        ([r"select 1 \gx (format=csv) {mark}"], DENIED),
        ([r"\setenv PSQL_PAGER 'touch {mark}'", r"\pset pager always", "select 11 + 22;"], "33"),
        ([r"\set PROMPT1 '%`touch {mark}`=> '", "select 11 + 22;"], "33"),
        ([r"\setenv PSQL_EDITOR 'touch {mark}'", "select 1", r"\e"], DENIED),
        ([r"select 11 + 22 \watch 0.1"], "33"),
    ],
)
async def test_at_a_terminal(inside: Inside, tmp_path: Path, lines: list[str], said: str) -> None:
    mark = tmp_path / "mark"
    tmp_path.chmod(0o777)
    ended = await inside.typed(*(line.format(mark=mark) for line in lines))
    assert said in ended.text
    assert not mark.exists()


async def test_a_socket_is_the_gateway_wherever_it_is_said_to_lead(inside: Inside) -> None:
    ended = await inside.run(r"\c - - /var/run/postgresql 1")
    assert "You are now connected" in ended.text
    assert inside.connections == 2
    assert (await inside.run(r"\c 'host=@abstract'")).status == 0
    assert inside.connections == 4


async def test_only_so_many_sockets_at_one_time(inside: Inside) -> None:
    lines = [r"\c", *["select 1;"]] * 20
    ended = await inside.piped(*lines)
    assert ended.status == 0  # each connection takes the place of the one before
    assert inside.connections == 21


async def test_completion_finds_no_files(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "canary-file").touch()
    tmp_path.chmod(0o777)
    ended = await inside.typed(f"\\i {tmp_path}/can\t\t")
    assert "canary" not in ended.text


async def test_it_finds_out_nothing_from_its_environment(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_OF_GATEWAY", "canary-8Hq")
    monkeypatch.setenv("LD_PRELOAD", "")
    ended = await inside.run(r"\getenv found CANARY_OF_GATEWAY \echo :found")
    assert "canary" not in ended.text


@pytest.mark.slow
async def test_a_result_that_fits_nowhere(inside: Inside) -> None:
    """It ends psql's command, and takes nobody else's memory."""
    ended = await inside.run("select repeat('x', 1000000) from generate_series(1, 1100)")
    assert "out of memory" in ended.text
    assert ended.status == 1


async def test_without_a_cage_nothing_runs(inside: Inside) -> None:
    nowhere = Program("/nonexistent/psql", inside.program.loader, inside.program.libraries)
    with pytest.raises(Unreachable, match=r"no safe place to run it \(no such file"):
        async with run_caged(Order(nowhere, [], {}), None, lambda ours: ours.close()):
            raise AssertionError("it runs")


async def test_another_program_does_not_get_far_either(inside: Inside) -> None:
    """What is let in is what was named, with the libraries that belong to it."""
    strange = Program("/usr/bin/env", inside.program.loader, ())
    async with run_caged(Order(strange, [], {}), None, lambda ours: ours.close()) as caged:
        ended = await inside.ended(caged)
    assert ended.status == 127
    assert "libc.so.6" in ended.text
