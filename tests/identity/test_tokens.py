"""Tokens: only the right one, in its time, of somebody who is still there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Fault, Refused
from gateway.core.people import Principal
from gateway.core.ports import TokenRow
from gateway.identity.tokens import Minted, TokenIdentities, mint

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CAROL = Principal("carol", "carol", frozenset({"sec"}), frozenset({"person", "auditor"}))


class HeldClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic_us(self) -> int:
        return 0


class Shelf:
    """Token rows by id."""

    def __init__(self) -> None:
        self.rows: dict[str, TokenRow] = {}

    async def token(self, id: str) -> TokenRow | None:
        return self.rows.get(id)

    async def token_used(self, id: str, at: datetime) -> None:
        self.rows[id] = replace(self.rows[id], used_at=at)


class Scene:
    """One token of Carol's, and everything that its check depends on."""

    def __init__(self, roles: frozenset[str] = frozenset(), expires: timedelta | None = None) -> None:
        self.shelf, self.clock = Shelf(), HeldClock()
        self.people = {"carol": CAROL}
        self.minted: Minted = mint("carol", roles, NOW, NOW + expires if expires else None)
        self.shelf.rows[self.minted.row.id] = self.minted.row

    async def who(self, token: str = "") -> Principal | None:
        identities = TokenIdentities(self.shelf, self.clock, self.people.get)
        return await identities.by_token(token or self.minted.token)


async def test_right_token() -> None:
    scene = Scene()
    found = await scene.who()
    id = scene.minted.row.id
    assert found == replace(CAROL, method=f"token {id}", token=id, token_kind="api")


@pytest.mark.parametrize("kind", ["database", "secret", "", "nonsense"])
async def test_what_opens_one_thing_does_not_open_the_api(kind: str) -> None:
    scene = Scene()
    row = scene.minted.row
    scene.shelf.rows[row.id] = replace(row, kind=kind)
    assert await scene.who() is None
    identities = TokenIdentities(scene.shelf, scene.clock, scene.people.get)
    assert await identities.by_token(scene.minted.token, {kind}) is not None


def password(scene: Scene, **about: object) -> TokenIdentities:
    """The scene's token is one for databases, with this about it."""
    row = replace(scene.minted.row, kind="database", target="appdb")
    scene.shelf.rows[row.id] = replace(row, **about)  # type: ignore[arg-type]  # whatever a test says
    return TokenIdentities(scene.shelf, scene.clock, scene.people.get)


async def test_a_password_for_databases() -> None:
    scene = Scene()
    found = await password(scene).by_database_token(scene.minted.token)
    assert (found.id, found.token_kind) == ("carol", "database")
    assert found.targets == {"appdb"}
    assert scene.shelf.rows[found.token].used_at == NOW


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (timedelta(), "expired 1 s ago"),
        (timedelta(seconds=59), "expired 59 s ago"),
        (timedelta(minutes=59), "expired 59 min ago"),
        (timedelta(hours=2, minutes=59), "expired 2 h ago"),
        (timedelta(days=9), "expired 9 d ago"),
    ],
)
async def test_how_long_a_password_is_over(over: timedelta, said: str) -> None:
    scene = Scene(expires=timedelta(hours=1))
    scene.clock.at += timedelta(hours=1) + over
    with pytest.raises(Refused) as refused:
        await password(scene).by_database_token(scene.minted.token)
    assert refused.value.sentence == f"the password was not a valid hoop-tui token ({said})"


async def test_only_who_has_the_right_secret_is_told_why_not() -> None:
    scene = Scene(expires=timedelta(hours=1))
    wrong = scene.minted.token[:-1] + ("a" if scene.minted.token[-1] != "a" else "b")
    gone = {"revoked": True, "kind": "database"}
    for about, sentence in (
        (gone, "the password was not a valid hoop-tui token (revoked)"),
        ({"kind": "login"}, "the password was a token, but not one for databases"),
        ({"person": "nobody"}, "the password was a token of somebody who may not come in"),
    ):
        identities = password(scene, **about)
        with pytest.raises(Refused) as refused:
            await identities.by_database_token(scene.minted.token)
        assert refused.value.sentence == sentence
        for other in (wrong, "secret", ""):
            with pytest.raises(Refused) as refused:
                await identities.by_database_token(other)
            assert refused.value.sentence == "the password was not a valid hoop-tui token"


