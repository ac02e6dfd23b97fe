"""A vault that answers as documented, and the gateway as its client."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.secrets.references import ReferenceSecrets
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.settings import ByToken, VaultSettings
from tests.secrets.real_vault import PROGRAM
from tests.secrets.vault_double import VaultDouble, Watch

collect_ignore = [] if PROGRAM else ["test_real_vault.py"]
"""No Debian package has a vault: who has one runs scripts/interop-vault."""

CANARY = "canary-7b1f0c9e"
Connect = Callable[..., Vault]


async def fault_of(asked: Awaitable[object], *never: str) -> str:
    """The sentence of the Fault that this ends in. Nothing about it repeats what nobody must see."""
    with pytest.raises(Fault) as caught:
        await asked
    told = "".join(traceback.format_exception(caught.value)) + caught.value.sentence
    for word in (CANARY, *never):
        assert word not in told
    return caught.value.sentence


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def double(watch: Watch) -> AsyncIterator[VaultDouble]:
    """A running one, whose questions all were as documented."""
    double = VaultDouble(watch)
    await double.start()
    yield double
    await double.stop()
    assert double.wrong == []


@pytest.fixture
async def connect(double: VaultDouble, watch: Watch) -> AsyncIterator[Connect]:
    """The gateway as a client of the vault; without anything said, with a token."""
    made: list[Vault] = []

    def connect(sign_in: Any = None, environ: dict[str, str] | None = None, **more: Any) -> Vault:
        found = {"VAULT_TOKEN": double.token(), **(environ or {})}
        settings = VaultSettings(
            more.pop("address", double.address), sign_in or ByToken({"env": "VAULT_TOKEN"}), **more
        )
        made.append(Vault(settings, ReferenceSecrets(found), now=watch))
        return made[-1]

    yield connect
    for vault in made:
        await vault.close()
