"""The settings about targets: what is behind the gateway, as whom it signs in there, and what it lets people do.

Each kind of target has a table of its own, and both share where a target stands in the inventory. What needs a look
at more than one key is in config_targets.py.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from gateway.app.config_values import Address, read_server
from gateway.app.settings_kinds import (
    MACHINE_NAME,
    PERSON_NAME,
    TARGET_NAME,
    CommandPattern,
    FilePath,
    Group,
    HostName,
    Key,
    KeyRef,
    ListenAddress,
    SecretRef,
    Size,
    Table,
    VariableNames,
    Word,
    each_once,
    says,
)

SERVERS_MOST = 16
"""Servers that one target may name: a client tries them one after the other."""


class AccountTable(Table):
    """`accounts` of a target: which account somebody has there."""

    group: Group | None = None
    person: Annotated[str, Field(pattern=PERSON_NAME)] | None = None
    user: Word


class TargetTable(Table):
    """What every `[[target]]` says."""

    name: Annotated[str, Field(pattern=TARGET_NAME)]
    kind: str
    to: object
    labels: Mapping[Word, str] = Field(default_factory=dict)
    user: Word
    logins: Annotated[tuple[Word, ...], Strict(False)] = ()
    accounts: Annotated[tuple[AccountTable, ...], Strict(False)] = ()

    @property
    def is_pattern(self) -> bool:
        """It stands for every target whose name fits."""
        return "*" in self.name


class SshTarget(TargetTable):
    """A machine, or with a `*` in its name every machine whose name fits."""

    kind: Literal["ssh"]
    to: ListenAddress
    auth: Literal["ca"] | None = None
    key: KeyRef | None = None
    password: SecretRef | None = None
    host_keys: Annotated[tuple[Key, ...], Strict(False)] = ()
    known_hosts: FilePath | None = None
    host_ca: Annotated[tuple[Key, ...], Strict(False)] = ()
    via: Annotated[str, Field(pattern=MACHINE_NAME)] | None = None
    shell: Literal["full", "none"] = "full"
    commands: Annotated[tuple[CommandPattern, ...], Strict(False)] = ()
    agent_forwarding: bool = False
    environment: Annotated[tuple[VariableNames, ...], Strict(False)] = ()
    keep_files: Size = 0
    keep_forwards: Size = 16 << 20

    @property
    def servers(self) -> tuple[Address, ...]:
        """Where it is."""
        return (self.to,)


def _servers(given: object) -> tuple[Address, ...]:
    """One address stands for a list of one."""
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple) or not listed or len(listed) > SERVERS_MOST:
        raise says(f"must be an address, or a list of up to {SERVERS_MOST}")
    try:
        return tuple(each if isinstance(each, Address) else read_server(each) for each in listed)
    except ValueError as problem:
        raise says(str(problem)) from None


Servers = Annotated[tuple[Address, ...], BeforeValidator(_servers)]
OptionName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$")]


def _each_once_or_none(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return given if not given else each_once(given)


class PostgresTarget(TargetTable):
    """A PostgreSQL database, on one server or on several that hold the same."""

    kind: Literal["postgres"]
    to: Servers
    database: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,63}$")]
    password: SecretRef | None = None
    key: SecretRef | None = None
    certificate: FilePath | None = None
    tls: Literal["verify-full", "verify-ca", "require", "prefer", "disable"] = "verify-full"
    ca_file: FilePath | None = None
    server_name: HostName | None = None
    session_attrs: Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] = "any"
    options: Annotated[
        tuple[OptionName, ...] | None, Field(strict=False), AfterValidator(_each_once_or_none)
    ] = None
    keep_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    keep_result: Size = 1 << 20
    each_statement: bool = False
    masked_notice: bool = True
    hold: Literal["wait", "fail"] = "wait"
    psql: bool = True
    dry_run_lock_ms: Annotated[int, Field(ge=1, le=5_000)] = 200
    dry_run_ms: Annotated[int, Field(ge=10, le=15_000)] = 3000

    @property
    def servers(self) -> tuple[Address, ...]:
        """Where it is: the first that answers, and that has the wanted attributes."""
        return self.to


KINDS: Mapping[str, type[SshTarget | PostgresTarget]] = {"ssh": SshTarget, "postgres": PostgresTarget}
"""The tables by what `kind` says."""

AnyTarget = SshTarget | PostgresTarget
OneTarget = Annotated[AnyTarget, Field(discriminator="kind")]
