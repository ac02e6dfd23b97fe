"""Routes about recordings: what one is, its frames (also while it is made), and its exports."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from gateway.api import summaries, viewings
from gateway.api.callers import Caller
from gateway.api.news import about, first_of
from gateway.api.playback import READ_BYTES, Playback, Survey
from gateway.api.problems import documented, not_found
from gateway.api.rights import Action
from gateway.api.schema import (
    FRAMES_MEDIA_TYPE,
    NEXT_HEADER,
    STATE_HEADER,
    RecordingInfo,
    RecordingState,
    pack_frames,
)
from gateway.api.services import ApiServices, Services
from gateway.api.sessions import SessionId
from gateway.api.viewings import Viewings
from gateway.core.frame import Frame
from gateway.core.ports import SessionRow
from gateway.recording.exports import EXPORTS, Export, Exporting
from gateway.recording.meta import RecordingMeta

LONGEST_WAIT = 20.0
LOOK_AGAIN = 2.0
"""Hints may be lost: this often, a long poll looks for itself."""

router = APIRouter(tags=["recordings"])


def _playback(request: Request) -> Playback:
    playback = request.app.state.playback
    assert isinstance(playback, Playback)
    return playback


def _viewings(request: Request) -> Viewings:
    seen = request.app.state.viewings
    assert isinstance(seen, Viewings)
    return seen


_Playback = Annotated[Playback, Depends(_playback)]
_Viewings = Annotated[Viewings, Depends(_viewings)]


@router.get("/sessions/{id}/recording", responses=documented(404, 409))
async def recording_info(
    id: SessionId, who: Caller, services: Services, playback: _Playback
) -> RecordingInfo:
    """What a player needs to know before the first frame."""
    row = await summaries.find(services, who, Action.SEE_RECORDING, id)
    await _must_exist(services, row)
    live = summaries.is_live(services, row)
    survey = await playback.survey(row.recording, over=not live)
    state = _state(survey, live)
    meta = RecordingMeta.of(survey.meta or {})
    return RecordingInfo(
        session=row.id,
        person=row.person,
        target=row.target,
        login=row.login,
        command=meta.command,
        started_at=meta.started_at or row.started_at,
        cols=meta.cols,
        rows=meta.rows,
        pty=meta.pty,
        state=state,
        duration_us=survey.duration_us,
        frames=survey.frames,
        problem=_why_cut(survey) if state is RecordingState.CUT else "",
    )


@router.get(
    "/sessions/{id}/frames",
    response_class=Response,
    responses={200: {"content": {FRAMES_MEDIA_TYPE: {}}, "description": "Frames"}, **documented(404, 409)},
)
async def frames(
    id: SessionId,
    who: Caller,
    services: Services,
    playback: _Playback,
    seen: _Viewings,
    first: Annotated[
        int, Query(alias="from", ge=0, le=1 << 40, description="Number of the first frame.")
    ] = 0,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = 0.0,
    limit_bytes: Annotated[int, Query(ge=1 << 16, le=8 << 20)] = 1 << 20,
) -> Response:
    """Frames as `schema.pack_frames` packs them. While the session is live, waits up to `wait` seconds for one.

    `Hoop-Next` says which frame to ask for next. An answer without frames is the last one, unless
    `Hoop-Recording` says `live`.
    """
    row = await summaries.find(services, who, Action.SEE_RECORDING, id)
    await _must_exist(services, row)
    await seen.replay(services, who, row.id, opening=first == 0 and not wait)
    found, state = await _follow(services, playback, row, first, wait, limit_bytes)
    body = pack_frames((frame.at_us, frame.kind, frame.data) for frame in found)
    headers = {NEXT_HEADER: str(first + len(found)), STATE_HEADER: state.value}
    return Response(body, media_type=FRAMES_MEDIA_TYPE, headers=headers)


@router.get(
    "/sessions/{id}/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {kind().media_type.split(";")[0]: {} for kind in EXPORTS.values()},
            "description": "The file",
        },
        **documented(404, 409),
    },
)
async def export(
    id: SessionId,
    who: Caller,
    services: Services,
    form: Annotated[
        Literal["cast2", "txt", "jsonl"],
        Query(alias="as", description="asciicast v2, plain text, or a JSON object a line."),
    ],
) -> StreamingResponse:
    """The recording in another format. Of a live session: what there is by now."""
    row = await summaries.find(services, who, Action.EXPORT_RECORDING, id)
    await _must_exist(services, row)
    await viewings.log(services, who, row.id, f"export {form}")
    kind = EXPORTS[form]()
    return StreamingResponse(
        _exported(services, row, kind),
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{row.id}.{kind.suffix}"'},
    )


async def _follow(
    services: ApiServices, playback: Playback, row: SessionRow, first: int, wait: float, limit: int
) -> tuple[list[Frame], RecordingState]:
    """Look until there are frames, no more can come, or time is up."""
    clock = asyncio.get_running_loop()
    until = clock.time() + wait
    async with about(services.bus, row.id, "recording", "session") as news:
        while True:
            news.clear()
            # The order matters: what is over by the ledger is complete in the file, and what the survey
            # has seen, the frames have, too. So an end is never told before the last frame.
            row = await services.ledger.session(row.id) or row
            live = summaries.is_live(services, row)
            state = _state(await playback.survey(row.recording, over=not live), live)
            found = await playback.frames(row.recording, first, limit)
            left = until - clock.time()
            if found or state is not RecordingState.LIVE or left <= 0 or services.stopping.is_set():
                return found, state
            await first_of(news, services.stopping, within=min(LOOK_AGAIN, left))


async def _must_exist(services: ApiServices, row: SessionRow) -> None:
    try:
        await services.blobs.size(row.recording)
    except KeyError as problem:
        raise not_found("this session has no recording") from problem


def _state(survey: Survey, live: bool) -> RecordingState:
    if survey.problem:
        return RecordingState.CUT
    if survey.ended:
        return RecordingState.WHOLE
    return RecordingState.LIVE if live else RecordingState.CUT


def _why_cut(survey: Survey) -> str:
    return survey.problem or "the recording is cut: its end is missing"


async def _exported(services: ApiServices, row: SessionRow, kind: Export) -> AsyncIterator[bytes]:
    live = summaries.is_live(services, row)
    work, offset = Exporting(kind), 0
    while not work.stopped and (data := await services.blobs.read(row.recording, offset, READ_BYTES)):
        offset += len(data)
        work.receive(data)
        while piece := await asyncio.to_thread(work.take):
            yield piece
    yield work.finish(live=live)
