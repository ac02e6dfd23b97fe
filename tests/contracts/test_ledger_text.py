"""The Ledger's contract: any text goes in, comes out as it was, and is never taken for SQL."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.events import ConfigReloaded
from gateway.core.ports import Ledger
from tests.contracts.conftest import a_request, admitted, held, opened

ODD = st.one_of(
    st.text(st.characters(), max_size=30),  # with surrogates, lone and in pairs
    st.text(st.sampled_from("\x00\x1a\\u0d8e\"'%_\ud83d\ude00\udc80é"), max_size=12),
    st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape")),
)
INJECTIONS = (
    "'; DROP TABLE entries; --",
    '" OR "1"="1',
    "' OR 1=1 --",
    ":seq %(seq)s %s ? $1 {0}",
    "\\'; DELETE FROM sessions; --",
    "x' UNION SELECT digest FROM tokens --",
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(ODD, min_size=1, max_size=8, unique=True))
async def test_any_text_comes_back_exactly(ledger: Ledger, texts: list[str]) -> None:
    before = [entry.seq for entry in await ledger.entries(limit=10_000)][-1:] or [0]
    for text in texts:
        await ledger.append(ConfigReloaded(actor=text, ok=True, config_sha256=text, problem=text))
        await ledger.append(replace(admitted("", text), masks=[text, text]))
    entries = await ledger.entries(after=before[0])
    for text, plain, command in zip(texts, entries[::2], entries[1::2], strict=True):
        assert plain.actor == text
        assert plain.body == {"ok": True, "config_sha256": text, "problem": text}
        assert command.body["text"] == text
        assert command.body["masks"] == [text, text]


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.tuples(ODD, ODD, ODD, ODD), number=st.integers(0, 2**62))
async def test_odd_text_in_sessions_and_approvals(
    ledger: Ledger, texts: tuple[str, str, str, str], number: int
) -> None:
    id = f"s-{texts[0]}-{number}-{len(await ledger.entries(limit=10_000))}"
    session = replace(
        opened(id, texts[1], texts[2]), login=texts[3], client=texts[0], labels={texts[1]: texts[2]}
    )
    await ledger.append(session)
    row = await ledger.session(id)
    assert row is not None
    assert (row.id, row.person, row.target, row.login, row.client) == (
        id,
        texts[1],
        texts[2],
        texts[3],
        texts[0],
    )
    assert row.labels == {texts[1]: texts[2]}
    assert row in await ledger.find_sessions(id)
    if texts[1] and texts[2]:
        assert row in await ledger.sessions(person=texts[1], target=texts[2])
    request = replace(a_request(id), text=texts[1], reason=texts[2], approvers=frozenset(texts), session=id)
    request = replace(request, facts={texts[0]: texts[3]}, answers={texts[1]: texts[2]}, shape=texts[3])
    await ledger.open_approval(request, held(request))
    assert await ledger.settle_approval(id, "by " + texts[3], True, texts[0])
    kept = await ledger.approval(id)
    assert kept is not None
    (word,) = kept.decisions
    assert replace(kept, state="held", decisions=(), granted_scope="") == request
    assert (word.by, word.reason) == ("by " + texts[3], texts[0])


async def test_huge_text(ledger: Ledger) -> None:
    text = "hük\udcff\x00" * 200_000
    await ledger.append(admitted("s-1", text))
    request = replace(a_request(), text=text)
    await ledger.open_approval(request, held(request))
    assert (await ledger.entries())[0].body["text"] == text
    kept = await ledger.approval(request.id)
    assert kept is not None
    assert kept.text == text


@pytest.mark.parametrize("evil", INJECTIONS)
async def test_text_is_never_sql(ledger: Ledger, evil: str) -> None:
    await ledger.append(opened("s-1"))
    await ledger.append(replace(opened(evil, evil, evil), actor=evil))
    request = replace(a_request(evil), session=evil, requester=evil, text=evil)
    await ledger.open_approval(request, held(request))
    assert await ledger.approval(evil) == request
    assert await ledger.approvals(state=evil) == []
    assert await ledger.settle_approval(evil, "x" + evil, True, evil)
    assert [row.id for row in await ledger.sessions(person=evil)] == [evil]
    assert [row.id for row in await ledger.sessions(target=evil)] == [evil]
    assert [row.id for row in await ledger.find_sessions(evil)] == [evil]
    assert [entry.session for entry in await ledger.entries(session=evil)] == [evil] * 3
    assert await ledger.token(evil) is None
    assert len(await ledger.entries()) == 4
    assert len(await ledger.sessions()) == 2
