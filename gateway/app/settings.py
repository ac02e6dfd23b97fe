"""The settings: what `hoop.toml` may say, as strict and frozen models.

A field here is a key in the file; docs/configuration.md describes each, and a test keeps that complete. What
needs a look at more than one key is in config_checks.py; how a file becomes Settings is in config_file.py.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.adapters.ssh.door.settings import CIPHERS_FOR_PEOPLE, CIPHERS_TO_CHOOSE_FROM
from gateway.adapters.ssh.only_commands import read_pattern
from gateway.app.config_keys import PublicKey, read_public_key
from gateway.app.config_problems import did_you_mean
from gateway.app.config_values import (
    Address,
    SecretReference,
    read_address,
    read_duration,
    read_secret,
    read_size,
)

Role = Literal["person", "approver", "auditor", "operator", "admin"]

PERSON_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$"
MACHINE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
TARGET_NAME = r"^[A-Za-z0-9*][A-Za-z0-9._*-]{0,127}$"
WORD = r"^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$"


def _says(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("hoop", "{sentence}", {"sentence": sentence})


def _read_as(kind: type, read: Callable[[str], object]) -> BeforeValidator:
    def validate(given: object) -> object:
        if isinstance(given, kind) and kind is not int:
            return given
        if not isinstance(given, str):
            raise PydanticCustomError("string_type", "must be text in quotes")
        try:
            return read(given)
        except ValueError as problem:
            raise _says(str(problem)) from None

    return BeforeValidator(validate)


def _secret(given: object, info: ValidationInfo) -> SecretReference:
    try:
        reference = read_secret(given)
    except ValueError as problem:
        raise _says(str(problem)) from None
    if reference.kind == "file" and isinstance(reference.value, str):
        return SecretReference("file", str(_directory(info) / reference.value))
    return reference


def _directory(info: ValidationInfo) -> Path:
    """Relative paths start at the configuration file's directory."""
    return Path((info.context or {}).get("directory", "."))


def _path(given: object, info: ValidationInfo) -> object:
    if isinstance(given, str):
        if not given or "\0" in given:
            raise _says("must be a path")
        return _directory(info) / given
    if isinstance(given, Path):
        return given
    raise PydanticCustomError("string_type", "must be text in quotes")


def _from_to(least: str, most: str) -> AfterValidator:
    def validate(given: timedelta) -> timedelta:
        if not read_duration(least) <= given <= read_duration(most):
            raise _says(f"must be from {least} to {most}")
        return given

    return AfterValidator(validate)


def _command(given: str) -> str:
    try:
        read_pattern(given)
    except ValueError as problem:
        raise _says(str(problem)) from None
    return given


def _cipher(given: str) -> str:
    if given not in CIPHERS_TO_CHOOSE_FROM:
        hint = did_you_mean(given, CIPHERS_TO_CHOOSE_FROM) or f"; known: {', '.join(CIPHERS_TO_CHOOSE_FROM)}"
        raise _says(f"is no cipher that can be offered{hint}")
    return given


def _each_once(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given or len(set(given)) < len(given):
        raise _says("must have at least one entry, and none twice")
    return given


Duration = Annotated[timedelta, _read_as(timedelta, read_duration)]
Size = Annotated[int, _read_as(int, read_size)]
ListenAddress = Annotated[Address, _read_as(Address, read_address)]
Key = Annotated[PublicKey, _read_as(PublicKey, read_public_key)]
FilePath = Annotated[Path, BeforeValidator(_path)]
SecretRef = Annotated[SecretReference, BeforeValidator(_secret)]
Word = Annotated[str, Field(pattern=WORD)]
CommandPattern = Annotated[str, AfterValidator(_command)]
Cipher = Annotated[str, AfterValidator(_cipher)]
Line = Annotated[str, Field(pattern=r"^[ -~]{0,79}$")]
VariableNames = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,63}\*?$")]


def _store_url(given: str) -> str:
    """`sqlite:///var/lib/hoop.db` names a path from the root, as `file:///` does. SQLAlchemy wants a fourth slash."""
    if given.startswith("sqlite:///"):
        return "sqlite:////" + given.removeprefix("sqlite:///").lstrip("/")
    return given


