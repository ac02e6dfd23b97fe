"""Where forwards may lead: one spelling for each place, and none for what a rule could miss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh.forward.end import WINDOW_LEAST, WINDOW_MOST, window_for
from gateway.adapters.ssh.forward.places import (
    TcpPlace,
    UnixPlace,
    forward_operation,
    listen_operation,
    listening_place,
    origin_name,
    tcp_place,
    unix_place,
)
from gateway.core.errors import Malformed
from gateway.core.operation import Effect


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        ("db.internal", 5432, "db.internal:5432"),
        ("DB.Internal.", 5432, "db.internal:5432"),
        ("localhost", 1, "localhost:1"),
        ("10.0.0.7", 65535, "10.0.0.7:65535"),
        ("10.0.0.7.", 80, "10.0.0.7:80"),
        ("::1", 80, "[::1]:80"),
        ("[::1]", 80, "[::1]:80"),
        ("0:0:0:0:0:0:0:1", 80, "[::1]:80"),
        ("FE80::00AB", 80, "[fe80::ab]:80"),
        ("::ffff:127.0.0.1", 80, "127.0.0.1:80"),
        ("_service.example.com", 80, "_service.example.com:80"),
        ("a-b_c.d1", 80, "a-b_c.d1:80"),
        ("web.0x", 80, None),
        ("127.1", 80, None),
        ("127.0.0.01", 80, None),
        ("0177.0.0.1", 80, None),
        ("0x7f000001", 80, None),
        ("1.2.3.0x4", 80, None),
        ("2130706433", 80, None),
        ("1.2.3.4.5", 80, None),
        ("256.1.1.1", 80, None),
        ("fe80::1%eth0", 80, None),
        ("::1::", 80, None),
        ("", 80, None),
        (".", 80, None),
        ("a..b", 80, None),
        ("-oProxyCommand=x", 80, None),
        ("a b", 80, None),
        ("a\n", 80, None),
        ("a/b", 80, None),
        ("a@b", 80, None),
        ("*", 80, None),
        ("*.example.com", 80, None),
        ("b\u00fccher.example", 80, None),
        ("x" * 64 + ".example", 80, None),
        ("a." * 128, 80, None),
        ("db", 0, None),
        ("db", 65536, None),
        ("db", 1 << 31, None),
    ],
)
def test_ports(host: str, port: int, text: str | None) -> None:
    if text is None:
        with pytest.raises(Malformed):
            tcp_place(host, port)
    else:
        assert str(tcp_place(host, port)) == text


@pytest.mark.parametrize(
    ("host", "port", "place"),
    [
        ("", 0, TcpPlace("*", 0)),
        ("*", 8080, TcpPlace("*", 8080)),
        ("LOCALHOST", 80, TcpPlace("localhost", 80)),
        ("0.0.0.0", 80, TcpPlace("0.0.0.0", 80)),
        ("::", 80, TcpPlace("::", 80)),
    ],
)
def test_listening(host: str, port: int, place: TcpPlace) -> None:
    assert listening_place(host, port) == place


def test_listening_nowhere() -> None:
    for host, port in (("", 65536), ("127.1", 80), ("a b", 80)):
        with pytest.raises(Malformed):
            listening_place(host, port)


@pytest.mark.parametrize("path", ["/run/docker.sock", "/tmp/a b/s", "/a", "/home/j\u00fcrgen/x.sock"])
def test_sockets(path: str) -> None:
    assert str(unix_place(path)) == f"unix:{path}"


@pytest.mark.parametrize(
    "path",
    ["", "/", "x", "./x", "../x", "/a/../b", "/a/./b", "/a//b", "//a", "/a/", "/a\0b", "/a\nb", "/\x1b[31m"],
)
def test_sockets_that_are_not_plain(path: str) -> None:
    for each in (path, path + "\u202ea", path + "x" * 108):
        with pytest.raises(Malformed):
            unix_place(each)


@given(st.text(max_size=40), st.integers(-1, 1 << 32))
def test_whatever_is_asked_has_one_spelling_or_none(host: str, port: int) -> None:
    for read in (tcp_place, listening_place):
        try:
            place = read(host, port)
        except Malformed:
            continue
        assert str(place).isascii()
        assert str(place).isprintable()
        assert " " not in str(place)
        assert read(place.host, place.port) == place


@given(st.text(max_size=120))
def test_whatever_path_is_asked(path: str) -> None:
    try:
        place = unix_place(path)
    except Malformed:
        return
    assert place == UnixPlace(path)
    assert ".." not in path.split("/")


def test_operations() -> None:
    to = forward_operation(tcp_place("db", 5432), "127.0.0.1:40000")
    assert (to.verb, to.text, to.effects) == ("forward", "forward to db:5432", frozenset({Effect.TRANSFER}))
    assert dict(to.details) == {"destination": "db:5432", "origin": "127.0.0.1:40000"}
    at = listen_operation(unix_place("/run/x"))
    assert (at.verb, at.text, at.resources) == ("listen", "listen on unix:/run/x", ("unix:/run/x",))


def test_origins_are_harmless() -> None:
    assert origin_name("\x1b]0;x\x07", 1) == "<U+001B>]0;x<U+0007>:1"
    assert len(origin_name("x" * 1000, 1)) < 80
    assert origin_name("", 0) == ""


def test_windows_shrink_with_their_number() -> None:
    windows = [window_for(others) for others in range(1000)]
    assert windows[:8] == [WINDOW_MOST] * 8
    assert min(windows) == WINDOW_LEAST
    assert sum(windows[:100]) < 32 << 20
