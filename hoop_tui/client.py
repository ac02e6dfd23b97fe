"""What the app needs from a gateway (`GatewayClient`), the errors it may meet, and the HTTP client that does it.

Screens know the Protocol only; `demo.FakeGateway` stands behind the same Protocol in tests and screenshots.
This module keeps no state but the connection: reconnecting is `feed.py`'s business.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from gateway.api.schema import (
    FRAMES_MEDIA_TYPE,
    NEXT_HEADER,
    STATE_HEADER,
    EndPerson,
    EndSession,
    FeedEvent,
    Me,
    Message,
    PersonEnded,
    Problem,
    RecordingInfo,
    RecordingState,
    SessionPage,
    SessionSummary,
    WireFrame,
    unpack_frames,
)
from hoop_tui.address import base_url
from hoop_tui.errors import Garbled, GatewayTrouble, NotFound, NotSignedIn, ServerSaid, Unreachable
from hoop_tui.requests_client import RequestBook, Requests
from hoop_tui.sign_in import Token

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0
_FEED_SILENCE_SECONDS = 20.0
"""Four missed beats: the line is dead even if nobody hung up."""

_Model = TypeVar("_Model", bound=BaseModel)


class FrameBatch(NamedTuple):
    """Some frames of a recording, the index to ask for next, and the recording's state at that moment."""

    frames: list[WireFrame]
    next: int
    state: RecordingState


class GatewayClient(Protocol):
    """Everything staff can ask a gateway. Every method raises `GatewayTrouble` and nothing else."""

    async def me(self) -> Me: ...

    async def sessions(
        self, *, state: str = "all", person: str = "", target: str = "", limit: int = 200
    ) -> SessionPage:
        """Newest first. `state` is `live`, `ended` or `all`; the gateway does the filtering."""
        ...

    async def session(self, id: str) -> SessionSummary: ...

    async def recording(self, id: str) -> RecordingInfo: ...

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        """Frames from index `start`. While the recording is live, waits up to `wait` seconds for the first."""
        ...

    def export(self, id: str, form: str) -> AsyncIterator[bytes]:
        """The recording as `cast2`, `txt` or `jsonl`, in pieces."""
        ...

    async def pause(self, id: str) -> SessionSummary:
        """Hold back what the person of a live session sends, for five minutes unless renewed."""
        ...

    async def resume(self, id: str) -> SessionSummary: ...

    async def message(self, id: str, text: str) -> SessionSummary:
        """Say one line to the person of a live session."""
        ...

    async def end(self, id: str, reason: str = "") -> SessionSummary: ...

    async def end_person(self, name: str, reason: str = "") -> PersonEnded:
        """End every session of a person on this gateway."""
        ...

    def feed(self) -> AsyncIterator[FeedEvent]:
        """Hints, and a `beat` when the line stands and every few seconds. Ends or raises when it breaks."""
        ...

    @property
    def requests(self) -> RequestBook:
        """What waits for people."""
        ...

    async def close(self) -> None: ...


