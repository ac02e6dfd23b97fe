"""Requests that stock clients do not make: links by trick, unknown extensions, wrong handles, other servers."""

import os
from pathlib import Path
from struct import pack

import asyncssh
import pytest

from gateway.wire.sftp import numbers, writing
from gateway.wire.sftp.fields import NO_ATTRIBUTES, Attributes, string
from gateway.wire.sftp.messages import (
    Attrs,
    CopyData,
    Data,
    ExtendedReply,
    Handle,
    Init,
    Name,
    OnHandle,
    OnPath,
    OnTwoPaths,
    Open,
    Question,
    Status,
    Version,
)
from gateway.wire.sftp.numbers import DATA_MOST, Code, Flags, Has, Kind
from gateway.wire.sftp.replies import only_name
from tests.ssh.client import StockSsh
from tests.ssh.house import House
from tests.ssh.sftp import RawSftp, admitted, connected, denied, digest, marks, rules, transfers
from tests.ssh.sftp_servers import NamesNothingMissing, OnlyTidies, served_by

pytestmark = [pytest.mark.interop, pytest.mark.needs("ssh", "sshd"), pytest.mark.usefixtures("ssh")]

WRITE = Flags.WRITE | Flags.CREATE | Flags.TRUNCATE


@pytest.fixture
def work(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    (directory / "guarded").mkdir(parents=True)
    (directory / "guarded" / "old").write_text("old content")
    (directory / "way").symlink_to("guarded")
    return directory


def guard(house: House, work: Path, verbs: str = '["upload", "download"]') -> None:
    rules(
        house,
        f"""
        [[rule]]
        id = "guarded"
        match = {{ path = "{work}/guarded/*", verb = {verbs} }}
        do = "block"
        """,
    )


def size_of(size: int) -> Attributes:
    return Attributes(pack(">IQ", Has.SIZE, size), Has.SIZE, size)


async def test_only_what_is_understood_is_offered(house: House) -> None:
    async with RawSftp.open(house, begin=False) as raw:
        version = await raw.ask(Init(6))
        assert isinstance(version, Version)
        assert version.version == 3
        assert (numbers.POSIX_RENAME, b"1") in version.extensions
        assert set(version.extensions) <= numbers.EXTENSIONS


async def test_what_is_not_understood_is_refused_and_noted(house: House) -> None:
    unknown = pack(">IBI", 9 + 9, Kind.EXTENDED, 7) + string(b"x@example")
    async with RawSftp.open(house) as raw:
        assert await raw.status(unknown) is Code.OP_UNSUPPORTED
        assert await raw.status(pack(">IBI", 5, 21, 8)) is Code.OP_UNSUPPORTED
        assert isinstance(await raw.ask(OnPath(Kind.REALPATH, 9, b".")), Name)
        raw.process.stdin.write_eof()
        assert (await raw.ended())[0] == 0
    assert [mark["request"] for mark in marks(house, "refused")] == ["x@example", "of type 21"]


async def test_harmless_questions_pass(house: House, work: Path) -> None:
    async with RawSftp.open(house) as raw:
        real = await raw.ask(OnPath(Kind.REALPATH, 1, os.fsencode(work) + b"/way/../way/old"))
        assert isinstance(real, Name)
        assert only_name(real) == os.fsencode(work / "guarded" / "old")
        assert isinstance(await raw.ask(OnPath(numbers.EXPAND_PATH, 2, b"~/x")), Name)
        assert isinstance(await raw.ask(OnPath(numbers.STATVFS, 3, b"/")), ExtendedReply)
        limits = await raw.ask(Question(numbers.LIMITS, 4, b""))
        assert isinstance(limits, ExtendedReply)
        assert int.from_bytes(bytes(limits.body)[8:16], "big") <= DATA_MOST
        assert isinstance(await raw.ask(OnPath(Kind.READLINK, 5, os.fsencode(work) + b"/way")), Name)
    assert await admitted(house) == []


async def test_a_link_to_somewhere_else(house: House, work: Path) -> None:
    """A link is judged by where it leads when it is made, and again when something is opened by it."""
    here = os.fsencode(work)
    async with RawSftp.open(house) as raw:
        assert await raw.status(OnTwoPaths(Kind.SYMLINK, 1, b"guarded/old", here + b"/trick")) is Code.OK
        assert (
            await raw.status(OnTwoPaths(numbers.HARDLINK, 4, here + b"/way/old", here + b"/hard")) is Code.OK
        )
        again = OnTwoPaths(numbers.HARDLINK, 6, here + b"/trick", here + b"/other")
        assert await raw.status(again) is Code.OK
        guard(house, work)
        assert (
            await raw.status(Open(2, here + b"/trick", Flags.READ, NO_ATTRIBUTES)) is Code.PERMISSION_DENIED
        )
        assert await raw.status(Open(3, here + b"/trick", WRITE, NO_ATTRIBUTES)) is Code.PERMISSION_DENIED
        again = OnTwoPaths(Kind.SYMLINK, 5, b"./way/../guarded/old", here + b"/again")
        assert await raw.status(again) is Code.PERMISSION_DENIED
    assert await admitted(house) == [
        f"link guarded/old ({work}/guarded/old) to {work}/trick",
        f"link {work}/way/old ({work}/guarded/old) to {work}/hard",
        f"link {work}/trick ({work}/guarded/old) to {work}/other",
    ]
    assert (work / "guarded" / "old").read_text() == "old content"


async def test_two_names_are_both_judged(house: House, work: Path) -> None:
    guard(house, work, '["rename", "link"]')
    here = os.fsencode(work)
    (work / "free").write_text("free")
    async with RawSftp.open(house) as raw:
        for what in (Kind.RENAME, numbers.POSIX_RENAME, numbers.HARDLINK, Kind.SYMLINK):
            for pair in ((b"/guarded/old", b"/out"), (b"/free", b"/way/in")):
                request = OnTwoPaths(what, raw.number(), here + pair[0], here + pair[1])
                assert await raw.status(request) is Code.PERMISSION_DENIED
        assert await raw.status(OnTwoPaths(Kind.RENAME, 90, here + b"/free", here + b"/gone")) is Code.OK
    assert sorted(path.name for path in work.rglob("*")) == ["gone", "guarded", "old", "way"]
    assert len(await denied(house)) == 8


async def test_a_size_is_content(house: House, work: Path) -> None:
    """To cut a file off takes the right to write it, not the right to change its mode."""
    guard(house, work, '["upload"]')
    here = os.fsencode(work)
    async with RawSftp.open(house) as raw:
        cut = OnPath(Kind.SETSTAT, 1, here + b"/way/old", size_of(0))
        assert await raw.status(cut) is Code.PERMISSION_DENIED
        reading = await raw.handle(here + b"/way/old")
        assert await raw.status(OnHandle(Kind.FSETSTAT, 2, reading, size_of(0))) is Code.PERMISSION_DENIED
        mode = Attributes(pack(">II", Has.PERMISSIONS, 0o600), Has.PERMISSIONS, None, 0o600)
        assert await raw.status(OnPath(Kind.SETSTAT, 3, here + b"/way/old", mode)) is Code.OK
        assert await raw.status(OnHandle(Kind.FSETSTAT, 4, reading, mode)) is Code.OK
    assert (work / "guarded" / "old").read_text() == "old content"
    assert (work / "guarded" / "old").stat().st_mode & 0o777 == 0o600
    assert await denied(house) == [f"upload {work}/way/old ({work}/guarded/old)"] * 2


async def test_who_uploads_sets_mode_and_times_with_it(house: House, work: Path) -> None:
    guard(house, work, '["chmod"]')
    here = os.fsencode(work)
    mode = Attributes(pack(">II", Has.PERMISSIONS, 0o600), Has.PERMISSIONS, None, 0o600)
    owner = Attributes(pack(">III", Has.OWNER, os.getuid(), os.getgid()), Has.OWNER)
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(here + b"/way/new", WRITE)
        assert await raw.status(OnHandle(Kind.FSETSTAT, 1, handle, mode)) is Code.OK
        assert await raw.status(OnHandle(Kind.FSETSTAT, 2, handle, owner)) is Code.PERMISSION_DENIED
        assert await raw.status(OnHandle(Kind.CLOSE, 3, handle)) is Code.OK
    assert await denied(house) == [f"chmod {work}/way/new ({work}/guarded/new)"]


async def test_a_handle_is_good_for_what_was_admitted(house: House, work: Path) -> None:
    here = os.fsencode(work)
    async with RawSftp.open(house) as raw:
        reading = await raw.handle(here + b"/guarded/old")
        writing_ = await raw.handle(here + b"/new", WRITE)
        listing = await raw.ask(OnPath(Kind.OPENDIR, 1, here))
        assert isinstance(listing, Handle)
        assert await raw.status(writing.write(2, reading, 0, b"x")) is Code.FAILURE
        assert await raw.status(writing.read(3, writing_, 0, 10)) is Code.FAILURE
        assert await raw.status(writing.read(4, listing.handle, 0, 10)) is Code.FAILURE
        assert await raw.status(OnHandle(Kind.READDIR, 5, reading)) is Code.FAILURE
        assert isinstance(await raw.ask(OnHandle(Kind.READDIR, 6, listing.handle)), Name)
        assert isinstance(await raw.ask(OnHandle(Kind.FSTAT, 7, writing_)), Attrs)
        for made_up in (b"\0\0\0\x09", b"", b"h" * 200):
            assert await raw.status(writing.read(8, made_up, 0, 10)) is Code.FAILURE
            assert await raw.status(OnHandle(Kind.CLOSE, 9, made_up)) is Code.FAILURE
        assert await raw.status(OnHandle(Kind.CLOSE, 10, reading)) is Code.OK
        assert await raw.status(writing.read(11, reading, 0, 10)) is Code.FAILURE
        assert await raw.status(OnHandle(Kind.CLOSE, 12, reading)) is Code.FAILURE
    assert (work / "guarded" / "old").read_text() == "old content"


async def test_both_ways_with_one_handle(house: House, work: Path) -> None:
    (work / "file").write_bytes(b"0123456789")
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(work / "file"), Flags.READ | Flags.WRITE)
        data = await raw.ask(writing.read(1, handle, 0, 100))
        assert isinstance(data, Data)
        assert data.data == b"0123456789"
        assert await raw.status(writing.write(2, handle, 4, b"XY")) is Code.OK
        assert await raw.status(OnHandle(Kind.CLOSE, 3, handle)) is Code.OK
        raw.process.stdin.write_eof()
        await raw.ended()
    assert await admitted(house) == [f"upload {work}/file", f"download {work}/file"]
    assert [(end["direction"], end["size"], end["whole"]) for end in await transfers(house)] == [
        ("upload", 2, False),
        ("download", 10, True),
    ]


