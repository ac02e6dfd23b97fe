"""What may be asked of a forwarded agent, out of any stream of bytes."""

import asyncssh
import pytest
from asyncssh.packet import Boolean, Byte, String, UInt32
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh.agent.protocol import MESSAGE_MOST, Messages, purpose, read_request
from gateway.core.errors import Malformed

KEY = asyncssh.generate_private_key("ssh-ed25519")
BLOB = KEY.public_data


def framed(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return UInt32(len(body)) + body


def sign_in(name: bytes) -> bytes:
    what = (String(b"s" * 32), Byte(50), String(name), String(b"ssh-connection"), String(b"publickey"))
    return b"".join((*what, Boolean(True), String(b"ssh-ed25519"), String(BLOB)))


def test_listing() -> None:
    request = read_request(framed(Byte(11)))
    assert (request.what, request.text) == ("list", "list the keys of the agent")


def test_signing() -> None:
    frame = framed(Byte(13), String(BLOB), String(sign_in(b"git")), UInt32(0))
    request = read_request(frame)
    assert request.what == "sign"
    assert request.key == KEY.get_fingerprint()
    assert request.text == f"sign with {KEY.get_fingerprint()} - a sign-in over SSH as git"
    assert request.frame == frame
    assert len(request.data_sha256) == 64


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"SSHSIG" + String(b"git") + String(b""), 'a signature for "git"'),
        (b"SSHSIG" + String(b"\x1b]0;x"), 'a signature for "<U+001B>]0;x"'),
        (b"SSHSIG\0", "7 bytes of unknown meaning"),
        (b"", "0 bytes of unknown meaning"),
        (String(b"s") + Byte(51) + String(b"root"), "14 bytes of unknown meaning"),
        (sign_in(b"ro\not"), "a sign-in over SSH as ro<U+000A>ot"),
    ],
)
def test_purposes(data: bytes, text: str) -> None:
    assert purpose(data) == text


def test_binding() -> None:
    assert read_request(framed(Byte(27), String(b"session-bind@openssh.com"), b"rest")).what == "bind"
    assert read_request(framed(Byte(27), String(b"restrict@example.com"))).what == "other"


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (framed(Byte(19)), "remove all keys"),
        (framed(Byte(17), b"x" * 100), "add a key"),
        (framed(Byte(22), String(b"secret")), "lock the agent"),
        (framed(Byte(99)), "request 99"),
        (framed(Byte(11), b"x"), "a broken request (11)"),
        (framed(Byte(13), String(BLOB)), "a broken request (13)"),
        (framed(Byte(13), String(BLOB), String(b""), UInt32(0), b"x"), "a broken request (13)"),
        (framed(Byte(27)), "a broken request (27)"),
    ],
    ids=range(8),  # the frames hold a key that each process makes anew
)
def test_everything_else(frame: bytes, text: str) -> None:
    request = read_request(frame)
    assert (request.what, request.text) == ("other", text)


@pytest.mark.parametrize("size", [0, MESSAGE_MOST + 1, 0xFFFFFFFF])
def test_sizes_that_no_agent_takes(size: int) -> None:
    messages = Messages()
    messages.feed(UInt32(size) + b"x")
    with pytest.raises(Malformed):
        messages.take()


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_frames_come_out_as_they_went_in(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(framed(body) for body in bodies)
    messages, got = Messages(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        messages.feed(stream[:size])
        stream = stream[size:]
        while (frame := messages.take()) is not None:
            got.append(frame)
    assert got == [framed(body) for body in bodies]
    assert messages.take() is None


@given(st.binary(max_size=300))
def test_whatever_comes(data: bytes) -> None:
    messages = Messages()
    messages.feed(data)
    try:
        while (frame := messages.take()) is not None:
            request = read_request(frame)
            assert request.text.isprintable()
            if request.what == "list":
                assert frame == framed(Byte(11))
    except Malformed:
        pass


@given(st.binary(max_size=200))
def test_whatever_is_to_be_signed(data: bytes) -> None:
    assert purpose(data).isprintable()
    assert purpose(data).isascii()
