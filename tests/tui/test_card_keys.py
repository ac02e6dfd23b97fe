"""Keys on a card that look, the tick box that watches afterwards, and the list of what was decided."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from gateway.api.schema import CardWhy, MatchedSpan, RequestCard, SaidYesOrNo
from hoop_tui import text_diff
from hoop_tui.approval_shots import approvals, approvals_at
from hoop_tui.card_lines import card_lines
from hoop_tui.demo import NOW, demo_gateway
from hoop_tui.demo_requests import card
from hoop_tui.diff_lines import diff_lines
from hoop_tui.scenery import Scenery
from hoop_tui.screens import card_keys
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.diff import DiffScreen
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.widgets.lines_view import TextLine
from hoop_tui.widgets.tick_box import TickBox
from tests.tui.conftest import OpenedApp, words
from tests.tui.test_approvals_screen import asked, choose, decided, dialog, said, screen_of

HOSTILE = "DROP TABLE a; \x1b]0;owned\x07\x1b[2J\u202eelbat [/1] [bold]x[/bold]"


def plain(lines: list[TextLine]) -> list[str]:
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def has_said(scenery: Scenery, times: int) -> bool:
    return len(said(scenery)) >= times


async def test_the_card_has_all_of_its_lines(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await approvals(scenery)
        shown = "\n".join(plain(list(screen_of(scenery)._view.lines)))
    assert "policy rev 42 (27baed94ad31)" in shown
    assert "https://tracker.example.com/browse/OPS-4412" in shown
    assert "alice@example.com opened this request" in shown
    assert "alice@example.com is still connected" in shown
    assert "alice@example.com: 41 approved, 1 denied" in shown
    (marked,) = [line for line in shown.split("\n") if line.endswith("<- matched")]
    assert marked.startswith(" 3  DROP TABLE payments_old CASCADE;") or "DROP TABLE" in marked


def test_what_matched_is_underlined_wherever_it_stands() -> None:
    text = "select 1;\n" + "x" * 200 + " drop\nlast"
    shown = card("AAA-AAAA", "a@b", "t", text, NOW)
    spans = [MatchedSpan(offset=text.index(word), length=len(word)) for word in ("1", "drop\nla")]
    shown = shown.model_copy(update={"statement": shown.statement.model_copy(update={"matched": spans})})
    for width in (20, 40, 120):
        lines = list(card_lines(shown, width).lines)
        under = "".join(piece.text for line in lines for piece in line if "underline" in piece.style.split())
        assert under == "1dropla"
        assert sum("<- matched" in line for line in plain(lines)) == 2


async def test_the_difference_from_the_last_that_was_approved(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await scenery.press("d")
        await scenery.until(lambda: isinstance(scenery.app.screen, DiffScreen))
        await scenery.pilot.pause()
        shown = words(scenery.app)
        assert "- -- clean-up agreed in OPS-4100" in shown
        assert "+ -- clean-up agreed in OPS-4412" in shown
        assert "G2X-8WNA  alice@example.com  approved by carol@example.com" in shown
        await scenery.press("escape")
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        assert decided(gateway) == []


async def test_a_difference_that_there_is_not_says_so(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        del gateway.requests.cards["G2X-8WNA"]
        await approvals(scenery)
        await scenery.press("d")
        await scenery.until(lambda: bool(said(scenery)))
        assert said(scenery) == ["The last one of the same shape, G2X-8WNA, is not for you to see."]
        now = screen_of(scenery).card
        assert now is not None
        assert now.past.shape is not None
        for shape in (now.past.shape.model_copy(update={"last_approved": ""}), None):
            gateway.requests.change("7QF-2KM4", past=now.past.model_copy(update={"shape": shape}))
            gateway.hint("approval", "7QF-2KM4")
            await scenery.until(lambda: screen_of(scenery).card == gateway.requests.cards["7QF-2KM4"])
            await scenery.press("d")
            await scenery.pilot.pause()
        assert said(scenery)[1].startswith("Nothing of the same shape was ever approved")
        assert said(scenery)[2].startswith("What others have asked for is not shown to you")


async def test_the_ticket(open_app: OpenedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(card_keys, "open_page", opened.append)
    monkeypatch.setattr(card_keys, "has_browser", lambda environ: True)
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await scenery.press("o")
        assert opened == ["https://tracker.example.com/browse/OPS-4412"]
        assert said(scenery) == ["Copied: https://tracker.example.com/browse/OPS-4412"]
        for why in (
            CardWhy(ticket="X-1"),
            CardWhy(),
            CardWhy(ticket="X-1", ticket_url="javascript:alert(1)"),
        ):
            gateway.requests.change("7QF-2KM4", why=why)
            gateway.hint("approval", "7QF-2KM4")
            await scenery.until(lambda: screen_of(scenery).card == gateway.requests.cards["7QF-2KM4"])
            await scenery.press("o")
        assert len(opened) == 1
        assert said(scenery)[1:] == [
            "The gateway does not know where tickets are: approvals.ticket_url says so.",
            "alice@example.com has given no ticket: ask with c.",
            "The gateway does not know where tickets are: approvals.ticket_url says so.",
        ]


async def test_the_sessions_of_whoever_asks(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await approvals(scenery)
        await scenery.press("u")
        await scenery.until(lambda: isinstance(scenery.app.screen, SessionsScreen))
        screen = scenery.app.screen
        assert isinstance(screen, SessionsScreen)
        assert str(screen.filter) == "user:alice@example.com"
        assert "filter user:alice@example.com" in words(scenery.app)


async def test_every_key_without_a_request_says_why(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        gateway.requests.cards.clear()
        await scenery.sessions()
        await scenery.press("f2")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        await scenery.until(lambda: screen_of(scenery).answered)
        keys = ("d", "o", "u", "p", "v", "y", "L", "space", "a", "x", "c", "C", "W", "X")
        for number, key in enumerate(keys, 1):
            await scenery.press(key)
            await scenery.until(partial(has_said, scenery, number))
        assert decided(gateway) == []


async def test_watch_afterwards(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        opened = await dialog(scenery)
        opened.query_one("#watch", TickBox).action_tick()
        await choose(scenery, "yes")
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen))
        assert scenery.app.last_replay is not None
        assert scenery.app.last_replay.session == "s-5ZR2M8WC"
        assert decided(gateway) == ["approve K4T-9XA2 once"]


async def test_what_somebody_else_has_to_grant_too_is_not_watched_yet(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        asked(gateway, "delete from a", needed=2)
        await approvals_at(scenery, "AAA-AAAA")
        opened = await dialog(scenery)
        opened.query_one("#watch", TickBox).action_tick()
        await choose(scenery, "yes")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert "waits for others still" in said(scenery)[-1]


async def test_what_was_decided_comes_by_pages(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    yes = SaidYesOrNo(by="carol@example.com", granted=True, at=NOW)
    made = [
        card(f"{n:03d}-AAAA", "dave@example.com", "appdb", f"delete {n}", NOW - timedelta(days=1, seconds=n),
             left=0, state="approved", decisions=[yes])
        for n in range(450)
    ]  # fmt: skip
    async with open_app(gateway) as scenery:
        gateway.requests.cards |= {each.id: each for each in made}
        await approvals(scenery)
        await scenery.press("F", "F")
        await scenery.until(lambda: "Decided 200+" in words(scenery.app))
        assert "page decided" in gateway.requests.said
        await scenery.press("G")
        await scenery.until(lambda: "Decided 400+" in words(scenery.app))
        await scenery.press("G")
        await scenery.until(lambda: "Decided 451" in words(scenery.app))
        screen = scenery.app.screen
        await scenery.until(lambda: isinstance(screen, ApprovalsScreen) and screen.card is not None)
        await scenery.press("a")
        await scenery.until(lambda: bool(said(scenery)))
        assert said(scenery)[-1].endswith("is approved already.")


def test_a_difference_in_words() -> None:
    lines = text_diff.compared("a\ndrop table x cascade;\nb", "a\ndrop table y;\nb\nc")
    assert [(line.sign, line.text) for line in lines] == [
        (" ", "a"),
        ("-", "drop table x cascade;"),
        ("+", "drop table y;"),
        (" ", "b"),
        ("+", "c"),
    ]
    assert [text for text, is_new in lines[1].parts if is_new] == ["x cascade"]
    assert [text for text, is_new in lines[2].parts if is_new] == ["y"]


def test_nothing_of_either_text_is_left_out_of_a_difference_or_acted_upon() -> None:
    before, after = "same\n" + HOSTILE, "same\n" + HOSTILE.replace("a;", "b;") + "z" * 300
    for width in (20, 40, 90):
        rows = plain(list(diff_lines(before, after, width)))
        assert "".join(row[2:] for row in rows if row[0] in "- ")[:4] == "same"
        gone = [line for line in text_diff.compared(before, after) if line.sign != "+"]
        assert "\n".join(line.text for line in gone) == before
        come = [line for line in text_diff.compared(before, after) if line.sign != "-"]
        assert "\n".join(line.text for line in come) == after
    assert plain(list(diff_lines("a", "a", 50)))[0] == "It is the very same text."
    assert "too long" in plain(list(diff_lines("a" * 70_000, "b", 50)))[0]
    assert "too long" in plain(list(diff_lines("\n" * 3000, "b", 50)))[0]


async def test_a_hostile_difference_does_nothing_to_the_screen(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        before = gateway.requests.cards["G2X-8WNA"]
        statement = before.statement.model_copy(update={"text": HOSTILE})
        gateway.requests.change("G2X-8WNA", statement=statement)
        await approvals(scenery)
        await scenery.press("d")
        await scenery.until(lambda: isinstance(scenery.app.screen, DiffScreen))
        await scenery.pilot.pause()
        shown = words(scenery.app)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "<U+001B>]0;owned<U+0007>" in shown
        assert "[bold]x[/bold]" in shown


@pytest.mark.parametrize("turns", [10, 13, 16])
async def test_a_box_that_has_been_left_looks_at_nothing_any_more(open_app: OpenedApp, turns: int) -> None:
    """It has asked what became of its request, and is being taken apart when the answer comes."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        await scenery.press("a")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApproveDialog))
        look, asked, may_answer = gateway.requests.card, asyncio.Event(), asyncio.Event()

        async def late(id: str) -> RequestCard:
            asked.set()
            await may_answer.wait()
            return await look(id)

        gateway.requests.card = late  # type: ignore[method-assign]
        gateway.requests.change("K4T-9XA2", claimed_by="carol@example.com")
        gateway.hint("approval", "K4T-9XA2")
        await scenery.until(asked.is_set)
        scenery.app.pop_screen()  # as the box does that has decided
        for _ in range(turns):
            await asyncio.sleep(0)
        may_answer.set()
        await scenery.pilot.pause(0.2)
        assert scenery.app.mistake is None
        assert scenery.app.is_running
