"""What is kept of secrets, and how long: one question for many, rotation, outages, and nothing beyond its time."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.cached import CachedSecrets
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere
from tests.secrets.conftest import CANARY, fault_of
from tests.secrets.vault_double import Watch

ONE, OTHER = {"vault": "kv/one#f"}, {"vault": "kv/other#f"}


class Source:
    """Somewhere that secrets are fetched from, one question at a time if a test says so."""

    def __init__(self) -> None:
        self.value = "first"
        self.wrong: Fault | None = None
        self.asked: list[Mapping[str, Any]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        self.asked.append(reference)
        value, wrong = self.value, self.wrong
        await self.go_on.wait()
        if wrong is not None:
            raise wrong
        return Secret(value)

    async def was_asked(self, times: int) -> None:
        while len(self.asked) < times:
            await asyncio.sleep(0)

    def forget(self, reference: Mapping[str, Any]) -> None:
        raise AssertionError("it keeps nothing")


class Desk:
    def __init__(self, watch: Watch, seconds: float = 30.0) -> None:
        self.source = Source()
        self.watch = watch
        self.cached = CachedSecrets(self.source, seconds=seconds, now=watch)

    async def get(self, reference: Mapping[str, Any] = ONE) -> str:
        return (await self.cached.fetch(reference)).expose().decode()

    def values(self) -> list[Secret | None]:
        """What is kept now."""
        return [place.value for place in self.cached._places.values()]


@pytest.fixture
def desk(watch: Watch) -> Desk:
    return Desk(watch)


async def test_it_is_asked_again_when_the_time_is_over(desk: Desk, watch: Watch) -> None:
    assert await desk.get() == "first"
    desk.source.value = "second"
    watch.time += 29.9
    assert await desk.get() == "first"
    watch.time += 0.1
    assert await desk.get() == "second"
    assert len(desk.source.asked) == 2


async def test_many_at_once_ask_once(desk: Desk) -> None:
    desk.source.go_on.clear()
    asking = [asyncio.create_task(desk.get()) for _ in range(50)]
    other = asyncio.create_task(desk.get(OTHER))
    await desk.source.was_asked(2)
    for task in asking[:20]:
        task.cancel()
    desk.source.go_on.set()
    assert await asyncio.gather(*asking[20:], other) == ["first"] * 31
    assert desk.source.asked == [ONE, OTHER]


async def test_whoever_asked_first_may_go_away(desk: Desk) -> None:
    desk.source.go_on.clear()
    first = asyncio.create_task(desk.get())
    await desk.source.was_asked(1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    desk.source.go_on.set()
    assert await desk.get() == "first"
    assert len(desk.source.asked) == 1


async def test_after_a_target_has_refused_it_comes_afresh(desk: Desk, watch: Watch) -> None:
    await desk.get()
    desk.source.value = "rotated"
    watch.time += 2
    desk.cached.forget(ONE)
    desk.cached.forget(OTHER)
    assert await desk.get() == "rotated"
    assert await desk.get() == "rotated"
    assert len(desk.source.asked) == 2


async def test_a_question_from_before_is_not_kept(desk: Desk, watch: Watch) -> None:
    """It may have been answered before the change that made the target refuse."""
    desk.source.go_on.clear()
    early = asyncio.create_task(desk.get())
    await desk.source.was_asked(1)
    desk.source.value = "rotated"
    watch.time += 2
    desk.cached.forget(ONE)
    late = asyncio.create_task(desk.get())
    await desk.source.was_asked(2)
    desk.source.go_on.set()
    assert (await early, await late) == ("first", "rotated")
    assert await desk.get() == "rotated"


async def test_refusals_in_a_row_ask_once_a_second(desk: Desk, watch: Watch) -> None:
    await desk.get()
    loop = asyncio.get_running_loop()
    began = loop.time()
    desk.cached.forget(ONE)
    assert await desk.get() == "first"
    assert loop.time() - began > 0.9


@pytest.mark.parametrize("kind", [Fault, NotAnswering, NotAllowed, NothingThere])
async def test_failures_are_not_kept_but_once_a_second_is_enough(
    desk: Desk, watch: Watch, kind: type[Fault]
) -> None:
    desk.source.wrong = kind("it can not be fetched")
    for _ in range(5):
        assert await fault_of(desk.get()) == "it can not be fetched"
    assert len(desk.source.asked) == 1
    watch.time += 1
    assert await fault_of(desk.get()) == "it can not be fetched"
    assert len(desk.source.asked) == 2
    desk.source.wrong = None
    watch.time += 1
    assert await desk.get() == "first"


async def test_many_hear_of_one_failure_each_with_an_exception_of_their_own(desk: Desk) -> None:
    desk.source.wrong = NotAllowed("no")
    found = await asyncio.gather(*[desk.get() for _ in range(9)], return_exceptions=True)
    assert {type(each) for each in found} == {NotAllowed}
    assert len({id(each) for each in found}) == 9
    assert len(desk.source.asked) == 1


async def test_an_outage_is_bridged_for_five_minutes_after_it_was_fetched(
    desk: Desk, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk.source.value = CANARY
    began = watch.time
    await desk.get()
    desk.source.wrong = NotAnswering("the vault is down")
    while watch.time < began + 298:
        watch.time += 2
        assert await desk.get() == CANARY
    watch.time = began + 300
    assert await fault_of(desk.get()) == "the vault is down"
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["the vault is down; what was fetched 30 seconds ago is used"]
    desk.source.wrong, desk.source.value = None, "second"
    watch.time += 1
    assert await desk.get() == "second"
    assert "a secret can be fetched again, after this: the vault is down" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("answer", [NotAllowed("no"), NothingThere("nothing"), Fault("sealed")])
async def test_an_answer_ends_the_bridge_at_once(desk: Desk, watch: Watch, answer: Fault) -> None:
    await desk.get()
    watch.time += 31
    desk.source.wrong = answer
    assert await fault_of(desk.get()) == answer.sentence
    watch.time += 2
    desk.source.wrong = NotAnswering("down")
    assert await fault_of(desk.get()) == "down"


async def test_what_a_target_has_refused_bridges_nothing(desk: Desk, watch: Watch) -> None:
    await desk.get()
    watch.time += 2
    desk.cached.forget(ONE)
    desk.source.wrong = NotAnswering("down")
    assert await fault_of(desk.get()) == "down"


async def test_with_no_time_nothing_is_kept(watch: Watch) -> None:
    desk = Desk(watch, 0)
    await desk.get()
    watch.time += 1
    desk.source.value = "second"
    assert await desk.get() == "second"
    watch.time += 1
    desk.source.wrong = NotAnswering("down")
    assert await fault_of(desk.get()) == "down"
    assert desk.values() == [None]


async def test_nobody_holds_it_when_its_time_is_over(
    desk: Desk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nobody asks any more: by a timer."""
    timers: list[tuple[float, Callable[[], None]]] = []
    loop = asyncio.get_running_loop()

    class Handle:
        def cancel(self) -> None:
            pass

    def call_later(delay: float, then: Callable[[], None]) -> Handle:
        timers.append((delay, then))
        return Handle()

    desk.source.value = "third"
    monkeypatch.setattr(loop, "call_later", call_later)
    await desk.cached.fetch(ONE)
    monkeypatch.undo()
    ((delay, then),) = timers
    assert delay == 300
    assert desk.values() == [Secret("third")]
    then()
    assert desk.values() == [None]


async def test_closed_it_holds_nothing_and_waits_for_nobody(desk: Desk) -> None:
    await desk.get(OTHER)
    places = list(desk.cached._places.values())
    desk.source.go_on.clear()
    asking = asyncio.create_task(desk.get())
    await desk.source.was_asked(2)
    await desk.cached.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert all(place.value is None for place in places)
