"""What the composition root may expect of every adapter: open the door, close the door. No protocol in here."""

from typing import Protocol


class Adapter(Protocol):
    """A listener that turns one protocol into sessions. `start`, then `stop` once."""

    async def start(self, host: str, port: int) -> list[tuple[str, int]]:
        """Listen, and return the addresses that were bound. Raises `Misconfigured`."""
        ...

    async def stop(self, grace: float) -> None:
        """Stop listening, give open sessions `grace` seconds to say goodbye, and leave nothing behind."""
        ...
