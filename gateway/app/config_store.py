"""The password of the store, fetched when the store is opened."""

from gateway.app.settings import StoreTable
from gateway.core.ports import Secrets
from gateway.core.secret import Secret


async def store_password(store: StoreTable, secrets: Secrets) -> Secret | None:
    """What `store.password` refers to; None where there is none. Raises `Fault`."""
    return None if store.password is None else await secrets.fetch(store.password.as_mapping())
