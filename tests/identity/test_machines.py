"""Machines: with their own secret or their job's own token, in their owner's time, once, to their targets only."""

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.core.errors import Fault, Refused
from gateway.core.events import PersonLocked, TokenRevoked
from gateway.core.people import Peer
from gateway.core.ports import TokenRow
from gateway.identity.machine_review import NO_OWNER, UNROTATED, UNUSED, review
from gateway.identity.machine_secrets import mint_secret
from gateway.identity.machines import WRONG, Exchanged, Machine
from tests.identity.machine_scene import ALICE, BOT, CI, PEER, Said, Scene
from tests.identity.oidc import mint
from tests.identity.oidc.stub import stub_provider
from tests.identity.register import NOW
from tests.store.fresh import fresh_ledger


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    ledger = await fresh_ledger(tmp_path / "hoop.db")
    async with stub_provider() as stub:
        scene = Scene(ledger, stub)
        await scene.directory.refresh()
        yield scene
        await scene.provider.aclose()
    await ledger.close()


# A secret of its own.


async def test_a_secret_becomes_a_short_token(scene: Scene) -> None:
    secret, id = await scene.secret()
    given = await scene.machines.by_secret(BOT, secret, PEER)
    assert (given.row.kind, given.row.parent, given.row.person) == ("machine", id, "machine:deploy-bot")
    assert given.row.expires_at == NOW + timedelta(minutes=15)
    assert (given.principal.id, given.principal.name) == ("machine:deploy-bot", "machine:deploy-bot")
    assert given.principal.targets == {"web-1"}
    assert given.principal.groups == {"deployers"}
    assert given.principal.method == f"secret {id}"
    found = await scene.who(given.token)
    assert found is not None
    assert (found.id, found.token_kind) == ("machine:deploy-bot", "machine")
    assert found.targets == {"web-1"}
    (noted,) = await scene.noted("machine.exchanged")
    assert noted == {
        "person": "machine:deploy-bot",
        "how": "secret",
        "owner": ALICE,
        "token": given.row.id,
        "detail": id,
    }
    row = await scene.ledger.token(id)
    assert row is not None
    assert row.used_at == NOW


async def test_a_short_token_ends_with_its_time(scene: Scene) -> None:
    secret, _ = await scene.secret()
    given = await scene.machines.by_secret(BOT, secret, PEER)
    scene.clock.wait(15 * 60 - 1)
    assert await scene.who(given.token) is not None
    scene.clock.wait(1)
    assert await scene.who(given.token) is None


async def test_a_secret_opens_nothing_itself(scene: Scene) -> None:
    secret, _ = await scene.secret()
    assert await scene.who(secret) is None


async def test_only_the_hash_of_a_secret_is_kept(scene: Scene, tmp_path: Path) -> None:
    secret, _ = await scene.secret()
    await scene.machines.by_secret(BOT, secret, PEER)
    hidden = secret.rpartition("_")[2]
    assert hidden not in repr(await scene.ledger.entries()) + repr(await scene.ledger.tokens())
    for file in tmp_path.iterdir():
        assert hidden.encode() not in file.read_bytes()


async def test_no_token_outlives_its_secret(scene: Scene) -> None:
    secret, _ = await scene.secret(expires_at=NOW + timedelta(minutes=5))
    given = await scene.machines.by_secret(BOT, secret, PEER)
    assert given.row.expires_at == NOW + timedelta(minutes=5)
    scene.clock.wait(300)
    with pytest.raises(Refused):
        await scene.machines.by_secret(BOT, secret, PEER)
    assert (await scene.reason()).endswith("was revoked or has expired")


async def test_the_next_secret_is_good_before_the_last_is_revoked(scene: Scene) -> None:
    old, old_id = await scene.secret()
    before = await scene.machines.by_secret(BOT, old, PEER)
    new, _ = await scene.secret()
    after = await scene.machines.by_secret(BOT, new, PEER)
    assert await scene.machines.by_secret(BOT, old, PEER)
    assert await scene.ledger.revoke_token(old_id, TokenRevoked(token=old_id))
    with pytest.raises(Refused):
        await scene.machines.by_secret(BOT, old, PEER)
    assert await scene.who(before.token) is None, "what it was exchanged for ends with it"
    assert await scene.who(after.token) is not None
    assert await scene.machines.by_secret(BOT, new, PEER)