class _Table(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class GatewayTable(_Table):
    """`[gateway]`"""

    name: Word = "hoop"
    data_dir: FilePath = Path("/var/lib/hoop")
    lease: Annotated[Duration, _from_to("2s", "10m")] = timedelta(seconds=15)


class ListenTable(_Table):
    """`[listen]`: a door that is not named stays closed."""

    ssh: ListenAddress | None = None
    api: ListenAddress | None = None
    admin: ListenAddress | None = None


class TlsTable(_Table):
    """`[tls]`: the certificate of the API."""

    certificate: FilePath
    key: FilePath


class StoreTable(_Table):
    """`[store]`: where the ledger and the recordings are kept."""

    url: Annotated[str, AfterValidator(_store_url)]
    password: SecretRef | None = None
    recordings: str
    reserve: Size = 500 << 20

    @property
    def recordings_directory(self) -> Path:
        """The directory behind `recordings`."""
        return Path(unquote(urlsplit(self.recordings).path))


class SshTable(_Table):
    """`[ssh]`: the SSH door."""

    host_key: FilePath
    login_grace: Annotated[Duration, _from_to("1s", "10m")] = timedelta(seconds=30)
    connect_timeout: Annotated[Duration, _from_to("1s", "5m")] = timedelta(seconds=10)
    keepalive: Annotated[Duration, _from_to("1s", "1h")] = timedelta(seconds=60)
    max_sessions: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_sessions_per_person: Annotated[int, Field(ge=1, le=100_000)] = 200
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_unauthenticated: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_channels: Annotated[int, Field(ge=1, le=1000)] = 10
    max_forwards: Annotated[int, Field(ge=1, le=10_000)] = 100
    login_failures_per_address: Annotated[int, Field(ge=1, le=100_000)] = 20
    login_failures_per_name: Annotated[int, Field(ge=1, le=100_000)] = 100
    login_failure_window: Annotated[Duration, _from_to("1s", "1d")] = timedelta(seconds=60)
    ciphers: Annotated[tuple[Cipher, ...], Strict(False), AfterValidator(_each_once)] = CIPHERS_FOR_PEOPLE
    banner: Annotated[tuple[Line, ...], Strict(False), Field(max_length=20)] = ()


class Person(_Table):
    """`[[person]]`: somebody who may sign in."""

    name: Annotated[str, Field(pattern=PERSON_NAME)]
    keys: Annotated[tuple[Key, ...], Strict(False)] = ()
    keys_file: FilePath | None = None
    groups: Annotated[tuple[Word, ...], Strict(False)] = ()
    roles: Annotated[tuple[Role, ...], Strict(False)] = ("person",)
    disabled: bool = False


class TargetTable(_Table):
    """`[[target]]`: a machine, or with a `*` in its name every machine whose name fits."""

    name: Annotated[str, Field(pattern=TARGET_NAME)]
    kind: Literal["ssh"]
    to: ListenAddress
    labels: Mapping[Word, str] = Field(default_factory=dict)
    user: Word
    logins: Annotated[tuple[Word, ...], Strict(False)] = ()
    key: SecretRef | None = None
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


class PolicyTable(_Table):
    """`[policy]`: where rules are, besides those in the main file."""

    files: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Strict(False)] = ()


class Settings(_Table):
    """Everything the file says, with every default filled in."""

    version: Literal[1]
    gateway: GatewayTable = GatewayTable()
    listen: ListenTable = ListenTable()
    tls: TlsTable | None = None
    store: StoreTable
    ssh: SshTable
    person: Annotated[tuple[Person, ...], Strict(False)] = ()
    target: Annotated[tuple[TargetTable, ...], Strict(False)] = ()
    policy: PolicyTable = PolicyTable()

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
        data = _directory(info) / named if isinstance(named, str) else Path("/var/lib/hoop")
        filled = dict(given)
        recordings = quote(str(data / "recordings"))
        for table, places in {
            "store": {"url": f"sqlite://{data / 'hoop.db'}", "recordings": f"file://{recordings}"},
            "ssh": {"host_key": str(data / "ssh_host_ed25519_key")},
        }.items():
            own = filled.get(table, {})
            filled[table] = {**places, **own} if isinstance(own, dict) else own
        return filled