async def test_neither_way_where_one_is_blocked(house: House, work: Path) -> None:
    guard(house, work, '["download"]')
    async with RawSftp.open(house) as raw:
        wanted = Open(1, os.fsencode(work / "guarded" / "new"), Flags.READ | WRITE, NO_ATTRIBUTES)
        assert await raw.status(wanted) is Code.PERMISSION_DENIED
        wanted = Open(2, os.fsencode(work / "guarded" / "new"), 0, NO_ATTRIBUTES)
        assert await raw.status(wanted) is Code.PERMISSION_DENIED
    assert not (work / "guarded" / "new").exists()


async def test_out_of_order_is_a_part(house: House, work: Path) -> None:
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(work / "new"), WRITE)
        for offset in (5, 0):
            assert await raw.status(writing.write(raw.number(), handle, offset, b"01234")) is Code.OK
        await raw.status(OnHandle(Kind.CLOSE, 99, handle))
        raw.process.stdin.write_eof()
        await raw.ended()
    (end,) = await transfers(house)
    assert (end["whole"], end["size"], end["outcome"]) == (False, 10, "done")


async def test_what_is_not_closed_has_an_end(house: House, work: Path) -> None:
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(work / "new"), WRITE)
        assert await raw.status(writing.write(1, handle, 0, b"01234")) is Code.OK
        raw.process.stdin.write_eof()
        assert (await raw.ended())[0] == 0
    (end,) = await transfers(house)
    assert (end["outcome"], end["size"]) == ("cut: not closed by the client", 5)


