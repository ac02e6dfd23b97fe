"""The HTTP client against a real server on loopback: every call, and everything that can go wrong."""

import socket
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.responses import Response, StreamingResponse

from gateway.api.schema import (
    FRAMES_MEDIA_TYPE,
    NEXT_HEADER,
    STATE_HEADER,
    FrameKind,
    RecordingState,
    SessionState,
    WireFrame,
    pack_frames,
)
from hoop_tui.address import base_url
from hoop_tui.client import GatewayClient, HttpGateway
from hoop_tui.errors import Garbled, GatewayTrouble, NotFound, NotSignedIn, ServerSaid, Unreachable
from hoop_tui.sign_in import Token
from tests.tui.conftest import HttpDouble


async def test_every_question_gets_its_answer(http_double: HttpDouble, gateway_client: HttpGateway) -> None:
    client: GatewayClient = gateway_client
    assert (await client.me()).person == "bob@example.com"
    page = await client.sessions(state="ended", person="erin", target="web-1", limit=7)
    assert [session.id for session in page.sessions] == ["s-2B8CK4TQ", "s-0XQ1J5KA"]
    assert "/v1/sessions?state=ended&limit=7&person=erin&target=web-1" in http_double.seen
    assert (await client.session("s-77QA4TBN")).state is SessionState.LIVE
    info = await client.recording("s-9THB3FYS")
    assert info.state is RecordingState.CUT
    assert info.problem
    batch = await client.frames("s-9THB3FYS", 3)
    assert batch.frames == list(http_double.gateway.kept["s-9THB3FYS"].frames[3:])
    assert batch.next == 3 + len(batch.frames)
    exported = b"".join([piece async for piece in client.export("s-9THB3FYS", "txt")])
    assert b"switch traffic" in exported


async def test_steering(http_double: HttpDouble, gateway_client: HttpGateway) -> None:
    client: GatewayClient = gateway_client
    assert (await client.pause("s-77QA4TBN")).paused_by == "bob@example.com"
    assert (await client.resume("s-77QA4TBN")).paused_by == ""
    assert (await client.message("s-77QA4TBN", "  hands off ")).state is SessionState.LIVE
    assert (await client.end("s-77QA4TBN", "incident 4411")).state is SessionState.KILLED
    answer = await client.end_person("alice@example.com", "lost laptop")
    assert (answer.ended, answer.elsewhere) == (["s-91XKD0PM"], [])
    assert http_double.gateway.asked == [
        "pause s-77QA4TBN",
        "resume s-77QA4TBN",
        "message s-77QA4TBN hands off",
        "end s-77QA4TBN incident 4411",
        "end everything of alice@example.com lost laptop",
        "end s-91XKD0PM lost laptop",
    ]
    with pytest.raises(ServerSaid, match="has ended already") as trouble:
        await client.pause("s-77QA4TBN")
    assert trouble.value.exit_code == 8
    for text in ("", "two\nlines", "x" * 301):
        with pytest.raises(ServerSaid, match="one line") as trouble:
            await client.message("s-91XKD0PM", text)
        assert trouble.value.exit_code == 2
    for name in ("../me", ".."):
        with pytest.raises(NotFound):
            await client.end_person(name, "")


async def test_the_feed_beats_at_once_and_tells(http_double: HttpDouble, gateway_client: HttpGateway) -> None:
    http_double.gateway.hint("session", "s-1")
    heard = []
    async for event in gateway_client.feed():
        heard.append((event.topic, event.key))
        if event.topic == "session":
            break
    assert heard == [("beat", ""), ("beat", ""), ("session", "s-1")]


async def test_an_id_stays_in_its_place_in_the_address(
    http_double: HttpDouble, gateway_client: HttpGateway
) -> None:
    with pytest.raises(NotFound):
        await gateway_client.session("../me?x=/y")
    assert all(not path.startswith("/v1/me") for path in http_double.seen)


