"""The directory behind LocalBlobs: who may read it, where it may lead, what a failing disk does."""

import asyncio
import errno
import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.blobs.local import LocalBlobs
from gateway.blobs.writer import LocalWriter
from gateway.core.errors import Fault

KEY = "2026/11/s-2B8CK4TQ.hrec"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "blobs"


@pytest.fixture
def blobs(root: Path) -> LocalBlobs:
    return LocalBlobs(root, reserve_bytes=0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_private_whatever_the_umask(blobs: LocalBlobs, root: Path) -> None:
    before = os.umask(0)
    try:
        await (await blobs.create(KEY)).close()
    finally:
        os.umask(before)
    assert mode(root) == mode(root / "2026") == mode(root / "2026/11") == 0o700
    assert mode(root / KEY) == 0o600


async def test_nothing_is_made_before_it_is_needed(blobs: LocalBlobs, root: Path) -> None:
    assert await blobs.keys() == []
    assert not root.exists()


async def test_a_directory_that_others_may_write_is_refused(blobs: LocalBlobs, root: Path) -> None:
    root.mkdir(parents=True)
    root.chmod(0o777)
    for attempt in (blobs.check(), blobs.create(KEY)):
        with pytest.raises(Fault, match="chmod 700"):
            await attempt


async def test_links_lead_nowhere(blobs: LocalBlobs, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    await blobs.check()
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "dangling").symlink_to(outside / "new")
    os.mkfifo(root / "fifo")
    for key in ("folder/secret", "file", "dangling", "fifo", "folder"):
        with pytest.raises(KeyError):
            await blobs.read(key)
    for key in ("folder/new", "dangling", "file"):
        with pytest.raises(Fault):
            await blobs.create(key)
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    assert await blobs.keys() == ["fifo"]


async def test_a_file_in_place_of_a_folder(blobs: LocalBlobs, root: Path) -> None:
    root.parent.mkdir()
    root.write_bytes(b"")
    with pytest.raises(Fault, match="there is a file or link where"):
        await blobs.create(KEY)
    with pytest.raises(Fault):
        await blobs.check()
    with pytest.raises(KeyError):
        await blobs.read(KEY)


async def test_too_little_room_refuses_new_objects_only(root: Path) -> None:
    open_one = await LocalBlobs(root, reserve_bytes=0).create("open")
    picky = LocalBlobs(root, reserve_bytes=1 << 60)
    with pytest.raises(Fault, match="disk for recordings is full"):
        await picky.create("new")
    with pytest.raises(Fault, match="must be free"):
        await picky.check()
    await open_one.append(b"still fine")
    await open_one.close()
    assert await picky.keys() == ["open"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root with the right to mount: run as root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


async def test_a_really_full_disk(small_disk: Path) -> None:
    """A failed append leaves no torn piece, and the object takes nothing more although room came back."""
    blobs = LocalBlobs(small_disk, reserve_bytes=0)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(100_000))
    writer = await blobs.create(KEY)
    await fill(writer, blobs, "the disk for recordings is full")
    with ballast.open("ab", buffering=0) as rest:
        rest.write(bytes(200_000))  # as much of it as fits
    with pytest.raises(Fault, match="full"):
        await blobs.check()
    ballast.unlink()
    await blobs.check()
    with pytest.raises(Fault, match="full"):
        await writer.append(b"x")
    with pytest.raises(Fault, match="full"):
        await writer.close()
    other = await blobs.create("other")
    await other.append(b"fine again")
    await other.close()
    assert list(small_disk.glob(".*")) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """This process may write no file beyond 100,000 bytes; the write that crosses it is torn."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
async def test_a_file_that_may_not_grow(blobs: LocalBlobs) -> None:
    writer = await blobs.create(KEY)
    await fill(writer, blobs, "a recording has reached the size that the system allows")
    with pytest.raises(Fault):
        await writer.close()


@pytest.mark.usefixtures("small_files")
async def test_a_large_append_that_fails_is_taken_back(blobs: LocalBlobs) -> None:
    writer = await blobs.create(KEY)
    await writer.append(b"before")
    with pytest.raises(Fault):
        await writer.append(bytes(150_000))
    assert await blobs.read(KEY) == b"before"
    with pytest.raises(Fault):
        await writer.close()


async def fill(writer: LocalWriter, blobs: LocalBlobs, sentence: str) -> None:
    """Append until it fails: what is there are whole pieces, and it stays failed."""
    piece, done = b"0123456" * 997, 0
    problem = ""
    while not problem and done < 100:
        try:
            await writer.append(piece)
            done += 1
        except Fault as caught:
            problem = caught.sentence
    assert problem == sentence
    assert done > 0
    assert await blobs.read(KEY) == piece * done
    for attempt in (writer.append(b""), writer.append(b"x"), writer.sync()):
        with pytest.raises(Fault) as again:
            await attempt
        assert again.value.sentence == sentence
    assert await blobs.size(KEY) == len(piece) * done


async def test_a_failed_sync_stays_failed(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk at hand fails on demand: this one call is made to fail once, as the kernel reports it once."""
    real = os.fdatasync

    def fails_once(descriptor: int) -> None:
        monkeypatch.setattr("gateway.blobs.writer._sync_data", real)
        raise OSError(errno.EIO, "Input/output error")

    writer = await blobs.create(KEY)
    await writer.append(b"lost?")
    monkeypatch.setattr("gateway.blobs.writer._sync_data", fails_once)
    for attempt in (writer.sync(), writer.sync(), writer.append(b"x"), writer.close()):
        with pytest.raises(Fault, match="reports an error"):
            await attempt
    await writer.close()


async def test_no_descriptor_is_left_open(blobs: LocalBlobs) -> None:
    async def use_everything() -> None:
        writer = await blobs.create(f"open-{len(await blobs.keys())}")
        await writer.append(b"x")
        await writer.close()
        await blobs.read("open-0")
        await blobs.check()
        with pytest.raises(Fault):
            await blobs.create("open-0")
        work = asyncio.create_task(blobs.create("cancelled"))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises((asyncio.CancelledError, Fault)):
            await work

    await use_everything()
    before = len(list(Path("/proc/self/fd").iterdir()))
    await use_everything()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
