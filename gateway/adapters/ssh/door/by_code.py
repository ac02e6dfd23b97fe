"""Signing in by a code: what somebody without a key is asked at the door, and how long their answer is waited for.

The prompt alone is enough, because clients may show nothing else (`ssh -q`). Where the code is confirmed, and by
whom, is not known here; the Lobby has the last word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.people import Peer
from gateway.core.plain import plain
from gateway.session.doorbell import Doorbell, Ring
from gateway.session.lobby import Confirmed

TRIES = 3
PATIENCE = 30.0
"""Seconds that each Enter waits for the browser."""

SCRIPTS = "hoop: scripts: run `hoop-tui login` first, or use a machine key"
"""The last thing that a client reads which can not be asked anything, such as one in BatchMode."""

Challenge = tuple[str, str, str, Sequence[tuple[str, bool]]]
"""As asyncssh sends it: name, instruction, language, prompts and whether what is typed is shown."""


@dataclass(frozen=True, slots=True)
class Codes:
    """What the door needs to let people sign in by a code."""

    doorbell: Doorbell
    page: Callable[[str], str]
    """The address of the page for a code."""
    offered: Callable[[], bool] = lambda: True
    """Whether anybody can sign in there now."""


class SignInByCode:
    """One attempt over one connection."""

    def __init__(self, codes: Codes, target: str, peer: Peer, login: str) -> None:
        self._codes = codes
        self._what = f"ssh to {target}"
        self._peer = peer
        self._login = login
        self._ring: Ring | None = None
        self._left = TRIES

    async def begin(self) -> Challenge:
        """The first question. Raises `Refused`, and `Fault`."""
        self._ring = await self._codes.doorbell.ring(self._what, self._peer)
        check = f"Check that the page shows: {self._what} from {self._peer.address}"
        return self._ask("hoop sign-in", check, f"Open {self._address()}, then Enter: ")

    async def answer(self) -> Challenge | Confirmed | None:
        """Enter was pressed. Another question, who it is, or None: enough. Raises `Refused`."""
        ring = self._ring
        if ring is None:
            return None
        principal = await ring.answered(PATIENCE)
        if principal is not None:
            ring.withdraw()
            return Confirmed(principal, self._login, ring.browser)
        self._left -= 1
        if not self._left:
            return None
        tries = "1 try" if self._left == 1 else f"{self._left} tries"
        again = f"hoop: not confirmed yet ({tries} left). Open {self._address()} then press Enter: "
        return self._ask("", "", again)

    @property
    def declined(self) -> bool:
        """Somebody has said no in the browser, which is in the audit log with both addresses."""
        return self._ring is not None and self._ring.declined

    def leave(self) -> None:
        """The client has gone, or signs in otherwise."""
        if self._ring is not None:
            self._ring.withdraw()

    def _address(self) -> str:
        assert self._ring is not None
        return self._codes.page(self._ring.code)

    def _ask(self, name: str, instruction: str, prompt: str) -> Challenge:
        return name, plain(instruction, 200), "", [(prompt, True)]
