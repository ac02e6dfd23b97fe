"""`i` in the approvals screen: what a request would do, asked for on demand, and tried on purpose only."""

import asyncio

from gateway.api.schema import ImpactLine, ImpactTable, ImpactText, RequestImpact
from hoop_tui.approval_shots import approvals_at, impact
from hoop_tui.demo import demo_gateway
from hoop_tui.demo_requests import FakeRequests
from hoop_tui.errors import ServerSaid
from hoop_tui.impact_words import table_lines
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.impact import ImpactScreen
from tests.tui.conftest import OpenedApp, words
from tests.tui.test_approvals_screen import said

ID = "K4T-9XA2"


def asked(requests: FakeRequests) -> list[str]:
    return [word for word in requests.said if word.startswith("impact")]


async def test_nothing_is_asked_before_the_key_and_nothing_tried_before_it_was_pressed_twice(
    open_app: OpenedApp,
) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, ID)
        assert asked(gateway.requests) == []
        await scenery.press("i")
        await scenery.until(lambda: "looked into" in words(scenery.app))
        assert asked(gateway.requests) == [f"impact {ID}"]
        shown = words(scenery.app)
        assert "looked into, not run: about 1,180 rows" in shown
        assert "no index is used: it goes through all of app.invoices" in shown
        assert "foreign key" in shown
        await scenery.press("D")
        assert "This runs the statement in a transaction that is always rolled back." in words(scenery.app)
        assert asked(gateway.requests) == [f"impact {ID}"]
        await scenery.press("D")
        await scenery.until(lambda: "tried and rolled back: 1,203 rows" in words(scenery.app))
        assert asked(gateway.requests) == [f"impact {ID}", f"impact {ID} dry-run"]
        assert "[masked:iban]" in words(scenery.app)
        await scenery.press("escape")
        assert isinstance(scenery.app.screen, ApprovalsScreen)


async def test_the_app_goes_on_while_the_target_takes_its_time(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    answer = asyncio.Event()
    at_once = gateway.requests.impact

    async def slow(id: str, *, dry_run: bool = False) -> RequestImpact:
        await answer.wait()
        return await at_once(id, dry_run=dry_run)

    gateway.requests.impact = slow  # type: ignore[method-assign]  # as slow as a target may be
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, ID)
        await scenery.press("i")
        await scenery.until(lambda: "Asking the target" in words(scenery.app))
        await scenery.press("D")
        assert said(scenery) == ["Wait for the answer first."]
        await scenery.press("escape")
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        await scenery.press("j")
        assert scenery.app.screen.chosen != ID
        answer.set()


async def test_what_is_not_offered_says_why(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    looked = gateway.requests.impacts[ID, False]
    why = "the trigger tell on app.invoices would run"
    gateway.requests.impacts[ID, False] = looked.model_copy(update={"no_dry_run": why})
    async with open_app(gateway) as scenery:
        await impact(scenery)
        assert f"A dry run is not offered: {why}." in words(scenery.app)
        await scenery.press("D", "D")
        assert said(scenery)[0] == f"It can not be tried: {why}."
        assert asked(gateway.requests) == [f"impact {ID}"]


async def test_a_refusal_and_trouble_are_said(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "7QF-2KM4")
        await scenery.press("i")
        await scenery.until(lambda: "its rules let nobody find out" in words(scenery.app))
        gateway.requests.failing = ServerSaid("too much is asked at once here", 429)
        await scenery.press("r")
        await scenery.until(lambda: "too much is asked at once here" in words(scenery.app))


async def test_what_a_target_says_is_harmless_on_the_screen(open_app: OpenedApp) -> None:
    evil = "\x1b]52;c;eA==\x07\u202egnp\x9b31m[bold]"
    gateway = demo_gateway()
    gateway.requests.impacts[ID, False] = RequestImpact(
        id=ID,
        lines=[ImpactLine(sign="+", text=evil)],
        tables=[ImpactTable(title=evil, columns=[evil, "b"], rows=[[evil, evil], ["x", ""]])],
        texts=[ImpactText(title=evil, text=f"{evil}\n{evil}")],
        no_dry_run=evil,
    )
    async with open_app(gateway) as scenery:
        await impact(scenery)
        shown = words(scenery.app)
        assert "<U+001B>" in shown
        assert "<U+202E>" in shown
        assert "[bold]" in shown
        assert not set("\x1b\x07\u202e\x9b") & set(shown)
        assert isinstance(scenery.app.screen, ImpactScreen)


def test_a_table_that_is_too_wide_is_shown_row_by_row() -> None:
    table = ImpactTable(title="before", columns=["id", "note"], rows=[["1", "x" * 30], ["2", "y"]])
    assert list(table_lines(table, 60)) == ["id  note", f"1   {'x' * 30}", "2   y"]
    assert list(table_lines(table, 20)) == [
        *("row 1", "  id    1", f"  note  {'x' * 30}"),
        *("row 2", "  id    2", "  note  y"),
    ]
