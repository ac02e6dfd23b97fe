"""rsync with the stock program against a real sshd: as direct, each path an operation, the bytes untouched."""

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.direct import DirectSsh
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until
from tests.ssh.test_scp import blocking, gate_carried, held, operations, there
from tests.ssh.trees import plant, seen

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "rsync", "sshd")]


def command(ssh: StockSsh, *arguments: object) -> list[str]:
    return ["rsync", "-e", f"ssh -F {ssh.directory}/config", *map(str, arguments)]


async def rsync(ssh: StockSsh, *arguments: object) -> Ran:
    process = await asyncio.create_subprocess_exec(*command(ssh, *arguments), stdin=-3, stdout=-1, stderr=-1)
    try:
        async with asyncio.timeout(2 * PATIENCE):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    return Ran(process.returncode or 0, out, err)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    plant(directory / "tree")
    return directory


@pytest.mark.parametrize(
    "options", [["-a"], ["-az"], ["-a", "--old-args"], ["-a", "--checksum", "--partial", "--inplace"]]
)
async def test_trees_each_way(ssh: StockSsh, house: House, work: Path, options: list[str]) -> None:
    up = await rsync(ssh, *options, f"{work}/tree/", there(work / "up"))
    down = await rsync(ssh, *options, there(f"{work}/tree/"), work / "down")
    assert (up.status, up.said, down.status, down.said) == (0, "", 0, "")
    assert seen(work / "up", times=True) == seen(work / "down", times=True) == seen(work / "tree", times=True)
    assert await operations(house) == [
        ("upload", f"upload {work}/up"),
        ("download", f"download {work}/tree/ ({work}/tree)"),
    ]
    total = sum(len(entry.content or b"") for entry in seen(work / "tree").values())
    for entry, way in zip(await house.entries("file.transferred"), ("upload", "download"), strict=True):
        assert (entry.body["direction"], entry.body["program"]) == (way, "rsync")
        assert (entry.body["whole"], entry.body["outcome"]) == (False, "done")
        assert entry.body["size"] > (total if "-az" not in options else 1000)
        assert entry.body["resolved"] == str(work / ("up" if way == "upload" else "tree"))
    assert await house.outcomes() == ["exit 0", "exit 0"]


async def test_nothing_new_moves_little(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "big").write_bytes(os.urandom(5_000_000))
    for _ in range(2):
        assert (await rsync(ssh, "-a", work / "big", there(work / "copy"))).status == 0
    first, second = [int(entry.body["size"]) for entry in await house.entries("file.transferred")]
    assert first > 5_000_000
    assert second < 10_000


async def test_it_goes_on_where_it_stopped(ssh: StockSsh, house: House, work: Path) -> None:
    data = os.urandom(6_000_000)
    (work / "big").write_bytes(data)
    (work / "copy").write_bytes(data[:4_000_000])
    ran = await rsync(ssh, "--partial", "--inplace", "--append", work / "big", there(work / "copy"))
    assert ran.status == 0
    assert (work / "copy").read_bytes() == data
    (moved,) = await house.entries("file.transferred")
    assert 2_000_000 < int(moved.body["size"]) < 3_000_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["-a", "{host}:{work}/missing", "{work}/x"],
        ["-a", "{work}/missing", "{host}:{work}/x"],
        ["-a", "{work}/tree", "{host}:{work}/no/such/place"],
        ["{host}:{work}/tree/*t", "{work}/x"],
        ["{host}:{work}/tree/"],
        ["-a", "{host}:{work}/tree/plain.txt", ":{work}/tree/deep er", "{work}/x"],
        ["-an", "--itemize-changes", "{work}/tree", "{host}:{work}/x"],
        ["-a", "--max-size=1", "{work}/tree/", "{host}:{work}/x/"],
    ],
)
async def test_reads_as_direct(ssh: StockSsh, sshd: Sshd, work: Path, arguments: list[str]) -> None:
    ran = []
    for host, client in {"gw": DirectSsh(work / "direct", sshd), "web-1@gw": ssh}.items():
        (work / "x").mkdir(exist_ok=True)
        words = [each.format(host=host, work=work) for each in arguments]
        one = await rsync(client, *words)
        said = [] if one.status == 11 else one.said  # then it does not wait for what the other side says last
        ran.append((one.status, one.out, said, seen(work / "x")))
        shutil.rmtree(work / "x")
    assert ran[0] == ran[1]


