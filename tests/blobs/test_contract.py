"""What everybody may expect of Blobs, whatever keeps them."""

import asyncio
import functools
import threading

import pytest

from gateway.core.errors import Fault
from gateway.core.ports import Blobs

KEY = "2026/11/20/s-2B8CK4TQ.hrec"
BAD_KEYS = [
    "",
    "/etc/passwd",
    "../up",
    "a/../b",
    "a/..",
    "a//b",
    "a/",
    ".hidden",
    "a/.hidden",
    "a b",
    "a\nb",
    "a\n",
    "a\0b",
    "a_b",
    "a\\b",
    "ä",
    "x" * 101,
    "a/" * 30 + "a",
    "%2e%2e/a",
]


async def test_what_is_appended_can_be_read_at_once(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)
    assert await blobs.read(KEY) == b""
    await writer.append(b"first ")
    assert await blobs.read(KEY) == b"first "
    await writer.append(b"")
    await writer.append(b"second")
    assert await blobs.read(KEY) == b"first second"
    await writer.sync()
    await writer.close()
    assert await blobs.read(KEY) == b"first second"
    assert await blobs.size(KEY) == 12


async def test_any_bytes_of_any_length(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)
    parts = [bytes(range(256)), bytes(65_536), b"x" * 65_537, b"\n" * 3_000_001]
    for part in parts:
        await writer.append(part)
    await writer.close()
    whole = b"".join(parts)
    assert await blobs.size(KEY) == len(whole)
    assert await blobs.read(KEY, 0, len(whole) + 1) == whole


async def test_pieces_that_are_made_elsewhere(blobs: Blobs) -> None:
    """Any number of any length, in order, made once and off the loop; what can not be made is not written."""
    writer = await blobs.create(KEY)
    await writer.append(b"first")
    threads: list[int] = []
    batches: list[list[bytes]] = [
        [],
        [b""],
        [b"one"],
        [b"a", b"", b"b" * 70_000, b"c"],
        [b"%d," % n for n in range(3000)],
    ]

    def make(pieces: list[bytes]) -> list[bytes]:
        threads.append(threading.get_ident())
        return pieces

    for pieces in batches:
        await writer.append_made(functools.partial(make, pieces))
    with pytest.raises(ZeroDivisionError):
        await writer.append_made(lambda: [b"x" * (1 // 0)])
    await writer.append(b"last")
    await writer.close()
    whole = b"first" + b"".join(map(b"".join, batches)) + b"last"
    assert await blobs.read(KEY, 0, len(whole) + 1) == whole
    assert len(threads) == len(batches)
    assert threading.get_ident() not in threads


async def test_reading_parts(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)
    await writer.append(b"0123456789")
    await writer.close()
    assert await blobs.read(KEY, 3, 4) == b"3456"
    assert await blobs.read(KEY, 8, 100) == b"89"
    assert await blobs.read(KEY, 10, 100) == b""
    assert await blobs.read(KEY, 1000) == b""
    assert await blobs.read(KEY, 0, 0) == b""


async def test_unknown_keys(blobs: Blobs) -> None:
    with pytest.raises(KeyError):
        await blobs.read("nobody/knows")
    with pytest.raises(KeyError):
        await blobs.size("nobody/knows")
    assert await blobs.keys() == []


async def test_a_key_is_used_once(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)
    await writer.append(b"mine")
    with pytest.raises(Fault, match="exists"):
        await blobs.create(KEY)
    await writer.close()
    with pytest.raises(Fault, match="exists"):
        await blobs.create(KEY)
    assert await blobs.read(KEY) == b"mine"


async def test_two_writers_at_once_for_one_key(blobs: Blobs) -> None:
    made = await asyncio.gather(*(blobs.create(KEY) for _ in range(8)), return_exceptions=True)
    writers = [one for one in made if not isinstance(one, BaseException)]
    assert len(writers) == 1
    assert all(isinstance(one, Fault) for one in made if isinstance(one, BaseException))
    await writers[0].close()


async def test_keys_by_prefix(blobs: Blobs) -> None:
    for key in ("b/2", "a/1", "b/1", "b.c", "top"):
        await (await blobs.create(key)).close()
    assert await blobs.keys() == ["a/1", "b.c", "b/1", "b/2", "top"]
    assert await blobs.keys("b/") == ["b/1", "b/2"]
    assert await blobs.keys("b") == ["b.c", "b/1", "b/2"]
    assert await blobs.keys("c") == []


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_bad_keys(blobs: Blobs, key: str) -> None:
    with pytest.raises(Fault):
        await blobs.create(key)
    with pytest.raises(KeyError):
        await blobs.read(key)
    with pytest.raises(KeyError):
        await blobs.size(key)


async def test_a_closed_writer_takes_nothing(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)
    await writer.close()
    await writer.close()
    with pytest.raises(Fault):
        await writer.append(b"late")
    with pytest.raises(Fault):
        await writer.sync()
    assert await blobs.read(KEY) == b""


async def test_a_cancelled_append_is_over(blobs: Blobs) -> None:
    """Whatever became of it, nothing of it arrives later, and the next append follows it whole."""
    writer = await blobs.create(KEY)
    big = b"x" * 5_000_000
    work = asyncio.create_task(writer.append(big))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    size = await blobs.size(KEY)
    assert size in (0, len(big))
    await writer.append(b"next")
    await writer.close()
    assert await blobs.size(KEY) == size + 4
    assert await blobs.read(KEY, size, 10) == b"next"


async def test_sync_may_overlap_with_appends(blobs: Blobs) -> None:
    writer = await blobs.create(KEY)

    async def appends() -> None:
        for _ in range(50):
            await writer.append(b"0123456789" * 100)
            await asyncio.sleep(0)

    await asyncio.gather(appends(), *(writer.sync() for _ in range(5)))
    await writer.close()
    assert await blobs.size(KEY) == 50_000


async def test_check_passes_and_leaves_nothing(blobs: Blobs) -> None:
    await blobs.check()
    assert await blobs.keys() == []
