"""Stock sftp, scp and sshfs through the gateway: as direct, and everything they carry is in the books."""

import asyncio
import os
from pathlib import Path

import pytest

from gateway.core.frame import FrameKind
from tests.ssh.client import PATIENCE, Ran, StockSsh
from tests.ssh.house import House
from tests.ssh.sftp import admitted, digest, marks, transfers
from tests.ssh.sshd import Sshd
from tests.ssh.terminal import Terminal
from tests.ssh.trees import plant, seen

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sftp", "scp", "sshd")]

BIG = 100 << 20


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


async def sftp(ssh: StockSsh, *orders: str, patience: float = PATIENCE) -> Ran:
    """A batch."""
    typed = "".join(f"{order}\n" for order in orders).encode("utf-8", "surrogateescape")
    return await ssh.run("-b", "-", "web-1@gw", program="sftp", typed=typed, patience=patience)


async def scp(ssh: StockSsh, *arguments: object) -> Ran:
    return await ssh.run(*map(str, arguments), program="scp", patience=2 * PATIENCE)


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_a_file_each_way(ssh: StockSsh, house: House, work: Path, size: int) -> None:
    (work / "source").write_bytes(os.urandom(size))
    ran = await sftp(ssh, f"put {work}/source {work}/there", f"get {work}/there {work}/back")
    assert (ran.status, ran.said) == (0, "")
    assert digest(work / "back") == digest(work / "there") == digest(work / "source")
    facts = {"size": size, "sha256": digest(work / "source"), "whole": True, "outcome": "done", "kept": ""}
    place = {"path": f"{work}/there", "resolved": f"{work}/there", "program": "sftp"}
    assert await transfers(house) == [
        {"direction": "upload", **place, **facts},
        {"direction": "download", **place, **facts},
    ]
    assert await admitted(house) == [f"upload {work}/there", f"download {work}/there"]
    assert await house.outcomes() == ["exit 0"]


async def test_what_the_recording_has_of_it(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "source").write_bytes(b"a secret of 4111 1111 1111 1111")
    assert (await sftp(ssh, f"put {work}/source {work}/there", f"ls -l {work}")).status == 0
    recording = house.recording()
    assert [(mark["verb"], mark["text"], mark["state"]) for mark in marks(house, "command")] == [
        ("upload", f"upload {work}/there", "admitted"),
        ("list", f"list {work}/ ({work})", "admitted"),
    ]
    (file,) = marks(house, "file")
    assert file["text"] == f"upload {work}/there 31 bytes"
    assert (file["direction"], file["path"], file["size"]) == ("upload", f"{work}/there", 31)
    assert file["sha256"] == digest(work / "source")
    assert recording.output == recording.errors == b""
    assert b"4111" not in recording.path.read_bytes()
    (row,) = await house.ledger.sessions()
    assert row.bytes_shown > 100
    assert row.commands == 2


@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_much(ssh: StockSsh, house: House, work: Path, program: str) -> None:
    """100 MB each way: the same digest on both sides and in the books."""
    with (work / "source").open("wb") as file:
        for _ in range(BIG >> 20):
            file.write(os.urandom(1 << 20))
    if program == "sftp":
        ran = await sftp(
            ssh, f"put {work}/source {work}/there", f"get {work}/there {work}/back", patience=4 * PATIENCE
        )
        assert ran.status == 0
    else:
        assert (await scp(ssh, work / "source", f"web-1@gw:{work}/there")).status == 0
        assert (await scp(ssh, f"web-1@gw:{work}/there", work / "back")).status == 0
    source = digest(work / "source")
    assert digest(work / "there") == digest(work / "back") == source
    assert [(end["size"], end["sha256"], end["whole"]) for end in await transfers(house)] == [
        (BIG, source, True),
        (BIG, source, True),
    ]


@pytest.mark.parametrize("program", ["sftp", "scp"])
async def test_a_tree_with_strange_names(ssh: StockSsh, house: House, work: Path, program: str) -> None:
    plant(work / "tree")
    (work / "there").mkdir()
    if program == "sftp":
        assert (await sftp(ssh, f"put -Rp {work}/tree {work}/there/")).status == 0
        assert (await sftp(ssh, f"get -Rp {work}/there/tree {work}/back")).status == 0
    else:
        assert (await scp(ssh, "-rp", work / "tree", f"web-1@gw:{work}/there/")).status == 0
        assert (await scp(ssh, "-rp", f"web-1@gw:{work}/there/tree", work / "back")).status == 0
    planted = seen(work / "tree", times=True)
    files = {name: entry for name, entry in planted.items() if entry.content is not None}
    for copy in (seen(work / "there" / "tree", times=True), seen(work / "back", times=True)):
        assert {name: copy[name] for name in files} == files
        assert copy.keys() == planted.keys()
    ends = await transfers(house)
    assert len(ends) == 2 * len(files)
    assert all(end["whole"] for end in ends)
    named = {end["path"].encode("utf-8", "surrogateescape") for end in ends}
    assert os.fsencode(work) + b"/there/tree/no utf-8 \xff\xfe" in named
    verbs = {entry.body["verb"] for entry in await house.entries("operation.admitted")}
    assert verbs == {"upload", "download", "list", "mkdir", "chmod"}


