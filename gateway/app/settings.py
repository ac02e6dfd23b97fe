"""The settings: what `hoop.toml` may say, as strict and frozen models.

A field here is a key in the file; docs/configuration.md describes each, and a test keeps that complete. What is about
people and how they sign in is in settings_people.py, about targets in settings_targets.py, what kinds of values there
are in settings_kinds.py. What needs a look at more than one key is in config_checks.py; how a file becomes Settings
is in config_file.py.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, Field, Strict, ValidationInfo, model_validator

from gateway.adapters.ssh.door.settings import CIPHERS_FOR_PEOPLE
from gateway.app.settings_kinds import (
    MACHINE_NAME,
    Cipher,
    Duration,
    FilePath,
    HostName,
    Line,
    ListenAddress,
    Network,
    PublicUrl,
    SecretRef,
    Size,
    Table,
    Word,
    directory_of,
    each_once,
    from_to,
    says,
)
from gateway.app.settings_notify import NotifyTables
from gateway.app.settings_people import IssuerTable, LoginTable, MachineTable, Person, RolesTable
from gateway.app.settings_postgres import PostgresTable
from gateway.app.settings_secrets import SecretsTable, VaultTable
from gateway.app.settings_targets import OneTarget


def _store_url(given: str) -> str:
    """`sqlite:///var/lib/hoop.db` names a path from the root, as `file:///` does. SQLAlchemy wants a fourth slash."""
    if given.startswith("sqlite:///"):
        return "sqlite:////" + given.removeprefix("sqlite:///").lstrip("/")
    return given


class GatewayTable(Table):
    """`[gateway]`"""

    name: Word = "hoop"
    data_dir: FilePath = Path("/var/lib/hoop")
    lease: Annotated[Duration, from_to("2s", "10m")] = timedelta(seconds=15)
    public_url: PublicUrl | None = None


class ListenTable(Table):
    """`[listen]`: a door that is not named stays closed."""

    ssh: ListenAddress | None = None
    postgres: ListenAddress | None = None
    api: ListenAddress | None = None
    admin: ListenAddress | None = None
    proxies: Annotated[tuple[Network, ...], Strict(False)] = ()


class TlsTable(Table):
    """`[tls]`: the certificate of the API."""

    certificate: FilePath
    key: FilePath


class StoreTable(Table):
    """`[store]`: where the ledger and the recordings are kept."""

    url: Annotated[str, AfterValidator(_store_url)]
    password: SecretRef | None = None
    recordings: str
    reserve: Size = 500 << 20

    @property
    def recordings_directory(self) -> Path:
        """The directory behind `recordings`."""
        return Path(unquote(urlsplit(self.recordings).path))


class SshTable(Table):
    """`[ssh]`: the SSH door."""

    host_key: FilePath
    names: Annotated[tuple[HostName, ...], Strict(False)] = ()
    login_grace: Annotated[Duration, from_to("1s", "10m")] = timedelta(seconds=30)
    connect_timeout: Annotated[Duration, from_to("1s", "5m")] = timedelta(seconds=10)
    keepalive: Annotated[Duration, from_to("1s", "1h")] = timedelta(seconds=60)
    max_sessions: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_sessions_per_person: Annotated[int, Field(ge=1, le=100_000)] = 200
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_unauthenticated: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_channels: Annotated[int, Field(ge=1, le=1000)] = 10
    max_forwards: Annotated[int, Field(ge=1, le=10_000)] = 100
    login_failures_per_address: Annotated[int, Field(ge=1, le=100_000)] = 20
    login_failures_per_name: Annotated[int, Field(ge=1, le=100_000)] = 100
    login_failure_window: Annotated[Duration, from_to("1s", "1d")] = timedelta(seconds=60)
    ciphers: Annotated[tuple[Cipher, ...], Strict(False), AfterValidator(each_once)] = CIPHERS_FOR_PEOPLE
    banner: Annotated[tuple[Line, ...], Strict(False), Field(max_length=20)] = ()


class ConsoleTable(Table):
    """`[console]`: the app over ssh, for staff who have nothing else."""

    enabled: bool = True
    name: Annotated[str, Field(pattern=MACHINE_NAME)] = "console"
    max_sessions: Annotated[int, Field(ge=1, le=1000)] = 40
    max_per_person: Annotated[int, Field(ge=1, le=1000)] = 4
    idle: Annotated[Duration, from_to("1s", "7d")] = timedelta(minutes=30)


def _ticket_url(given: str) -> str:
    """Where it can lead nowhere else than it says."""
    parts = urlsplit(given)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise says('must be an https:// address, as in "https://tracker.example.com/browse/{ticket}"')
    if given.count("{ticket}") != 1 or "{ticket}" not in parts.path + parts.query:
        raise says("must have {ticket} once, in its path or behind its question mark")
    if any(not "!" <= letter <= "~" for letter in given):
        raise says("must be plain ASCII letters without blanks")
    return given


class ApprovalsTable(Table):
    """`[approvals]`: what cards of requests show besides."""

    ticket_url: Annotated[str, AfterValidator(_ticket_url)] | None = None


class PolicyTable(Table):
    """`[policy]`: where rules are, besides those in the main file."""

    files: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Strict(False)] = ()


class Settings(Table):
    """Everything the file says, with every default filled in."""

    version: Literal[1]
    gateway: GatewayTable = GatewayTable()
    listen: ListenTable = ListenTable()
    tls: TlsTable | None = None
    store: StoreTable
    ssh: SshTable
    postgres: PostgresTable = PostgresTable()
    console: ConsoleTable = ConsoleTable()
    login: LoginTable = LoginTable()
    issuer: Annotated[tuple[IssuerTable, ...], Strict(False)] = ()
    roles: RolesTable = RolesTable()
    person: Annotated[tuple[Person, ...], Strict(False)] = ()
    machine: Annotated[tuple[MachineTable, ...], Strict(False)] = ()
    target: Annotated[tuple[OneTarget, ...], Strict(False)] = ()
    approvals: ApprovalsTable = ApprovalsTable()
    policy: PolicyTable = PolicyTable()
    secrets: SecretsTable = SecretsTable()
    vault: VaultTable | None = None
    notify: NotifyTables = Field(default_factory=dict)

    @property
    def known_hosts(self) -> Path:
        """Where `hoop-gateway target trust` pins host keys."""
        return self.gateway.data_dir / "known_hosts"

    @model_validator(mode="before")
    @classmethod
    def _beside_the_data(cls, given: Any, info: ValidationInfo) -> Any:
        """Fill in the places that follow from `gateway.data_dir`."""
        if not isinstance(given, dict):
            return given
        gateway = given.get("gateway", {})
        named = gateway.get("data_dir") if isinstance(gateway, dict) else None
        data = directory_of(info) / named if isinstance(named, str) else Path("/var/lib/hoop")
        filled = dict(given)
        recordings = quote(str(data / "recordings"))
        for table, places in {
            "store": {"url": f"sqlite://{data / 'hoop.db'}", "recordings": f"file://{recordings}"},
            "ssh": {"host_key": str(data / "ssh_host_ed25519_key")},
        }.items():
            own = filled.get(table, {})
            filled[table] = {**places, **own} if isinstance(own, dict) else own
        return filled
