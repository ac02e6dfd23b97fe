"""scp -O with the stock client against a real sshd: as direct, and every file an operation of its own."""

import asyncio
import hashlib
import os
import pwd
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from gateway.core.frame import FrameKind
from gateway.core.operation import Effect, Operation
from gateway.core.people import Session
from gateway.core.ports import Approval
from gateway.core.verdict import Allow, Deny, Hold, Verdict
from gateway.session.gate import Gate
from tests.ssh.client import PATIENCE, Ran, StockSsh, told_to_leave
from tests.ssh.direct import DirectSsh
from tests.ssh.house import BOB, House
from tests.ssh.sshd import Sshd
from tests.ssh.test_exec import until
from tests.ssh.trees import NAMES, plant, seen

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "scp", "sshd")]

BIG = 100 << 20


async def scp(ssh: StockSsh, *arguments: object) -> Ran:
    return await ssh.run("-O", *map(str, arguments), program="scp", patience=2 * PATIENCE)


def there(path: object) -> str:
    return f"web-1@gw:{path}"


def blocking(fits: Callable[[Operation], bool]) -> Callable[[Operation, Session], Verdict]:
    """A policy that blocks some operations."""
    return lambda operation, session: (
        Deny("no-such", "not that one") if fits(operation) else Allow("everything")
    )


async def operations(house: House, name: str = "operation.admitted") -> list[tuple[str, str]]:
    return [(str(entry.body["verb"]), str(entry.body["text"])) for entry in await house.entries(name)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
async def test_a_file_each_way(ssh: StockSsh, house: House, work: Path, size: int) -> None:
    data = os.urandom(size)
    (work / "here").write_bytes(data)
    up = await scp(ssh, work / "here", there(work / "over"))
    down = await scp(ssh, there(work / "over"), work / "back")
    assert (up.status, up.said, down.status, down.said) == (0, "", 0, "")
    assert (work / "over").read_bytes() == (work / "back").read_bytes() == data
    path = str(work / "over")
    assert await operations(house) == [("upload", f"upload {path}"), ("download", f"download {path}")]
    digest = hashlib.sha256(data).hexdigest()
    for entry, way in zip(await house.entries("file.transferred"), ("upload", "download"), strict=True):
        assert entry.body["direction"] == way
        assert (entry.body["path"], entry.body["resolved"], entry.body["program"]) == (path, path, "scp")
        assert (entry.body["size"], entry.body["sha256"], entry.body["whole"]) == (size, digest, True)
        assert entry.body["outcome"] == "done"
    for recording, way in zip(house.recordings(), ("upload", "download"), strict=True):
        (mark,) = [mark for mark in recording.facts_of(FrameKind.MARK) if mark["kind"] == "file"]
        assert mark["text"] == f"{way} {path} {size} bytes"
        assert (mark["sha256"], recording.state) == (digest, "whole")
    assert await house.outcomes() == ["exit 0", "exit 0"]


async def test_a_hundred_megabytes_each_way(ssh: StockSsh, house: House, work: Path) -> None:
    with (work / "here").open("wb") as file:
        for _ in range(BIG >> 20):
            file.write(os.urandom(1 << 20))
    assert (await scp(ssh, work / "here", there(work / "over"))).status == 0
    assert (await scp(ssh, there(work / "over"), work / "back")).status == 0
    digests = {hashlib.sha256((work / name).read_bytes()).hexdigest() for name in ("here", "over", "back")}
    assert {str(entry.body["sha256"]) for entry in await house.entries("file.transferred")} == digests


async def test_trees_each_way_as_direct(ssh: StockSsh, house: House, sshd: Sshd, work: Path) -> None:
    plant(work / "tree")
    for name, client in {"gw": DirectSsh(work / "direct", sshd), "web-1@gw": ssh}.items():
        up = await scp(client, "-r", "-p", work / "tree", f"{name}:{work}/up-{name}")
        down = await scp(client, "-r", "-p", f"{name}:{work}/tree", work / f"down-{name}")
        assert (up.status, up.said, down.status, down.said) == (0, "", 0, "")
        for copy in (f"up-{name}", f"down-{name}"):
            assert seen(work / copy, times=True) == seen(work / "tree", times=True)
    admitted = await operations(house)
    assert len(admitted) == len(set(admitted)) == 2 * (len(NAMES) + 6), "each once"
    assert {verb for verb, _ in admitted} == {"mkdir", "upload", "list", "download"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["{host}:{work}/missing", "{work}/x"],
        ["{host}:{work}/tree", "{work}/x"],
        ["{host}:{work}/missing*", "{work}/x"],
        ["{host}:{work}/tree/*", "{work}/x/"],
        ["{work}/tree/plain.txt", "{host}:{work}/no/such/place"],
        ["{work}/tree/plain.txt", "{work}/tree/-rf", "{host}:{work}/tree/plain.txt"],
        ["-r", "{work}/tree", "{host}:{work}/tree/plain.txt"],
        ["{work}/missing", "{host}:{work}/x"],
        ["{host}:{work}/tree/plain.txt", "{work}/no/such/place"],
        ["{work}/tree/plain.txt", "{host}:{work}/two words"],
        ["-v", "{host}:{work}/missing", "{work}/x"],
    ],
)
async def test_troubles_read_as_direct(ssh: StockSsh, sshd: Sshd, work: Path, arguments: list[str]) -> None:
    plant(work / "tree")
    (work / "x").mkdir()
    ran = [
        await scp(client, *[each.format(host=host, work=work) for each in arguments])
        for host, client in {"gw": DirectSsh(work / "direct", sshd), "web-1@gw": ssh}.items()
    ]
    direct, through = [[line for line in each.said.splitlines() if "debug1" not in line] for each in ran]
    assert ran[0].status == ran[1].status
    if "-v" not in arguments:
        assert direct == through


