"""From what happens to what arrives: real approvals, a real ledger, a real receiver. What can go wrong on the way."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.errors import Denied
from gateway.core.events import OperationNoted
from gateway.core.notices import Posted
from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Glass
from gateway.notify.herald import Herald, Knowing
from gateway.notify.http import Poster
from gateway.notify.messenger import LAST_PAUSE, Messenger, pause_after
from gateway.notify.routes import Route
from gateway.notify.webhook import Webhook
from gateway.store.ledger import SqlLedger
from tests.notify.receivers import SECRET, Http, fetch, hangs, http, notice, plainly
from tests.session.asked import JumpyClock, Scene, Town, gone, person
from tests.session.conftest import Room, hold, room, run  # noqa: F401 - a fixture

PATIENCE = 20.0
ALICE = person("alice", "dev", "oncall")
BOB, CAROL = person("bob", "dba"), person("carol", "dba")
HOLD = replace(hold(60), risk="high")
ALL = Route("oncall", ("approval.*", "review.*", "break_glass", "alert.*"))


@pytest.fixture
def clock() -> JumpyClock:
    return JumpyClock()


@pytest.fixture
def scene(room: Room, clock: JumpyClock) -> Scene:  # noqa: F811 - the fixture
    return Scene(room, Town(ALICE, BOB, CAROL), clock)


def messenger(
    ledger: SqlLedger, clock: JumpyClock, server: Http, owner: str = "home", **more: Any
) -> Messenger:
    hook = Webhook(Poster(fetch(server.url), more.pop("timeout", 5)), [fetch(SECRET)], clock)
    known: dict[str, Any] = {"lease": 30.0, "give_up": timedelta(hours=1), "round": 0.05}
    return Messenger("oncall", hook, ledger, clock, owner=owner, **(known | more))


def herald(scene: Scene, wake: Callable[[], None], *routes: Route, risk: str = "high") -> Herald:
    knowing = Knowing(
        lambda: routes or (ALL,), lambda text: text.replace("hunter2", "***"), lambda rule: risk
    )
    return Herald(scene.room.ledger, scene.room.bus, scene.clock, "gw", knowing, wake)


@asynccontextmanager
async def told(scene: Scene, server: Http, *routes: Route, **more: Any) -> AsyncIterator[Messenger]:
    """Notices go out while this is open."""
    sends = messenger(scene.room.ledger, scene.clock, server, **more)
    tells = herald(scene, sends.wake, *routes)
    await tells.look()
    tells.start()
    sends.start()
    try:
        yield sends
    finally:
        await tells.stop()
        await sends.stop()


def bodies(server: Http) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in server.got]


async def events(scene: Scene) -> list[tuple[str, Any]]:
    found = await scene.room.ledger.entries(limit=1000)
    return [(each.name, each.body) for each in found if each.name.startswith("notice.")]


async def until(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def test_opened_and_decided(scene: Scene) -> None:
    async with http() as server, told(scene, server):
        task, request = await scene.held(HOLD, run("echo hunter2"), await scene.gate(ALICE))
        await server.comes(1)
        await scene.grant(request, BOB)
        await task
        await server.comes(2)
        await until(lambda: _count(scene, "notice.sent", 2))
    first, second = bodies(server)
    assert (first["event"], first["id"], first["request"]) == (
        "approval.opened",
        f"{request.id}-opened",
        request.id,
    )
    assert (first["person"], first["target"], first["verb"]) == ("alice@example.com", "web-1", "exec")
    assert (first["rule"], first["risk"], first["statement"]) == ("ask-first", "high", "")
    assert (second["event"], second["state"], second["by"]) == (
        "approval.decided",
        "approved",
        "bob@example.com",
    )
    assert second["request"] == first["request"]
    assert "hunter2" not in str(bodies(server))


async def _count(scene: Scene, name: str, count: int) -> bool:
    return len([each for each, _ in await events(scene) if each == name]) >= count


async def test_of_several_only_the_last_word_is_the_decision(scene: Scene) -> None:
    async with http() as server, told(scene, server):
        task, request = await scene.held(replace(HOLD, count=2), gate=await scene.gate(ALICE))
        await scene.grant(request, BOB)
        await server.comes(1)
        await scene.grant(request, CAROL)
        await task
        await server.comes(2)
        await asyncio.sleep(0.3)
    assert [each["event"] for each in bodies(server)] == ["approval.opened", "approval.decided"]
    assert bodies(server)[1]["by"] == "carol@example.com"


async def test_expired_withdrawn_and_denied(scene: Scene) -> None:
    async with http() as server, told(scene, server):
        task, _ = await scene.held(
            replace(HOLD, timeout=timedelta(seconds=0.3)), gate=await scene.gate(ALICE)
        )
        with pytest.raises(Denied):
            await task
        await server.comes(2)
        task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await server.comes(3)
        await gone(task)
        await server.comes(4)
        task, request = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await scene.approvals.settle(request.id, BOB, False, request.sha256, "not today")
        with pytest.raises(Denied):
            await task
        await server.comes(6)
        await asyncio.sleep(0.3)
    shown = [(each["event"], each["state"]) for each in bodies(server)]
    assert shown[1::2] == [
        ("approval.expired", "expired"),
        ("approval.withdrawn", "withdrawn"),
        ("approval.decided", "denied"),
    ]
    assert len(shown) == 6
    assert "not today" not in str(bodies(server))


async def test_a_broken_glass_is_one_notice_and_its_review_another(scene: Scene) -> None:
    glass = replace(HOLD, break_glass=Glass(frozenset({"oncall"}), timedelta(hours=2)), risk="")
    only = Route("oncall", ("alert.*", "break_glass", "review.*"), min_risk="critical")
    signed = Route("oncall", ("review.signed",))
    async with http() as server, told(scene, server, only, signed):
        task, request = await scene.held(glass, gate=await scene.gate(ALICE))
        await scene.approvals.break_glass(request.id, ALICE, request.sha256, "down", version=request.version)
        await task
        await scene.approvals.sign(request.id, BOB, "ok", "it was")
        await server.comes(2)
        await asyncio.sleep(0.3)
    first, second = bodies(server)
    assert (first["event"], first["risk"]) == ("break_glass", "critical")
    assert "a review is open" in first["title"]
    assert (second["event"], second["state"], second["by"]) == ("review.signed", "ok", "bob@example.com")


async def test_no_words_of_anybody_unless_they_are_to_be_sent(scene: Scene) -> None:
    """Neither what was typed, nor what anybody has said of it, in whatever becomes of it."""
    glass = replace(HOLD, break_glass=Glass(frozenset({"oncall"}), timedelta(hours=2)))
    async with http() as server, told(scene, server, Route("oncall", ("*",))):
        for word in (True, False):
            task, request = await scene.held(glass, run("echo hunter2"), await scene.gate(ALICE))
            at = request.version
            await scene.approvals.settle(request.id, BOB, word, request.sha256, "hunter2", version=at)
            await asyncio.gather(task, return_exceptions=True)
        task, request = await scene.held(glass, run("echo hunter2"), await scene.gate(ALICE))
        await scene.approvals.break_glass(
            request.id, ALICE, request.sha256, "hunter2", version=request.version
        )
        await task
        await scene.approvals.sign(request.id, BOB, "not-ok", "hunter2")
        gate = await scene.gate(ALICE)
        said = OperationNoted(verb="exec", text="hunter2", sha256="0" * 64, revision="r", alerts=["watch"])
        await gate.report(said)
        await server.comes(8)
    assert {each["event"] for each in bodies(server)} == {
        *("approval.opened", "approval.decided", "break_glass", "review.signed", "alert.critical"),
    }
    assert b"hunter2" not in b"".join(each.body for each in server.got)


async def test_alerts_of_one_kind_once_a_minute(scene: Scene) -> None:
    gate = await scene.gate(ALICE)
    async with http() as server, told(scene, server):
        for rule in ("watch", "watch", "other"):
            await gate.report(
                OperationNoted(verb="exec", text="x", sha256="0" * 64, revision="r", alerts=[rule])
            )
        await gate.report(
            OperationNoted(verb="exec", text="x", sha256="0" * 64, revision="r", observed=["a would have"])
        )
        await server.comes(2)
        await asyncio.sleep(0.4)
    found = {(each["event"], each["rule"], each["target"], each["person"]) for each in bodies(server)}
    assert found == {("alert.high", name, "web-1", "alice@example.com") for name in ("watch", "other")}


async def test_the_statement_only_for_whom_it_is_meant_masked_and_cut(scene: Scene) -> None:
    routes = (replace(ALL, statement=True),)
    text = "mysql -phunter2 " + "x" * 100_000
    operation = Operation("exec", text, frozenset({Effect.RUN}), details={"command": text})
    async with http() as server, told(scene, server, *routes):
        task, _ = await scene.held(HOLD, operation, await scene.gate(ALICE))
        await server.comes(1)
        await gone(task)
    statement = bodies(server)[0]["statement"]
    assert statement.startswith("mysql -p*** x")
    assert len(statement) == 200


@pytest.mark.parametrize(
    ("route", "arrives"),
    [
        (Route("oncall", ("approval.opened",), min_risk="high"), True),
        (Route("oncall", ("approval.opened",), min_risk="critical"), False),
        (Route("oncall", ("approval.decided",)), False),
        (Route("oncall", ("approval.*",), targets=("web-*", "db")), True),
        (Route("oncall", ("approval.*",), targets=("db-*",)), False),
        (Route("oncall", ("approval.*",), labels={"env": "prod"}), False),
    ],
)
async def test_who_is_sent_what(scene: Scene, route: Route, arrives: bool) -> None:
    async with http() as server, told(scene, server, route):
        task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await (server.comes(1) if arrives else asyncio.sleep(0.5))
        assert bool(server.got) == arrives
        await gone(task)


async def test_a_hold_works_while_every_receiver_is_down(scene: Scene) -> None:
    """One hangs for as long as it may; whoever is held and decides notices nothing."""
    async with http(hangs) as server, told(scene, server, timeout=20):
        for _ in range(5):
            began = time.monotonic()
            task, request = await scene.held(HOLD, gate=await scene.gate(ALICE))
            await scene.grant(request, BOB)
            assert (await task).request == request.id
            assert time.monotonic() - began < 5
        assert len(await server.comes(1)) == 1
        assert (await scene.room.ledger.notices_waiting()).waiting["oncall"] >= 1


async def test_what_was_not_taken_is_tried_again_and_said_once(scene: Scene) -> None:
    async with http(plainly(500), plainly(503), plainly(200)) as server, told(scene, server):
        task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await server.comes(3)
        await until(lambda: _count(scene, "notice.sent", 1))
        await gone(task)
    assert len({each["id"] for each in bodies(server)[:3]}) == 1
    found = await events(scene)
    assert (found[0][0], found[0][1]["attempts"]) == ("notice.sent", 3)


async def test_a_receiver_that_asks_for_rest_gets_it(scene: Scene) -> None:
    async with http(plainly(429, Retry_After="2"), plainly()) as server, told(scene, server):
        task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await server.comes(1)
        began = time.monotonic()
        await server.comes(2)
        assert time.monotonic() - began > 1.8
        await gone(task)


async def test_in_the_end_it_is_given_up_and_the_ledger_says_so(scene: Scene, clock: JumpyClock) -> None:
    async with http(plainly(500)) as server, told(scene, server):
        task, request = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await server.comes(1)
        clock.passed += timedelta(minutes=1)  # it is held no longer
        with pytest.raises(Denied):
            await task
        ledger = scene.room.ledger
        ledger._now = clock.now
        clock.passed += timedelta(hours=2)
        await until(lambda: _count(scene, "notice.failed", 1))
        assert (await ledger.notices_waiting()).failed["oncall"] >= 1
    name, body = (await events(scene))[0]
    assert name == "notice.failed"
    assert body["request"] == request.id
    assert body["why"] == "it was not taken in time: it answered with status 500"


async def test_what_a_receiver_will_never_take_is_given_up_at_once(scene: Scene) -> None:
    async with http(plainly(400, b"invalid_blocks"), plainly()) as server, told(scene, server):
        task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
        await until(lambda: _count(scene, "notice.failed", 1))
        await gone(task)
        await server.comes(2)  # and others go on
    _, body = (await events(scene))[0]
    assert (body["why"], body["attempts"]) == ("it answered with status 400", 1)


async def test_what_happened_while_nobody_told_it_is_told_afterwards(scene: Scene) -> None:
    """The herald has stopped; an hour is not over, so it is not too late."""
    async with http() as server:
        async with told(scene, server):
            pass
        task, request = await scene.held(HOLD, gate=await scene.gate(ALICE))
        async with told(scene, server):
            await server.comes(1)
        await gone(task)
        assert bodies(server)[0]["request"] == request.id
        scene.clock.jumped += timedelta(hours=3)
        async with told(scene, server):
            await asyncio.sleep(0.3)
        assert len(server.got) == 1  # that it was withdrawn is no news any more


async def test_nothing_from_before_the_first_receiver_is_told(scene: Scene) -> None:
    task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
    async with http() as server, told(scene, server):
        await asyncio.sleep(0.3)
        assert server.got == []
    await gone(task)


async def test_two_gateways_tell_it_once(scene: Scene) -> None:
    """Two heralds and two messengers on one ledger."""
    async with http() as server, told(scene, server, owner="east"), told(scene, server, owner="west"):
        tasks = []
        for _ in range(10):
            task, _ = await scene.held(HOLD, gate=await scene.gate(ALICE))
            tasks.append(task)
        await server.comes(10)
        await asyncio.sleep(0.5)
        assert len({each["id"] for each in bodies(server)}) == len(server.got) == 10
        for task in tasks:
            await gone(task)


async def test_one_that_was_killed_while_it_sent(scene: Scene) -> None:
    """It comes twice, under one id: at least once is what is promised."""
    ledger = scene.room.ledger
    await ledger.post(None, 0, [Posted("oncall", 1, notice())])
    async with http(hangs, plainly()) as server:
        first = messenger(ledger, scene.clock, server, owner="home", timeout=20)
        first.start()
        await server.comes(1)
        await first.stop()
        assert await ledger.claim("oncall", "other:1", 1) is None  # its lease goes on
        await ledger.release("home")  # which the next start of it ends
        second = messenger(ledger, scene.clock, server, owner="home")
        second.start()
        await server.comes(2)
        await until(lambda: _count(scene, "notice.sent", 1))
        await second.stop()
    ids = [each.headers["hoop-notice"] for each in server.got]
    assert ids == ["7QF-2KM-opened"] * 2


async def test_a_notice_that_can_not_be_handled_keeps_back_no_other(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaks:
        kind = "webhook"

        def __init__(self, inner: Webhook) -> None:
            self.inner = inner

        async def send(self, told: Any) -> str:
            if told.id == "bad":
                raise ZeroDivisionError
            return await self.inner.send(told)

        async def close(self) -> None:
            await self.inner.close()

    ledger = scene.room.ledger
    good, bad = notice(), notice(id="bad", request="bad")
    await ledger.post(None, 0, [Posted("oncall", 1, bad), Posted("oncall", 2, good)])
    async with http() as server:
        inner = Webhook(Poster(fetch(server.url), 5), [fetch(SECRET)], scene.clock)
        sends = Messenger(
            "oncall",
            Breaks(inner),
            ledger,
            scene.clock,
            owner="home",
            lease=30,
            give_up=timedelta(hours=1),
            round=0.05,
        )
        sends.start()
        await server.comes(1)
        await sends.stop()
    assert "could not be handled" in caplog.text


def test_pauses_grow_and_are_never_the_same_for_all() -> None:
    for attempt in range(1, 50):
        least, most = pause_after(attempt, lambda: 0.0), pause_after(attempt, lambda: 1.0)
        assert least >= 0.5
        assert most == 2 * least <= LAST_PAUSE
    assert pause_after(10_000, lambda: 1.0) == LAST_PAUSE
