"""The House: every room of the gateway, put together from one configuration, opened and closed in order.

It decides nothing: it wires. A reload replaces people, targets and rules; what is listening stays as it is.
Next in the reading path: `hoop_tui/client.py`, the other end of the API.
"""

import asyncio
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gateway import __version__
from gateway.adapters.console.inside import KIND as CONSOLE
from gateway.adapters.ssh.adapter import SshAdapter
from gateway.api.app import ApiServices, build_api, build_health
from gateway.api.health import Check
from gateway.app import wiring
from gateway.app.clock import SystemClock
from gateway.app.config_file import LoadedConfig, load_config
from gateway.app.console import Consoles, by_roles
from gateway.app.credentials import Credentials, password_of_store
from gateway.app.databases import Databases
from gateway.app.drafts import Drafts
from gateway.app.front_hall import FrontHall, hosts, public_url
from gateway.app.home import Home
from gateway.app.impact_sources import Remade, impact_sources
from gateway.app.inventory import Targets
from gateway.app.machine_list import MachineList
from gateway.app.notices import Notices
from gateway.app.settings import Settings
from gateway.app.shelf import PolicyShelf
from gateway.app.timekeeper import Timekeeper
from gateway.app.web import WebDoor, listen
from gateway.blobs.local import LocalBlobs
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Misconfigured
from gateway.core.events import ConfigReloaded, GatewayStarted, GatewayStopped
from gateway.core.operation import Operation
from gateway.core.people import Peer, Principal, Session
from gateway.core.ports import Hint
from gateway.core.secret import Secret
from gateway.masking.stream import StreamMasker
from gateway.session.approvals import Approvals
from gateway.session.beforehand import Beforehand
from gateway.session.heartbeat import LOST, Heartbeat
from gateway.session.impacts import Impacts, Surroundings
from gateway.session.live import LiveSessions
from gateway.session.lobby import BearerToken, Lobby, Rooms
from gateway.session.looking import Foresee
from gateway.session.organs import Organs
from gateway.store.ledger import SqlLedger

if TYPE_CHECKING:
    from fastapi import FastAPI

    from gateway.bus.postgres import PostgresBus
    from gateway.session.database.parser import Parsers

DRAIN_SECONDS = 3.0

log = logging.getLogger("hoop")


