"""What of a gateway's answers is believed, and what becomes of those that are none."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import RedirectResponse, StreamingResponse

from hoop_tui.address import belongs_to, private_url, same_address
from hoop_tui.errors import Garbled, GatewayTrouble, Unreachable
from hoop_tui.login.answers import Reply, error_word, read_signed_in, refusal, said_in
from hoop_tui.login.door import Door
from hoop_tui.sign_in import Token
from tests.tui.sign_in_double import SignInDouble, always

GATEWAY = "https://hoop.example.com"


def test_redirects_are_not_followed(sign_in_double: SignInDouble) -> None:
    sign_in_double.override["/v1/me"] = always(lambda: RedirectResponse(f"{sign_in_double.url}/stolen", 307))
    reply = Door(sign_in_double.url).ask("GET", "/v1/me", token=Token("t-canary"))
    assert reply.status == 307
    assert sign_in_double.paths() == ["GET /v1/me"]
    assert refusal(reply).sentence == "The gateway answered 307 and gave no reason."


def test_huge_answers_are_cut_short(sign_in_double: SignInDouble) -> None:
    async def huge() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    sign_in_double.override["/v1/me"] = always(lambda: StreamingResponse(huge()))
    with pytest.raises(Garbled, match="far too long"):
        Door(sign_in_double.url).ask("GET", "/v1/me")


@pytest.fixture
def rude() -> Iterator[Callable[[bytes], str]]:
    """A server that says these bytes to whoever comes, and hangs up."""
    open_ones: list[socket.socket] = []

    def serve(said: bytes) -> str:
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen()
        open_ones.append(server)

        def run() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(said)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for server in open_ones:
        server.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http(rude: Callable[[bytes], str], said: bytes) -> None:
    with pytest.raises(Unreachable):
        Door(rude(said)).ask("GET", "/v1/me")


def test_nobody_there_and_no_tls(rude: Callable[[bytes], str]) -> None:
    with pytest.raises(Unreachable, match="There is no gateway at 127"):
        Door("http://127.0.0.1:1").ask("GET", "/v1/me")
    with pytest.raises(Unreachable, match="TLS"):
        Door(rude(b"HTTP/1.1 200 OK\r\n\r\n").replace("http:", "https:")).ask("GET", "/v1/me")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["token", "id", "person", "roles", "expires_at", "note", "detail", "error"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=150)
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    try:
        signed_in = read_signed_in(body)
        assert signed_in.expires_at.tzinfo is not None
    except Garbled:
        pass
    assert isinstance(said_in(body) + error_word(body), str)
    assert isinstance(refusal(Reply(418, body)), GatewayTrouble)
    assert len(said_in(body)) <= 400


def test_a_token_is_shown_nowhere() -> None:
    body = {
        "token": "t-canary", "id": "t", "person": "p", "roles": [], "expires_at": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    assert "canary" not in repr(read_signed_in(json.dumps(body).encode()))
    assert read_signed_in(json.dumps(body).encode()).token.expose() == "t-canary"
    deep = b"[" * 100_000
    with pytest.raises(Garbled):
        read_signed_in(deep)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (GATEWAY, "https://HOOP.example.com:443/", True),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443/", True),
        (GATEWAY, "http://hoop.example.com", False),
        (GATEWAY, "https://hoop.example.com/base", False),
        ("http://127.0.0.1:1", "http://localhost:1", False),
        (GATEWAY, "https://[x", False),
        (GATEWAY, "", False),
    ],
)
def test_same_addresses(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_no_odd_address_belongs_to_the_gateway(text: str) -> None:
    for page in (text, GATEWAY + text, f"https://{text}"):
        if belongs_to(page, GATEWAY):
            assert page.isascii()
            assert page.isprintable()
            assert (
                page.lower().startswith(
                    (
                        "https://hoop.example.com/",
                        "https://hoop.example.com:443",
                        "https://hoop.example.com?",
                        "https://hoop.example.com#",
                    )
                )
                or page.lower() == GATEWAY
            )


def test_https_or_this_computer() -> None:
    for good in ("https://h.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        assert private_url(good) == good
    for bad in ("http://h.example", "http://10.0.0.1", "http://127.0.0.1.evil.example"):
        with pytest.raises(ValueError, match="https"):
            private_url(bad)