async def test_a_read_larger_than_passes_is_made_smaller(house: House, work: Path) -> None:
    (work / "large").write_bytes(os.urandom(1 << 20))
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(os.fsencode(work / "large"))
        data = await raw.ask(writing.read(1, handle, 0, 0xFFFFFFFF))
        assert isinstance(data, Data)
        assert 0 < len(data.data) <= DATA_MOST


async def test_one_file_copied_by_the_target(house: House, work: Path) -> None:
    async with RawSftp.open(house, begin=False) as raw:
        version = await raw.ask(Init(3))
        assert isinstance(version, Version)
        if (numbers.COPY_DATA, b"1") not in version.extensions:
            pytest.skip("this sshd can not copy by itself")
        source = await raw.handle(os.fsencode(work / "guarded" / "old"))
        new = await raw.handle(os.fsencode(work / "new"), WRITE)
        assert await raw.status(CopyData(1, source, 0, 0, new, 0)) is Code.OK
        assert await raw.status(CopyData(2, new, 0, 0, source, 0)) is Code.FAILURE
        await raw.status(OnHandle(Kind.CLOSE, 3, new))
        raw.process.stdin.write_eof()
        await raw.ended()
    assert (work / "new").read_text() == "old content"
    assert marks(house, "file")[0]["text"] == f"{work}/guarded/old copied to {work}/new on the target"
    assert not any(end["whole"] for end in await transfers(house))