async def test_names_are_words_of_the_shell_there(ssh: StockSsh, house: House, work: Path) -> None:
    """As always with scp -O, a name with a space is quoted twice."""
    plant(work / "tree")
    assert (await scp(ssh, "-T", there(f"'{work}/tree/two words.txt'"), work / "quoted")).status == 0
    assert (await scp(ssh, there(f"{work}/tree/it\\'s*"), work / "pattern")).status == 0
    assert (await scp(ssh, work / "quoted", there(f'"{work}/a b"'))).status == 0
    assert (work / "a b").read_bytes() == (work / "tree" / "two words.txt").read_bytes()
    assert (work / "pattern").read_bytes() == next((work / "tree").glob("it's*")).read_bytes()
    assert [verb for verb, _ in await operations(house)] == ["download", "list", "download", "upload"]


async def test_a_pattern_brings_many_files(ssh: StockSsh, house: House, work: Path) -> None:
    plant(work / "tree")
    (work / "back").mkdir()
    ran = await scp(ssh, there(f"{work}/tree/*t*"), work / "back")
    assert (ran.status, ran.said) == (1, f"scp: {work}/tree/nothing here: not a regular file\n")
    wanted = {name for name, entry in seen(work / "tree").items() if b"t" in name and b"/" not in name}
    wanted -= {b"nothing here"}
    assert set(seen(work / "back")) == wanted
    listed, *downloaded = await operations(house)
    assert listed == ("list", f"list {work}/tree")
    assert {text.encode("utf-8", "surrogateescape") for _, text in downloaded} == {
        b"download " + os.fsencode(work / "tree") + b"/" + name for name in wanted
    }


async def test_paths_are_what_the_target_says(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "real").mkdir()
    (work / "real" / "file").write_bytes(b"x")
    (work / "link").symlink_to("real")
    (work / "alias").symlink_to("real/file")
    (work / "dangling").symlink_to("real/new")
    (work / "here").write_bytes(b"y")
    for arguments in (
        [there(work / "alias"), work / "a"],
        [there(work / "link" / ".." / "real" / "file"), work / "b"],
        [work / "here", there(work / "link")],
        [work / "here", there(work / "dangling")],
        ["-r", there(work / "link"), work / "c"],
    ):
        assert (await scp(ssh, *arguments)).status == 0
    real = work / "real"
    assert await operations(house) == [
        ("download", f"download {work}/alias ({real}/file)"),
        ("download", f"download {work}/link/../real/file ({real}/file)"),
        ("upload", f"upload {work}/link/here ({real}/here)"),
        ("upload", f"upload {work}/dangling ({real}/new)"),
        ("list", f"list {work}/link ({real})"),
        *[("download", f"download {work}/link/{file.name} ({file})") for file in real.iterdir()],
    ]


async def test_paths_within_the_home_directory(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "here").write_bytes(b"z")
    asked: list[Operation] = []

    def decide(operation: Operation, session: Session) -> Verdict:
        asked.append(operation)
        return Deny("no-such", "only looking")

    house.decide = decide
    for path in ("x-y-z", "~/x-y-z", "~nobody-of-that-name/x-y-z"):
        await scp(ssh, work / "here", there(path))
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert [operation.details["path"] for operation in asked] == [
        "x-y-z",
        "~/x-y-z",
        "~nobody-of-that-name/x-y-z",
    ]
    known = [f"{home}/x-y-z", f"{home}/x-y-z", ""]
    assert [operation.details["resolved"] for operation in asked] == known
    assert [Effect.UNKNOWN in operation.effects for operation in asked] == [False, False, True]
    assert asked[2].details["paths"] == ("~nobody-of-that-name/x-y-z", "~nobody-of-that-name/x-y-z/here")