async def test_going_on_where_it_stopped(ssh: StockSsh, house: House, work: Path) -> None:
    """reput and reget carry the rest: the books say that it was a part, and of which bytes."""
    data = os.urandom(300_000)
    (work / "source").write_bytes(data)
    (work / "there").write_bytes(data[:100_000])
    (work / "back").write_bytes(data[:250_000])
    assert (await sftp(ssh, f"reput {work}/source {work}/there")).status == 0
    assert (await sftp(ssh, f"reget {work}/there {work}/back")).status == 0
    assert (work / "there").read_bytes() == (work / "back").read_bytes() == data
    put, got = await transfers(house)
    (work / "rest").write_bytes(data[100_000:])
    assert (put["whole"], put["size"], put["sha256"]) == (False, 200_000, digest(work / "rest"))
    (work / "rest").write_bytes(data[250_000:])
    assert (got["whole"], got["size"], got["sha256"]) == (False, 50_000, digest(work / "rest"))


async def test_all_that_can_be_done(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "a").write_text("content")
    ran = await sftp(
        ssh,
        f"mkdir {work}/dir",
        f"cd {work}/dir",
        "rename ../a b",
        "ln b hard",
        "ln -s b soft",
        "chmod 600 b",
        "ls -la",
        "rm hard",
        f"cp b {work}/copied" if await knows_copy(ssh) else "pwd",
        "get soft /dev/null",
        "rm soft",
        "rm b",
        "cd ..",
        "rmdir dir",
        "df",
    )
    assert (ran.status, ran.said) == (0, "")
    assert not (work / "dir").exists()
    there = f"{work}/dir"
    wanted = [
        f"mkdir {there}",
        f"rename {there}/../a ({work}/a) to {there}/b",
        f"link {there}/b to {there}/hard",
        f"link b ({there}/b) to {there}/soft",
        f"chmod {there}/b",
        f"remove {there}/hard",
        f"download {there}/soft ({there}/b)",
        f"remove {there}/soft",
        f"remove {there}/b",
        f"rmdir {work}/dir",
    ]
    found = [text for text in await admitted(house) if not text.startswith("list ")]
    assert [text for text in found if "copied" not in text and text not in (f"download {there}/b",)] == wanted


async def knows_copy(ssh: StockSsh) -> bool:
    """Whether this client has the command `cp`."""
    return "cp oldpath newpath" in (await sftp(ssh, "help")).out.decode()


async def test_somebody_at_a_terminal(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "source").write_text("typed")
    desk = Terminal()
    await desk.start(ssh.command("web-1@gw", program="sftp"))
    await desk.until(b"sftp> ")
    desk.type(f"cd {work}\r".encode())
    desk.type(b"ls\r")
    await desk.until(b"source")
    desk.type(f"put {work}/source copy\r".encode())
    await desk.until(b"100%")
    desk.type(b"bye\r")
    assert await desk.ended() == 0
    await desk.close()
    assert (work / "copy").read_text() == "typed"
    (end,) = await transfers(house)
    assert (end["path"], end["whole"]) == (f"{work}/copy", True)


async def test_where_a_file_is_not(ssh: StockSsh, house: House, work: Path) -> None:
    """What does not exist is said by the target itself; nothing happened, so nothing is in the books."""
    ran = await sftp(ssh, f"put /etc/hostname {work}/no/such")
    assert ran.status == 1
    assert "No such file or directory" in ran.said
    ran = await sftp(ssh, f"get {work}/none {work}/back")
    assert f'File "{work}/none" not found' in ran.said
    assert await admitted(house) == []
    assert await transfers(house) == []


async def test_what_the_target_refuses(ssh: StockSsh, house: House, work: Path) -> None:
    ran = await sftp(ssh, f"put /etc/hostname {work}")
    assert ran.status == 0
    (work / "full").symlink_to("/dev/full")
    (work / "source").write_bytes(b"x" * 100_000)
    ran = await scp(ssh, work / "source", f"web-1@gw:{work}/full")
    assert ran.status == 1
    end = (await transfers(house))[-1]
    assert (end["resolved"], end["outcome"], end["whole"]) == ("/dev/full", "failed: failure", False)
    ran = await sftp(ssh, f"put {work}/source /proc/version")
    assert ran.status == 1
    end = (await transfers(house))[-1]
    assert (end["resolved"], end["whole"]) == ("/proc/version", False)
    assert end["outcome"].startswith("failed: ")