async def test_a_token_for_one_target_reaches_no_other() -> None:
    scene = Scene()
    row = scene.minted.row
    scene.shelf.rows[row.id] = replace(row, target="appdb")
    assert (await scene.who() or CAROL).targets == {"appdb"}
    scene.people["carol"] = replace(CAROL, targets=frozenset({"appdb", "web-1"}))
    assert (await scene.who() or CAROL).targets == {"appdb"}
    scene.people["carol"] = replace(CAROL, targets=frozenset({"web-1"}))
    (nowhere,) = (await scene.who() or CAROL).targets
    assert nowhere not in ("appdb", "web-1")


async def test_its_use_is_noted_once_a_minute() -> None:
    scene = Scene()
    identities = TokenIdentities(scene.shelf, scene.clock, scene.people.get)
    id = scene.minted.row.id
    seen = []
    for seconds in (0, 59, 60, 90, 121, 0):
        scene.clock.at = NOW + timedelta(seconds=seconds)
        assert await identities.by_token(scene.minted.token)
        seen.append(scene.shelf.rows[id].used_at)
    assert seen == [NOW, NOW, NOW + timedelta(seconds=60), seen[2], NOW + timedelta(seconds=121), NOW]


async def test_that_its_use_can_not_be_noted_stops_nobody() -> None:
    class FullShelf(Shelf):
        async def token_used(self, id: str, at: datetime) -> None:
            raise Fault("the disk is full")

    scene = Scene()
    scene.shelf = FullShelf()
    scene.shelf.rows[scene.minted.row.id] = scene.minted.row
    assert await scene.who() is not None


async def test_only_the_digest_is_kept() -> None:
    minted = mint("carol", frozenset(), NOW, None)
    secret = minted.token.rpartition("_")[2]
    assert len(secret) == 52
    assert secret not in repr(minted.row) + repr(minted.event)
    assert minted.event.body()["token"] == minted.row.id


async def test_roles_are_never_more_than_the_person_has_now() -> None:
    scene = Scene(frozenset({"auditor", "admin"}))
    found = await scene.who()
    assert found is not None
    assert found.roles == {"auditor"}
    scene.people["carol"] = replace(CAROL, roles=frozenset({"person"}))
    found = await scene.who()
    assert found is not None
    assert found.roles == frozenset()


async def test_person_who_is_gone() -> None:
    scene = Scene()
    del scene.people["carol"]
    assert await scene.who() is None


async def test_expiry_is_the_first_moment_of_no() -> None:
    scene = Scene(expires=timedelta(hours=12))
    assert scene.minted.event.expires_at == "2026-11-20T21:00:00+00:00"
    scene.clock.at = NOW + timedelta(hours=12) - timedelta(microseconds=1)
    assert await scene.who() is not None
    scene.clock.at = NOW + timedelta(hours=12)
    assert await scene.who() is None


async def test_revoked() -> None:
    scene = Scene()
    scene.shelf.rows[scene.minted.row.id] = replace(scene.minted.row, revoked=True)
    assert await scene.who() is None


async def test_wrong_secret_and_unknown_id() -> None:
    scene, other = Scene(), mint("carol", frozenset(), NOW, None)
    id, secret = scene.minted.row.id, other.token.rpartition("_")[2]
    assert await scene.who(f"hoop_{id}_{secret}") is None
    assert await scene.who(other.token) is None


@pytest.mark.parametrize(
    "change", [str.upper, str.strip, lambda t: t + "\n", lambda t: t[:-1], lambda t: " " + t]
)
async def test_only_the_exact_text(change: "object") -> None:
    scene = Scene()
    assert callable(change)
    changed = change(scene.minted.token)
    assert (await scene.who(changed) is not None) == (changed == scene.minted.token)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"hoop_t-[0-9A-Z]{6}_[a-z2-7]{52}", fullmatch=True))
async def test_no_text_is_a_token_by_chance(text: str) -> None:
    scene = Scene()
    assert await TokenIdentities(scene.shelf, scene.clock, scene.people.get).by_token(text) is None