async def test_a_secret_that_is_revoked_meanwhile_gives_a_dead_token(scene: Scene) -> None:
    secret, id = await scene.secret()
    asked = scene.machines.by_secret(BOT, secret, PEER)
    revoked = scene.ledger.revoke_token(id, TokenRevoked(token=id))
    outcomes = await asyncio.gather(asked, revoked, return_exceptions=True)
    if isinstance(outcomes[0], Exchanged):
        assert await scene.who(outcomes[0].token) is None
    else:
        assert isinstance(outcomes[0], Refused)


FORGED_SECRETS: dict[str, Callable[[str], str]] = {
    "nothing": lambda secret: "",
    "a word": lambda secret: "secret",
    "upper case": str.upper,
    "a blank before": lambda secret: " " + secret,
    "a line end": lambda secret: secret + "\n",
    "a letter less": lambda secret: secret[:-1],
    "a letter more": lambda secret: secret + "a",
    "another last letter": lambda secret: secret[:-2] + ("b" if secret[-2] == "a" else "a") + secret[-1],
    "another secret": lambda secret: secret[:14] + "a" * 52,
    "an unknown id": lambda secret: "hoop_m-000000" + secret[13:],
    "a token's id": lambda secret: secret.replace("_m-", "_t-"),
    "half of it": lambda secret: secret.rpartition("_")[2],
    "its id": lambda secret: secret[5:13],
    "its hash": lambda secret: "hoop_m-7QF2KM_" + "0" * 64,
    "not ascii": lambda secret: secret[:-1] + "ä",
    "a NUL": lambda secret: secret[:-1] + "\0",
    "a surrogate": lambda secret: secret[:-1] + "\ud800",
    "far too long": lambda secret: secret * 10_000,
}


@pytest.mark.parametrize("forge", FORGED_SECRETS.values(), ids=FORGED_SECRETS)
async def test_forged_secrets(scene: Scene, forge: Callable[[str], str]) -> None:
    secret, _ = await scene.secret()
    with pytest.raises(Refused) as refused:
        await scene.machines.by_secret(BOT, forge(secret), PEER)
    assert refused.value.sentence == WRONG
    assert await scene.reason() == "the secret is none, or not that of this machine"
    assert await scene.noted("machine.exchanged") == []


async def test_a_secret_is_for_one_machine(scene: Scene) -> None:
    scene.known["other"] = Machine("other", ALICE, frozenset({"web-9"}))
    scene.configure(ALICE)
    secret, _ = await scene.secret()
    for name in ("other", "nobody", "machine:deploy-bot", "DEPLOY-BOT", "", "a\x00b", "x" * 500):
        with pytest.raises(Refused, match="is not right"):
            await scene.machines.by_secret(name, secret, PEER)
    assert [noted["login"] for noted in await scene.noted()][-3:] == ["(not a name)"] * 3


async def test_a_token_of_the_machine_is_no_secret_of_it(scene: Scene) -> None:
    secret, _ = await scene.secret()
    given = await scene.machines.by_secret(BOT, secret, PEER)
    with pytest.raises(Refused):
        await scene.machines.by_secret(BOT, given.token, PEER)


async def test_only_what_was_made_as_a_secret_is_one(scene: Scene) -> None:
    minted = mint_secret(BOT, NOW, None, actor="local:root")
    await scene.ledger.add_token(replace(minted.row, kind="api"), minted.event)
    with pytest.raises(Refused):
        await scene.machines.by_secret(BOT, minted.token, PEER)


async def test_a_job_has_no_secret_and_a_bot_no_job(scene: Scene) -> None:
    secret, _ = await scene.secret(CI)
    with pytest.raises(Refused):
        await scene.machines.by_secret(CI, secret, PEER)
    assert await scene.reason() == "it signs in with tokens of its issuer, and has no secret"
    with pytest.raises(Refused):
        await scene.by_job(name=BOT)
    assert await scene.reason() == "it does not sign in with tokens of an issuer"


# Somebody answers for it.


