"""The front hall: everything about who comes in, put together from one configuration. The House opens and closes it.

It decides nothing: it wires, as the House does.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from gateway.adapters.ssh.door.by_code import Codes
from gateway.api.services import SignIn
from gateway.app.config_values import Address
from gateway.app.desk import FrontDesk, Place, Staff
from gateway.app.people import People
from gateway.app.providers import Providers
from gateway.app.settings import Settings
from gateway.app.settings_people import MachineTable
from gateway.app.watchman import Watchman
from gateway.core.people import Target
from gateway.core.ports import Clock, Ledger, Secrets
from gateway.identity import sealing
from gateway.identity.authority import KINDS, Authority, make_missing
from gateway.identity.local import LocalPeople, LocalPerson
from gateway.identity.machines import Machine, Machines
from gateway.identity.passwords import Hashing
from gateway.identity.signing import HostSigner, PersonSigner, TargetSigner
from gateway.identity.x509_authority import X509Authority
from gateway.identity.x509_signing import ClientSigner, ServerSigner
from gateway.session.doorbell import Doorbell
from gateway.session.live import LiveSessions


class FrontHall:
    """`open` it before the doors, `close` it after them."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        clock: Clock,
        secrets: Secrets,
        live: LiveSessions,
        find: Callable[[str], Target | None],
        ssh_port: Callable[[], int],
        postgres_port: Callable[[], int] = lambda: 0,
    ) -> None:
        directory = settings.gateway.data_dir / "ca"
        self._ledger = ledger
        self._settings = settings
        self._authorities = {kind: Authority(directory, kind) for kind in KINDS}
        user, host, target, database = self._authorities.values()
        databases = X509Authority(database)
        sealer = sealing.load_or_make(settings.gateway.data_dir / "sealing.key")
        self.people = People(settings, ledger, clock, user, databases)
        self.host_signer = HostSigner(host, clock)
        self.target_signer = TargetSigner(target, clock)
        self.server_signer = ServerSigner(databases, clock)
        self.doorbell = Doorbell(ledger, clock, settings.login.code_ttl)
        self._hashing = Hashing()
        self._providers = Providers(clock, sealer, secrets, settings.login.recheck)
        self._machines = Machines(ledger, clock, self.people.directory.find, self._providers.verifier)
        local = LocalPeople(
            ledger,
            sealer,
            self._hashing,
            clock,
            self._local_person,
            password_alone=settings.login.password_alone,
        )
        staff = Staff(
            people=self.people,
            providers=self._providers,
            local=local,
            machines=self._machines,
            signer=PersonSigner(user, clock),
            host_authority=host,
            client_signer=ClientSigner(databases, clock),
        )
        place = _place(settings, ssh_port, postgres_port)
        self.desk = FrontDesk(staff, ledger, clock, place, settings, find)
        self.watchman = Watchman(self.people.directory, live, self._providers, self.desk.look_around)
        self._take(settings)

    def _take(self, settings: Settings) -> None:
        self._settings = self.desk.settings = settings
        self._providers.replace(settings.issuer, settings.machine, settings.login.recheck)
        self._machines.replace(_machine(each) for each in settings.machine if not each.disabled)

    async def open(self) -> None:
        """Know everybody, and have every authority that is needed. Raises `Fault`."""
        await make_missing(self._authorities.values(), self._ledger)
        await self.people.directory.refresh()
        await self.desk.look_around()
        self.watchman.start()

    async def reload(self, settings: Settings) -> None:
        """Take people, issuers and machines of this configuration, and end the sessions of whoever is out now."""
        self.people.replace(settings)
        self._take(settings)
        await self.desk.look_around()
        self.watchman.sweep()

    async def close(self) -> None:
        """End the rounds, and every connection to providers."""
        await self.watchman.stop()
        await self._providers.close()
        self._hashing.close()

    def sign_in(self, public_url: str) -> SignIn:
        """What the API needs to let people sign in."""
        return SignIn(desk=self.desk, doorbell=self.doorbell, public_url=public_url)

    def codes(self, public_url: str) -> Codes:
        """What the SSH door needs to let people sign in by a code."""
        return Codes(self.doorbell, lambda code: f"{public_url}/d/{code}", lambda: self.desk.is_open)

    def _local_person(self, name: str) -> LocalPerson | None:
        folded = name.casefold()
        for person in self._settings.person:
            if person.name.casefold() == folded and not person.disabled:
                return LocalPerson(person.name, person.break_glass, person.issuer is not None)
        return None


def public_url(settings: Settings, port: int) -> str:
    """Where people's browsers reach the API; empty where that is not known."""
    if settings.gateway.public_url is not None:
        return settings.gateway.public_url
    api = settings.listen.api
    if api is None or not api.is_loopback:
        return ""
    host = f"[{api.host}]" if ":" in api.host else api.host
    return f"{'https' if settings.tls else 'http'}://{host}:{port}"


def hosts(settings: Settings) -> tuple[str, ...]:
    """What people call this gateway when they use ssh."""
    if settings.ssh.names:
        return settings.ssh.names
    named = urlsplit(settings.gateway.public_url or "").hostname
    return (named,) if named else ()


def _place(settings: Settings, ssh_port: Callable[[], int], postgres_port: Callable[[], int]) -> Place:
    return Place(
        name=settings.gateway.name,
        hosts=hosts(settings),
        ssh_host=_host(settings, settings.listen.ssh),
        ssh_port=ssh_port,
        postgres_host=_host(settings, settings.listen.postgres),
        postgres_port=postgres_port,
        own_certificate=settings.postgres.certificate is None,
    )


def _host(settings: Settings, listening: Address | None) -> str:
    named = hosts(settings)
    if named:
        return named[0]
    return listening.host if listening is not None and not listening.is_everywhere else ""


def _machine(table: MachineTable) -> Machine:
    return Machine(
        name=table.name,
        owner=table.owner,
        targets=frozenset(table.targets),
        groups=frozenset(table.groups),
        ttl=table.ttl,
        issuer=table.issuer or "",
        audience=table.audience or "",
        claims=table.claims,
    )
