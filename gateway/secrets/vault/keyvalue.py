"""Secrets from the key-value engine of a vault, version 1 or 2: `{ vault = "secret/data/appdb#password" }`."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.secrets.values import one_value
from gateway.secrets.vault.client import Vault
from gateway.secrets.vault.server import Answer
from gateway.secrets.vault.settings import Field, read_field

_OF_VERSION_2: Final = {"data", "metadata"}


class VaultSecrets:
    """The Secrets port for `{"vault": "PATH#FIELD"}`. It asks each time."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def fetch(self, reference: Mapping[str, Any]) -> Secret:
        """That field's text. Raises `Fault`."""
        match dict(reference):
            case {"vault": str(text), **rest} if not rest:
                field = _read(text)
            case _:
                raise Fault('a vault reference must be { vault = "PATH#FIELD" } and nothing else')
        what = f"the vault secret {field} can not be fetched"
        answer = await self._vault.ask("GET", field.place, what)
        value = _fields(answer, what).get(field.name)
        if not isinstance(value, str):
            raise Fault(f"{what}: it has no such field, or no text in it - check what stands after the #")
        return one_value(value, f"{what}: that field is empty")

    def forget(self, reference: Mapping[str, Any]) -> None:
        """Nothing is kept here."""


def _read(text: str) -> Field:
    try:
        return read_field(text)
    except ValueError as problem:
        raise Fault(f"a secret reference is wrong: {problem}") from None


def _fields(answer: Answer, what: str) -> Answer:
    """Version 2 has the fields one level down, beside what it knows about the version."""
    data = answer.get("data")
    if isinstance(data, dict) and set(data) == _OF_VERSION_2 and _is_version(data["metadata"]):
        data = data["data"]
    if not isinstance(data, dict):
        raise Fault(f"{what}: the answer is not a secret - check that its path is one of a key-value engine")
    return data


def _is_version(metadata: object) -> bool:
    return (
        isinstance(metadata, dict) and isinstance(metadata.get("version"), int) and "created_time" in metadata
    )
