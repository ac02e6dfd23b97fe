"""`notify test`."""

from typing import TYPE_CHECKING

from gateway.cli.exits import NotFound
from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, load
from gateway.cli.talk import complain, data

if TYPE_CHECKING:
    from gateway.app.settings import Settings


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
