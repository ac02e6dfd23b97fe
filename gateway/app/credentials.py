"""Everything that fetches credentials, put together from one configuration. It decides nothing: it wires."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.app.config_secrets import references
from gateway.app.config_store import store_password
from gateway.app.settings import Settings
from gateway.core.ports import Secrets
from gateway.core.secret import Secret
from gateway.secrets.aws import AwsSecrets
from gateway.secrets.cached import CachedSecrets
from gateway.secrets.references import ReferenceSecrets

if TYPE_CHECKING:
    from gateway.app.settings_secrets import VaultTable
    from gateway.secrets.vault.client import Vault
    from gateway.secrets.vault.leases import VaultLeases
    from gateway.secrets.vault.signer import VaultSigner


class Credentials:
    """`secrets` fetches what references point at; `signer` and `leases` are there where a vault is. `close` at the
    end: it gives back what the vault gave."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        found = os.environ if environ is None else environ
        # No program that fetches a secret gets to see another one.
        hidden = {str(each.value) for _, each in references(settings) if each.kind == "env"}
        seconds = settings.secrets.cache.total_seconds()
        self._aws = AwsSecrets()
        self._kept = {"aws": CachedSecrets(self._aws, seconds=seconds)}
        self._vault: Vault | None = None
        self.signer: VaultSigner | None = None
        self.leases: VaultLeases | None = None
        if settings.vault is not None:
            outside: dict[str, Secrets] = {"aws": self._kept["aws"]}
            self._reach(settings.vault, ReferenceSecrets(found, withheld=hidden, others=outside), seconds)
        self.secrets = ReferenceSecrets(found, withheld=hidden, others=self._kept)

    def _reach(self, table: "VaultTable", way_in: Secrets, seconds: float) -> None:
        """Without a vault, what speaks to one is not even loaded."""
        from gateway.secrets.vault.client import Vault
        from gateway.secrets.vault.keyvalue import VaultSecrets
        from gateway.secrets.vault.leases import VaultLeases
        from gateway.secrets.vault.signer import VaultSigner

        self._vault = Vault(table.as_settings(), way_in)
        self._kept["vault"] = CachedSecrets(VaultSecrets(self._vault), seconds=seconds)
        self.signer = VaultSigner(self._vault)
        self.leases = VaultLeases(self._vault)

    async def close(self) -> None:
        """Forget everything, and close every connection."""
        for kept in self._kept.values():
            await kept.close()
        if self.leases is not None:
            await self.leases.close()
        if self._vault is not None:
            await self._vault.close()
        await self._aws.close()


async def password_of_store(settings: Settings) -> Secret | None:
    """The store's password; None where it has none. Raises `Fault`."""
    credentials = Credentials(settings)
    try:
        return await store_password(settings.store, credentials.secrets)
    finally:
        await credentials.close()