@pytest.mark.parametrize("how", ["unknown", "locked", "machine locked", "disabled"])
async def test_while_its_owner_is_gone_it_is_nobody(scene: Scene, how: str) -> None:
    secret, _ = await scene.secret()
    before = await scene.machines.by_secret(BOT, secret, PEER)
    if how == "unknown":
        scene.configure()
    elif how == "disabled":
        del scene.known[BOT]
        scene.configure(ALICE)
    else:
        await scene.lock(ALICE if how == "locked" else "machine:deploy-bot")
    with pytest.raises(Refused) as refused:
        await scene.machines.by_secret(BOT, secret, PEER)
    assert refused.value.sentence == WRONG
    reasons = {
        "disabled": "no machine of this name is in the configuration, or it is disabled",
        "machine locked": "was revoked or has expired",
    }
    assert reasons.get(how, f"its owner {ALICE} is unknown, disabled or locked") in await scene.reason()
    assert await scene.who(before.token) is None, "what it has opens nothing either"


async def test_a_job_without_an_owner(scene: Scene) -> None:
    await scene.lock(ALICE)
    with pytest.raises(Refused):
        await scene.by_job()
    await scene.ledger.unlock_person(ALICE, PersonLocked(person=ALICE, reason=""))
    await scene.directory.refresh()
    assert await scene.by_job(jti="job-2")


async def test_a_locked_job(scene: Scene) -> None:
    await scene.lock("machine:ci")
    with pytest.raises(Refused):
        await scene.by_job()
    assert "it is locked" in await scene.reason()


# The token of a CI job.


async def test_a_job_token_becomes_a_short_token(scene: Scene) -> None:
    given = await scene.by_job()
    assert given.principal.id == "machine:ci"
    assert given.principal.targets == {"web-1", "web-2"}
    assert given.principal.method == f"job token of {scene.stub.url}"
    assert (given.row.kind, given.row.parent) == ("machine", "")
    (noted,) = await scene.noted("machine.exchanged")
    assert noted["how"] == f"token of {scene.stub.url}"
    assert noted["detail"] == "repository=acme/shop ref=refs/heads/main"
    assert await scene.who(given.token) is not None


async def test_a_pattern(scene: Scene) -> None:
    assert await scene.by_job(ref="refs/tags/v1.2", jti="a")
    assert await scene.by_job(ref="refs/tags/a/b", jti="b")


FORGED_CLAIMS: dict[str, tuple[Said, str]] = {
    "another repository": ({"repository": "acme/evil"}, "the claim repository is acme/evil"),
    "a longer repository": ({"repository": "acme/shop-evil"}, "the claim repository is"),
    "a shorter repository": ({"repository": "acme/sho"}, "the claim repository is"),
    "another case": ({"repository": "Acme/Shop"}, "the claim repository is"),
    "a blank": ({"repository": "acme/shop "}, "the claim repository is"),
    "a line end": ({"repository": "acme/shop\n"}, "the claim repository is acme/shop<U+000A>"),
    "a look-alike": ({"repository": "acme/shор"}, "the claim repository is"),  # noqa: RUF001
    "no repository": ({"repository": None}, "the token has no claim repository"),
    "an empty repository": ({"repository": ""}, "the claim repository is "),
    "a list": ({"repository": ["acme/shop"]}, "the claim repository is no text"),
    "a table": ({"repository": {"acme/shop": True}}, "the claim repository is no text"),
    "true": ({"repository": True}, "the claim repository is no text"),
    "another branch": ({"ref": "refs/heads/dev"}, "the claim ref is refs/heads/dev"),
    "a branch that begins so": ({"ref": "refs/heads/main2"}, "the claim ref is"),
    "the pattern itself, without a rest": ({"ref": "refs/tags/"}, "the claim ref is"),
    "the beginning of the pattern": ({"ref": "refs/tags"}, "the claim ref is"),
    "something before the pattern": ({"ref": "x/refs/tags/v1"}, "the claim ref is"),
    "no branch": ({"ref": None}, "the token has no claim ref"),
    "a NUL after the pattern": ({"ref": "refs/tags/\0"}, "the claim ref is"),
    "another audience": ({"aud": "vault"}, ""),
    "no audience": ({"aud": None}, ""),
    "two audiences": ({"aud": ["hoop", "vault"]}, ""),
    "an audience that begins so": ({"aud": "hoop2"}, ""),
    "another issuer": ({"iss": "https://token.example"}, ""),
    "no issuer": ({"iss": None}, ""),
    "over": ({"exp": int(NOW.timestamp()) - 3600}, ""),
    "no end": ({"exp": None}, ""),
    "not yet": ({"nbf": int(NOW.timestamp()) + 3600}, ""),
    "an end in a year": ({"exp": int(NOW.timestamp()) + 31_536_000}, ""),
}


