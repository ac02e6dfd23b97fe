"""SFTP on the wire: every message survives the way there and back, in any pieces, and garbage is Malformed."""

import tracemalloc
from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Malformed
from gateway.wire.sftp import numbers, writing
from gateway.wire.sftp.codec import Replies, Requests
from gateway.wire.sftp.fields import Attributes, string
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
    Read,
    Reply,
    Request,
    Status,
    Strange,
    Version,
    Write,
)
from gateway.wire.sftp.numbers import PACKET_MOST, Code, Has, Kind
from gateway.wire.sftp.replies import only_name

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
paths = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))
handles = st.binary(max_size=numbers.HANDLE_MOST)


@st.composite
def attributes(draw: st.DrawFn) -> Attributes:
    has = draw(st.sampled_from([0, 1, 2, 4, 8, 15, 0x80000000, 0x8000000F]))
    size = draw(u64) if has & Has.SIZE else None
    permissions = draw(u32) if has & Has.PERMISSIONS else None
    raw = pack(">I", has)
    raw += pack(">Q", size) if size is not None else b""
    raw += pack(">Q", draw(u64)) if has & Has.OWNER else b""
    raw += pack(">I", permissions) if permissions is not None else b""
    raw += pack(">Q", draw(u64)) if has & Has.TIMES else b""
    if has & Has.EXTENDED:
        pairs = draw(st.lists(st.tuples(handles, handles), max_size=3))
        raw += pack(">I", len(pairs)) + b"".join(string(k) + string(v) for k, v in pairs)
    return Attributes(raw, has, size, permissions)


ON_PATH = [
    Kind.LSTAT, Kind.OPENDIR, Kind.REMOVE, Kind.RMDIR, Kind.REALPATH, Kind.STAT, Kind.READLINK,
    numbers.STATVFS, numbers.EXPAND_PATH,
]  # fmt: skip
ON_PATH_WITH_ATTRIBUTES = [Kind.MKDIR, Kind.SETSTAT, numbers.LSETSTAT]
ON_HANDLE = [Kind.CLOSE, Kind.FSTAT, Kind.READDIR, numbers.FSTATVFS, numbers.FSYNC]
ON_TWO = [Kind.RENAME, Kind.SYMLINK, numbers.POSIX_RENAME, numbers.HARDLINK]
QUESTIONS = [numbers.LIMITS, numbers.HOME_DIRECTORY, numbers.USERS_GROUPS]

requests: st.SearchStrategy[Request] = st.one_of(
    st.builds(Init, u32),
    st.builds(Open, u32, paths, u32, attributes()),
    st.builds(OnPath, st.sampled_from(ON_PATH), u32, paths),
    st.builds(OnPath, st.sampled_from(ON_PATH_WITH_ATTRIBUTES), u32, paths, attributes()),
    st.builds(OnHandle, st.sampled_from(ON_HANDLE), u32, handles),
    st.builds(OnHandle, st.just(Kind.FSETSTAT), u32, handles, attributes()),
    st.builds(OnTwoPaths, st.sampled_from(ON_TWO), u32, paths, paths),
    st.builds(CopyData, u32, handles, u64, u64, handles, u64),
    st.builds(Question, st.sampled_from(QUESTIONS), u32, st.binary(max_size=20)),
)

raw_requests: st.SearchStrategy[bytes] = st.one_of(
    requests.map(writing.encode).map(bytes),
    st.builds(writing.read, u32, handles, u64, u32),
    st.builds(writing.write, u32, handles, u64, st.binary(max_size=100)),
)

raw_replies: st.SearchStrategy[bytes] = st.one_of(
    st.builds(writing.data, u32, st.binary(max_size=100)),
    st.builds(writing.status, u32, st.sampled_from(Code), st.text(max_size=10)),
    st.builds(writing.handle, u32, handles),
    st.lists(paths, max_size=3).flatmap(lambda names: u32.map(lambda id: writing.name(id, *names))),
    st.builds(writing.extended_reply, u32, st.binary(max_size=40)),
    st.builds(lambda id, a: bytes(pack(">IBI", 5 + len(a.raw), Kind.ATTRS, id) + a.raw), u32, attributes()),
    st.builds(Version, u32, st.lists(st.tuples(handles, handles), max_size=3).map(tuple))
    .map(writing.encode)
    .map(bytes),
)  # fmt: skip