class House:
    """One running gateway. `open`, then `stop` exactly once."""

    def __init__(
        self,
        config: LoadedConfig,
        ledger: SqlLedger,
        home: Home,
        *,
        bus: "InProcessBus | PostgresBus | None" = None,
        hints: tuple[str, ...] = (),
        demo: bool = False,
    ) -> None:
        settings = config.settings
        self.config = config
        self.ledger = ledger
        self.bus = bus or InProcessBus()
        self.clock = SystemClock()
        self.timekeeper = Timekeeper(ledger.database_clock, self.clock)
        self.blobs = LocalBlobs(settings.store.recordings_directory, reserve_bytes=settings.store.reserve)
        self.targets = Targets(wiring.targets(settings))
        self.policy = PolicyShelf(config.policy)
        self.live = LiveSessions()
        self.ports: dict[str, int] = {}
        self.credentials = Credentials(settings)
        self.hall = self._front_hall(settings)
        self._home = home
        self._demo = demo
        self._hints = hints
        self._stopping = asyncio.Event()
        self._web: list[WebDoor] = []
        self._public_url = ""
        self.approvals = Approvals(
            ledger, self.bus, self.clock, self.hall.people.directory, clock_problem=self.timekeeper.problem
        )
        organs = Organs(ledger, self.bus, self.approvals, by_roles(self.policy.judge), StreamMasker)
        people = self.hall.people
        rooms = Rooms(ledger, self.blobs, self.bus, self.clock, people, self.targets, people)
        self._lease = settings.gateway.lease
        self._heartbeat = Heartbeat(ledger, self.live, self.clock, lease=self._lease)
        self.lobby = Lobby(
            rooms,
            organs,
            self.live,
            max_sessions=settings.ssh.max_sessions,
            max_sessions_per_person=settings.ssh.max_sessions_per_person,
        )
        self.notices = Notices(ledger, self.bus, self.clock, self.credentials.secrets, home.id)
        self._ssh: SshAdapter | None = None
        self._databases: Databases | None = None

    @cached_property
    def consoles(self) -> Consoles:
        """What people open who have nothing but ssh."""
        return Consoles(
            lambda: self.config.settings, self.ledger, self.hall.people.still, self.live, lambda: self._api
        )

    def _front_hall(self, settings: Settings) -> FrontHall:
        return FrontHall(
            settings,
            self.ledger,
            self.clock,
            self.credentials.secrets,
            self.live,
            self.targets.find,
            lambda: self.ports.get("ssh", 0),
            lambda: self.ports.get("postgres", 0),
        )

    @classmethod
    async def open(cls, config: LoadedConfig, *, hints: tuple[str, ...] = (), demo: bool = False) -> "House":
        """Build everything and open the doors. Whatever fails, nothing stays open."""
        wiring.make_directories(config.settings)
        store = config.settings.store
        gateway = config.settings.gateway
        home = Home.take(gateway.data_dir)
        try:
            password = await password_of_store(config.settings)
            ledger = await SqlLedger.open(store.url, password=password, gateway=gateway.name, home=home.id)
        except BaseException:
            home.leave()
            raise
        try:
            bus = wiring.bus(config.settings, password)
            house = cls(config, ledger, home, bus=bus, hints=hints, demo=demo)
        except BaseException:
            await ledger.close()
            home.leave()
            raise
        try:
            await house._start()
        except BaseException:
            await house.stop()
            raise
        return house

    async def _start(self) -> None:
        """Bind every door first, so that a busy port is said before anything has happened."""
        listening, doors = self.config.settings.listen, []
        try:
            if listening.api is not None:
                door = listen(listening.api.host, listening.api.port, "the API")
                self._public_url = public_url(self.config.settings, int(door.getsockname()[1]))
                web = WebDoor(self._api, door, self.config.settings.tls, listening.proxies)
                doors.append(("api", web))
            if listening.admin is not None:
                door = listen(listening.admin.host, listening.admin.port, "health checks")
                doors.append(("admin", WebDoor(build_health(self._checks()), door)))
        finally:
            self._web = [door for _, door in doors]
        recovered = await self.ledger.end_open_sessions(LOST, self._lease)
        started = GatewayStarted(
            version=__version__, config_sha256=self.config.sha256, recovered=len(recovered)
        )
        await self.ledger.append(started)
        await self._keep_policy(self.config)
        await self.timekeeper.look()
        self.timekeeper.start()
        if not isinstance(self.bus, InProcessBus):
            self.bus.start()
        await self.hall.open()
        self._heartbeat.start()
        await self.notices.start(self.config)
        databases = self._databases = self._make_databases()
        await databases.open()
        if listening.postgres is not None:
            self.ports["postgres"] = await databases.listen(listening.postgres.host, listening.postgres.port)
        if listening.ssh is not None:
            self._ssh = self._ssh_adapter(databases)
            (bound, *_) = await self._ssh.start(listening.ssh.host, listening.ssh.port)
            self.ports["ssh"] = bound[1]
        for name, web in doors:
            self.ports[name] = await web.start()

    def _make_databases(self) -> Databases:
        return Databases(
            self.config.settings,
            self.lobby,
            self.targets.find,
            self.credentials.secrets,
            self.hall.server_signer,
            hosts(self.config.settings),
            self._public_url,
        )

    def _ssh_adapter(self, databases: Databases) -> SshAdapter:
        return SshAdapter(
            wiring.ssh_door(self.config.settings, hosts(self.config.settings)),
            self.lobby,
            self.hall.people,
            self.credentials.secrets,
            self.targets.find,
            databases.inspected,
            {**databases.inside, CONSOLE: self.consoles.inside},
            host_signer=self.hall.host_signer,
            target_signer=self.hall.target_signer,
            key_signer=self.credentials.signer,
            codes=self.hall.codes(self._public_url) if self._public_url else None,
        )

    @cached_property
    def _api(self) -> "FastAPI":
        return build_api(self._services())

    def _services(self) -> ApiServices:
        return ApiServices(
            ledger=self.ledger,
            blobs=self.blobs,
            bus=self.bus,
            clock=self.clock,
            identify=self._identify,
            live=self.live,
            approvals=self.approvals,
            beforehand=Beforehand(
                *(self.approvals, self.policy.judge, self.targets.find, Drafts(self._parsers), self.clock),
                self._look_before,
            ),
            impacts=self._impacts(),
            everybody=self.hall.people.directory.everybody,
            machines=MachineList(
                lambda: self.config.settings.machine,
                self.ledger,
                self.clock,
                self.hall.people.directory.named,
            ),
            sign_in=self.hall.sign_in(self._public_url) if self._public_url else None,
            gateway_name=self.config.settings.gateway.name,
            version=__version__,
            demo=self._demo,
            hints=self._hints,
            ticket_url=lambda: self.config.settings.approvals.ticket_url or "",
            lease=self._lease,
            stopping=self._stopping,
        )

    def _impacts(self) -> Impacts:
        directory = self.hall.people.directory
        around = Surroundings(
            *(self.ledger, self.clock, self.policy.judge, self.targets.find, directory.find),
            Remade(self._parsers),
        )
        return Impacts(around, impact_sources(self._all_databases, lambda: self._ssh))

    async def _look_before(self, session: Session, foresee: Foresee, operation: Operation) -> Operation:
        """Where there is no SSH door, nothing can be run over SSH either."""
        return operation if self._ssh is None else await self._ssh.look_before(session, foresee, operation)

    def _parsers(self) -> "Parsers":
        return self._all_databases().made().parsers

    def _all_databases(self) -> Databases:
        assert self._databases is not None
        return self._databases

    def _checks(self) -> dict[str, Check]:
        return {
            "ledger": self.ledger.check,
            "recordings": self.blobs.check,
            "clock": self.timekeeper.check,
            "notices": self.notices.say,
        }

    async def stop(self) -> None:
        """Close the doors, end what is open with a sentence, and write that it was in order."""
        self._stopping.set()
        ended = self.live.end_all("the gateway is shutting down")
        if ended:
            log.info("ending %d open sessions", ended)
        if self._ssh is not None:
            await self._ssh.stop(DRAIN_SECONDS)
        self.consoles.close()
        if self._databases is not None:
            await self._databases.close(DRAIN_SECONDS)
        for door in reversed(self._web):
            await door.stop()
        await self._heartbeat.stop()
        await self.notices.stop()
        await self.timekeeper.stop()
        if not isinstance(self.bus, InProcessBus):
            await self.bus.stop()
        await self.hall.close()
        await self.credentials.close()
        try:
            await self.ledger.append(GatewayStopped())
        finally:
            await self.ledger.close()
            self._home.leave()

    async def reload(self, path: Path) -> bool:
        """Take people, targets and rules from the file again. A bad file changes nothing."""
        try:
            fresh = await asyncio.to_thread(load_config, path)
        except Misconfigured as problem:
            log.error("the configuration was not reloaded, the old one stays in force: %s", problem.sentence)
            await self._reloaded(False, self.config.sha256, problem.sentence)
            return False
        if fresh.policy.sha256 != self.config.policy.sha256:
            await self._keep_policy(fresh)
        self.targets.replace(wiring.targets(fresh.settings))
        self.policy.replace(fresh.policy)
        if wiring.needs_restart(self.config.settings, fresh.settings):
            log.warning("listeners, store and ssh settings take effect at the next start")
        self.config = fresh
        await self.hall.reload(fresh.settings)
        await self.notices.reload(fresh)
        log.info("configuration reloaded")
        await self._reloaded(True, fresh.sha256, "")
        return True

    async def _keep_policy(self, config: LoadedConfig) -> None:
        """It comes into force only once the ledger has it."""
        policy = config.policy
        await self.ledger.keep_policy(policy.revision, policy.sha256, config.documents, len(policy.rules))

    async def _reloaded(self, ok: bool, sha256: str, problem: str) -> None:
        await self.ledger.append(ConfigReloaded(ok=ok, config_sha256=sha256, problem=problem))
        await self.bus.publish(Hint("config", sha256))

    async def _identify(self, token: str, peer: Peer) -> Principal:
        return await self.lobby.identify(BearerToken(Secret(token)), peer)
