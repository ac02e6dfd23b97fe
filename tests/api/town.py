"""An API with everything of a gateway behind it that says who comes in: the front hall, its desk, its directory.

People and machines are of a configuration, or vouched for; tokens of every kind, certificates and locks are real.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from gateway.api.app import ApiServices
from gateway.app.front_hall import FrontHall
from gateway.app.inventory import Targets
from gateway.app.machine_list import MachineList
from gateway.app.settings import Settings
from gateway.core.events import CertificateIssued, PersonKept, PersonLocked, TokenRevoked
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.ports import CertificateRow, LockRow, PersonRow
from gateway.core.secret import Secret
from gateway.core.verdict import Allow, Glass, Hold
from gateway.identity.machine_secrets import mint_secret
from gateway.identity.tokens import mint
from gateway.masking.stream import StreamMasker
from gateway.secrets.references import ReferenceSecrets
from gateway.session import asking
from gateway.session.beforehand import Beforehand
from gateway.session.gate import Gate
from gateway.session.lobby import BearerToken, Lobby, Rooms
from gateway.session.organs import Judge, Organs
from tests.api.house import House

ROLE_OF = {"petra": "person", "pia": "approver", "alba": "auditor", "otto": "operator", "adam": "admin"}
"""One person for each role."""
DECIDERS = frozenset({"deciders"})
ON_CALL = "oncall"
"""Everybody is: they may break the glass of what they ask for."""
"""The group of those who have the role of an approver."""
OTHER = "olga"
"""Whose everything is somebody else's."""
ROBOT, EVAS_ROBOT, LOCKED_ROBOT = "machine:robot", "machine:evas-robot", "machine:locked-robot"
ISSUER = "https://id.example.com"
HALF_A_DAY = timedelta(hours=12)
SOMEWHERE = Peer("192.0.2.7")


def machine(name: str, owner: str) -> dict[str, object]:
    """A `[[machine]]`. Its groups are those that bring people the role of an auditor."""
    return {"name": name, "owner": owner, "groups": ["sec"], "targets": ["web-1", "appdb"]}


def groups(role: str) -> list[str]:
    """Of the person with this role."""
    return [*DECIDERS, ON_CALL] if role == "approver" else [ON_CALL]


def settings(directory: Path) -> Settings:
    """A gateway with one person for each role, whom a provider vouches for, and with Olga, Owen, who answers for
    machines, and Eva, an admin."""
    people = [
        {"name": name, "roles": [role], "groups": groups(role), "issuer": "corp", "subject": name}
        for name, role in ROLE_OF.items()
    ]
    others = [{"name": OTHER}, {"name": "owen"}, {"name": "eva", "roles": ["admin"]}]
    given = {
        "version": 1,
        "gateway": {"name": "gw-1", "data_dir": str(directory)},
        "issuer": [{"name": "corp", "url": ISSUER, "client_id": "hoop"}],
        "person": [*people, *others],
        "roles": {"auditor": ["sec"]},
        "machine": [
            machine("robot", "owen"),
            machine("evas-robot", "eva"),
            machine("locked-robot", "owen"),
            *(machine(f"bot-of-{name}", name) for name in [*ROLE_OF, OTHER]),
        ],
    }
    return Settings.model_validate(given, context={"directory": directory})


ASKING = Judge(lambda operation, session: Hold("ask-first", "a colleague decides", DECIDERS), "rev")
"""Rules that hold whatever anybody asks for in advance."""


async def written_down(target: Target, text: str) -> Operation:
    """A command."""
    return Operation("exec", text)