def all_of(codec: Requests | Replies) -> list[Request | Reply]:
    found: list[Request | Reply] = []
    while (message := codec.next_message()) is not None:
        found.append(message)
    return found


def fed(codec: Requests | Replies, *pieces: bytes) -> list[Request | Reply]:
    found: list[Request | Reply] = []
    for piece in pieces:
        codec.receive(piece)
        found += all_of(codec)
    return found


@given(requests)
@settings(deadline=None)
def test_requests_survive(message: Request) -> None:
    codec = Requests()
    assert fed(codec, bytes(writing.encode(message))) == [message]
    assert codec.unread == b""


def test_contents_pass_untouched() -> None:
    packet = writing.write(7, b"\0\0\0\1", 1 << 40, b"contents")
    (message,) = fed(Requests(), packet)
    assert isinstance(message, Write)
    assert (message.id, message.handle, message.offset, message.data) == (
        7,
        b"\0\0\0\1",
        1 << 40,
        b"contents",
    )
    assert bytes(writing.encode(message)) == packet
    packet = writing.read(8, b"h", 5, 32768)
    (message,) = fed(Requests(), packet)
    assert isinstance(message, Read)
    assert (message.id, message.handle, message.offset, message.size) == (8, b"h", 5, 32768)
    packet = writing.data(9, b"contents")
    (reply,) = fed(Replies(), packet)
    assert isinstance(reply, Data)
    assert (reply.id, reply.data, bytes(reply.raw)) == (9, b"contents", packet)


def test_what_servers_say() -> None:
    found = fed(
        Replies(),
        writing.status(1, Code.NO_SUCH_FILE, "No such file"),
        writing.handle(2, b"\0\0\0\0"),
        writing.name(3, b"/srv/app"),
        writing.extended_reply(4, b"12345678"),
        pack(">IBI", 17, Kind.ATTRS, 5) + pack(">IQ", Has.SIZE, 99),
        bytes(writing.encode(Version(3, ((b"limits@openssh.com", b"1"),)))),
    )
    status, handle, name, extended, attrs, version = found
    assert isinstance(status, Status)
    assert (status.id, status.code) == (1, 2)
    assert writing.status_again(9, status) == writing.status(9, Code.NO_SUCH_FILE, "No such file")
    assert isinstance(handle, Handle)
    assert handle.handle == b"\0\0\0\0"
    assert isinstance(name, Name)
    assert only_name(name) == b"/srv/app"
    assert isinstance(extended, ExtendedReply)
    assert extended.body == b"12345678"
    assert isinstance(attrs, Attrs)
    assert (attrs.attributes.size, attrs.attributes.is_link) == (99, None)
    assert version == Version(3, ((b"limits@openssh.com", b"1"),))


@pytest.mark.parametrize(("mode", "link"), [(0o120777, True), (0o100644, False), (0o40755, False)])
def test_links_are_told_by_their_mode(mode: int, link: bool) -> None:
    (reply,) = fed(Replies(), pack(">IBI", 13, Kind.ATTRS, 5) + pack(">II", Has.PERMISSIONS, mode))
    assert isinstance(reply, Attrs)
    assert reply.attributes.is_link is link


def test_what_is_not_understood_can_be_refused() -> None:
    unknown = pack(">IBI", 9 + 9, Kind.EXTENDED, 7) + string(b"x@example")
    found = fed(Requests(), unknown, pack(">IBI", 6, 21, 8) + b"?")
    assert found == [Strange(b"x@example", 7), Strange(b"of type 21", 8)]


