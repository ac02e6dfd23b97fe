"""The app where the gateway serves it: it is somebody already, and has neither files nor a browser.

What makes no sense there says so. It differs from the app at somebody's desk in nothing else.
"""

from gateway.api.schema import RecordingInfo, RecordingState
from hoop_tui.app import HoopApp
from hoop_tui.client import HttpGateway
from hoop_tui.console.line import ADDRESS, Transport
from hoop_tui.console.report import report
from hoop_tui.errors import NotSignedIn, ServerSaid
from hoop_tui.mistakes import where_it_was
from hoop_tui.safe_text import safe
from hoop_tui.sign_in import Token
from hoop_tui.wording import short_id

NO_FILES = "A console over ssh saves no files: hoop-tui sessions export {id}, on your own machine."
NO_MIRROR = "A console is not watched from a console while it is open."
SIGNED_OUT = "hoop: ended - this console is yours no more: sign in again"
FAILED = "hoop: ended - the console has failed inside; the gateway's log says more"


class ConsoleGateway(HttpGateway):
    """Does not show a console to a console: what one draws would be drawn by the other, and back, for ever."""

    def __init__(self, fd: int, token: Token, name: str) -> None:
        super().__init__(ADDRESS, token, Transport(fd))
        self._name = name

    async def recording(self, id: str) -> RecordingInfo:
        info = await super().recording(id)
        if info.target == self._name and info.state is RecordingState.LIVE:
            raise ServerSaid(NO_MIRROR, 409)
        return info


class ConsoleApp(HoopApp):
    """`told` is the gateway's order; the socket with the number `fd` leads to its API."""

    CSS_PATH = "../app.tcss"

    def __init__(self, fd: int, told: dict[str, str]) -> None:
        super().__init__(client=ConsoleGateway(fd, Token(told["token"]), told["name"]))
        self._fd = fd

    def sign_in_again(self, sentence: str) -> None:
        """Nobody signs in here, least of all as somebody else."""
        self.exit(NotSignedIn.exit_code, NotSignedIn.exit_code, SIGNED_OUT)

    def open_export(self, session: str) -> None:
        self.say(safe(NO_FILES.format(id=short_id(session)), limit=200), wrong=True)

    def action_suspend_process(self) -> None:
        """There is no shell below to go back to."""

    def _fatal_error(self) -> None:
        """The toolkit would show the insides to whoever is at the other end."""
        super()._fatal_error()
        if self.mistake is not None:
            report(self._fd, where_it_was(self.mistake))
        self.exit(1, 1, FAILED)
