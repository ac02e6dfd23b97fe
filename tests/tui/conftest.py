"""What the app's tests share: an app over a gateway that never changes, and pictures to compare with."""

import asyncio
import contextlib
import difflib
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from unittest import mock

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from textual._compositor import LayoutUpdate

from gateway.api.schema import (
    FRAMES_MEDIA_TYPE,
    NEXT_HEADER,
    STATE_HEADER,
    EndPerson,
    EndSession,
    Message,
    Problem,
    pack_frames,
)
from hoop_tui.app import HoopApp
from hoop_tui.cli.main import main
from hoop_tui.client import HttpGateway
from hoop_tui.demo import FakeGateway, FrozenClock, demo_gateway
from hoop_tui.errors import NotFound, ServerSaid
from hoop_tui.opening import AS_USUAL, FROM_THE_START, Begin, Manner, OpenAt
from hoop_tui.replay.emulator import Screen
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.replay.player import PlayerState
from hoop_tui.scenery import Scenery
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.shots import text_of
from hoop_tui.sign_in import Token
from hoop_tui.stage import EmulatorMaker
from hoop_tui.widgets.terminal_view import TerminalView
from tests.tui import cheap_apps
from tests.tui.sign_in_double import SignInDouble

BIN = Path(sys.executable).parent
TOKEN = "t-TEST-canary-4f1d"
SNAPSHOTS = Path(__file__).parent / "snapshots"
OpenedApp = Callable[..., AbstractAsyncContextManager[Scenery]]
cheap_apps.read_styles_once()
cheap_apps.draw_less_often()


@asynccontextmanager
async def opened(
    gateway: FakeGateway | None = None,
    *,
    size: tuple[int, int] = (100, 30),
    opening: OpenAt | None = None,
    emulators: EmulatorMaker = GhosttyEmulator,
    app: HoopApp | None = None,
    begin: Begin = FROM_THE_START,
    manner: Manner = AS_USUAL,
) -> AsyncIterator[Scenery]:
    """The running app, and words for what a person does in it."""
    clock = FrozenClock()
    app = app or HoopApp(
        client=gateway or demo_gateway(),
        clock=clock,
        emulators=emulators,
        open_at=opening,
        begin=begin,
        manner=manner,
    )
    async with app.run_test(size=size) as pilot:
        yield Scenery(app, pilot, app.clock if isinstance(app.clock, FrozenClock) else clock)
        if app.is_running and app.is_attached and app.screen_stack:
            words(app)  # what is there at the end can be drawn


@pytest.fixture
def open_app() -> OpenedApp:
    return opened