@pytest.mark.parametrize(("changed", "told"), FORGED_CLAIMS.values(), ids=FORGED_CLAIMS)
async def test_forged_claims(scene: Scene, changed: Said, told: str) -> None:
    with pytest.raises(Refused) as refused:
        await scene.by_job(**changed)
    assert refused.value.sentence == WRONG
    assert told in await scene.reason()
    assert await scene.noted("machine.exchanged") == []
    assert [row for row in await scene.ledger.tokens() if row.kind == "machine"] == []


FORGED_TOKENS: dict[str, Callable[[Said], str]] = {
    "nothing": lambda said: "",
    "a word": lambda said: "token",
    "two parts": lambda said: mint.token(said).rpartition(".")[0],
    "no signature": lambda said: mint.token(said).rpartition(".")[0] + ".",
    "the algorithm none": lambda said: f"{mint.encoded({'alg': 'none'})}.{mint.encoded(said)}.",
    "another's key": lambda said: mint.token(said, key=mint.rsa("another")),
    "an algorithm that is not taken": lambda said: mint.token(said, "PS256"),
    "the public key as a shared one": lambda said: _with_shared_key(said),
    "other claims under the signature": lambda said: _with_claims(
        mint.token({**said, "repository": "acme/evil"}), said
    ),
    "an extension": lambda said: mint.token(said, crit=["b64"], b64=False),
    "a key of its own": lambda said: mint.token(
        said, key=mint.rsa("another"), jwk=mint.public(mint.rsa("another"))
    ),
    "too long": lambda said: mint.token({**said, "more": "x" * 40_000}),
}


def _with_shared_key(said: Said) -> str:
    content = f"{mint.encoded({'alg': 'HS256', 'kid': 'rsa', 'typ': 'JWT'})}.{mint.encoded(said)}"
    known_to_all = mint.rsa().as_pem(private=False)
    return f"{content}.{mint.b64(hmac.digest(known_to_all, content.encode(), 'sha256'))}"


def _with_claims(token: str, said: Said) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{mint.encoded(said)}.{signature}"


@pytest.mark.parametrize("forge", FORGED_TOKENS.values(), ids=FORGED_TOKENS)
async def test_forged_job_tokens(scene: Scene, forge: Callable[[Said], str]) -> None:
    with pytest.raises(Refused) as refused:
        await scene.machines.by_job_token(CI, forge(scene.said()), PEER)
    assert refused.value.sentence == WRONG
    assert await scene.noted("machine.exchanged") == []


@pytest.mark.parametrize(
    "change",
    [
        {"claims": {}},
        {"audience": ""},
        {"claims": {"repository": ("*",)}},
        {"claims": {"repository": ("ac*",)}},
        {"claims": {"repository": ()}},
    ],
)
async def test_a_machine_that_says_too_little_of_its_tokens(scene: Scene, change: dict[str, Any]) -> None:
    scene.known[CI] = replace(scene.known[CI], **change)
    scene.configure(ALICE)
    with pytest.raises(Refused):
        await scene.by_job()


async def test_an_issuer_that_is_away_is_a_fault_and_no_answer(scene: Scene) -> None:
    scene.stub.metadata["issuer"] = "https://somebody.else.example"
    with pytest.raises(Fault):
        await scene.by_job()
    assert await scene.noted() == []


# Once.


async def test_a_job_token_is_used_once(scene: Scene) -> None:
    token = mint.token(scene.said())
    assert await scene.by_job(token)
    with pytest.raises(Refused):
        await scene.by_job(token)
    assert await scene.reason() == "the token was used before"
    assert await scene.by_job(jti="job-2")


