"""The approvals screen: what is decided is what was seen, all of it, as it is now, and on purpose."""

import os
from datetime import timedelta

import pytest
from textual.widgets import Input

from gateway.api.schema import RequestCard, SaidYesOrNo
from hoop_tui.approval_shots import approvals, approvals_at
from hoop_tui.demo import NOW, FakeGateway, demo_gateway
from hoop_tui.demo_requests import card
from hoop_tui.errors import ServerSaid, Unreachable
from hoop_tui.notices import desktop_notice, title
from hoop_tui.scenery import Scenery
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.comment import CommentDialog
from hoop_tui.screens.deny import DenyDialog
from hoop_tui.screens.replay import ReplayScreen
from hoop_tui.screens.sessions import SessionsScreen
from hoop_tui.widgets.card_view import CardView
from hoop_tui.widgets.choice import Choice
from tests.tui.conftest import OpenedApp, words


def screen_of(scenery: Scenery) -> ApprovalsScreen:
    screen = scenery.app.screen
    assert isinstance(screen, ApprovalsScreen)
    return screen


def said(scenery: Scenery) -> list[str]:
    return [notice.message for notice in scenery.app._notifications]


def seen(view: CardView) -> bool:
    return view.has_seen_all


def decided(gateway: FakeGateway) -> list[str]:
    return [word for word in gateway.requests.said if not word.startswith(("page", "card"))]


def asked(gateway: FakeGateway, text: str, id: str = "AAA-AAAA", **more: object) -> RequestCard:
    """One request, and no other."""
    made = card(id, "alice@example.com", "appdb", text, NOW, **more)  # type: ignore[arg-type]  # what `card` takes
    gateway.requests.cards = {id: made}
    return made


async def dialog(scenery: Scenery, key: str = "a") -> ApproveDialog:
    await scenery.press(key)
    await scenery.until(lambda: isinstance(scenery.app.screen, ApproveDialog))
    opened = scenery.app.screen
    assert isinstance(opened, ApproveDialog)
    await scenery.pilot.pause()
    return opened


async def choose(scenery: Scenery, id: str) -> None:
    scenery.app.screen.query_one(f"#{id}", Choice).focus()
    await scenery.pilot.pause()
    await scenery.press("enter")
    await scenery.pilot.pause()


