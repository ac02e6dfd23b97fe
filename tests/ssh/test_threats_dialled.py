"""What was judged is what is dialled: whatever names resolve to meanwhile, and whatever becomes of the inventory."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncssh
import pytest

from gateway.core.operation import Operation
from gateway.core.people import Session
from gateway.core.verdict import Allow, Hold, Verdict
from tests.ssh.client import PATIENCE
from tests.ssh.fake_target import FakeTarget
from tests.ssh.forwarding import until
from tests.ssh.house import BOB, House
from tests.ssh.raw import Tally
from tests.ssh.test_proof import arguments

NAME = "web-1.internal.test"
ELSEWHERE = "127.0.0.2"
"""Another address of this machine: the attacker's."""


async def answer(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.stdout.write(f"{process.get_extra_info('username')} runs {process.command}\n".encode())
    process.exit(0)


@pytest.fixture
async def target(house: House) -> AsyncIterator[FakeTarget]:
    target = FakeTarget(answer)
    await target.start(house)
    yield target
    await target.stop()


async def run(house: House, command: str, username: str = "web-1") -> tuple[int | None, str, str]:
    async with asyncssh.connect(**arguments(house, username=username)) as client, asyncio.timeout(PATIENCE):
        ran = await client.run(command)
    return ran.exit_status, str(ran.stdout), str(ran.stderr)


class Resolver:
    """Answers for one name what it is told to, a different thing each time; all others are asked for as before."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self._before = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return self._before(host, port, *more, **named)
        self.asked += 1
        (addresses, *rest) = self.answers
        self.answers = rest or self.answers
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in addresses
        ]


class Impostor(asyncssh.SSHServer):
    """Would let anybody in, and notes who tries."""

    def __init__(self, visits: list[str]) -> None:
        self._visits = visits

    def begin_auth(self, username: str) -> bool:
        self._visits.append(username)
        return False

    def password_auth_supported(self) -> bool:
        return True


@pytest.fixture
async def visits(house: House, target: FakeTarget) -> AsyncIterator[list[str]]:
    """web-1 is known by a name now; on its port at another address waits somebody else. These came to them."""
    (known,) = house.targets_offered
    house.add(replace(known, host=NAME))
    visits: list[str] = []
    server = await asyncssh.listen(
        ELSEWHERE,
        known.port,
        server_factory=lambda: Impostor(visits),
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=answer,
        encoding=None,
    )
    yield visits
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("then", [[ELSEWHERE], [ELSEWHERE, "127.0.0.1"]], ids=["another", "both"])
async def test_a_name_that_leads_elsewhere_the_next_time(
    house: House, target: FakeTarget, visits: list[str], then: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address is nobody's identity: the pinned key is, and nothing is sent to whoever has it not."""
    resolver = Resolver(["127.0.0.1"], then)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert await run(house, "first") == (0, "somebody runs first\n", "")
    status, out, err = await run(house, "second")
    assert (status, out) == (255, "")
    assert err == "hoop: the host key of web-1 has CHANGED - nothing was sent; tell your platform team\n"
    assert visits == [], "it never came to a sign-in there"
    assert target.commands == ["first"]
    assert await house.outcomes() == ["exit 0", "unreachable"]
    assert resolver.asked == 2, "once for each dial, so that there is no second answer to go wrong"


async def test_a_name_is_asked_for_after_the_decision(
    house: House, target: FakeTarget, visits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules see the name of the inventory, which no resolver can change."""
    resolver = Resolver(["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    judged: list[tuple[str, str, int]] = []

    def judge(operation: Operation, session: Session) -> Verdict:
        judged.append((session.target.name, session.target.host, resolver.asked))
        return Allow("everything")

    house.decide = judge
    assert (await run(house, "x"))[0] == 0
    assert judged == [("web-1", NAME, 0)]
    assert resolver.asked == 1
    assert visits == []


async def test_an_inventory_that_changes_while_somebody_decides(house: House, target: FakeTarget) -> None:
    """What was approved is run where it was asked for, with the key that was pinned there then."""
    house.decide = lambda operation, session: Hold("ask", "", frozenset({"sre"}))
    running = asyncio.create_task(run(house, "approved-command"))
    (request,) = await until(lambda: house.ledger.approvals(state="held"))
    tally = Tally()
    elsewhere = await asyncio.start_server(tally.visit, "127.0.0.1", 0)
    port = elsewhere.sockets[0].getsockname()[1]
    key = asyncssh.generate_private_key("ssh-ed25519")
    house.offer("web-1", port, "root", key, host_keys=[key.export_public_key().decode().strip()])
    await house.approvals.settle(request.id, BOB, True, request.sha256, "")
    status, out, _ = await running
    assert (status, out) == (0, "somebody runs approved-command\n")
    assert target.commands == ["approved-command"]
    assert tally.visits == 0
    elsewhere.close()
    await elsewhere.wait_closed()


LOGINS = {
    "web-1": ("web-1", "somebody"),
    "web-10": ("web-10", "somebody"),
    "deploy%web-1": ("web-1", "deploy"),
    "deploy%web-10": ("web-10", "deploy"),
}
NOBODY = [
    *(
        "WEB-1",
        "web-1.",
        "web-01",
        "web-1%web-10",
        "web-10%web-1",
        "root%web-1",
        "deploy@web-1",
        "web-1@web-10",
    ),
    *(
        "deploy%web-1%web-10",
        "%web-1",
        "web-1%",
        "web-1:web-10",
        "web-1+deploy",
        "::1",
        "[127.0.0.1]",
        "127.0.0.1",
    ),
]


async def test_every_name_leads_to_one_target(house: House) -> None:
    """The one that rules were asked about, as the account they were asked about; every other spelling to none."""
    places = {}
    for name in ("web-1", "web-10"):
        places[name] = FakeTarget(answer)
        await places[name].start(house, name)
        house.change(name, logins=("deploy",))
    judged: list[tuple[str, str]] = []

    def judge(operation: Operation, session: Session) -> Verdict:
        judged.append((session.target.name, session.login))
        return Allow("everything")

    house.decide = judge
    for login, (name, account) in LOGINS.items():
        assert await run(house, login, login) == (0, f"{account} runs {login}\n", "")
        assert judged.pop() == (name, account)
        assert places[name].commands.pop() == login
    for login in NOBODY:
        try:
            status, out, _ = await run(house, "x", login)
        except asyncssh.Error:
            continue  # a name with no reading is turned away at the door
        assert (status, out) == (126, ""), login
    assert judged == []
    for place in places.values():
        assert place.commands == []
        await place.stop()