async def test_of_many_who_show_one_token_one_is_let_in(scene: Scene) -> None:
    token = mint.token(scene.said())
    outcomes = await asyncio.gather(*(scene.by_job(token) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(each, Exchanged) for each in outcomes) == 1
    assert sum(isinstance(each, Refused) for each in outcomes) == 9


@pytest.mark.parametrize("changed", [{"iat": int(NOW.timestamp()) - 5}, {"ref": "refs/tags/v1"}])
async def test_the_same_id_is_the_same_token(scene: Scene, changed: Said) -> None:
    assert await scene.by_job()
    with pytest.raises(Refused):
        await scene.by_job(**changed)


async def test_without_an_id_it_is_what_was_signed_and_not_the_signature(scene: Scene) -> None:
    """Whoever sees a signature of an elliptic curve can make another right one for the same content."""
    token = mint.token(scene.said(jti=None), "ES256")
    content, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assert decode_dss_signature(encode_dss_signature(r, order - s)) == (r, order - s)
    twin = f"{content}.{mint.b64(r.to_bytes(32, 'big') + (order - s).to_bytes(32, 'big'))}"
    assert await scene.by_job(token)
    with pytest.raises(Refused):
        await scene.by_job(twin)
    assert await scene.reason() == "the token was used before"
    assert await scene.another_gateway().by_job_token(CI, twin, PEER), "the other signature is a right one"


async def test_a_token_for_another_machine_is_not_used_up_by_trying(scene: Scene) -> None:
    scene.known["cd"] = replace(scene.known[CI], name="cd", claims={"repository": ("acme/other",)})
    scene.configure(ALICE)
    token = mint.token(scene.said())
    with pytest.raises(Refused):
        await scene.by_job(token, "cd")
    assert await scene.by_job(token)


# Guessing.


async def test_throttled_by_address_and_never_by_name(scene: Scene) -> None:
    secret, _ = await scene.secret()
    for _ in range(30):
        with pytest.raises(Refused, match="is not right"):
            await scene.machines.by_secret(BOT, "x", PEER)
    with pytest.raises(Refused, match="too many failed sign-ins - try again in 600 s"):
        await scene.machines.by_secret(BOT, secret, PEER)
    assert len(await scene.noted()) == 31
    assert await scene.machines.by_secret(BOT, secret, Peer("198.51.100.1"))
    scene.clock.wait(601)
    assert await scene.machines.by_secret(BOT, secret, PEER)


# What wants looking after.


def row(kind: str, days_ago: float, **more: Any) -> TokenRow:
    at = NOW - timedelta(days=days_ago)
    return TokenRow(f"m-{days_ago}", "", "machine:bot", frozenset(), at, None, kind=kind, **more)


@pytest.mark.parametrize(
    ("rows", "reports"),
    [
        ([], [UNUSED]),
        ([row("secret", 1)], []),
        ([row("secret", 89)], []),
        ([row("secret", 91)], [UNUSED]),
        ([row("secret", 179, used_at=NOW)], []),
        ([row("secret", 181, used_at=NOW)], [UNROTATED]),
        ([row("secret", 181, used_at=NOW), row("secret", 1)], [UNROTATED]),
        ([row("secret", 181, used_at=NOW, revoked=True), row("secret", 1)], []),
        ([row("secret", 181), row("machine", 1)], [UNROTATED]),
        ([row("secret", 400)], [UNUSED, UNROTATED]),
        ([row("machine", 1)], []),
        ([row("machine", 91)], [UNUSED]),
    ],
)
def test_reports(rows: list[TokenRow], reports: list[str]) -> None:
    others = [replace(each, person="machine:other") for each in (row("secret", 500), row("machine", 0))]
    assert list(review("bot", [*others, *rows], has_owner=True, now=NOW).reports) == reports
    without = review("bot", rows, has_owner=False, now=NOW)
    assert list(without.reports) == [*reports, NO_OWNER]


def test_a_review_knows_the_secrets_that_work() -> None:
    rows = [
        row("secret", 3),
        row("secret", 5),
        row("secret", 9, revoked=True),
        replace(row("secret", 8), expires_at=NOW),
        row("machine", 2),
    ]
    found = review("bot", rows, has_owner=True, now=NOW)
    assert found.secrets == ("m-5", "m-3")
    assert found.secret_since == NOW - timedelta(days=5)
    assert found.used_at == NOW - timedelta(days=2)