async def test_no_copy_where_contents_are_kept(house: House, work: Path) -> None:
    house.change("web-1", keep_files=100)
    async with RawSftp.open(house, begin=False) as raw:
        version = await raw.ask(Init(3))
        assert isinstance(version, Version)
        assert numbers.COPY_DATA not in dict(version.extensions)
        assert await raw.status(CopyData(1, b"a", 0, 0, b"b", 0)) is Code.OP_UNSUPPORTED


async def test_names_that_are_no_text_are_refused_like_others(house: House) -> None:
    rules(house, "", allow='[[rule]]\nid = "x"\nmatch = { path = "/srv/*" }\ndo = "allow"\n')
    async with RawSftp.open(house) as raw:
        reply = await raw.ask(OnPath(Kind.STAT, 1, b"/\xff\xfe\x1b[2Jx"))
        assert isinstance(reply, Status)
        assert reply.code == Code.PERMISSION_DENIED
        assert b"look at /<U+DCFF><U+DCFE><U+001B>[2Jx" in bytes(reply.said)
        assert await raw.status(OnPath(Kind.REMOVE, 2, b"/\xff\xfe")) is Code.PERMISSION_DENIED


async def test_names_that_are_no_text(house: House, work: Path) -> None:
    name = os.fsencode(work) + b"/\xff\xfe\x1b[2Jx"
    async with RawSftp.open(house) as raw:
        handle = await raw.handle(name, WRITE)
        await raw.status(writing.write(1, handle, 0, b"x"))
        await raw.status(OnHandle(Kind.CLOSE, 2, handle))
        raw.process.stdin.write_eof()
        await raw.ended()
    assert Path(os.fsdecode(name)).read_bytes() == b"x"
    (end,) = await transfers(house)
    assert end["path"].encode("utf-8", "surrogateescape") == name


@pytest.mark.parametrize("path", [b"", b".", b"..", b"/", b"//", b"/..", b"./", b"/tmp/", b"/tmp/."])
async def test_paths_that_are_only_just_paths(house: House, path: bytes) -> None:
    """They are resolved like any other, and nobody falls over them."""
    async with RawSftp.open(house) as raw:
        assert isinstance(await raw.ask(OnPath(Kind.STAT, 1, path)), (Attrs, Status))
        assert isinstance(await raw.ask(OnPath(Kind.LSTAT, 2, path)), (Attrs, Status))
        assert isinstance(await raw.ask(OnPath(Kind.RMDIR, 3, path)), Status)
        assert isinstance(await raw.ask(OnTwoPaths(Kind.RENAME, 4, path, path + b"x/y/z")), Status)
        opened = await raw.ask(OnPath(Kind.OPENDIR, 5, path))
        assert isinstance(opened, (Handle, Status))
    for entry in await house.entries("operation.admitted"):
        assert " (/" in entry.body["text"] or " /" in entry.body["text"]


async def test_a_path_without_end(house: House) -> None:
    async with RawSftp.open(house) as raw:
        assert await raw.status(OnPath(Kind.STAT, 1, b"/x" * 3000)) is Code.FAILURE
        assert await raw.status(OnTwoPaths(Kind.RENAME, 2, b"/a", b"/x" * 3000)) is Code.FAILURE