# What may not pass.


async def test_a_blocked_upload_is_told_to_the_client(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "here").write_bytes(b"secret")
    house.decide = blocking(lambda operation: operation.verb == "upload")
    ran = await scp(ssh, work / "here", there(work / "over"))
    assert (ran.status, ran.said) == (1, "hoop: blocked by no-such - not that one\n")
    assert not (work / "over").exists()
    assert await operations(house, "operation.denied") == [("upload", f"upload {work}/over")]
    assert (await house.outcomes(), await house.entries("file.transferred")) == (["blocked"], [])
    assert house.recording().errors.decode() == ran.said


async def test_a_blocked_download_says_nothing_of_the_file(
    ssh: StockSsh, house: House, sshd: Sshd, work: Path
) -> None:
    (work / "over").write_bytes(b"secret")
    house.decide = blocking(lambda operation: operation.verb == "download")
    for path in (work / "over", work / "missing"):
        ran = await scp(ssh, there(path), work / "back")
        assert (ran.status, ran.said) == (1, "hoop: blocked by no-such - not that one\n")
    assert not (work / "back").exists()
    assert "session: command" not in sshd.log, "scp was not even started"
    assert await house.outcomes() == ["blocked", "blocked"]


@pytest.mark.parametrize("way", ["up", "down"])
async def test_the_rest_of_a_tree_goes_through(ssh: StockSsh, house: House, work: Path, way: str) -> None:
    plant(work / "tree")
    words = ("/plain", "/deep er")  # and not those of a path to all of this
    house.decide = blocking(
        lambda operation: any(word in operation.text.replace(str(work), "") for word in words)
    )
    source, target = (
        (work / "tree", there(work / "copy")) if way == "up" else (there(work / "tree"), work / "copy")
    )
    ran = await scp(ssh, "-r", "-p", source, target)
    assert ran.status == 1
    assert ran.said == 2 * "hoop: blocked by no-such - not that one\n"
    wanted = {
        name: entry
        for name, entry in seen(work / "tree", times=True).items()
        if not name.startswith((b"plain", b"deep er"))
    }
    assert seen(work / "copy", times=True) == wanted
    assert len(await house.entries("operation.denied")) == 2
    assert len(await house.entries("file.transferred")) == len(NAMES) - 1
    assert await house.outcomes() == ["exit 1"]


async def test_masks_block_downloads(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "over").write_bytes(b"4111 1111 1111 1111")
    house.mask("card")
    ran = await scp(ssh, there(work / "over"), work / "back")
    assert (ran.status, (work / "back").exists()) == (1, False)
    assert ran.said.startswith("hoop: blocked - files from web-1 can not be masked")
    assert (await scp(ssh, work / "over", there(work / "up"))).status == 0


def hold(house: House, verb: str) -> None:
    held = Hold("no-etc-writes", "writes", frozenset({"sre"}), 1, timedelta(seconds=60))
    house.decide = lambda operation, session: held if operation.verb == verb else Allow("everything")


async def held(house: House) -> Approval:
    async with asyncio.timeout(PATIENCE):
        while not (found := await house.ledger.approvals(state="held")):
            await asyncio.sleep(0.02)
    return found[0]


@pytest.mark.parametrize("verb", ["upload", "download"])
async def test_held_then_decided(ssh: StockSsh, house: House, work: Path, verb: str) -> None:
    (work / "here").write_bytes(b"content")
    hold(house, verb)
    source, target = (
        (work / "here", there(work / "over")) if verb == "upload" else (there(work / "here"), work / "over")
    )
    for granted in (True, False):
        (work / "over").unlink(missing_ok=True)
        running = asyncio.create_task(scp(ssh, source, target))
        request = await held(house)
        assert not (work / "over").exists()
        await house.approvals.settle(request.id, BOB, granted, request.sha256, "go" if granted else "freeze")
        ran = await running
        assert f"hoop: held {request.id} (rule no-etc-writes, ask sre, 60 s)" in ran.said
        if granted:
            assert f'hoop: approved {request.id} by bob@example.com: "go"' in ran.said
        else:
            assert f'hoop: denied {request.id} by bob@example.com: "freeze"' in ran.said
        assert ((work / "over").exists(), ran.status) == (granted, 0 if granted else 1)
    assert await house.outcomes() == ["exit 0", "denied"]


