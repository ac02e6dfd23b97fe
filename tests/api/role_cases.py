"""What has to be there before a route is called: somebody's session, token, certificate, machine, or somebody."""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, NamedTuple

import httpx2

from gateway.core.approval import Amendment
from gateway.core.approval_events import RequestAmended
from gateway.core.events import PersonUnlocked
from gateway.core.people import Principal
from gateway.core.reviews import Review
from gateway.session.gate import Gate
from tests.api.role_table import Line
from tests.api.town import OTHER, Town

REQUESTS = (
    *("wait", "reply", "cancel", "approve", "deny", "claim", "comment", "break-glass", "impact", "amend"),
)
"""What there is to do about a request that is held, but for leaving to others what is one's own to decide."""

ABOUT_ONESELF = {
    "/v1/me",
    "/v1/login/refresh",
    "/v1/logout",
    "/v1/ssh/certificate",
    "/v1/databases/certificate",
}
"""Routes that name nobody: they are about the caller."""
ASKED_FOR = {"/v1/tokens", "/v1/requests"}
"""So are these, where something is asked for: a token is made, or a request."""

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"
X509_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEG4FC7bMO0dB0HTnMm4OerdVTZtsr
0YLjNuyDrUvsKcm1rn1wdhnwrX6MVklOsS/YeVNgIy+pNjLkX4A0Xa76Tw==
-----END PUBLIC KEY-----
"""
PARAMETERS = {
    "/v1/sessions/{id}/export": {"as": "txt"},
    "/v1/requests": {"which": "all"},
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/sessions/{id}/message": {"text": "hello"},
    "/v1/people/{name}/lock": {"reason": "a lost laptop"},
    "/v1/ssh/certificate": {"public_key": PUBLIC_KEY},
    "/v1/login/device": {},
    "/v1/login/token": {"grant": "device", "device_code": "none"},
    "/v1/login/password": {"name": "nobody", "password": "wrong"},
    "/v1/login/exchange": {"machine": "nobody", "client_secret": "wrong"},
    "/v1/tokens": {"kind": "database", "target": "appdb"},
    "/v1/databases/certificate": {"public_key": X509_KEY},
    "/v1/requests": {"target": "web-1"},
    "/v1/requests/{id}/approve": {"sha256": sha256(b"reboot").hexdigest(), "version": 1},
    "/v1/requests/{id}/deny": {"sha256": sha256(b"reboot").hexdigest(), "version": 1, "reason": "not today"},
    "/v1/requests/{id}/comment": {"text": "why?"},
    "/v1/requests/{id}/reply": {"text": "because"},
    "/v1/requests/{id}/break-glass": {
        "sha256": sha256(b"reboot").hexdigest(),
        "version": 1,
        "reason": "everything is down",
    },
    "/v1/requests/{id}/amend": {
        "sha256": sha256(b"reboot").hexdigest(),
        "version": 1,
        "text": "reboot later",
    },
    "/v1/requests/{id}/accept": {"sha256": sha256(b"reboot later").hexdigest(), "version": 2},
    "/v1/requests/{id}/sign": {"verdict": "ok", "reason": "it was right"},
    "/v1/requests/{id}/revoke": {"reason": "enough"},
}
"""What a route can not be called without."""


class Case(NamedTuple):
    """What a route is called about: where in its address, and how a list shows it."""

    values: dict[str, str]
    shown: str = ""
    gate: Gate | None = None


Prepare = Callable[[Town, str], Awaitable[Case]]
"""Makes something of the person with this id."""


def about_oneself(line: Line) -> bool:
    """Is there nobody else that this could be about?"""
    return line.path in ABOUT_ONESELF or (line.method == "POST" and line.path in ASKED_FOR)


def is_list(line: Line) -> bool:
    """A list is never refused: it is shorter."""
    return line.method == "GET" and line.path.count("/") == 2 and not about_oneself(line)


async def ask(http: httpx2.AsyncClient, line: Line, case: Case, token: str) -> httpx2.Response:
    """Call the route."""
    path = line.path
    for name, value in case.values.items():
        path = path.replace(f"{{{name}}}", value)
    return await http.request(
        line.method,
        path,
        params=PARAMETERS.get(line.path),
        json=BODIES.get(line.path) if line.method == "POST" else None,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


async def prepared(town: Town, line: Line, owner: str) -> Case:
    """What this route can be called about, of the person with this id."""
    if about_oneself(line):
        return Case({})
    return await _PREPARE.get(line.path, _recording)(town, owner)


async def cleared(town: Town, line: Line, case: Case) -> None:
    """What would be in the way of the next call is over."""
    if case.gate is not None:
        await case.gate.close("ended", {"reason": "ended"})
    if line.path.endswith("lock"):
        for lock in await town.house.ledger.locks():
            await town.house.ledger.unlock_person(lock.person, PersonUnlocked(person=lock.person))


async def _recording(town: Town, owner: str) -> Case:
    id = town.new_session()
    await town.house.record(id, person=owner)
    return Case({"id": id}, id)


async def _live_session(town: Town, owner: str) -> Case:
    gate = await town.enter(owner)
    return Case({"id": gate.session.id, "name": owner}, gate=gate)


async def _paused_session(town: Town, owner: str) -> Case:
    case = await _live_session(town, owner)
    assert case.gate is not None
    await case.gate.steering.pause(Principal("id-eve", "eve"))
    return case


async def _somebody(town: Town, owner: str) -> Case:
    return Case({"name": owner}, f'"name":"{owner}"')


async def _somebody_locked(town: Town, owner: str) -> Case:
    """Nobody who is locked gets as far as to unlock themselves: so those who ask about themselves are not."""
    if owner == OTHER:
        await town.lock_out(owner)
    return await _somebody(town, owner)


async def _token(town: Town, owner: str) -> Case:
    _, id = await town.token(owner, "api")
    return Case({"id": id}, id)


async def _certificate(town: Town, owner: str) -> Case:
    row = await town.certify(owner)
    return Case({"serial": str(row.serial)}, f'"serial":"{row.serial}"')


async def _request(town: Town, owner: str) -> Case:
    """It asks the groups of those who decide."""
    id = await town.ask(owner)
    return Case({"id": id}, id)


async def _claimed_request(town: Town, owner: str) -> Case:
    """By whoever has the role for it. Nobody looks into what they ask for themselves."""
    id = await town.ask(owner)
    if owner == OTHER:
        decider = town.hall.people.directory.find("pia")
        assert decider is not None
        await town.house.approvals.claim(id, decider)
    return Case({"id": id}, id)


async def _amended_request(town: Town, owner: str) -> Case:
    """Another text is proposed, by somebody who decides."""
    case = await _request(town, owner)
    id, now = case.values["id"], town.house.clock.now()
    text = "reboot later"
    said = Amendment("id-eve", "eve", text, sha256(text.encode()).hexdigest(), "", now, ("deciders",))
    event = RequestAmended(
        request=id, text=text, sha256=said.sha256, before="reboot", before_sha256="", version=2
    )
    assert await town.house.ledger.amend_approval(id, said, 1, event)
    return case


async def _broken_request(town: Town, owner: str) -> Case:
    case = await _request(town, owner)
    now = town.house.clock.now()
    review = Review(owner, "everything is down", now, now)
    assert await town.house.ledger.break_glass(case.values["id"], review, 1, [])
    return case


async def _approved_request(town: Town, owner: str) -> Case:
    case = await _request(town, owner)
    assert await town.house.ledger.settle_approval(case.values["id"], "id-eve", True)
    return case


async def _machine(town: Town, owner: str) -> Case:
    return Case({}, f"bot-of-{owner}")


_PREPARE: dict[str, Prepare] = {
    "/v1/sessions/{id}/pause": _live_session,
    "/v1/sessions/{id}/message": _live_session,
    "/v1/sessions/{id}/end": _live_session,
    "/v1/sessions/{id}/resume": _paused_session,
    "/v1/people/{name}/end": _live_session,
    "/v1/people": _somebody,
    "/v1/people/{name}": _somebody,
    "/v1/people/{name}/lock": _somebody,
    "/v1/people/{name}/unlock": _somebody_locked,
    "/v1/tokens": _token,
    "/v1/tokens/{id}": _token,
    "/v1/certificates": _certificate,
    "/v1/certificates/{serial}": _certificate,
    "/v1/machines": _machine,
    "/v1/requests/{id}/unclaim": _claimed_request,
    "/v1/requests/{id}/accept": _amended_request,
    "/v1/requests/{id}/sign": _broken_request,
    "/v1/requests/{id}/revoke": _approved_request,
    **{f"/v1/requests{rest}": _request for rest in ("", "/{id}", *(f"/{{id}}/{what}" for what in REQUESTS))},
}
