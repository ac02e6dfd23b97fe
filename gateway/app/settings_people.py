"""The settings about people: who may sign in, how, and which roles they have. Machines are people here, too.

Who somebody is, is decided in the identity room; this is only what an operator says about it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from gateway.app.settings_kinds import (
    MACHINE_NAME,
    PERSON_NAME,
    Duration,
    FilePath,
    Group,
    IssuerUrl,
    Key,
    Role,
    SecretRef,
    Table,
    Word,
    each_once,
    from_to,
    says,
)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How a provider may sign. Nothing with a shared secret, and never nothing at all."""

Shown = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Claim = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")]
Audience = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


def _list_of_text(given: object) -> object:
    """One text stands for a list of one."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list | tuple) and given and all(isinstance(each, str) and each for each in given):
        return tuple(given)
    raise says("must be text, or a list of texts")


ClaimValues = Annotated[tuple[str, ...], BeforeValidator(_list_of_text)]


class LoginTable(Table):
    """`[login]`: how long what people are given lasts."""

    session_ttl: Annotated[Duration, from_to("5m", "30d")] = timedelta(hours=12)
    certificate_ttl: Annotated[Duration, from_to("5m", "7d")] = timedelta(hours=12)
    database_ttl: Annotated[Duration, from_to("1m", "1d")] = timedelta(hours=1)
    code_ttl: Annotated[Duration, from_to("30s", "15m")] = timedelta(minutes=5)
    recheck: Annotated[Duration, from_to("1m", "1d")] = timedelta(minutes=15)
    device_roles: Annotated[tuple[Role, ...], Strict(False)] = ("person",)
    bind_certificates: bool = False
    password_alone: bool = False


class IssuerTable(Table):
    """`[[issuer]]`: an identity provider that speaks OpenID Connect."""

    name: Word
    title: Shown | None = None
    url: IssuerUrl
    client_id: Audience
    client_secret: SecretRef | None = None
    scopes: Annotated[tuple[Claim, ...], Strict(False)] = ("openid", "profile", "email", "groups")
    name_claim: Claim = "email"
    groups_claim: Claim = "groups"
    groups_missing: Literal["refuse", "none"] = "refuse"
    algorithms: Annotated[tuple[Algorithm, ...], Strict(False), AfterValidator(each_once)] = (
        "RS256",
        "ES256",
    )
    ca_file: FilePath | None = None

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.title or self.name


class RolesTable(Table):
    """`[roles]`: the groups whose people have a role. Everybody is a `person`."""

    approver: Annotated[tuple[Group, ...], Strict(False)] = ()
    auditor: Annotated[tuple[Group, ...], Strict(False)] = ()
    operator: Annotated[tuple[Group, ...], Strict(False)] = ()
    admin: Annotated[tuple[Group, ...], Strict(False)] = ()

    def of(self, groups: frozenset[str]) -> frozenset[str]:
        """The roles that these groups bring."""
        named = ("approver", "auditor", "operator", "admin")
        return frozenset(role for role in named if groups & set(getattr(self, role)))


class Person(Table):
    """`[[person]]`: somebody who may sign in."""

    name: Annotated[str, Field(pattern=PERSON_NAME)]
    keys: Annotated[tuple[Key, ...], Strict(False)] = ()
    keys_file: FilePath | None = None
    groups: Annotated[tuple[Group, ...], Strict(False)] = ()
    roles: Annotated[tuple[Role, ...], Strict(False)] = ("person",)
    disabled: bool = False
    issuer: Word | None = None
    subject: Annotated[str, Field(pattern=r"^[!-~]{1,255}$")] | None = None
    break_glass: bool = False


class MachineTable(Table):
    """`[[machine]]`: a service account, a CI job or an agent, that somebody answers for."""

    name: Annotated[str, Field(pattern=MACHINE_NAME)]
    owner: Annotated[str, Field(pattern=PERSON_NAME)]
    groups: Annotated[tuple[Group, ...], Strict(False)] = ()
    targets: Annotated[tuple[Annotated[str, Field(pattern=MACHINE_NAME)], ...], Strict(False)]
    ttl: Annotated[Duration, from_to("1m", "12h")] = timedelta(minutes=15)
    issuer: IssuerUrl | None = None
    ca_file: FilePath | None = None
    audience: Audience | None = None
    claims: Mapping[Claim, ClaimValues] = Field(default_factory=dict)
    disabled: bool = False