def words(app: HoopApp) -> str:
    """What `text_of` reads in a picture of the screen, without a picture: to draw one takes most of a test's time."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    assert isinstance(update, LayoutUpdate)
    rows = ("".join(s.text for strip in row for s in strip if s.text.strip(" ")) for row in update.strips)
    return "\n".join(row.replace("\xa0", " ").rstrip() for row in rows)


def replay_of(scenery: Scenery) -> ReplayScreen:
    screen = scenery.app.screen
    assert isinstance(screen, ReplayScreen)
    return screen


def state_of(scenery: Scenery) -> PlayerState:
    playback = replay_of(scenery).playback
    assert playback is not None
    assert playback.picture is not None
    return playback.picture.state


def drawn(scenery: Scenery) -> Screen:
    recorded = scenery.app.screen.query_one(TerminalView).recorded
    assert recorded is not None
    return recorded


@pytest.fixture
def compare_snapshot() -> Callable[[str, str], None]:
    return compare


def compare(name: str, svg: str) -> None:
    """Fail unless `svg` is the snapshot of that name; with UPDATE_SNAPSHOTS=1 it becomes the snapshot."""
    path = SNAPSHOTS / f"{name}.svg"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(svg, encoding="utf-8")
        return
    if not path.exists():
        pytest.fail(f"{path.name} is missing; make it with UPDATE_SNAPSHOTS=1", pytrace=False)
    kept = path.read_text(encoding="utf-8")
    if kept == svg:
        return
    words = difflib.unified_diff(text_of(kept), text_of(svg), "kept", "now", lineterm="", n=1)
    told = "\n".join(words) or _other_lines(kept, svg)
    pytest.fail(f"{path.name} differs (UPDATE_SNAPSHOTS=1 accepts it):\n{told}", pytrace=False)


def _other_lines(kept: str, svg: str) -> str:
    """What differs where no word does: the lines of the pictures themselves, a few of them, cut short."""
    lines = difflib.unified_diff(kept.splitlines(), svg.splitlines(), "kept", "now", lineterm="", n=0)
    shown = [line[:300] for _, line in zip(range(24), lines, strict=False)]
    return "\n".join(["The words are the same; colours or places differ.", *shown])


class HttpDouble:
    """The API's contract over real HTTP on loopback, with a `FakeGateway` behind it, in a thread of its own."""

    def __init__(self) -> None:
        self.gateway = demo_gateway()
        self.seen: list[str] = []
        self.override: Response | None = None
        self._loop = asyncio.new_event_loop()
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=0, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(30)

    async def _serve(self) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._server.config.bind_socket()]))
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)
        self._loop.close()

    def _app(self) -> Starlette:
        routes = {
            "/v1/me": self._me,
            "/v1/sessions": self._sessions,
            "/v1/sessions/{id}": self._session,
            "/v1/sessions/{id}/recording": self._recording,
            "/v1/sessions/{id}/frames": self._frames,
            "/v1/sessions/{id}/export": self._export,
            "/v1/feed": self._feed,
        }
        steering = {
            "/v1/sessions/{id}/{what:str}": self._steer,
            "/v1/people/{name}/end": self._end_person,
        }
        asked = [Route(path, self._guarded(answer)) for path, answer in routes.items()]
        steered = [Route(path, self._guarded(answer), methods=["POST"]) for path, answer in steering.items()]
        return Starlette(routes=asked + steered)

    def _guarded(self, answer: Callable[[Request], object]) -> Callable[[Request], object]:
        async def guarded(request: Request) -> Response:
            self.seen.append(str(request.url.path) + (f"?{request.url.query}" if request.url.query else ""))
            if self.override is not None:
                return self.override
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return problem(401, "who are you?")
            try:
                return await answer(request)  # type: ignore[no-any-return, misc]
            except NotFound as trouble:
                return problem(404, trouble.sentence)
            except ServerSaid as said:
                return problem(said.status, said.sentence)

        return guarded

    async def _me(self, _: Request) -> Response:
        return JSONResponse((await self.gateway.me()).model_dump(mode="json"))

    async def _sessions(self, request: Request) -> Response:
        asked = request.query_params
        page = await self.gateway.sessions(
            state=asked["state"],
            person=asked.get("person", ""),
            target=asked.get("target", ""),
            limit=int(asked["limit"]),
        )
        return JSONResponse(page.model_dump(mode="json"))

    async def _session(self, request: Request) -> Response:
        found = await self.gateway.session(request.path_params["id"])
        return JSONResponse(found.model_dump(mode="json"))

    async def _recording(self, request: Request) -> Response:
        found = await self.gateway.recording(request.path_params["id"])
        return JSONResponse(found.model_dump(mode="json"))

    async def _frames(self, request: Request) -> Response:
        start, wait = int(request.query_params["from"]), min(0.2, float(request.query_params["wait"]))
        batch = await self.gateway.frames(request.path_params["id"], start, wait)
        headers = {NEXT_HEADER: str(batch.next), STATE_HEADER: batch.state.value}
        return Response(pack_frames(batch.frames), media_type=FRAMES_MEDIA_TYPE, headers=headers)

    async def _export(self, request: Request) -> Response:
        id, form = request.path_params["id"], request.query_params["as"]
        await self.gateway.session(id)
        return StreamingResponse(self.gateway.export(id, form), media_type="text/plain")

    async def _steer(self, request: Request) -> Response:
        id, gateway, body = request.path_params["id"], self.gateway, await request.body()
        match request.path_params["what"]:
            case "pause":
                found = await gateway.pause(id)
            case "resume":
                found = await gateway.resume(id)
            case "message":
                found = await gateway.message(id, Message.model_validate_json(body).text)
            case _:
                found = await gateway.end(id, EndSession.model_validate_json(body).reason)
        return JSONResponse(found.model_dump(mode="json"))

    async def _end_person(self, request: Request) -> Response:
        reason = EndPerson.model_validate_json(await request.body()).reason
        answer = await self.gateway.end_person(request.path_params["name"], reason)
        return JSONResponse(answer.model_dump(mode="json"))

    async def _feed(self, _: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            async for event in self.gateway.feed():
                yield f"data: {event.model_dump_json()}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")


def problem(status: int, sentence: str) -> Response:
    body = Problem(title="no", status=status, detail=sentence).model_dump_json()
    return Response(body, status_code=status, media_type="application/problem+json")


@pytest.fixture
def http_double() -> Iterator[HttpDouble]:
    double = HttpDouble()
    yield double
    double.close()


@pytest.fixture
async def gateway_client(http_double: HttpDouble) -> AsyncIterator[HttpGateway]:
    client = HttpGateway(http_double.url, Token(TOKEN))
    yield client
    await client.close()


@pytest.fixture
def sign_in_double() -> Iterator[SignInDouble]:
    double = SignInDouble()
    yield double
    double.close()


class Program:
    """`hoop-tui` as a person runs it: a home of its own, no display, no terminal."""

    def __init__(self, home: Path, gateway: str) -> None:
        self.home, self.config = home, home / ".config" / "hoop"
        home.mkdir(exist_ok=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HOOP_GATEWAY": gateway,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def __call__(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """In this process, which is quicker; not for what becomes another program."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        code: object = None
        with (
            mock.patch.dict(os.environ, self.environ | environ, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(list(words))
            except SystemExit as left:
                code = left.code
        said, talk = (stream.buffer.getvalue().decode() for stream in (out, err))
        assert isinstance(code, int)
        return subprocess.CompletedProcess(words, code, said, talk)

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """In a process of its own."""
        return subprocess.run(
            [str(BIN / "hoop-tui"), *words],
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.home,
        )

    def start(self, *words: str, **environ: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(BIN / "hoop-tui"), *words],
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            # Tests that are run in the background ignore Ctrl-C, and their children would, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )


@pytest.fixture
def program(sign_in_double: SignInDouble, tmp_path: Path) -> Program:
    return Program(tmp_path / "home", sign_in_double.url)


@pytest.fixture
def agent_socket(tmp_path: Path) -> Iterator[str]:
    """A real ssh-agent, empty."""
    path = tmp_path / "agent"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert "SSH_AUTH_SOCK" in process.stdout.readline()
    yield str(path)
    process.terminate()
    process.communicate(timeout=30)