async def test_a_wrong_token(http_double: HttpDouble) -> None:
    client = HttpGateway(http_double.url, Token("wrong"))
    try:
        with pytest.raises(NotSignedIn) as trouble:
            await client.me()
        assert trouble.value.exit_code == 3
        assert trouble.value.sentence == "The gateway does not know this token; sign in again."
        with pytest.raises(NotSignedIn):
            async for _ in client.feed():
                pass
        with pytest.raises(NotSignedIn):
            async for _ in client.export("s-9THB3FYS", "txt"):
                pass
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("answer", "error", "words", "exit_code"),
    [
        (lambda: Response("oops", 500), ServerSaid, "The gateway answered 500 and gave no reason.", 1),
        (
            lambda: Response('{"title":"x","status":403,"detail":"you are no auditor"}', 403),
            ServerSaid,
            "you are no auditor",
            4,
        ),
        (
            lambda: Response('{"title":"x","status":404,"detail":"no such thing"}', 404),
            NotFound,
            "no such thing",
            7,
        ),
        (lambda: Response("[]", 200), Garbled, "can not be understood", 1),
        (lambda: Response("<html>", 200), Garbled, "can not be understood", 1),
        (lambda: Response(status_code=302, headers={"location": "http://192.0.2.1/"}), ServerSaid, "302", 1),
    ],
)
async def test_what_a_gateway_may_say(
    http_double: HttpDouble,
    gateway_client: HttpGateway,
    answer: Callable[[], Response],
    error: type[GatewayTrouble],
    words: str,
    exit_code: int,
) -> None:
    http_double.override = answer()
    with pytest.raises(error, match=words) as trouble:
        await gateway_client.me()
    assert trouble.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"", {NEXT_HEADER: "x", STATE_HEADER: "whole"}),
        (b"", {NEXT_HEADER: "0", STATE_HEADER: "sealed"}),
        (b"\x00", {NEXT_HEADER: "0", STATE_HEADER: "whole"}),
        (pack_frames([(1, 99, b"")]), {NEXT_HEADER: "1", STATE_HEADER: "whole"}),
        (pack_frames([(1, 0, b"x")]), {NEXT_HEADER: "9", STATE_HEADER: "whole"}),
    ],
)
async def test_frames_that_make_no_sense(
    http_double: HttpDouble, gateway_client: HttpGateway, body: bytes, headers: dict[str, str]
) -> None:
    http_double.override = Response(body, headers=headers, media_type=FRAMES_MEDIA_TYPE)
    with pytest.raises(Garbled):
        await gateway_client.frames("s-1")


async def test_frames_must_say_that_they_are_frames(
    http_double: HttpDouble, gateway_client: HttpGateway
) -> None:
    body = pack_frames([WireFrame(1, FrameKind.OUTPUT, b"x")])
    http_double.override = Response(
        body, headers={NEXT_HEADER: "1", STATE_HEADER: "whole"}, media_type="text/html"
    )
    with pytest.raises(Garbled):
        await gateway_client.frames("s-1")


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = HttpGateway(f"http://127.0.0.1:{taken.getsockname()[1]}", Token("x"))
        try:
            with pytest.raises(Unreachable, match=r"There is no gateway at 127\.0\.0\.1"):
                await client.me()
            with pytest.raises(Unreachable):
                async for _ in client.feed():
                    pass
        finally:
            await client.close()


async def test_a_line_that_breaks(http_double: HttpDouble, gateway_client: HttpGateway) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionError

    http_double.override = StreamingResponse(broken(), headers={"content-length": "100"})
    with pytest.raises(Unreachable, match="broke"):
        async for _ in gateway_client.export("s-1", "txt"):
            pass


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("hoop.example.com", "https://hoop.example.com"),
        (" http://127.0.0.1:8080/ ", "http://127.0.0.1:8080"),
        ("https://h/base", "https://h/base"),
    ],
)
def test_addresses(typed: str, whole: str) -> None:
    assert base_url(typed) == whole


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ftp://x",
        "https://",
        "https://user:pw@host",
        "https://h?x=1",
        "https://h#f",
        "h:99999",
        "http://[",
        "a b",
    ],
)
def test_addresses_that_are_none(typed: str) -> None:
    with pytest.raises(ValueError, match="gateway's address"):
        base_url(typed)
