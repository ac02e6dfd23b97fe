"""Providers are asked again about whoever is here, and what they say counts at once. With the demo provider."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.app import demo_provider
from gateway.app.clock import SystemClock
from gateway.app.config_values import SecretReference
from gateway.app.demo_provider import CLIENT, DemoProvider
from gateway.app.providers import Providers
from gateway.app.settings_people import IssuerTable
from gateway.app.watchman import REVOKED, Watchman
from gateway.core.errors import Fault, Refused
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.secret import Secret
from gateway.identity.directory import Configured, Directory
from gateway.identity.sealing import Sealer
from gateway.secrets.references import ReferenceSecrets
from gateway.session.live import LiveSessions
from gateway.store.ledger import SqlLedger
from tests.sign_in.visitor import Visitor
from tests.store.fresh import fresh_ledger

CALLBACK = "http://127.0.0.1:9/login/callback"
RECHECK = timedelta(minutes=15)


@dataclass
class Scene:
    demo: DemoProvider
    providers: Providers
    directory: Directory
    ledger: SqlLedger
    clock: SystemClock
    live: LiveSessions = field(default_factory=LiveSessions)

    async def sign_in(self, who: str) -> Principal:
        provider = self.providers.named("demo")
        journey = await provider.begin(CALLBACK)
        visitor = Visitor()
        try:
            await visitor.open(journey.url)
            query = await visitor.leave(who)
        finally:
            await visitor.close()
        return await self.directory.welcome(self.providers.kept(await provider.finish(journey, query)))

    @property
    def watchman(self) -> Watchman:
        async def nothing() -> None:
            """Nobody needs to know."""

        return Watchman(self.directory, self.live, self.providers, nothing)

    def make_due(self) -> None:
        """As if the provider had said nothing for long. Moving the clock would make its tokens old, too."""
        self.providers._recheck = timedelta()

    def come_in(self, person: Principal, id: str = "s-1") -> "Inside":
        inside = Inside(Session(id, person, Target("web-1", "ssh", "h", 22), Peer("::1"), self.clock.now()))
        self.live.enter(cast(Any, inside))
        return inside


class Inside:
    """As much of a gate as the watchman looks at."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.ended_because = ""

    def end(self, why: str) -> None:
        self.ended_because = why


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = SystemClock()
    demo = DemoProvider("a secret")
    await demo.start()
    ledger = await fresh_ledger(tmp_path / "ledger.db", now=clock.now)
    secrets = ReferenceSecrets({"DEMO": "a secret"})
    providers = Providers(clock, Sealer(bytes(32)), secrets, RECHECK)
    reference = SecretReference("env", "DEMO")
    table = IssuerTable.model_construct(
        **{name: field.default for name, field in IssuerTable.model_fields.items()}
        | {"name": "demo", "url": demo.url, "client_id": CLIENT, "client_secret": reference}
    )
    providers.replace([table], [], RECHECK)
    directory = Directory(ledger, clock)
    directory.replace([], lambda groups: frozenset({"auditor"} if "sec" in groups else ()))
    yield Scene(demo, providers, directory, ledger, clock)
    await providers.close()
    await ledger.close()
    await demo.stop()


def move(demo: DemoProvider, who: str, *groups: str) -> None:
    """Give somebody other groups at the provider."""
    for token, person in demo._refreshers.items():
        if person.subject == who:
            demo._refreshers[token] = replace(person, groups=groups)


async def test_somebody_is_their_issuer_and_subject(scene: Scene) -> None:
    carol = await scene.sign_in("carol@example.com")
    assert carol.id == f"{scene.demo.url}#carol"
    assert (carol.name, set(carol.groups)) == ("carol@example.com", {"sec"})
    assert carol.roles == {"person", "auditor"}


async def test_what_asks_again_is_kept_sealed(scene: Scene) -> None:
    await scene.sign_in("alice@example.com")
    (row,) = await scene.ledger.people()
    assert row.sealed
    assert all(token.encode() not in row.sealed for token in scene.demo._refreshers)
    await scene.sign_in("bob@example.com")
    (bobs,) = [each for each in await scene.ledger.people() if each.subject == "bob"]
    scene.make_due()
    assert await scene.ledger.keep_person(replace(row, sealed=bobs.sealed), None)
    with pytest.raises(Fault, match="sealed"):
        await scene.providers.ask_again(row, scene.directory)


async def test_nobody_is_asked_about_before_it_is_due_or_who_is_not_here(scene: Scene) -> None:
    alice = await scene.sign_in("alice@example.com")
    before = dict(scene.demo._refreshers)
    await scene.watchman._ask_providers()
    scene.make_due()
    await scene.watchman._ask_providers()
    assert scene.demo._refreshers == before
    scene.come_in(alice)
    await scene.watchman._ask_providers()
    assert scene.demo._refreshers != before