def watching(house: House) -> list[Operation]:
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Allow("everything")

    house.decide = decide
    return asked


async def test_what_it_may_remove_is_asked_too(ssh: StockSsh, house: House, work: Path) -> None:
    asked = watching(house)
    (work / "copy").mkdir()
    (work / "copy" / "old").touch()
    assert (await rsync(ssh, "-a", "--delete", f"{work}/tree/", there(work / "copy"))).status == 0
    assert not (work / "copy" / "old").exists()
    assert (
        await rsync(ssh, "-a", "--remove-source-files", there(f"{work}/copy/plain.txt"), work / "got")
    ).status == 0
    assert not (work / "copy" / "plain.txt").exists()
    assert [operation.text for operation in asked] == [
        f"upload {work}/copy",
        f"remove {work}/copy",
        f"download {work}/copy/plain.txt",
        f"remove {work}/copy/plain.txt",
    ]
    assert [operation.details["tree"] for operation in asked] == [True, True, True, True]
    house.decide = blocking(lambda operation: operation.verb == "remove")
    (work / "copy" / "old").touch()
    ran = await rsync(ssh, "-a", "--delete", f"{work}/tree/", there(work / "copy"))
    assert ran.status != 0
    assert "hoop: blocked by no-such - not that one\n" in ran.said
    assert (work / "copy" / "old").exists()


async def test_what_it_uses_besides_is_asked_too(ssh: StockSsh, house: House, work: Path) -> None:
    asked = watching(house)
    (work / "last").mkdir()
    (work / "next").mkdir()
    ran = await rsync(
        ssh,
        "-a",
        "--link-dest=../last",
        "--backup",
        f"--backup-dir={work}/old",
        f"{work}/tree/",
        there(work / "next"),
    )
    assert ran.status == 0
    assert [operation.details["resolved"] for operation in asked] == [
        f"{work}/next",
        f"{work}/old",
        f"{work}/last",
    ]
    assert {operation.verb for operation in asked} == {"upload"}


async def test_what_can_not_be_known(ssh: StockSsh, house: House, work: Path) -> None:
    """A pattern, links that are followed, somebody's home: rules that restrict take these for anything."""
    asked = watching(house)
    for arguments in (
        [there(f"{work}/tr*"), work / "x"],
        ["-aL", there(work / "tree"), work / "x"],
        ["-a", there("~nobody-of-that-name/x"), work / "x"],
    ):
        await rsync(ssh, *arguments)
    assert [operation.details["resolved"] for operation in asked] == ["", "", ""]
    assert all(Effect.UNKNOWN in operation.effects for operation in asked)
    assert str(work / "tree") in asked[1].details["paths"]
    assert asked[0].details["command"] == f"rsync --server --sender -e.LsfxCIvu . {work}/tr*"


async def test_a_file_that_goes_into_a_directory(ssh: StockSsh, house: House, work: Path) -> None:
    """Its name is not on the command line, so everything below the directory is meant."""
    asked = watching(house)
    (work / "one").touch()
    await rsync(ssh, work / "tree" / "plain.txt", there(work))
    await rsync(ssh, work / "tree" / "plain.txt", there(work / "one"))
    await rsync(ssh, there(work / "one"), work / "two")
    assert [operation.details["tree"] for operation in asked] == [True, False, False]


async def test_a_directory_that_is_made_by_it(ssh: StockSsh, house: House, work: Path) -> None:
    """Named with the slash at its end: it is known what it will be, so that rules about other places do not fit."""
    asked = watching(house)
    assert (await rsync(ssh, "-a", f"{work}/tree/", there(f"{work}/new/"))).status == 0
    assert [(operation.text, operation.resources) for operation in asked] == [
        (f"upload {work}/new/ ({work}/new)", (f"{work}/new",))
    ]
    (work / "dangling").symlink_to(work / "nowhere")
    await rsync(ssh, "-a", f"{work}/tree/", there(f"{work}/dangling/"))
    assert asked[1].details["resolved"] == ""


