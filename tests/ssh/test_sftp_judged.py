"""What rules say about files is what stock sftp and scp meet: blocked, held, masked, however a path is written."""

import asyncio
import os
import pwd
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Hold, Verdict
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.house import BOB, House
from tests.ssh.sftp import admitted, denied, marks, rules, transfers
from tests.ssh.terminal import Terminal

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sftp", "scp", "sshd")]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """With a directory that rules guard, a link into it, and a file to carry."""
    directory = tmp_path / "work"
    (directory / "guarded" / "empty").mkdir(parents=True)
    (directory / "guarded" / "old").write_text("old content")
    (directory / "open").mkdir()
    (directory / "open" / "way").symlink_to(directory / "guarded")
    (directory / "open" / "old").symlink_to(directory / "guarded" / "old")
    (directory / "source").write_text("new content")
    return directory


def block(house: House, work: Path, verb: str, more: str = "") -> None:
    rules(
        house,
        f"""
        [[rule]]
        id = "guarded"
        match = {{ path = "{work}/guarded/*", verb = ["{verb}"] }}
        do = "block"
        message = "not while we watch"
        {more}
        """,
    )


def hold(house: House, verb: str, seconds: float = 60) -> None:
    def decide(operation: Operation, session: Session) -> Verdict:
        if operation.verb != verb:
            return Allow("everything")
        return Hold("ask-first", "files", frozenset({"sre"}), 1, timedelta(seconds=seconds))

    house.decide = decide


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (found := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return found[0]


async def sftp(ssh: StockSsh, *orders: str) -> Ran:
    typed = "".join(f"{order}\n" for order in orders).encode()
    return await ssh.run("-b", "-", "web-1@gw", program="sftp", typed=typed)


SAID = "hoop: blocked by guarded - not while we watch\n"


@pytest.mark.parametrize(
    "path",
    ["guarded/new", "open/../guarded/new", "open/way/new", "open//way/./new", "guarded/old", "open/old"],
)
@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_a_blocked_upload(ssh: StockSsh, house: House, work: Path, path: str, program: str) -> None:
    """Directly, by way of `..`, and through links: to a file that is there and to one that is not."""
    block(house, work, "upload")
    if program == "sftp":
        ran = await sftp(ssh, f"put {work}/source {work}/{path}")
        assert f'dest open "{work}/{path}": Permission denied' in ran.said
    else:
        ran = await ssh.run(f"{work}/source", f"web-1@gw:{work}/{path}", program="scp")
        assert "Permission denied" in ran.said
    assert ran.status == 1
    assert SAID in ran.said
    assert not (work / "guarded" / "new").exists()
    assert (work / "guarded" / "old").read_text() == "old content"
    (entry,) = await house.entries("operation.denied")
    assert (entry.body["verb"], entry.body["state"], entry.body["rule"]) == ("upload", "blocked", "guarded")
    real = f"{work}/guarded/{path[-3:]}"
    assert entry.body["text"] in (f"upload {work}/{path} ({real})", f"upload {real}")
    assert await transfers(house) == []
    (mark,) = marks(house, "command")
    assert mark["state"] == "blocked"


async def test_a_relative_path_is_one_too(ssh: StockSsh, house: House, work: Path) -> None:
    block(house, work, "upload")
    from_home = os.path.relpath(work / "open" / "way" / "new", pwd.getpwuid(os.getuid()).pw_dir)
    ran = await ssh.run(f"{work}/source", f"web-1@gw:{from_home}", program="scp")
    assert SAID in ran.said
    assert not (work / "guarded" / "new").exists()
    assert await denied(house) == [f"upload {from_home} ({work}/guarded/new)"]


async def test_elsewhere_nothing_is_in_the_way(ssh: StockSsh, house: House, work: Path) -> None:
    block(house, work, "upload")
    ran = await sftp(ssh, f"get {work}/guarded/old {work}/copy", f"put {work}/source {work}/open/new")
    assert (ran.status, ran.said) == (0, "")
    assert (work / "copy").read_text() == "old content"


async def test_a_blocked_download(ssh: StockSsh, house: House, work: Path) -> None:
    block(house, work, "download")
    ran = await sftp(ssh, f"-get {work}/open/old {work}/copy", f"put {work}/source {work}/guarded/new")
    assert SAID in ran.said
    assert ran.status == 0
    assert not (work / "copy").exists() or (work / "copy").stat().st_size == 0
    assert (work / "guarded" / "new").read_text() == "new content"
    assert await denied(house) == [f"download {work}/open/old ({work}/guarded/old)"]


@pytest.mark.parametrize(
    ("verb", "order"),
    [
        ("list", "ls {work}/open/way/"),
        ("remove", "rm {work}/open/way/old"),
        ("rename", "rename {work}/source {work}/open/way/old"),
        ("rename", "rename {work}/guarded/old {work}/taken"),
        ("mkdir", "mkdir {work}/open/way/dir"),
        ("rmdir", "rmdir {work}/open/way/empty"),
        ("link", "ln -s {work}/guarded/old {work}/open/hidden"),
        ("link", "ln -s ../guarded/old {work}/open/hidden"),
        ("link", "ln {work}/guarded/old {work}/open/hidden"),
        ("chmod", "chmod 777 {work}/open/old"),
    ],
)
async def test_every_other_verb(ssh: StockSsh, house: House, work: Path, verb: str, order: str) -> None:
    block(house, work, verb)
    before = sorted(path.name for path in work.rglob("*"))
    mode = (work / "guarded" / "old").stat().st_mode
    ran = await sftp(ssh, order.format(work=work))
    assert SAID in ran.said
    assert "denied" in ran.said
    assert sorted(path.name for path in work.rglob("*")) == before
    assert (work / "guarded" / "old").stat().st_mode == mode
    (entry,) = await house.entries("operation.denied")
    assert entry.body["verb"] == verb


async def test_a_link_itself_may_go(ssh: StockSsh, house: House, work: Path) -> None:
    """Removing or renaming a link does nothing to where it leads."""
    block(house, work, "remove")
    assert (await sftp(ssh, f"rm {work}/open/old", f"rename {work}/open/way {work}/open/there")).status == 0
    assert await admitted(house) == [
        f"remove {work}/open/old",
        f"rename {work}/open/way to {work}/open/there",
    ]
    assert (work / "guarded" / "old").exists()


async def test_only_a_directory_is_allowed(ssh: StockSsh, house: House, work: Path) -> None:
    """Allowed is what the target resolves to be within; the rest can not even be looked at, and that is said."""
    allow = f"""
    [[rule]]
    id = "drop"
    match = {{ path = ["{work}/open", "{work}/open/*"], verb = ["upload", "list"] }}
    do = "allow"
    """
    rules(house, "", allow=allow)
    ran = await sftp(ssh, f"put {work}/source {work}/open/new", f"ls {work}/open/")
    assert (ran.said, ran.status) == ("", 0)
    for path in ("guarded/old", "open/way/old", "open/../guarded/old", "open/old"):
        ran = await sftp(ssh, f"get {work}/{path} {work}/copy")
        assert ran.status == 1
        assert "hoop: blocked - no rule lets you look at " in ran.said
        assert not (work / "copy").exists()
    ran = await ssh.run(f"{work}/source", f"web-1@gw:{work}/open/way/new", program="scp")
    assert "hoop: blocked" in ran.said
    assert not (work / "guarded" / "new").exists()
    assert await admitted(house) == [f"upload {work}/open/new", f"list {work}/open/ ({work}/open)"]


async def test_masks_and_downloads(ssh: StockSsh, house: House, work: Path) -> None:
    """A file can not be masked, so it is blocked unless the rule says otherwise."""
    mask = """
    [[rule]]
    id = "no-cards"
    match = { user = "*" }
    %s
    do = "mask"
    mask = { card = "redact" }
    """
    rules(house, mask % "")
    ran = await sftp(ssh, f"-get {work}/source {work}/copy", f"put {work}/source {work}/sent")
    assert "hoop: blocked" in ran.said
    assert "files from web-1 can not be masked" in ran.said
    assert (work / "sent").read_text() == "new content"
    assert not (work / "copy").exists() or not (work / "copy").read_bytes()
    rules(house, mask % 'unless = { verb = "download" }')
    ran = await sftp(ssh, f"get {work}/source {work}/copy")
    assert (ran.status, ran.said) == (0, "")


@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_held_then_approved(ssh: StockSsh, house: House, work: Path, program: str) -> None:
    hold(house, "upload")
    (work / "large").write_bytes(os.urandom(3_000_000))
    if program == "sftp":
        running = asyncio.create_task(sftp(ssh, f"put {work}/large {work}/there"))
    else:
        running = asyncio.create_task(ssh.run(f"{work}/large", f"web-1@gw:{work}/there", program="scp"))
    request = await held(house)
    assert (request.verb, request.text) == ("upload", f"upload {work}/there")
    assert not (work / "there").exists()
    await house.approvals.settle(request.id, BOB, True, request.sha256, "go")
    ran = await running
    assert ran.status == 0
    assert f"hoop: held {request.id} (rule ask-first, ask sre, 60 s) - Ctrl-\\ withdraws" in ran.said
    assert f'hoop: approved {request.id} by bob@example.com: "go"' in ran.said
    assert (work / "there").read_bytes() == (work / "large").read_bytes()
    (end,) = await transfers(house)
    assert end["whole"]


async def test_held_then_denied(ssh: StockSsh, house: House, work: Path) -> None:
    """The rest of the batch goes on: only this one was denied."""
    hold(house, "download")
    running = asyncio.create_task(
        sftp(ssh, f"-get {work}/source {work}/copy", f"put {work}/source {work}/sent")
    )
    request = await held(house)
    await house.approvals.settle(request.id, BOB, False, request.sha256, "not during freeze")
    ran = await running
    assert ran.status == 0
    assert f'hoop: denied {request.id} by bob@example.com: "not during freeze"' in ran.said
    assert (work / "sent").read_text() == "new content"
    assert [entry.body["state"] for entry in await house.entries("operation.denied")] == ["denied"]


async def test_held_then_expired(ssh: StockSsh, house: House, work: Path) -> None:
    hold(house, "remove", 0.5)
    ran = await sftp(ssh, f"rm {work}/source")
    assert ran.status == 1
    assert "- nobody decided, nothing was run" in ran.said
    assert (work / "source").exists()


@pytest.mark.parametrize(("program", "key"), [("scp", b"\x03"), ("scp", b"\x1c"), ("sftp", b"\x1c")])
async def test_leaving_withdraws(ssh: StockSsh, house: House, work: Path, program: str, key: bytes) -> None:
    """With the key that the notice names; scp also with the one that people know."""
    hold(house, "upload")
    (work / "batch").write_text(f"put {work}/source {work}/there\n")
    orders = {
        "scp": (f"{work}/source", f"web-1@gw:{work}/there"),
        "sftp": ("-b", f"{work}/batch", "web-1@gw"),
    }
    desk = Terminal()
    await desk.start(ssh.command(*orders[program], program=program))
    await desk.until(b"Ctrl-\\ withdraws")
    desk.type(key)
    await desk.ended()
    await desk.close()
    async with asyncio.timeout(PATIENCE):
        while (await house.ledger.approvals())[0].state != "withdrawn" or house.gates():
            await asyncio.sleep(0.02)
    assert not (work / "there").exists()
    assert await house.outcomes() == ["disconnected"]


async def test_both_are_judged_where_both_are_wanted(house: House, ssh: StockSsh, work: Path) -> None:
    """Whoever may only send may not read what is there with the same handle."""
    seen: list[tuple[str, frozenset[Effect]]] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        seen.append((operation.verb, operation.effects))
        return Allow("everything")

    house.decide = decide
    assert (await sftp(ssh, f"put {work}/source {work}/there")).status == 0
    verbs = {verb for verb, _ in seen if verb != "stat"}
    assert verbs == {"upload"}
    assert {effects for verb, effects in seen if verb == "upload"} == {
        frozenset({Effect.TRANSFER, Effect.WRITE})
    }


async def test_a_target_without_a_shell(ssh: StockSsh, house: House, work: Path) -> None:
    house.change("web-1", shell="none")
    block(
        house,
        work,
        "upload",
        f"""
        [[rule]]
        id = "here"
        match = {{ path = "{work}/*" }}
        do = "allow"
        """,
    )
    ran = await sftp(ssh, f"-put {work}/source {work}/guarded/new", f"put {work}/source {work}/there")
    assert SAID in ran.said
    assert (work / "there").exists()
    assert not (work / "guarded" / "new").exists()


async def test_staff_pause_and_end_it(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "large").write_bytes(os.urandom(2_000_000))
    process = await ssh.start("web-1@gw", program="sftp")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"ls -1 {work}/source\n".encode())
    async with asyncio.timeout(PATIENCE):
        while b"/source\n" not in await process.stdout.readline():
            pass
    (gate,) = house.gates()
    gate.inflow.shut()
    process.stdin.write(f"put {work}/large {work}/there\n".encode())
    await asyncio.sleep(0.3)
    assert not (work / "there").exists()
    gate.inflow.open()
    async with asyncio.timeout(PATIENCE):
        while not await transfers(house):
            await asyncio.sleep(0.02)
    gate.end('by bob@example.com: "incident 4411"')
    _, err = await process.communicate(b"")
    assert b'hoop: ended by bob@example.com: "incident 4411"' in err
    assert await house.outcomes() == ["ended"]