async def test_other_groups_count_in_sessions_that_are_open(scene: Scene) -> None:
    inside = scene.come_in(await scene.sign_in("alice@example.com"))
    move(scene.demo, "alice", "sec", "dev")
    scene.make_due()
    await scene.watchman._ask_providers()
    assert inside.session.principal.groups == {"sec", "dev"}
    assert inside.session.principal.roles == {"person", "auditor"}
    assert inside.ended_because == ""


async def test_whom_the_provider_vouches_for_no_more_is_out(scene: Scene) -> None:
    alice, bob = await scene.sign_in("alice@example.com"), await scene.sign_in("bob@example.com")
    hers, his = scene.come_in(alice), scene.come_in(bob, "s-2")
    scene.demo.forget("alice")
    scene.make_due()
    await scene.watchman._ask_providers()
    assert (hers.ended_because, his.ended_because) == (REVOKED, "")
    assert scene.directory.find(alice.id) is None
    (gone,) = [row for row in await scene.ledger.people() if row.gone]
    assert (gone.subject, gone.sealed) == ("alice", b"")
    again = await scene.sign_in("alice@example.com")
    assert scene.directory.still(again) is not None, "until they sign in there anew"


async def test_while_the_provider_is_down_nothing_changes(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    inside = scene.come_in(await scene.sign_in("alice@example.com"))
    await scene.demo.stop()
    scene.make_due()
    await scene.watchman._ask_providers()
    assert inside.ended_because == ""
    assert "can not be asked again" in caplog.text
    with pytest.raises(Fault):
        await scene.providers.vouch_again(inside.session.principal, scene.directory)


async def test_a_provider_that_is_configured_no_more_vouches_for_nobody(scene: Scene) -> None:
    inside = scene.come_in(await scene.sign_in("alice@example.com"))
    scene.providers.replace([], [], RECHECK)
    scene.make_due()
    await scene.watchman._ask_providers()
    assert inside.ended_because == REVOKED


async def test_a_sign_in_goes_on_by_itself_only_while_somebody_vouches(scene: Scene) -> None:
    alice = await scene.sign_in("alice@example.com")
    assert await scene.providers.vouch_again(alice, scene.directory), "said a moment ago"
    scene.make_due()
    assert await scene.providers.vouch_again(alice, scene.directory), "asked, and said again"
    scene.demo.forget("alice")
    assert not await scene.providers.vouch_again(alice, scene.directory)
    stranger = Principal("dora", "dora")
    assert not await scene.providers.vouch_again(stranger, scene.directory), "of no provider"


async def test_a_name_belongs_to_whoever_had_it_first(scene: Scene) -> None:
    """Two subjects of one name: the second is not let in under it."""
    await scene.sign_in("alice@example.com")
    person = next(each for each in demo_provider.PEOPLE if each.subject == "bob")
    scene.demo._refreshers.clear()
    (row,) = await scene.ledger.people()
    second = replace(row, id=f"{row.issuer}#x", subject="x", name=row.name.upper())
    assert not await scene.ledger.keep_person(second, None)
    assert person.email == "bob@example.com"


async def test_a_configured_name_is_nobody_elses_unless_linked(scene: Scene) -> None:
    local = Principal("alice@example.com", "alice@example.com", frozenset({"ops"}), frozenset({"person"}))
    scene.directory.replace([Configured(local)], lambda groups: frozenset())
    with pytest.raises(Refused, match="somebody else's"):
        await scene.sign_in("alice@example.com")
    linked = Configured(local, link=(scene.demo.url, "alice"))
    scene.directory.replace([linked], lambda groups: frozenset())
    found = await scene.sign_in("alice@example.com")
    assert (found.id, set(found.groups)) == ("alice@example.com", {"ops"})
    bob = await scene.sign_in("bob@example.com")
    assert bob.id == f"{scene.demo.url}#bob"


async def test_of_two_gateways_one_asks_and_both_believe(scene: Scene) -> None:
    """What a provider is asked again with is good once: a gateway that has an old one looks first."""
    alice = await scene.sign_in("alice@example.com")
    other = Directory(scene.ledger, scene.clock)
    other.replace([], lambda groups: frozenset())
    await other.refresh()
    (stale,) = other.rows()
    scene.make_due()
    (row,) = scene.directory.rows()
    assert await scene.providers.ask_again(row, scene.directory)
    assert stale.sealed != scene.directory.rows()[0].sealed
    assert await scene.providers.ask_again(stale, other), "the other one looks first"
    assert other.find(alice.id) is not None


async def test_whoever_comes_second_with_what_is_good_once_is_not_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await scene.sign_in("alice@example.com")
    scene.make_due()
    (row,) = scene.directory.rows()
    provider = scene.providers.named("demo")
    refresh = provider.refresh

    async def late(token: Secret, subject: str) -> Any:
        monkeypatch.setattr(provider, "refresh", refresh)
        assert await scene.providers.ask_again(row, scene.directory), "the other gateway was faster"
        return await refresh(token, subject)

    monkeypatch.setattr(provider, "refresh", late)
    assert await scene.providers.ask_again(row, scene.directory)
    assert scene.directory.find(alice.id) is not None