async def test_blocked(ssh: StockSsh, house: House, sshd: Sshd, work: Path) -> None:
    house.decide = lambda operation, session: (
        Deny("no-such", "not that one") if operation.verb == "upload" else Allow("everything")
    )
    direct = await rsync(DirectSsh(work / "direct", sshd), "-a", work / "tree", f"gw:{work}/x")
    assert direct.status == 0
    ran = await rsync(ssh, "-a", work / "tree", there(work / "y"))
    assert ran.status != 0
    assert "hoop: blocked by no-such - not that one\n" in ran.said
    assert not (work / "y").exists()
    assert (await rsync(ssh, "-a", there(work / "tree"), work / "y")).status == 0
    assert await house.outcomes() == ["blocked", "exit 0"]


async def test_masks_block_downloads(ssh: StockSsh, house: House, work: Path) -> None:
    house.mask("card")
    ran = await rsync(ssh, "-a", there(work / "tree"), work / "y")
    assert ran.status != 0
    assert "hoop: blocked - files from web-1 can not be masked" in ran.said
    assert (await rsync(ssh, "-a", work / "tree", there(work / "y"))).status == 0


async def test_held_then_approved(ssh: StockSsh, house: House, work: Path) -> None:
    wait = Hold("no-etc-writes", "writes", frozenset({"sre"}), 1, timedelta(seconds=60))
    house.decide = lambda operation, session: wait
    running = asyncio.create_task(rsync(ssh, "-a", work / "tree", there(work / "y")))
    request = await held(house)
    assert not (work / "y").exists()
    await house.approvals.settle(request.id, BOB, True, request.sha256, "go")
    ran = await running
    assert ran.status == 0
    assert f'hoop: approved {request.id} by bob@example.com: "go"' in ran.said
    assert seen(work / "y" / "tree") == seen(work / "tree")


async def test_a_rule_for_commands_is_not_asked(ssh: StockSsh, house: House, work: Path) -> None:
    """Lines that hide their paths, or do more, are commands as before."""
    asked = watching(house)
    assert (await rsync(ssh, "-a", "-s", work / "tree", there(work / "y"))).status == 0
    assert (
        await rsync(ssh, "-a", "--rsync-path=/usr/bin/rsync", work / "tree", there(work / "z"))
    ).status == 0
    assert [operation.verb for operation in asked] == ["exec", "exec"]
    assert seen(work / "y") == seen(work / "z")


@pytest.mark.parametrize("victim", ["client", "target"])
async def test_killed_on_the_way(ssh: StockSsh, house: House, sshd: Sshd, work: Path, victim: str) -> None:
    with (work / "big").open("wb") as file:
        file.truncate(1 << 34)
    process = await asyncio.create_subprocess_exec(
        *command(ssh, "--whole-file", there(work / "big"), work / "copy"), stdin=-3, stdout=-1, stderr=-1
    )
    await until(lambda: any(gate_carried(gate) > 4 << 20 for gate in house.gates()))
    if victim == "client":
        process.terminate()
    else:
        sshd.kill_connections()
    await process.communicate()
    assert process.returncode != 0
    await until(lambda: not house.gates() and not sshd.children())
    (moved,) = await house.entries("file.transferred")
    assert str(moved.body["outcome"]).startswith("cut: ")
    assert int(moved.body["size"]) > 4 << 20


async def test_the_recording_says_what_was_carried(ssh: StockSsh, house: House, work: Path) -> None:
    assert (await rsync(ssh, "-a", there(work / "tree"), work / "y")).status == 0
    marks = house.recording().facts_of(FrameKind.MARK)
    assert [mark["kind"] for mark in marks] == ["command", "input", "file"]
    assert marks[2]["text"].startswith(f"download {work}/tree ")
    assert house.recording().output == b""
