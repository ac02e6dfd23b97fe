"""git over ssh with the stock program against a real sshd: clone, fetch and push as direct, each an operation."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Verdict
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.house import House
from tests.ssh.test_scp import blocking, operations

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "git", "sshd")]


async def git(ssh: StockSsh, *arguments: object, at: Path | None = None) -> Ran:
    process = await asyncio.create_subprocess_exec(
        "git",
        *("-c", "user.name=alice", "-c", "user.email=alice@example.com", "-c", "init.defaultBranch=main"),
        *map(str, arguments),
        cwd=at,
        env={**os.environ, "GIT_SSH_COMMAND": f"ssh -F {ssh.directory}/config", "GIT_CONFIG_NOSYSTEM": "1"},
        stdin=-3,
        stdout=-1,
        stderr=-1,
    )
    try:
        async with asyncio.timeout(2 * PATIENCE):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    return Ran(process.returncode or 0, out, err)


@pytest.fixture
async def work(tmp_path: Path, ssh: StockSsh) -> Path:
    """A bare repository `project.git` with one commit, and a plain one in `plain`."""
    directory = tmp_path / "work"
    directory.mkdir()
    plain = directory / "plain"
    assert (await git(ssh, "init", "-q", plain)).status == 0
    (plain / "data").write_bytes(os.urandom(500_000))
    assert (await git(ssh, "add", ".", at=plain)).status == 0
    assert (await git(ssh, "commit", "-q", "-m", "first", at=plain)).status == 0
    assert (await git(ssh, "clone", "-q", "--bare", plain, directory / "project.git")).status == 0
    return directory


async def test_clone_push_and_fetch(ssh: StockSsh, house: House, work: Path) -> None:
    one, two = work / "one", work / "two"
    for copy in (one, two):
        assert (await git(ssh, "clone", "-q", f"ssh://web-1@gw{work}/project.git", copy)).status == 0
    (one / "more").write_bytes(os.urandom(300_000))
    await git(ssh, "add", ".", at=one)
    await git(ssh, "commit", "-q", "-m", "second", at=one)
    pushed = await git(ssh, "push", "origin", "main", at=one)
    assert pushed.status == 0
    assert "main -> main" in pushed.said
    assert (await git(ssh, "pull", "-q", at=two)).status == 0
    assert (two / "more").read_bytes() == (one / "more").read_bytes()
    repository = f"{work}/project.git"
    assert await operations(house) == [
        ("download", f"download {repository}"),
        ("download", f"download {repository}"),
        ("upload", f"upload {repository}"),
        ("download", f"download {repository}"),
    ]
    moved = await house.entries("file.transferred")
    assert {(entry.body["program"], entry.body["whole"]) for entry in moved} == {("git", False)}
    assert [entry.body["direction"] for entry in moved] == ["download", "download", "upload", "download"]
    assert int(moved[0].body["size"]) > 500_000
    assert 300_000 < int(moved[2].body["size"]) < 400_000
    assert set(await house.outcomes()) == {"exit 0"}


async def test_archive_and_ls_remote(ssh: StockSsh, house: House, work: Path) -> None:
    archive = await git(ssh, "archive", f"--remote=web-1@gw:{work}/project.git", "HEAD", "data")
    assert archive.status == 0
    assert (work / "plain" / "data").read_bytes() in archive.out
    listed = await git(ssh, "ls-remote", f"web-1@gw:{work}/project.git")
    assert b"refs/heads/main" in listed.out
    assert [verb for verb, _ in await operations(house)] == ["download", "download"]


async def test_the_protocol_is_the_one_git_asks_for(
    ssh: StockSsh, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 needs a variable, which the sshd of this test takes."""
    monkeypatch.setenv("GIT_TRACE_PACKET", "1")
    ran = await git(ssh, "-c", "protocol.version=2", "ls-remote", f"web-1@gw:{work}/project.git")
    assert "ls-remote< version 2" in ran.said


async def test_pushing_may_be_blocked_alone(ssh: StockSsh, house: House, work: Path) -> None:
    house.decide = blocking(lambda operation: operation.verb == "upload")
    one = work / "one"
    assert (await git(ssh, "clone", "-q", f"web-1@gw:{work}/project.git", one)).status == 0
    (one / "more").touch()
    await git(ssh, "add", ".", at=one)
    await git(ssh, "commit", "-q", "-m", "second", at=one)
    pushed = await git(ssh, "push", "origin", "main", at=one)
    assert pushed.status == 128
    assert "hoop: blocked by no-such - not that one\n" in pushed.said
    assert (await git(ssh, "fetch", at=one)).status == 0
    assert await house.outcomes() == ["exit 0", "blocked", "exit 0"]


async def test_where_the_repository_is(ssh: StockSsh, house: House, work: Path) -> None:
    """git tries several endings; a file that points elsewhere can not be followed."""
    (work / "pointer").mkdir()
    (work / "pointer" / ".git").write_text(f"gitdir: {work}/project.git\n")
    (work / "linked").symlink_to("plain")
    (work / "both.git").symlink_to("project.git")
    (work / "both").mkdir()
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Allow("everything")

    house.decide = decide
    resolved = {
        "project": f"{work}/project.git",
        "plain": f"{work}/plain/.git",
        "plain/.git": f"{work}/plain/.git",
        "linked": f"{work}/plain/.git",
        "both": f"{work}/project.git",
        "pointer": "",
        "missing": f"{work}/missing",
        "it's \\ $(id)!": f"{work}/it's \\ $(id)!",
    }
    for name in resolved:
        ran = await git(ssh, "ls-remote", f"web-1@gw:{work}/{name}")
        assert (ran.status == 0) == (name not in ("missing", "it's \\ $(id)!")), ran
    assert [operation.details["resolved"] for operation in asked] == list(resolved.values())
    assert [Effect.UNKNOWN in operation.effects for operation in asked] == [
        not each for each in resolved.values()
    ]
    assert all(operation.details["tree"] for operation in asked)


async def test_another_command_is_no_transfer(ssh: StockSsh, house: House, work: Path) -> None:
    house.decide = lambda operation, session: (
        Deny("no-such", "no commands") if operation.verb == "exec" else Allow("everything")
    )
    ran = await git(
        ssh, "ls-remote", "--upload-pack=git -c a.b=c upload-pack", f"web-1@gw:{work}/project.git"
    )
    assert ran.status == 128
    assert "hoop: blocked by no-such - no commands\n" in ran.said
