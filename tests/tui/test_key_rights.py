"""Every key, pressed: it asks of the gateway what the table of roles says, and nothing else."""

import runpy
from pathlib import Path

import pytest

from hoop_tui.approval_shots import approvals
from hoop_tui.demo import demo_gateway
from hoop_tui.keymap import KEYS, Key
from tests.tui.conftest import OpenedApp

TABLE = Path(__file__).parents[1] / "api" / "role_table.py"
ASKS = {
    (row.place, name): set(row.asks) for row in runpy.run_path(str(TABLE))["read_keys"]() for name in row.keys
}
ACTIONS = {
    "me": "be told who you are",
    "feed": "follow the feed",
    "sessions": "list sessions",
    "session": "see a session",
    "recording": "see a recording",
    "frames": "see a recording",
    "export": "export a recording",
    "pause": "pause, resume or message a session",
    "resume": "pause, resume or message a session",
    "message": "pause, resume or message a session",
    "end": "end a session",
}
"""What `FakeGateway` was asked, as the table calls it."""


def asks(key: Key) -> set[str]:
    return ASKS[key.place, key.action.partition("(")[0]]


def request_actions(said: list[str]) -> set[str]:
    """What `FakeRequests` was asked, as the table calls it."""
    known = {"page": "list requests", "card": "see a request", "impact": "ask what a request would do"}
    return {known.get(word.split()[0], "decide about a request") for word in said}


def actions(asked: list[str]) -> set[str]:
    return {ACTIONS[question.split()[0]] for question in asked}


IN_LISTS = [
    key
    for key in KEYS
    if key.place in ("sessions", "lists", "everywhere", "steering") and key.action != "app.leave"
]
IN_APPROVALS = [key for key in KEYS if key.place == "approvals"]
IN_REPLAYS = [key for key in KEYS if key.place == "replay"]


@pytest.mark.parametrize("key", IN_LISTS, ids=lambda key: f"{key.place}-{key.shown}")
async def test_a_key_of_the_list(open_app: OpenedApp, key: Key) -> None:
    """The preview asks by itself for the recording of the row that is chosen."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.until(lambda: any(question.startswith("frames") for question in gateway.asked))
        gateway.asked.clear()
        await scenery.press(key.keys.split(",")[0])
        await scenery.pilot.pause()
        assert actions(gateway.asked) - {"see a recording"} <= asks(key)


@pytest.mark.parametrize("key", IN_APPROVALS, ids=lambda key: key.shown)
async def test_a_key_of_the_queue(open_app: OpenedApp, key: Key) -> None:
    """The list and the card are asked for by themselves."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        gateway.asked.clear()
        gateway.requests.said.clear()
        await scenery.press(key.keys.split(",")[0])
        await scenery.pilot.pause()
        asked = actions(gateway.asked) | request_actions(gateway.requests.said)
        assert asked - {"list requests", "see a request"} <= asks(key)


async def test_the_keys_of_the_replay(open_app: OpenedApp) -> None:
    """What is shown has been fetched: only the key that says so asks for more, once somebody has confirmed."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.replay("s-2B8CK4TQ", 1_000_000)
        for key in IN_REPLAYS:
            gateway.asked.clear()
            await scenery.press(key.keys.split(",")[0])
            await scenery.pilot.pause()
            assert actions(gateway.asked) <= asks(key), key
            if key.writes or key.action == "export":
                await scenery.press("escape")
                await scenery.pilot.pause()