@given(st.lists(raw_requests, max_size=6), st.data())
@settings(deadline=None)
def test_in_any_pieces(packets: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    found = fed(Requests(), *pieces)
    assert b"".join(bytes(writing.encode(message)) for message in found) == whole
    assert len(found) == len(packets)


@given(st.lists(raw_replies, max_size=4))
@settings(deadline=None)
def test_byte_by_byte_and_late(packets: list[bytes]) -> None:
    whole = b"".join(packets)
    at_once = [bytes(writing.encode(message)) for message in fed(Replies(), whole)]
    assert [bytes(writing.encode(m)) for m in fed(Replies(), *(bytes([b]) for b in whole))] == at_once
    late = Replies()
    for byte in whole:
        late.receive(bytes([byte]))
    assert late.unread == whole
    assert [bytes(writing.encode(message)) for message in all_of(late)] == at_once


@pytest.mark.parametrize("codec", [Requests, Replies])
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_garbage_is_malformed(codec: Callable[[], Requests | Replies], data: st.DataObject) -> None:
    """Bytes at random, and good packets with some bytes changed, cut or doubled: no other error escapes."""
    packets = data.draw(st.lists(raw_requests if codec is Requests else raw_replies, min_size=1, max_size=3))
    raw = bytearray(b"".join(packets))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    reader = codec()
    reader.receive(bytes(raw) + data.draw(st.binary(max_size=30)))
    try:
        for message in all_of(reader):
            if isinstance(message, Name):
                only_name(message)
    except Malformed:
        pass


@pytest.mark.parametrize(
    "packet",
    [
        pack(">I", 0),
        pack(">I", PACKET_MOST + 1),
        pack(">I", 0xFFFFFFFF),
        pack(">IB", 1, Kind.CLOSE),
        pack(">IBI", 5, Kind.READ, 1),
        pack(">IBII", 9, Kind.CLOSE, 1, 99),
        writing.read(1, b"h" * 257, 0, 1),
        writing.write(1, b"h" * 257, 0, b"x"),
        bytes(writing.encode(OnHandle(Kind.CLOSE, 1, b"h" * 257))),
        bytes(writing.encode(OnPath(Kind.STAT, 1, b"/etc\0/passwd"))),
        bytes(writing.encode(OnPath(Kind.STAT, 1, b"/etc"))).replace(b"\0\0\0\x0d", b"\0\0\0\x0e", 1) + b"!",
        bytes(writing.encode(Question(b"copy-data", 1, b""))),
    ],
)  # fmt: skip
def test_impossible_requests(packet: bytes) -> None:
    with pytest.raises(Malformed):
        fed(Requests(), packet)


@pytest.mark.parametrize(
    "packet",
    [
        pack(">I", 0),
        pack(">IBI", 5, 77, 1),
        pack(">IBI", 5, Kind.STATUS, 1),
        pack(">IBI", 5, Kind.DATA, 1),
        pack(">IBII", 9, Kind.DATA, 1, 5),
        writing.handle(1, b"h" * 257),
        pack(">IBII", 9, Kind.VERSION, 3, 5),
        writing.read(1, b"h", 0, 1),
    ],
)
def test_impossible_replies(packet: bytes) -> None:
    with pytest.raises(Malformed):
        fed(Replies(), packet)


@pytest.mark.parametrize("names", [(), (b"a", b"b")])
def test_a_real_path_is_one_name(names: tuple[bytes, ...]) -> None:
    (reply,) = fed(Replies(), writing.name(1, *names))
    assert isinstance(reply, Name)
    with pytest.raises(Malformed):
        only_name(reply)


def test_a_packet_that_never_ends_stays_small() -> None:
    """The largest packet, in crumbs: bounded memory, and no work that grows with the square of its size."""
    codec = Requests()
    packet = writing.write(1, b"h", 0, b"x" * (250 << 10))
    tracemalloc.start()
    found = 0
    for at in range(0, len(packet), 7):
        codec.receive(packet[at : at + 7])
        found += codec.next_message() is not None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == 1
    assert peak < 2 << 20