@dataclass(slots=True)
class Town:
    """Everybody behind one API."""

    house: House
    hall: FrontHall
    lobby: Lobby
    settings: Settings
    _serial: int = field(default=0)
    _sessions: int = field(default=0)

    def services(self) -> ApiServices:
        house, directory = self.house, self.hall.people.directory
        return ApiServices(
            ledger=house.ledger,
            blobs=house.blobs,
            bus=house.bus,
            clock=house.clock,
            identify=self.identify,
            live=house.live,
            approvals=house.approvals,
            beforehand=Beforehand(
                house.approvals, lambda: ASKING, self.hall.desk._find, written_down, house.clock
            ),
            impacts=house.impacts(),
            everybody=directory.everybody,
            machines=MachineList(lambda: self.settings.machine, house.ledger, house.clock, directory.named),
            sign_in=self.hall.sign_in("https://hoop.example.com"),
            gateway_name="gw-1",
            version="1.2.3",
        )

    async def identify(self, token: str, peer: Peer) -> Principal:
        return await self.lobby.identify(BearerToken(Secret(token)), peer)

    async def enter(self, person: str, method: str = "") -> Gate:
        """A session of the person with this id, open until its gate is closed."""
        found = self.hall.people.directory.find(person)
        assert found is not None
        who = replace(found, method=method)
        return await self.enter_as(who)

    async def enter_as(self, who: Principal) -> Gate:
        """The same for somebody who has shown something."""
        return await self.lobby.enter(who, "web-1", "", SOMEWHERE)

    async def token(
        self,
        person: str,
        kind: str = "login",
        roles: frozenset[str] = frozenset(),
        *,
        lasts: timedelta = HALF_A_DAY,
        parent: str = "",
        target: str = "",
    ) -> tuple[str, str]:
        """A token of the person with this id: what is shown, and its own id."""
        now = self.house.clock.now()
        if kind == "secret":
            minted = mint_secret(person.removeprefix("machine:"), now, now + lasts, actor="root")
        else:
            minted = mint(person, roles, now, now + lasts, kind=kind, parent=parent, target=target)
        await self.house.ledger.add_token(minted.row, minted.event)
        return minted.token, minted.row.id

    async def headers(self, person: str, kind: str = "login") -> dict[str, str]:
        """What the person with this id calls with."""
        token, _ = await self.token(person, kind)
        return {"Authorization": f"Bearer {token}"}

    async def revoke(self, token: str) -> None:
        assert await self.house.ledger.revoke_token(token, TokenRevoked(token=token))

    async def certify(self, person: str, token: str = "") -> CertificateRow:
        self._serial += 1
        now = self.house.clock.now()
        row = CertificateRow(self._serial, person, "SHA256:x", now, now + HALF_A_DAY, token=token)
        issued = CertificateIssued(
            serial=str(row.serial),
            person=person,
            fingerprint=row.fingerprint,
            expires_at=row.expires_at.isoformat(),
        )
        await self.house.ledger.add_certificate(row, issued)
        return row

    async def vouched(self, name: str, subject: str = "1", groups: frozenset[str] = frozenset()) -> str:
        """Somebody of a provider, as of now; returns the id that they have where nobody is linked to them."""
        now, id = self.house.clock.now(), f"{ISSUER}#{subject}"
        row = PersonRow(id, ISSUER, subject, name, groups, now, now)
        kept = PersonKept(actor=id, person=name, issuer=ISSUER, subject=subject, groups=sorted(groups))
        assert await self.house.ledger.keep_person(row, kept)
        await self.hall.people.directory.refresh()
        return id

    async def lock_out(self, person: str, reason: str = "a lost laptop") -> None:
        """Lock the person with this id, past the API."""
        lock = LockRow(person, self.house.clock.now(), "eve", reason)
        assert await self.house.ledger.lock_person(lock, PersonLocked(person=person, reason=reason))
        await self.hall.people.directory.refresh()

    async def ask(self, person: str, text: str = "reboot") -> str:
        """A request of the person with this id, that asks those who decide; its id."""
        who = Principal(person, person)
        target = Target("web-1", "ssh", "127.0.0.1", 22, "deploy")
        session = Session(self.new_session(), who, target, SOMEWHERE, self.house.clock.now())
        glass = Glass(frozenset({ON_CALL}))
        hold = Hold("ask-first", "a colleague decides", DECIDERS, timeout=HALF_A_DAY, break_glass=glass)
        approval = asking.request(session, Operation("exec", text), hold, "rev", self.house.clock.now())
        await self.house.ledger.open_approval(approval, asking.held_event(approval))
        return approval.id

    def new_session(self) -> str:
        self._sessions += 1
        return f"s-{self._sessions:08d}"


@asynccontextmanager
async def a_town(
    house: House, directory: Path, postgres_port: Callable[[], int] = lambda: 0
) -> AsyncIterator[Town]:
    """Open, and closed again."""
    directory.mkdir(exist_ok=True)
    configured = settings(directory)
    targets = Targets(
        [
            Target("web-1", "ssh", "127.0.0.1", 22, "deploy"),
            Target("appdb", "postgres", "127.0.0.1", 5432, "app"),
        ]
    )
    live = house.live.real
    hall = FrontHall(
        configured,
        house.ledger,
        house.clock,
        ReferenceSecrets(),
        live,
        targets.find,
        lambda: 22,
        postgres_port,
    )
    judge = Judge(lambda operation, session: Allow("everything"), "rev")
    organs = Organs(house.ledger, house.bus, house.approvals, lambda: judge, StreamMasker)
    rooms = Rooms(house.ledger, house.blobs, house.bus, house.clock, hall.people, targets, hall.people)
    await hall.open()
    town = Town(house, hall, Lobby(rooms, organs, live), configured)
    try:
        for name in ROLE_OF:
            await town.vouched(f"{ISSUER}#{name}", name)
        yield town
    finally:
        await hall.close()