async def test_a_slash_at_the_end_means_a_directory(house: House, work: Path) -> None:
    """`rm link/` would remove a link whose slash got lost."""
    (work / "file").write_text("x")
    here = os.fsencode(work)
    async with RawSftp.open(house) as raw:
        assert await raw.status(OnPath(Kind.REMOVE, 1, here + b"/way/")) is not Code.OK
        assert await raw.status(OnPath(Kind.REMOVE, 2, here + b"/file/")) is not Code.OK
        assert await raw.status(Open(3, here + b"/file/", Flags.READ, NO_ATTRIBUTES)) is not Code.OK
    assert (work / "way").is_symlink()
    assert (work / "file").exists()


async def test_too_many_files(house: House, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.adapters.ssh.sftp.open.OPEN_MOST", 3)
    path = os.fsencode(work / "guarded" / "old")
    async with RawSftp.open(house) as raw:
        handles = [await raw.handle(path) for _ in range(3)]
        assert await raw.status(Open(50, path, Flags.READ, NO_ATTRIBUTES)) is Code.FAILURE
        assert await raw.status(OnPath(Kind.OPENDIR, 51, os.fsencode(work))) is Code.FAILURE
        assert await raw.status(OnHandle(Kind.CLOSE, 52, handles[0])) is Code.OK
        await raw.handle(path)


async def test_another_client(house: House, work: Path) -> None:
    """asyncssh's own client: many requests under way at once."""
    (work / "source").write_bytes(os.urandom(3_000_000))
    async with connected(house) as connection, connection.start_sftp_client() as client:
        await client.put(str(work / "source"), str(work / "there"))
        await client.get(str(work / "there"), str(work / "back"))
        assert sorted(await client.listdir(str(work / "guarded"))) == [".", "..", "old"]
        assert await client.realpath(str(work / "way")) == str(work / "guarded")
        async with client.open(str(work / "there"), "rb") as file:
            await file.seek(2_999_990)
            assert len(await file.read(100)) == 10
    assert digest(work / "back") == digest(work / "source")
    ends = await transfers(house)
    assert [(end["direction"], end["whole"]) for end in ends] == [
        ("upload", True),
        ("download", True),
        ("download", False),
    ]


async def test_a_server_that_does_not_follow_links(house: House, work: Path) -> None:
    """It says of `way/old` that this is its real path. It is looked at piece by piece: what has a link in it is not
    resolved, and what is not resolved matches whatever restricts."""
    guard(house, work)
    async with (
        served_by(house, OnlyTidies),
        connected(house) as connection,
        connection.start_sftp_client() as client,
    ):
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.get(str(work / "way" / "old"), str(work / "copy"))
        await client.put(str(work / "guarded" / "old"), str(work / "new"))
    assert (work / "new").read_text() == "old content"
    (entry,) = await house.entries("operation.denied")
    assert entry.body["text"] == f"download {work}/way/old"
    assert await admitted(house) == [f"upload {work}/new"]


async def test_a_server_that_names_nothing_missing(house: House, work: Path) -> None:
    guard(house, work)
    async with (
        served_by(house, NamesNothingMissing),
        connected(house) as connection,
        connection.start_sftp_client() as client,
    ):
        await client.put(str(work / "guarded" / "old"), str(work / "new"))
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.put(str(work / "new"), str(work / "guarded" / "new"))
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await client.put(str(work / "new"), str(work / "no" / "such"))
    assert (work / "new").read_text() == "old content"
    assert await admitted(house) == [f"upload {work}/new"]


async def test_the_same_over_stock_ssh(ssh: StockSsh, house: House) -> None:
    """`ssh -s` opens it as well: there is no way beside."""
    process = await ssh.start("-s", "web-1@gw", "sftp")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(bytes(writing.encode(Init(3))))
    assert (await process.stdout.readexactly(5))[4] == Kind.VERSION
    process.stdin.write(pack(">IBI", 5, 99, 1))
    process.stdin.write(bytes(writing.encode(OnPath(Kind.REALPATH, 2, b"."))))
    await process.communicate(b"")
    assert process.returncode == 0
    assert [mark["request"] for mark in marks(house, "refused")] == ["of type 99"]
