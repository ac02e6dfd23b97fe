"""Ways to the screens where people decide, for screenshots and snapshot tests."""

from gateway.api.schema import SaidYesOrNo
from hoop_tui.demo import NOW, FakeGateway
from hoop_tui.scenery import Scenery
from hoop_tui.screens.amend import AmendDialog
from hoop_tui.screens.approvals import ApprovalsScreen
from hoop_tui.screens.approve import ApproveDialog
from hoop_tui.screens.diff import DiffScreen
from hoop_tui.screens.impact import ImpactScreen
from hoop_tui.screens.why import WhyScreen
from hoop_tui.widgets.card_view import CardView
from hoop_tui.widgets.editor import Editor


async def approvals(scenery: Scenery) -> None:
    """The queue, with the card of what ends first."""
    await approvals_at(scenery, "7QF-2KM4")


async def approvals_at(scenery: Scenery, id: str) -> None:
    """The queue, with the card of this one, a second later."""
    await scenery.sessions()
    await scenery.press("f2")
    await scenery.until(
        lambda: isinstance(scenery.app.screen, ApprovalsScreen) and bool(scenery.app.screen.chosen)
    )
    screen = scenery.app.screen
    assert isinstance(screen, ApprovalsScreen)
    screen.move_to(id)
    await scenery.until(lambda: screen.card is not None and screen.card.id == id)
    scenery.clock.pass_seconds(1)
    screen.redraw()  # the app does so every second of its own


async def approvals_hidden(scenery: Scenery) -> None:
    await approvals_at(scenery, "R8V-1LE5")


async def approvals_bytes(scenery: Scenery) -> None:
    await approvals_hidden(scenery)
    await scenery.press("v")


async def approvals_why(scenery: Scenery) -> None:
    await approvals(scenery)
    await scenery.press("p")
    await scenery.until(lambda: isinstance(scenery.app.screen, WhyScreen))


async def impact(scenery: Scenery) -> None:
    """What it would do, as far as it is known without doing it."""
    await approvals_at(scenery, "K4T-9XA2")
    await scenery.press("i")
    await scenery.until(
        lambda: isinstance(scenery.app.screen, ImpactScreen) and scenery.app.screen.found is not None
    )
    await scenery.pilot.pause()


async def impact_tried(scenery: Scenery) -> None:
    """The same, tried and rolled back."""
    await impact(scenery)
    screen = scenery.app.screen
    assert isinstance(screen, ImpactScreen)
    await scenery.press("D", "D")
    await scenery.until(lambda: screen.found is not None and screen.found.dry_run)


async def approvals_diff(scenery: Scenery) -> None:
    """Against the last of its shape that was approved."""
    await approvals(scenery)
    await scenery.press("d")
    await scenery.until(lambda: isinstance(scenery.app.screen, DiffScreen))
    await scenery.pilot.pause()


async def amending(scenery: Scenery) -> None:
    """Another text is being written."""
    await approvals_at(scenery, "K4T-9XA2")
    await scenery.press("e")
    await scenery.until(lambda: isinstance(scenery.app.screen, AmendDialog))
    editor = scenery.app.screen.query_one(Editor)
    editor.cursor_blink = False
    editor.load_text("UPDATE invoices SET state = 'sent' WHERE month = '2026-10' AND id < 9")
    await scenery.pilot.pause()


async def approving_great(scenery: Scenery) -> None:
    """A great risk: nothing happens before the target's name is typed."""
    await approvals(scenery)
    view = scenery.app.screen.query_one(CardView)
    while not view.has_seen_all:
        await scenery.press("ctrl+d")
        await scenery.pilot.pause()
    await scenery.press("a")
    await scenery.until(lambda: isinstance(scenery.app.screen, ApproveDialog))


async def approving(scenery: Scenery) -> None:
    await approvals_at(scenery, "K4T-9XA2")
    await scenery.press("a")
    await scenery.until(lambda: isinstance(scenery.app.screen, ApproveDialog))
    await scenery.pilot.pause()


async def approving_changed(scenery: Scenery) -> None:
    """Somebody was quicker while the box was open."""
    await approving(scenery)
    gateway = scenery.app.client
    assert isinstance(gateway, FakeGateway)
    card = gateway.requests.cards["K4T-9XA2"]
    word = SaidYesOrNo(by="carol@example.com", granted=False, reason="wait for month close", at=NOW)
    gateway.requests.change("K4T-9XA2", state="denied", decisions=[*card.decisions, word])
    gateway.hint("approval", "K4T-9XA2")
    dialog = scenery.app.screen
    assert isinstance(dialog, ApproveDialog)
    await scenery.until(lambda: dialog.is_over and scenery.app.waiting == 3)


async def denying(scenery: Scenery) -> None:
    await approvals(scenery)
    await scenery.press("x", *"use the archive job")
    await scenery.pilot.pause()


async def commenting(scenery: Scenery) -> None:
    await approvals(scenery)
    await scenery.press("c", *"which ticket is it?")
    await scenery.pilot.pause()


async def approvals_empty(scenery: Scenery) -> None:
    await scenery.sessions()
    gateway = scenery.app.client
    assert isinstance(gateway, FakeGateway)
    gateway.requests.cards.clear()
    await scenery.press("f2")
    await scenery.until(
        lambda: isinstance(scenery.app.screen, ApprovalsScreen) and scenery.app.screen.answered
    )
