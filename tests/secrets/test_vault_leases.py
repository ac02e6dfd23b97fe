"""Accounts that a vault lends: renewed while they are used, given back at the end, and never silently gone."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.secrets.vault import leases as leases_module
from gateway.secrets.vault.leases import Lease, VaultLeases
from gateway.secrets.vault.settings import ByAppRole
from tests.secrets.conftest import CANARY, Connect, fault_of
from tests.secrets.vault_double import VaultDouble, Watch, error

READONLY = {"vault_db": "database/creds/readonly"}
PATIENCE = 20.0


class Sleeps:
    """Time passes when everybody sleeps: each sleep ends at its moment on the test's clock, which jumps there."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.limit = float("inf")
        """The clock does not go beyond."""
        self.reached = asyncio.Event()

    async def __call__(self, leases: VaultLeases, moment: float) -> None:
        moment = max(self.watch.time + 0.2, moment)
        if moment > self.limit:
            self.watch.time = self.limit
            self.reached.set()
            await asyncio.Event().wait()
        self.watch.time = moment
        await asyncio.sleep(0)


@pytest.fixture
def sleeps(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    sleeps = Sleeps(watch)

    async def sleep_until(leases: VaultLeases, moment: float) -> None:
        await sleeps(leases, moment)

    monkeypatch.setattr(VaultLeases, "_sleep_until", sleep_until)
    return sleeps


@asynccontextmanager
async def borrowed(connect: Connect, watch: Watch, **more: Any) -> AsyncIterator[Lease]:
    async with VaultLeases(connect(**more), now=watch).lend(READONLY) as lease:
        yield lease


async def test_an_account_is_there_in_the_block_and_given_back(
    double: VaultDouble, connect: Connect, watch: Watch
) -> None:
    async with borrowed(connect, watch) as lease, borrowed(connect, watch) as other:
        assert lease.username.startswith("v-role-")
        assert lease.password.expose().startswith(b"canary-")
        assert lease.password != other.password
        assert lease.password.expose().decode() not in repr(lease)
        assert len(double.loans) == 2
        assert not lease.over.is_set()
    assert double.loans == {}
    assert lease.over.is_set()


async def test_it_is_renewed_for_as_long_as_the_vault_lets_it(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    """A minute at a time, up to ten minutes; the borrower hears of it while it still works."""
    began = watch.time
    async with borrowed(connect, watch) as lease:
        async with asyncio.timeout(PATIENCE):
            await lease.over.wait()
        (loan,) = double.loans.values()
        assert loan.ends_at == began + 600
        assert 0 < loan.ends_at - watch.time <= 6
        assert 15 <= double.renewals <= 25
    assert double.loans == {}
    assert "the account from database/creds/readonly ends now" in caplog.text


async def test_the_token_it_hangs_on_is_renewed_too(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps
) -> None:
    """A lease ends with its token. Here that lasts shorter than a renewal of the lease would wait."""
    double.roles = {("approle", "r"): "s"}
    double.token_ttl, double.token_longest, double.lease_ttl, double.lease_longest = 30, 10**6, 3600, 10**6
    sleeps.limit = watch.time + 5000
    by = ByAppRole({"env": "R"}, {"env": "S"})
    async with borrowed(connect, watch, sign_in=by, environ={"R": "r", "S": "s"}) as lease:
        async with asyncio.timeout(PATIENCE):
            await sleeps.reached.wait()
        (loan,) = double.loans.values()
        assert double.tokens[loan.token].ends_at > watch.time
        assert loan.ends_at > watch.time
        assert not lease.over.is_set()
    assert double.count("auth/approle/login") == 1


async def test_a_token_at_the_end_of_its_life_takes_the_account_along(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps
) -> None:
    """There is a new token in time, but it can not keep what the old one borrowed: the borrower hears of it."""
    double.roles = {("approle", "r"): "s"}
    double.token_ttl, double.token_longest, double.lease_ttl, double.lease_longest = 30, 100, 3600, 10**6
    by = ByAppRole({"env": "R"}, {"env": "S"})
    async with borrowed(connect, watch, sign_in=by, environ={"R": "r", "S": "s"}) as lease:
        (loan,) = double.loans.values()
        async with asyncio.timeout(PATIENCE):
            await lease.over.wait()
        assert watch.time < double.tokens[loan.token].ends_at
    assert double.count("auth/approle/login") == 2


async def test_a_lease_that_an_operator_took_away(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    began = watch.time
    async with borrowed(connect, watch) as lease:
        double.loans.clear()
        async with asyncio.timeout(PATIENCE):
            await lease.over.wait()
        assert watch.time == began + 30
    assert "the account from database/creds/readonly is gone: " in caplog.text
    assert "can not be given back and ends by itself" in caplog.text
    assert CANARY not in caplog.text


async def test_a_server_that_is_ill_for_a_while(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps
) -> None:
    times = iter([500, 429, 503])

    async def ill(writer: asyncio.StreamWriter) -> None:
        status = next(times, None)
        if status is None:
            del double.moods["sys/leases/renew"]
            status = 500
        writer.write(b"HTTP/1.1 %d Ill\r\nContent-Length: 0\r\n\r\n" % status)

    double.moods["sys/leases/renew"] = ill
    sleeps.limit = watch.time + 200
    async with borrowed(connect, watch) as lease:
        async with asyncio.timeout(PATIENCE):
            await sleeps.reached.wait()
        assert not lease.over.is_set()
        assert double.renewals >= 2


async def test_a_server_that_stays_ill(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    double.moods["sys/leases/renew"] = double.moods["sys/leases/revoke"] = 500, error(CANARY)
    async with borrowed(connect, watch) as lease:
        ends_at = watch.time + 60
        async with asyncio.timeout(PATIENCE):
            await lease.over.wait()
        assert ends_at - 7 <= watch.time <= ends_at
    assert "the vault failed (status 500)" in caplog.text
    assert CANARY not in caplog.text


async def test_giving_back_is_not_cut_short_and_not_waited_for_for_ever(
    double: VaultDouble, connect: Connect, watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    inside = asyncio.Event()

    async def session() -> None:
        async with borrowed(connect, watch):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(session())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert double.loans == {}

    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(leases_module, "_GIVING_BACK", 0.2)
    double.moods["sys/leases/revoke"] = silent
    async with asyncio.timeout(PATIENCE), borrowed(connect, watch):
        pass
    assert "the vault gave no answer in 0.2 seconds" in caplog.text


async def test_a_policy_that_allows_no_renewal(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    """Then it is ours until its first end, and not a moment less."""
    double.forbidden.add("sys/leases/renew")
    began = watch.time
    async with borrowed(connect, watch) as lease:
        async with asyncio.timeout(PATIENCE):
            await lease.over.wait()
        assert watch.time == began + 54
    assert "is not renewed: the account from database/creds/readonly can not be renewed: " in caplog.text


async def test_an_account_that_nobody_waits_for_any_more_goes_back(
    double: VaultDouble, connect: Connect, watch: Watch
) -> None:
    """Whoever asked went away while the server made it."""
    came, go_on = asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        came.set()
        await go_on.wait()
        body = b'{"lease_id":"l","lease_duration":60,"renewable":true,"data":{"username":"u","password":"p"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    double.moods["database/creds/readonly"] = slow
    leases = VaultLeases(connect(), now=watch)

    async def session() -> None:
        async with leases.lend(READONLY):
            pytest.fail("nobody was waiting")

    task = asyncio.create_task(session())
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await leases.close()
    (revoked,) = [asked.body for asked in double.asked if asked.path == "sys/leases/revoke"]
    assert b'"lease_id": "l"' in revoked


@pytest.mark.parametrize(
    ("answer", "is_given_back"),
    [
        ({}, False),
        ({"data": {"username": "u", "password": CANARY}}, False),
        ({"lease_id": "l", "lease_duration": 0, "data": {"username": "u", "password": CANARY}}, False),
        ({"lease_id": "l", "lease_duration": "60", "data": {"username": "u", "password": CANARY}}, False),
        ({"lease_id": 7, "lease_duration": 60, "data": {"username": "u", "password": CANARY}}, False),
        ({"lease_id": "l", "lease_duration": 60, "data": {"username": "u"}}, True),
        ({"lease_id": "l", "lease_duration": 60, "data": {"username": "", "password": CANARY}}, True),
        ({"lease_id": "l", "lease_duration": 60, "data": [CANARY]}, True),
    ],
)
async def test_answers_that_lend_nothing(
    double: VaultDouble, connect: Connect, watch: Watch, answer: Any, is_given_back: bool
) -> None:
    double.moods["database/creds/readonly"] = 200, answer

    async def borrow() -> None:
        async with borrowed(connect, watch):
            pytest.fail("there was nothing to lend")

    told = await fault_of(borrow())
    assert told.startswith("no account can be borrowed at database/creds/readonly: the answer has no ")
    assert double.count("sys/leases/revoke") == is_given_back


@pytest.mark.parametrize(
    "reference",
    [
        {"vault_db": "readonly"},
        {"vault_db": 7},
        {"vault": "database/creds/readonly"},
        {**READONLY, "ttl": "1h"},
    ],
)
async def test_references_that_are_wrong(
    double: VaultDouble, connect: Connect, watch: Watch, reference: Any
) -> None:
    async def borrow() -> None:
        async with VaultLeases(connect(), now=watch).lend(reference):
            pytest.fail("there was nothing to lend")

    assert "reference" in await fault_of(borrow())
    assert double.asked == []


async def test_nothing_of_an_account_is_logged(
    double: VaultDouble, connect: Connect, watch: Watch, sleeps: Sleeps, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with borrowed(connect, watch) as lease:
        (id,) = double.loans
        double.loans.clear()
        await lease.over.wait()
    for word in (lease.username, lease.password.expose().decode(), id):
        assert word not in caplog.text