async def test_what_ends_first_comes_first_and_ones_own_is_not_asked(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await approvals(scenery)
        shown = words(scenery.app)
        assert (
            shown.index("7QF-2KM4")
            < shown.index("K4T-9XA2")
            < shown.index("M2C-7PD3")
            < shown.index("R8V-1LE5")
        )
        assert "T5N-3QZ6" not in shown
        assert "[F2 Approvals 4]" in shown


async def test_a_yes_takes_two_keys_and_says_what_was_shown(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        await dialog(scenery)
        await scenery.press("enter")  # on Cancel
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == []
        await dialog(scenery)
        scenery.app.screen.query_one("#note", Input).value = "month close"
        await choose(scenery, "yes")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == ["approve K4T-9XA2 once month close"]
        assert "K4T-9XA2 is approved." in said(scenery)


async def test_one_button_is_pointed_at_and_a_blank_presses_none(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        await dialog(scenery)
        for at in ("Cancel  Esc", "Deny..", "Approve 2 of 2"):
            shown = words(scenery.app)
            assert shown.count("> [") == 1
            assert f"> [ {at} ]" in shown
            await scenery.press("space")
            assert isinstance(scenery.app.screen, ApproveDialog)
            await scenery.press("tab")
            await scenery.pilot.pause()
        assert decided(gateway) == []


async def test_a_great_risk_takes_the_name_of_the_target(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        opened = await dialog(scenery)
        await choose(scenery, "yes")
        assert decided(gateway) == []
        assert "Type the name of the target first" in words(scenery.app)
        opened.query_one("#name", Input).value = "appdb-stage"
        await choose(scenery, "yes")
        assert decided(gateway) == []
        opened.query_one("#name", Input).value = "appdb"
        await choose(scenery, "yes")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == ["approve 7QF-2KM4 once"]


async def test_a_key_on_its_way_to_another_row_decides_nothing(open_app: OpenedApp) -> None:
    """The row under the cursor is withdrawn at the moment of the key: what took its place is not meant."""
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        del gateway.requests.cards["7QF-2KM4"]
        gateway.hint("approval", "7QF-2KM4")
        await scenery.until(
            lambda: screen_of(scenery).card is not None and screen_of(scenery).chosen == "K4T-9XA2"
        )
        await scenery.press("a", "x")
        await scenery.pilot.pause()
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        assert "This changed just now: look at it, then press the key again." in said(scenery)
        scenery.clock.pass_seconds(0.71)
        await dialog(scenery)


async def test_the_cursor_stays_on_its_request(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "M2C-7PD3")
        for number in range(5):
            new = card(f"AA{number}-AAAA", "alice@example.com", "appdb", "delete from a", NOW, left=60)
            gateway.requests.cards[new.id] = new
        gateway.hint("approval", "AA0-AAAA")
        await scenery.until(lambda: "Waiting for you 9" in words(scenery.app))
        assert screen_of(scenery).chosen == "M2C-7PD3"
        await scenery.press("g")
        assert "NEW delete" in words(scenery.app)


async def test_all_of_a_text_has_to_be_seen_page_by_page(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    asked(gateway, "\n".join(f"delete from t where id = {n};" for n in range(100)) + "\ndrop table t;")
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "AAA-AAAA")
        view = screen_of(scenery).query_one(CardView)
        assert "more below" in words(scenery.app)
        await scenery.press("a")
        assert "You have not seen all of the statement: ctrl+d goes on." in said(scenery)
        view.focus()
        await scenery.press("G")  # a jump shows the end, and not what is between
        await scenery.until(lambda: "droptable t" in words(scenery.app))  # in two colours
        assert not seen(view)
        await scenery.press("g")
        while not seen(view):
            before = view.scroll_y
            await scenery.press("ctrl+d")
            await scenery.until(lambda before=before: view.scroll_y > before or seen(view))  # type: ignore[misc]  # mypy and defaults
        await dialog(scenery)
        assert "101 lines: the card has all of it" in words(scenery.app)


async def test_what_hides_behind_blanks_is_on_the_first_page(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    asked(gateway, "select 1;" + " " * 50_000 + "\n" * 5_000 + "drop table t; -- \u202egpj.cat")
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "AAA-AAAA")
        shown = words(scenery.app)
        assert "<50,000 blanks>" in shown
        assert "<4,999 empty lines>" in shown
        assert "<U+202E>" in shown
        assert "\u202e" not in shown


async def test_old_data_decides_nothing(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        scenery.clock.pass_seconds(9)
        for key in ("a", "x"):
            await scenery.press(key)
            assert isinstance(scenery.app.screen, ApprovalsScreen)
        assert "What you see may be old (~ 10s old): wait until it is live again." in said(scenery)


async def test_somebody_was_quicker_while_the_box_was_open(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        opened = await dialog(scenery)
        word = SaidYesOrNo(by="carol@example.com", granted=False, reason="wait", at=NOW)
        gateway.requests.change("K4T-9XA2", state="denied", decisions=[word])
        gateway.hint("approval", "K4T-9XA2")
        await scenery.until(lambda: opened.is_over)
        assert 'K4T-9XA2 has changed: denied by carol@example.com: "wait"' in words(scenery.app)
        assert not opened.query_one("#yes").display
        await scenery.press("enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == []


async def test_the_gateway_may_refuse(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        await dialog(scenery)
        gateway.requests.failing = ServerSaid("K4T-9XA2 is not what you were shown: look again", 409)
        await choose(scenery, "yes")
        await scenery.until(lambda: "not what you were shown" in words(scenery.app))
        gateway.requests.failing = Unreachable("The line broke.")
        await choose(scenery, "yes")
        await scenery.until(lambda: "The line broke." in words(scenery.app))


async def test_a_no_takes_a_reason_and_remembers_it(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await scenery.press("x")
        await scenery.until(lambda: isinstance(scenery.app.screen, DenyDialog))
        await choose(scenery, "no")
        assert "Say why: the person reads it." in words(scenery.app)
        scenery.app.screen.query_one("#reason").focus()
        await scenery.press(*"not today", "enter", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == ["deny 7QF-2KM4 not today"]
        gateway.hint("approval", "7QF-2KM4")
        await scenery.until(
            lambda: screen_of(scenery).chosen == "K4T-9XA2" and screen_of(scenery).card is not None
        )
        scenery.clock.pass_seconds(1)
        await scenery.press("x")
        await scenery.until(lambda: isinstance(scenery.app.screen, DenyDialog))
        await scenery.press("up")
        assert scenery.app.screen.query_one("#reason", Input).value == "not today"


async def test_several_get_the_same_no(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await scenery.press("space", "j", "j", "space", "X")
        await scenery.until(lambda: isinstance(scenery.app.screen, DenyDialog))
        assert "Deny 2 requests ?" in words(scenery.app)
        await scenery.press(*"freeze", "enter", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == ["deny 7QF-2KM4 freeze", "deny M2C-7PD3 freeze"]
        assert "2 denied." in said(scenery)


async def test_what_can_not_be_decided_says_why(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    asked(gateway, "delete from a", may_decide="you are the requester")
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.press("f2", "F")
        await scenery.until(lambda: screen_of(scenery).card is not None)
        scenery.clock.pass_seconds(1)
        await scenery.press("a", "x")
        assert said(scenery).count("You can not decide AAA-AAAA: you are the requester.") == 2


async def test_what_is_missing_is_said(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    made = asked(gateway, "delete from a")
    missing = made.why.model_copy(update={"missing": ["reason", "ticket"]})
    gateway.requests.cards[made.id] = made.model_copy(update={"why": missing})
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "AAA-AAAA")
        await scenery.press("a")
        assert any(
            "lacks a reason and a ticket, which only alice@example.com" in each for each in said(scenery)
        )


async def test_only_what_the_rule_lists_can_be_granted(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        await dialog(scenery, "W")
        await choose(scenery, "yes")
        assert decided(gateway) == ["approve K4T-9XA2 shape 15m 3"]
        made = asked(gateway, "delete from b", "BBB-BBBB")
        only_once = made.rule.model_copy(update={"scopes": ["once"]})
        gateway.requests.cards[made.id] = made.model_copy(update={"rule": only_once})
        gateway.hint("approval", made.id)
        await scenery.until(
            lambda: screen_of(scenery).card is not None and screen_of(scenery).chosen == made.id
        )
        scenery.clock.pass_seconds(1)
        await scenery.press("W")
        assert "The rule changes-are-looked-at lets nobody grant more than once." in said(scenery)


async def test_a_comment_and_a_claim(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await scenery.press("C")
        await scenery.until(lambda: "7QF-2KM4: others see that you look at it." in said(scenery))
        await scenery.until(lambda: screen_of(scenery).card is not None)
        await scenery.press("c")
        await scenery.until(lambda: isinstance(scenery.app.screen, CommentDialog))
        await scenery.press(*"which one?", "enter")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        assert decided(gateway) == ["claim 7QF-2KM4", "comment 7QF-2KM4 which one?"]


async def test_nothing_is_decided_in_an_app_that_only_reads(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        scenery.app.readonly = True
        await approvals(scenery)
        await scenery.press("a", "x", "c", "C", "W", "space", "X")
        await scenery.pilot.pause()
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        assert decided(gateway) == []


async def test_whoever_looks_elsewhere_is_called(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await scenery.sessions()
        await scenery.until(lambda: scenery.app.waiting == 4)
        new = card("NEW-NEW1", "alice@example.com", "appdb", "delete from a", NOW + timedelta(seconds=1))
        gateway.requests.cards[new.id] = new
        gateway.hint("approval", new.id)
        await scenery.until(lambda: "1 request waits for you: F2" in said(scenery))
        assert "F2 Approvals 5" in words(scenery.app)
        assert isinstance(scenery.app.screen, SessionsScreen)


async def test_to_the_session_and_back(open_app: OpenedApp) -> None:
    async with open_app() as scenery:
        await approvals_at(scenery, "M2C-7PD3")
        await scenery.press("L")
        await scenery.until(lambda: isinstance(scenery.app.screen, ReplayScreen))
        await scenery.press("escape")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        await scenery.press("f3")
        assert isinstance(scenery.app.screen, SessionsScreen)


def test_notices_carry_nobodys_text_and_keep_out_of_tmux() -> None:
    assert title(3) == "\x1b]2;(3) hoop\x07"
    assert title(0) == "\x1b]2;hoop\x07"
    assert desktop_notice(1, 3, {"TERM": "xterm-kitty"}) == (
        "\x1b]9;hoop: 1 new, 3 waiting for you\x07\x1b]777;notify;hoop;1 new, 3 waiting for you\x07"
    )
    for environ in ({"TMUX": "/tmp/x"}, {"TERM": "screen"}, {"TERM": "linux"}):
        assert desktop_notice(1, 3, environ) == ""
    assert os.linesep not in title(3)


@pytest.mark.parametrize("width", [60, 80, 100, 139, 140, 200])
async def test_it_fits(open_app: OpenedApp, width: int) -> None:
    async with open_app(size=(width, 24)) as scenery:
        await approvals(scenery)
        assert all(len(line) <= width for line in words(scenery.app).split("\n"))


async def test_while_the_cursor_runs_no_card_is_fetched_but_that_where_it_rests(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        gateway.requests.said.clear()
        await scenery.pilot.press("j", "k", "j", "j", "k", "j", "j")
        await scenery.until(lambda: (shown := screen_of(scenery).card) is not None and shown.id == "R8V-1LE5")
        fetched = [word for word in gateway.requests.said if word.startswith("card")]
        assert fetched[-1] == "card R8V-1LE5"
        assert len(fetched) <= 2
