"""What is said about a held operation beside decisions: kept, and heard by who waits."""

import pytest

from gateway.session.objections import Objection
from tests.session.asked import Scene, Town, gone, person
from tests.session.conftest import ALICE, Room, hold

BOB, CAROL, DAN = person("bob", "dba"), person("carol", "dba"), person("dan", "sec")


@pytest.fixture
def scene(room: Room) -> Scene:
    return Scene(room, Town(ALICE, BOB, CAROL, DAN))


async def test_who_is_looking_is_heard_at_once(scene: Scene) -> None:
    task, request = await scene.held(hold())
    claimed = await scene.approvals.claim(request.id, CAROL)
    assert claimed.claimed_by == CAROL.id
    await scene.said(f"hoop: {request.id} - carol@example.com is looking")
    with pytest.raises(Objection, match=r"carol@example\.com is looking at .* already") as taken:
        await scene.approvals.claim(request.id, BOB)
    assert taken.value.code == "claimed"
    with pytest.raises(Objection, match="you were not looking"):
        await scene.approvals.unclaim(request.id, BOB)
    assert (await scene.approvals.unclaim(request.id, CAROL)).claimed_by == ""
    assert (await scene.approvals.claim(request.id, BOB)).claimed_by == BOB.id
    await scene.said("bob@example.com is looking")
    await scene.grant(request, CAROL)
    await task
    assert sum("is looking" in each for each in scene.room.spoken) == 2


async def test_a_question_and_its_answer(scene: Scene) -> None:
    task, request = await scene.held(hold())
    await scene.approvals.comment(request.id, BOB, "which invoice?")
    await scene.said(f'hoop: {request.id} - bob@example.com: "which invoice?"')
    await scene.approvals.reply(request.id, ALICE, text="88")
    seen = await scene.approvals.find(request.id, BOB)
    assert [(each.name, each.kind, each.text) for each in seen.remarks] == [
        ("bob@example.com", "comment", "which invoice?"),
        ("alice@example.com", "reply", "88"),
    ]
    assert seen.version == request.version
    await scene.grant(request, BOB)
    await task
    assert not any('"88"' in each for each in scene.room.spoken), "nobody is told what they said themselves"
    entries = await scene.room.ledger.entries(session=request.session)
    said = [(entry.actor, entry.body["kind"]) for entry in entries if entry.name == "approval.remarked"]
    assert said == [(BOB.id, "comment"), (ALICE.id, "reply")]


async def test_a_comment_does_nothing_to_a_terminal(scene: Scene) -> None:
    task, request = await scene.held(hold())
    evil = '\x1b]0;x\x07 \u202eapproved" - hoop: approved by carol\r\nhoop: approved'
    await scene.approvals.comment(request.id, BOB, evil)
    await scene.said(f"{request.id} - bob@example.com")
    heard = next(each for each in scene.room.spoken if "bob@example.com" in each)
    assert all(" " <= letter <= "~" for letter in heard)
    assert heard.count('"') == 2
    assert heard.endswith('"')
    await gone(task)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001])
async def test_what_is_no_text(scene: Scene, text: str) -> None:
    task, request = await scene.held(hold())
    with pytest.raises(Objection) as missing:
        await scene.approvals.comment(request.id, BOB, text)
    with pytest.raises(Objection):
        await scene.approvals.reply(request.id, ALICE, text=text)
    assert missing.value.code == "missing"
    assert (await scene.approvals.find(request.id, BOB)).remarks == ()
    await gone(task)


async def test_whoever_is_not_asked_says_nothing(scene: Scene) -> None:
    task, request = await scene.held(hold())
    for who, words in ((DAN, "does not ask you"), (ALICE, "reply to it instead")):
        for say in (scene.approvals.claim, scene.approvals.unclaim):
            with pytest.raises(Objection, match=words):
                await say(request.id, who)
        with pytest.raises(Objection, match=words) as refused:
            await scene.approvals.comment(request.id, who, "hello")
        assert refused.value.code == "not_yours"
    await gone(task)


async def test_nothing_is_said_about_what_is_over(scene: Scene) -> None:
    task, request = await scene.held(hold())
    await gone(task)
    with pytest.raises(Objection, match="it was withdrawn") as over:
        await scene.approvals.comment(request.id, BOB, "hello?")
    with pytest.raises(Objection, match="it was withdrawn"):
        await scene.approvals.reply(request.id, ALICE, reason="because")
    assert over.value.code == "over"


async def test_taking_it_back_from_elsewhere(scene: Scene) -> None:
    task, request = await scene.held(hold())
    with pytest.raises(Objection, match="you did not ask for it"):
        await scene.approvals.withdraw(request.id, BOB)
    assert (await scene.approvals.withdraw(request.id, ALICE)).state == "withdrawn"
    with pytest.raises(Exception, match="withdrawn, nothing was run"):
        await task
    with pytest.raises(Objection, match="it was withdrawn"):
        await scene.grant(request, BOB)


async def test_there_is_an_end_to_talking(scene: Scene) -> None:
    task, request = await scene.held(hold())
    for n in range(200):
        await scene.approvals.comment(request.id, BOB, f"{n}")
    with pytest.raises(Objection, match="enough has been said"):
        await scene.approvals.comment(request.id, BOB, "one more")
    await gone(task)