@pytest.mark.parametrize("verb", ["upload", "download"])
async def test_going_away_withdraws(ssh: StockSsh, house: House, work: Path, verb: str) -> None:
    (work / "here").write_bytes(b"content")
    hold(house, verb)
    source, target = (
        (work / "here", there(work / "over")) if verb == "upload" else (there(work / "here"), work / "over")
    )
    process = await ssh.start("-O", str(source), str(target), program="scp")
    await held(house)
    await told_to_leave(process)
    async with asyncio.timeout(PATIENCE):
        while (await house.ledger.approvals())[0].state != "withdrawn" or house.gates():
            await asyncio.sleep(0.02)
    assert await house.outcomes() == ["disconnected"]


# What goes wrong on the way.


@pytest.mark.parametrize("verb", ["upload", "download"])
@pytest.mark.parametrize("victim", ["client", "target"])
async def test_killed_on_the_way(
    ssh: StockSsh, house: House, sshd: Sshd, work: Path, verb: str, victim: str
) -> None:
    with (work / "here").open("wb") as file:
        file.truncate(1 << 40)
    source, target = (
        (work / "here", there("/dev/null")) if verb == "upload" else (there(work / "here"), "/dev/null")
    )
    process = await ssh.start("-O", str(source), str(target), program="scp")
    await until(lambda: any(gate_carried(gate) > 1 << 20 for gate in house.gates()))
    if victim == "client":
        process.terminate()
    else:
        sshd.kill_connections()
    _, err = await process.communicate()
    await until(lambda: not house.gates())
    (moved,) = await house.entries("file.transferred")
    assert moved.body["outcome"] == "cut: the transfer was broken off"
    assert (moved.body["whole"], moved.body["size"] > 1 << 19) == (False, True)
    assert await house.outcomes() == ["disconnected" if victim == "client" else "unreachable"]
    if victim == "target":
        assert process.returncode == 1
        assert b"hoop: the connection to web-1 was lost" in err
    await until(lambda: not sshd.children())
    assert house.recording().state == "whole"


def gate_carried(gate: Gate) -> int:
    return gate._shown + gate._sent


async def test_ended_by_staff_on_the_way(ssh: StockSsh, house: House, work: Path) -> None:
    with (work / "here").open("wb") as file:
        file.truncate(1 << 40)
    process = await ssh.start("-O", there(work / "here"), "/dev/null", program="scp")
    await until(lambda: any(gate_carried(gate) > 1 << 20 for gate in house.gates()))
    house.gates()[0].end('by bob@example.com: "incident 4411"')
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b'hoop: ended by bob@example.com: "incident 4411"' in err
    (moved,) = await house.entries("file.transferred")
    assert moved.body["whole"] is False


async def test_contents_are_kept_where_a_target_says_so(ssh: StockSsh, house: House, work: Path) -> None:
    (work / "here").write_bytes(b"0123456789")
    house.change("web-1", keep_files=4)
    assert (await scp(ssh, work / "here", there(work / "over"))).status == 0
    (moved,) = await house.entries("file.transferred")
    assert await house.blobs.read(str(moved.body["kept"])) == b"0123"


async def test_with_a_terminal_it_is_a_command(ssh: StockSsh, house: House, work: Path) -> None:
    ran = await ssh.run("-tt", "web-1@gw", f"scp -f {work}/missing", typed=b"\0\n")
    assert ran.status == 1
    assert b"No such file" in ran.out
    assert [verb for verb, _ in await operations(house)] == ["exec"]


@pytest.mark.needs("pscp", "puttygen")
async def test_putty(ssh: StockSsh, house: House, work: Path) -> None:
    plant(work / "tree")
    for name in (" leading and trailing ", "back\\slash"):  # pscp makes other names of these
        (work / "tree" / name).unlink()
    key = ssh.directory / "id.ppk"
    made = await asyncio.create_subprocess_exec(
        "puttygen", str(ssh.directory / "id"), "-O", "private", "-o", str(key)
    )
    assert await made.wait() == 0
    ours = asyncssh.read_private_key(house.door.host_key_path).get_fingerprint()
    words = ["-batch", "-scp", "-P", str(house.port), "-i", str(key), "-hostkey", ours, "-r", "-p"]
    for source, target in (
        (work / "tree", f"web-1@127.0.0.1:{work}/copy"),
        (f"web-1@127.0.0.1:{work}/copy", work / "back"),
    ):
        process = await asyncio.create_subprocess_exec(
            "pscp", *words, str(source), str(target), stdin=-3, stdout=-1, stderr=-1
        )
        out, err = await process.communicate()
        assert process.returncode == 0, (out, err)
    copies = [
        {name: entry.content for name, entry in seen(work / each).items()}
        for each in ("copy", "back", "tree")
    ]
    assert copies[0] == copies[1] == copies[2]
