"""The kinds of values that `hoop.toml` may hold, as types that validate: durations, keys, secrets, names.

What each table may say is in settings.py and settings_people.py; how text becomes a value in config_values.py.
"""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from gateway.adapters.ssh.door.settings import CIPHERS_TO_CHOOSE_FROM
from gateway.adapters.ssh.only_commands import read_pattern
from gateway.app.config_keys import PublicKey, read_public_key
from gateway.app.config_problems import did_you_mean
from gateway.app.config_values import (
    Address,
    SecretReference,
    read_address,
    read_duration,
    read_key,
    read_secret,
    read_size,
)

Role = Literal["person", "approver", "auditor", "operator", "admin"]

PERSON_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$"
MACHINE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
TARGET_NAME = r"^[A-Za-z0-9*][A-Za-z0-9._*-]{0,127}$"
WORD = r"^[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}$"


def says(sentence: str) -> PydanticCustomError:
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
            raise says(str(problem)) from None

    return BeforeValidator(validate)


def _secret(given: object, info: ValidationInfo) -> SecretReference:
    return _reference(read_secret, given, info)


def _key(given: object, info: ValidationInfo) -> SecretReference:
    return _reference(read_key, given, info)


def _reference(
    read: Callable[[object], SecretReference], given: object, info: ValidationInfo
) -> SecretReference:
    try:
        reference = read(given)
    except ValueError as problem:
        raise says(str(problem)) from None
    if reference.kind == "file" and isinstance(reference.value, str):
        return SecretReference("file", str(directory_of(info) / reference.value))
    return reference


def directory_of(info: ValidationInfo) -> Path:
    """Relative paths start at the configuration file's directory."""
    return Path((info.context or {}).get("directory", "."))


def _path(given: object, info: ValidationInfo) -> object:
    if isinstance(given, str):
        if not given or "\0" in given:
            raise says("must be a path")
        return directory_of(info) / given
    if isinstance(given, Path):
        return given
    raise PydanticCustomError("string_type", "must be text in quotes")


def from_to(least: str, most: str) -> AfterValidator:
    def validate(given: timedelta) -> timedelta:
        if not read_duration(least) <= given <= read_duration(most):
            raise says(f"must be from {least} to {most}")
        return given

    return AfterValidator(validate)


def _command(given: str) -> str:
    try:
        read_pattern(given)
    except ValueError as problem:
        raise says(str(problem)) from None
    return given


def _cipher(given: str) -> str:
    if given not in CIPHERS_TO_CHOOSE_FROM:
        hint = did_you_mean(given, CIPHERS_TO_CHOOSE_FROM) or f"; known: {', '.join(CIPHERS_TO_CHOOSE_FROM)}"
        raise says(f"is no cipher that can be offered{hint}")
    return given


def each_once(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given or len(set(given)) < len(given):
        raise says("must have at least one entry, and none twice")
    return given


Duration = Annotated[timedelta, _read_as(timedelta, read_duration)]
Size = Annotated[int, _read_as(int, read_size)]
ListenAddress = Annotated[Address, _read_as(Address, read_address)]
Key = Annotated[PublicKey, _read_as(PublicKey, read_public_key)]
FilePath = Annotated[Path, BeforeValidator(_path)]
SecretRef = Annotated[SecretReference, BeforeValidator(_secret)]
KeyRef = Annotated[SecretReference, BeforeValidator(_key)]
"""A private key, which may also be one that an authority signs for each connection."""
Word = Annotated[str, Field(pattern=WORD)]
Group = Annotated[
    str, Field(pattern=r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]{0,126}[^\x00-\x20\x7f-\x9f])?$")
]
"""As identity providers call them: spaces and slashes are common."""
CommandPattern = Annotated[str, AfterValidator(_command)]
Cipher = Annotated[str, AfterValidator(_cipher)]
Line = Annotated[str, Field(pattern=r"^[ -~]{0,79}$")]
VariableNames = Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,63}\*?$")]


class Table(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def _network(given: object) -> str:
    try:
        if not isinstance(given, str):
            raise ValueError
        ip_network(given)
    except ValueError:
        raise says('must be an address or a network, as in "10.0.0.1" or "10.0.0.0/24"') from None
    return given


def _web_address(given: object) -> str:
    """An address with https; with http only on this machine."""
    try:
        if not isinstance(given, str) or not given.isascii() or not given.isprintable() or " " in given:
            raise ValueError
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise says('must be an address, as in "https://hoop.example.com"') from None
    if not host or parts.username or parts.password or parts.query or parts.fragment:
        raise says('must be an address, as in "https://hoop.example.com"')
    if parts.scheme != "https" and not (parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost")):
        raise says("must start with https://; http:// is for this machine only")
    return given


def _public_url(given: object) -> str:
    return _web_address(given).rstrip("/")


Network = Annotated[str, BeforeValidator(_network)]
IssuerUrl = Annotated[str, BeforeValidator(_web_address)]
"""Compared byte for byte with what the provider calls itself, so nothing is changed about it."""

PublicUrl = Annotated[str, BeforeValidator(_public_url)]
HostName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$|^[0-9A-Fa-f:]{2,39}$")
]