class HttpGateway:
    """`GatewayClient` over HTTP. Redirects are not followed, so the token goes to one host only."""

    def __init__(self, url: str, token: Token, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """`transport`: another way to the gateway than the network."""
        self.url = base_url(url)
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token.expose()}", "User-Agent": "hoop-tui"},
            timeout=httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            follow_redirects=False,
            verify=_trust(self.url),
            transport=transport,
        )
        self.requests: RequestBook = Requests(self)

    async def me(self) -> Me:
        return await self.ask(Me, "/v1/me")

    async def sessions(
        self, *, state: str = "all", person: str = "", target: str = "", limit: int = 200
    ) -> SessionPage:
        asked: dict[str, str] = {"state": state, "limit": str(limit)}
        if person:
            asked["person"] = person
        if target:
            asked["target"] = target
        return await self.ask(SessionPage, "/v1/sessions", asked)

    async def session(self, id: str) -> SessionSummary:
        return await self.ask(SessionSummary, f"/v1/sessions/{quote(id, safe='')}")

    async def recording(self, id: str) -> RecordingInfo:
        return await self.ask(RecordingInfo, f"/v1/sessions/{quote(id, safe='')}/recording")

    async def frames(self, id: str, start: int = 0, wait: float = 0.0) -> FrameBatch:
        path = f"/v1/sessions/{quote(id, safe='')}/frames"
        response = await self._get(path, {"from": str(start), "wait": f"{wait:g}"}, patience=wait)
        if not response.headers.get("content-type", "").startswith(FRAMES_MEDIA_TYPE):
            raise Garbled("The gateway answered with something that is not a recording.")
        try:
            frames = list(unpack_frames(response.content))
            following = int(response.headers[NEXT_HEADER])
            state = RecordingState(response.headers[STATE_HEADER])
        except (KeyError, ValueError) as problem:
            raise Garbled("The gateway sent frames that can not be read.") from problem
        if following != start + len(frames):
            raise Garbled("The gateway miscounted the frames of this recording.")
        return FrameBatch(frames, following, state)

    async def export(self, id: str, form: str) -> AsyncIterator[bytes]:
        path = f"/v1/sessions/{quote(id, safe='')}/export"
        async with _trouble(self.url), self._http.stream("GET", path, params={"as": form}) as response:
            if not response.is_success:
                await response.aread()
                raise _refusal(response)
            async for piece in response.aiter_bytes():
                yield piece

    async def pause(self, id: str) -> SessionSummary:
        return await self._steer(id, "pause")

    async def resume(self, id: str) -> SessionSummary:
        return await self._steer(id, "resume")

    async def message(self, id: str, text: str) -> SessionSummary:
        return await self._steer(id, "message", _said(Message, text=text))

    async def end(self, id: str, reason: str = "") -> SessionSummary:
        return await self._steer(id, "end", _said(EndSession, reason=reason))

    async def end_person(self, name: str, reason: str = "") -> PersonEnded:
        return await self.tell(
            PersonEnded, f"/v1/people/{quote(name, safe='')}/end", _said(EndPerson, reason=reason)
        )

    async def feed(self) -> AsyncIterator[FeedEvent]:
        timeout = httpx2.Timeout(_FEED_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        async with _trouble(self.url), self._http.sse("/v1/feed", timeout=timeout) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise _refusal(source.response)
            yield FeedEvent(topic="beat")
            async for event in source:
                if event.data:
                    yield _parse(FeedEvent, event.data)

    async def close(self) -> None:
        await self._http.aclose()

    async def _get(
        self, path: str, params: Mapping[str, str] | None = None, *, patience: float = 0.0
    ) -> httpx2.Response:
        timeout = httpx2.Timeout(_ANSWER_SECONDS + patience, connect=_CONNECT_SECONDS)
        async with _trouble(self.url):
            response = await self._http.get(path, params=dict(params or {}), timeout=timeout)
        if not response.is_success:
            raise _refusal(response)
        return response

    async def _steer(self, id: str, what: str, body: BaseModel | None = None) -> SessionSummary:
        return await self.tell(SessionSummary, f"/v1/sessions/{quote(id, safe='')}/{what}", body)

    async def tell(
        self,
        model: type[_Model],
        path: str,
        body: BaseModel | None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> _Model:
        """The answer to a POST. `patience`: seconds that the gateway may take on purpose."""
        timeout = httpx2.Timeout(_ANSWER_SECONDS + patience, connect=_CONNECT_SECONDS)
        content = body.model_dump_json() if body else None
        kind = {"Content-Type": "application/json"} if body else {}
        async with _trouble(self.url):
            response = await self._http.post(
                path, content=content, headers={**kind, **(headers or {})}, timeout=timeout
            )
        if not response.is_success:
            raise _refusal(response)
        return _parse(model, response.content)

    async def ask(
        self,
        model: type[_Model],
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> _Model:
        """The answer to a GET. `patience`: seconds that the gateway may take on purpose."""
        return _parse(model, (await self._get(path, params, patience=patience)).content)


def _trust(url: str) -> ssl.SSLContext:
    """Whom to trust: without TLS nobody, because reading all those certificates takes a while."""
    return (
        httpx2.create_ssl_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )


def _said(model: type[_Model], **words: str) -> _Model:
    try:
        return model(**words)
    except ValidationError as problem:
        raise ServerSaid("Say it in one line of up to 300 characters.", 422) from problem


def _parse(model: type[_Model], data: bytes | str) -> _Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as problem:
        raise Garbled("The gateway's answer can not be understood; is it a newer version?") from problem


def _refusal(response: httpx2.Response) -> GatewayTrouble:
    """The error that a status stands for, with the gateway's own sentence where it sent one."""
    try:
        said = Problem.model_validate_json(response.content).detail
    except ValidationError:
        said = ""
    status = response.status_code
    if status == 401:
        return NotSignedIn("The gateway does not know this token; sign in again.")
    if status == 404:
        return NotFound(said or "The gateway knows nothing by that name.")
    return ServerSaid(said or f"The gateway answered {status} and gave no reason.", status)


@asynccontextmanager
async def _trouble(url: str) -> AsyncIterator[None]:
    """Turns what the network does into `Unreachable`, in words that name the gateway and not the library."""
    where = urlsplit(url).netloc
    try:
        yield
    except httpx2.TimeoutException as problem:
        raise Unreachable(f"The gateway at {where} did not answer in time.") from problem
    except httpx2.ConnectError as problem:
        raise Unreachable(f"There is no gateway at {where}, or it can not be reached from here.") from problem
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as problem:
        raise Unreachable(f"The line to the gateway at {where} broke.") from problem
