"""Routes about people: who there is, and locking somebody out.

A lock is in the ledger, with the end of every token and certificate of its person, before anything else happens;
then their sessions end. Nobody locks or unlocks themselves. Signing in is elsewhere (`gateway.api.login`).
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from gateway.api.callers import Caller
from gateway.api.control import end_gates, live_elsewhere
from gateway.api.problems import documented, not_found
from gateway.api.rights import Action, may
from gateway.api.schema import LockPerson, PeoplePage, PersonLockedOut, PersonSummary
from gateway.api.services import ApiServices, Services
from gateway.api.who_is_who import WhoIsWho, who_is_who
from gateway.core.events import PersonLocked, PersonUnlocked
from gateway.core.people import Known, Principal
from gateway.core.ports import Hint, LockRow
from gateway.session.gate import Gate

router = APIRouter(prefix="/people", tags=["people"])
_Name = Annotated[str, Path(max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""It may have slashes in it: some are called by their id, which begins with their issuer's address."""


@router.get("")
async def list_people(who: Caller, services: Services) -> PeoplePage:
    """The people you may know of, by name. Machines have a list of their own."""
    everybody = await who_is_who(services)
    shown = [
        _summary(services, everybody, known)
        for known in everybody.all()
        if not known.owner and _may_see(who, Action.LIST_PEOPLE, known)
    ]
    return PeoplePage(people=sorted(shown, key=lambda person: (person.name.casefold(), person.id)))


@router.get("/{name:path}", responses=documented(404))
async def one_person(name: _Name, who: Caller, services: Services) -> PersonSummary:
    """One person, or machine."""
    everybody = await who_is_who(services)
    return _summary(services, everybody, _visible(everybody, who, name))


@router.post("/{name:path}/lock", responses=documented(403, 404, 409))
async def lock(name: _Name, why: LockPerson, who: Caller, services: Services) -> PersonLockedOut:
    """Lock somebody out: their tokens and certificates are revoked, their sessions end, and they can not sign in."""
    everybody = await who_is_who(services)
    person = _touchable(everybody, who, Action.LOCK_PERSON, name).principal
    tokens, certificates = await _held(services, person.id)
    row = LockRow(person.id, services.clock.now(), who.name, why.reason)
    event = PersonLocked(actor=who.id, person=person.id, reason=why.reason)
    if not await services.ledger.lock_person(row, event):
        raise HTTPException(409, await _locked_before(services, person))
    gates = _gates(services, person.id)
    running = [gate for gate in gates if not gate.ended.is_set()]
    await services.bus.publish(Hint("people", person.id))
    await end_gates(running, who, "")
    return PersonLockedOut(
        person=await _now(services, person.id),
        ended=sorted(gate.session.id for gate in running if gate.ended.is_set()),
        elsewhere=await live_elsewhere(services, person.name),
        tokens=tokens,
        certificates=certificates,
    )


@router.post("/{name:path}/unlock", responses=documented(403, 404, 409))
async def unlock(name: _Name, who: Caller, services: Services) -> PersonSummary:
    """Let somebody sign in again. What was revoked stays revoked."""
    everybody = await who_is_who(services)
    person = _touchable(everybody, who, Action.UNLOCK_PERSON, name).principal
    if not await services.ledger.unlock_person(person.id, PersonUnlocked(actor=who.id, person=person.id)):
        raise HTTPException(409, f"{person.name} is not locked")
    await services.bus.publish(Hint("people", person.id))
    return await _now(services, person.id)


def _may_see(who: Principal, action: Action, known: Known) -> bool:
    return may(who, action, known.owner or known.principal.name)


def _visible(everybody: WhoIsWho, who: Principal, name: str) -> Known:
    """The same answer for who is not there and for who is not the caller's to know."""
    known = everybody.find(name)
    if known is None or not _may_see(who, Action.SEE_PERSON, known):
        raise not_found("there is nobody of this name for you")
    return known


def _touchable(everybody: WhoIsWho, who: Principal, action: Action, name: str) -> Known:
    known = _visible(everybody, who, name)
    if who.id == known.principal.id:
        raise HTTPException(403, f"nobody can {action.split()[0]} themselves")
    if not may(who, action, known.principal.name):
        needed = "an operator" if action is Action.LOCK_PERSON else "an admin"
        raise HTTPException(
            403, f"you may see {known.principal.name}, and not {action.split()[0]} them: that takes {needed}"
        )
    return known


async def _held(services: ApiServices, id: str) -> tuple[int, int]:
    """How many tokens and certificates of this person are good now."""
    now = services.clock.now()
    tokens = [
        row
        for row in await services.ledger.tokens()
        if row.person == id and not row.revoked and (row.expires_at is None or row.expires_at > now)
    ]
    certificates = [
        row for row in await services.ledger.certificates(id) if not row.revoked and row.expires_at > now
    ]
    return len(tokens), len(certificates)


async def _locked_before(services: ApiServices, person: Principal) -> str:
    lock = (await who_is_who(services)).locks.get(person.id)
    by = f" by {lock.by} since {lock.at:%Y-%m-%d %H:%M} UTC" if lock else ""
    return f"{person.name} is locked already{by}"


def _gates(services: ApiServices, id: str) -> list[Gate]:
    """By their id: a session that is open may be older than the name its person has now."""
    gates = (services.live.get(session) for session in services.live.ids())
    return [gate for gate in gates if gate is not None and gate.session.principal.id == id]


async def _now(services: ApiServices, id: str) -> PersonSummary:
    everybody = await who_is_who(services)
    known = next((each for each in everybody.all() if each.principal.id == id), Known(Principal(id, id)))
    return _summary(services, everybody, known)


def _summary(services: ApiServices, everybody: WhoIsWho, known: Known) -> PersonSummary:
    person = known.principal
    lock = everybody.locks.get(person.id)
    return PersonSummary(
        name=person.name,
        id=person.id,
        issuer=known.issuer,
        groups=sorted(person.groups),
        roles=sorted(person.roles),
        locked_at=lock.at if lock else None,
        locked_by=lock.by if lock else "",
        locked_reason=lock.reason if lock else "",
        checked_at=known.checked_at,
        gone=known.gone,
        sessions=sum(not gate.ended.is_set() for gate in _gates(services, person.id)),
    )