@pytest.mark.parametrize("options", [[], ["-B", "1000", "-R", "1"], ["-l", "80000"]])
async def test_small_pieces(ssh: StockSsh, house: House, work: Path, options: list[str]) -> None:
    (work / "source").write_bytes(os.urandom(123_457))
    orders = f"put {work}/source {work}/there\nget {work}/there {work}/back\n".encode()
    ran = await ssh.run(*options, "-b", "-", "web-1@gw", program="sftp", typed=orders)
    assert ran.status == 0
    assert digest(work / "back") == digest(work / "source")
    assert [end["whole"] for end in await transfers(house)] == [True, True]


async def test_from_one_target_to_another(ssh: StockSsh, house: House, sshd: Sshd, work: Path) -> None:
    house.offer("web-2", sshd.port, sshd.user, sshd.login_key, host_keys=[sshd.host_key_line])
    (work / "source").write_bytes(os.urandom(400_000))
    ran = await scp(ssh, "-3", f"web-1@gw:{work}/source", f"web-2@gw:{work}/there")
    assert ran.status == 0
    assert digest(work / "there") == digest(work / "source")
    assert sorted((end["direction"], end["whole"]) for end in await transfers(house)) == [
        ("download", True),
        ("upload", True),
    ]


async def test_many_small_files_are_still_quick(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "many").mkdir()
    for number in range(100):
        (work / "many" / f"{number}").write_text(f"file {number}")
    assert (await scp(ssh, "-r", work / "many", f"web-1@gw:{work}/there")).status == 0
    assert seen(work / "there") == seen(work / "many")
    assert len(await transfers(house)) == 100


async def test_a_target_without_sftp(tmp_path: Path, house: House) -> None:
    bare = Sshd(tmp_path / "bare")
    bare.sftp_server = "/nonexistent/sftp-server"
    await bare.start()
    try:
        house.offer("web-1", bare.port, bare.user, bare.login_key, host_keys=[bare.host_key_line])
        ran = await StockSsh(tmp_path / "client", house).run("web-1@gw", program="sftp")
        assert ran.status == 255
        assert "hoop: web-1 does not offer SFTP" in ran.said or "did not start the session" in ran.said
        assert await house.outcomes() == ["unreachable"]
    finally:
        await bare.stop()


async def test_the_server_that_is_no_part_of_sshd(tmp_path: Path, house: House, work: Path) -> None:
    other = Sshd(tmp_path / "other")
    other.sftp_server = "/usr/lib/openssh/sftp-server"
    await other.start()
    try:
        house.offer("web-1", other.port, other.user, other.login_key, host_keys=[other.host_key_line])
        client = StockSsh(tmp_path / "client", house)
        (work / "source").write_bytes(os.urandom(50_000))
        assert (await sftp(client, f"put {work}/source {work}/there")).status == 0
        assert digest(work / "there") == digest(work / "source")
    finally:
        await other.stop()


@pytest.mark.slow  # not for its time: a container has no FUSE, and nothing that can be installed changes that
@pytest.mark.needs("sshfs", "fusermount3")
async def test_sshfs(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "far").mkdir()
    (work / "far" / "old").write_bytes(os.urandom(300_000))
    near = work / "near"
    near.mkdir()
    mounting = await asyncio.create_subprocess_exec(
        *ssh.command("web-1@gw:" + str(work / "far"), str(near), "-f", program="sshfs"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while str(near) not in Path("/proc/self/mounts").read_text():  # a look into it would wait for us
                if mounting.returncode is not None and mounting.stderr is not None:
                    said = (await mounting.stderr.read()).decode()
                    pytest.skip(f"file systems can not be mounted here: {said.strip()[-200:]}")
                await asyncio.sleep(0.05)
        await asyncio.to_thread(_use, near)
    finally:
        if mounting.returncode is None:
            mounting.terminate()
        await mounting.communicate()
        unmount = await asyncio.create_subprocess_exec(
            "fusermount3", "-u", "-z", str(near), stderr=asyncio.subprocess.DEVNULL
        )
        await unmount.wait()
    assert (work / "far" / "newer").read_bytes() == b"written from near"
    assert not (work / "far" / "old").exists()
    told = await admitted(house)
    assert f"download {work}/far/old" in told
    assert f"rename {work}/far/new to {work}/far/newer" in told
    assert f"remove {work}/far/old" in told


def _use(near: Path) -> None:
    assert len((near / "old").read_bytes()) == 300_000
    (near / "new").write_text("written from near")
    (near / "new").rename(near / "newer")
    (near / "old").unlink()
    assert sorted(path.name for path in near.iterdir()) == ["newer"]


async def test_kept_contents(ssh: StockSsh, house: House, work: Path) -> None:
    house.change("web-1", keep_files=1000)
    (work / "small").write_bytes(os.urandom(999))
    (work / "large").write_bytes(os.urandom(50_000))
    assert (await sftp(ssh, f"put {work}/small {work}/a", f"get {work}/large {work}/b")).status == 0
    small, large = await transfers(house)
    assert await house.blobs.read(small["kept"]) == (work / "small").read_bytes()
    assert await house.blobs.read(large["kept"]) == (work / "large").read_bytes()[:1000]
    assert house.recording().bytes_of(FrameKind.OUTPUT) == b""
