"""The settings about credentials that are not on this machine: how a vault is reached, and what is kept of secrets.

Where a single secret is, is said where it is used, by a reference; how those are fetched is the secrets room's.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

from gateway.app.settings_kinds import Duration, FilePath, SecretRef, Table, Word, from_to, says
from gateway.secrets.vault.settings import (
    ByAppRole,
    ByJwt,
    ByToken,
    VaultSettings,
    read_mount,
    read_namespace,
    read_vault_address,
)


def _read_by(read: Callable[[str], str]) -> BeforeValidator:
    def validate(given: object) -> str:
        if not isinstance(given, str):
            raise says("must be text in quotes")
        try:
            return read(given)
        except ValueError as problem:
            raise says(str(problem)) from None

    return BeforeValidator(validate)


class SecretsTable(Table):
    """`[secrets]`: what is kept of secrets that are fetched over a network."""

    cache: Annotated[Duration, from_to("0s", "5m")] = timedelta(seconds=30)


class VaultTable(Table):
    """`[vault]`: a Vault or OpenBao server, and one way to sign in there."""

    address: Annotated[str, _read_by(read_vault_address)]
    namespace: Annotated[str, _read_by(read_namespace)] | None = None
    ca_file: FilePath | None = None
    timeout: Annotated[Duration, from_to("1s", "1m")] = timedelta(seconds=10)
    token: SecretRef | None = None
    role_id: SecretRef | None = None
    secret_id: SecretRef | None = None
    jwt: SecretRef | None = None
    role: Word | None = None
    mount: Annotated[str, _read_by(read_mount)] | None = None

    @property
    def wrong(self) -> str:
        """Why these settings do not say how to sign in; empty where they do."""
        if [self.token is not None, self.role_id is not None, self.jwt is not None].count(True) != 1:
            return "needs one way to sign in: token, role_id with secret_id, or jwt with role"
        if (self.role_id is None) != (self.secret_id is None):
            return "role_id and secret_id are the two halves of one AppRole: give both"
        if (self.jwt is None) != (self.role is None):
            return "jwt and role belong together: give both"
        if self.token is not None and self.mount is not None:
            return "mount does nothing beside a token"
        return ""

    def as_settings(self) -> VaultSettings:
        """What the secrets room takes. Only where nothing is `wrong`."""
        return VaultSettings(
            self.address,
            self._sign_in(),
            namespace=self.namespace or "",
            ca_file=self.ca_file,
            timeout=self.timeout.total_seconds(),
        )

    def _sign_in(self) -> ByToken | ByAppRole | ByJwt:
        if self.role_id is not None and self.secret_id is not None:
            role_id, secret_id = self.role_id.as_mapping(), self.secret_id.as_mapping()
            return ByAppRole(role_id, secret_id, self.mount or "approle")
        if self.jwt is not None and self.role is not None:
            return ByJwt(self.jwt.as_mapping(), self.role, self.mount or "jwt")
        assert self.token is not None
        return ByToken(self.token.as_mapping())
