"""The box for another text: it proposes what stands in it, once, and shows nothing that is not harmless."""

import pytest
from textual.events import Paste
from textual.widgets import Input

from hoop_tui.approval_shots import approvals, approvals_at
from hoop_tui.demo import demo_gateway
from hoop_tui.scenery import Scenery
from hoop_tui.screens.amend import AmendDialog
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.widgets.editor import Editor
from hoop_tui.widgets.lines_view import LinesView
from tests.tui.conftest import OpenedApp, words
from tests.tui.test_approvals_screen import asked, choose, decided, said, screen_of
from tests.tui.test_card_keys import plain


async def amending(scenery: Scenery) -> AmendDialog:
    await scenery.press("e")
    await scenery.until(lambda: isinstance(scenery.app.screen, AmendDialog))
    opened = scenery.app.screen
    assert isinstance(opened, AmendDialog)
    await scenery.pilot.pause()
    return opened


async def test_another_text_is_proposed_and_shown_on_the_card(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals_at(scenery, "K4T-9XA2")
        opened = await amending(scenery)
        editor = opened.query_one(Editor)
        assert editor.text == "UPDATE invoices SET state = 'sent' WHERE month = '2026-10'"
        await choose(scenery, "propose")
        assert decided(gateway) == [], "nothing was changed"
        editor.focus()
        editor.move_cursor(editor.document.end)
        await scenery.press(*" AND id < 9")
        await scenery.pilot.pause()
        changes = plain(list(opened.query_one("#changes", LinesView).lines))
        assert changes[-1] == "+ UPDATE invoices SET state = 'sent' WHERE month = '2026-10' AND id < 9"
        opened.query_one("#reason", Input).value = "the first ones"
        await choose(scenery, "propose")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        (word,) = decided(gateway)
        assert word == (
            "amend K4T-9XA2 UPDATE invoices SET state = 'sent' WHERE month = '2026-10' AND id < 9 the first ones"
        )
        gateway.hint("approval", "K4T-9XA2")
        shown = gateway.requests.cards["K4T-9XA2"]
        await scenery.until(lambda: screen_of(scenery).card == shown)
        lines = "\n".join(plain(list(screen_of(scenery)._view.lines)))
        assert 'bob@example.com proposes another text: "the first ones"' in lines
        assert "AND id < 9" in lines


async def test_esc_proposes_nothing_and_a_change_closes_the_doors(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        await approvals(scenery)
        await amending(scenery)
        await scenery.press("escape")
        assert isinstance(scenery.app.screen, ApprovalsScreen)
        opened = await amending(scenery)
        gateway.requests.change("7QF-2KM4", state="withdrawn")
        gateway.hint("approval", "7QF-2KM4")
        await scenery.until(lambda: opened.is_over)
        assert opened.query_one(Editor).disabled
        assert decided(gateway) == []


@pytest.mark.parametrize(
    ("more", "text", "why"),
    [
        ({"verb": "typed", "kind": "ssh"}, "rm x", "There is no other text for this"),
        ({"verb": "connect"}, "access", "There is no other text for this"),
        ({"may_decide": "you are the requester"}, "delete", "you are the requester"),
        ({}, "x" * 20_001, "hoop-tui review amend AAA-AAAA --file"),
    ],
)
async def test_what_can_not_be_amended_says_why(
    open_app: OpenedApp, more: dict[str, str], text: str, why: str
) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        asked(gateway, text, **more)
        await scenery.sessions()
        await scenery.press("f2")
        await scenery.until(lambda: isinstance(scenery.app.screen, ApprovalsScreen))
        await scenery.press("F")
        await scenery.until(lambda: screen_of(scenery).card is not None)
        scenery.clock.pass_seconds(1)
        await scenery.press("e")
        await scenery.until(lambda: bool(said(scenery)))
        assert why in said(scenery)[-1]


async def test_a_hostile_text_is_not_begun_with_and_none_can_be_pasted(open_app: OpenedApp) -> None:
    gateway = demo_gateway()
    async with open_app(gateway) as scenery:
        asked(gateway, "rm \u202eelif\x1b]0;x\x07", kind="ssh", verb="exec")
        await approvals_at(scenery, "AAA-AAAA")
        opened = await amending(scenery)
        editor = opened.query_one(Editor)
        assert editor.text == ""
        assert "this begins empty" in words(scenery.app)
        editor.focus()
        scenery.app.post_message(Paste("ls \u202e\x1b[2J\u200b\nnext\tone"))
        await scenery.until(lambda: bool(editor.text))
        assert editor.text == "ls <U+202E><U+001B>[2J<U+200B>\nnext\tone"
        editor.undo()
        editor.redo()
        editor.load_text("\x9b")
        assert editor.text == "<U+009B>"
        shown = words(scenery.app)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
