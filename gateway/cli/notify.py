"""`notify ls` and `notify test`."""

from typing import TYPE_CHECKING

from gateway.cli.books import opened
from gateway.cli.exits import NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, Listing, load
from gateway.cli.talk import complain, data, rows

if TYPE_CHECKING:
    from gateway.app.settings import Settings
    from gateway.core.notices import Waiting


def ls(*, config: ConfigPath = DEFAULT_CONFIG, output: Listing = "table") -> int:
    """List who is told, and what waits for them.

    GIVEN UP counts the notices of the last three days that a receiver has not taken.
    """
    import asyncio

    settings = load(config).settings
    found = asyncio.run(_counted(settings))
    listed = [
        {
            "name": name,
            "kind": table.kind,
            "send": list(table.send),
            "waiting": found.waiting.get(name, 0),
            "given_up": found.failed.get(name, 0),
        }
        for name, table in settings.notify.items()
    ]
    rows(output, ("NAME", "KIND", "SEND", "WAITING", "GIVEN UP"), listed)
    return 0


async def _counted(settings: "Settings") -> "Waiting":
    async with opened(settings) as ledger:
        return await ledger.notices_waiting()


def try_out(name: str, /, *, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Send a receiver a notice, and say its answer.

    It is sent at once and once, past the queue. Run it as the account that serves, so that it sees the same secrets.

    Parameters
    ----------
    name
        The receiver, as in [notify.NAME].
    """
    import asyncio

    settings = load(config).settings
    if name not in settings.notify:
        known = ", ".join(settings.notify) or "none"
        raise NotFound(f"there is no receiver {name}; known: {known}")
    return asyncio.run(_send(settings, name))


async def _send(settings: "Settings", name: str) -> int:
    import secrets
    from datetime import UTC, datetime

    from gateway.app.clock import SystemClock
    from gateway.app.credentials import Credentials
    from gateway.app.notices import receiver
    from gateway.core.errors import Fault
    from gateway.core.notices import TEST, Notice

    credentials = Credentials(settings)
    to = receiver(settings.notify[name], credentials.secrets, SystemClock())
    at, gateway = datetime.now(UTC).isoformat(), settings.gateway.name
    notice = Notice(id=f"test-{secrets.token_hex(6)}", event=TEST, at=at, gateway=gateway)
    try:
        data(f"{name} took it: {await to.send(notice)}")
    except Fault as problem:
        complain(f"{name} did not take it: {problem.sentence}")
        if said := getattr(problem, "said", ""):
            complain(f"it said: {said}")
        return 1
    finally:
        await to.close()
        await credentials.close()
    return 0
