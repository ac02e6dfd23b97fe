"""Why somebody is not let in, in the words and codes of PostgreSQL."""

from gateway.adapters.postgres.refusals import error

BROKEN_PROTOCOL = "08P01"
WRONG_PASSWORD = "28P01"  # noqa: S105 - a code
NOT_LET_IN = "28000"
NO_SUCH_DATABASE = "3D000"
NOT_OFFERED = "0A000"
NOT_ALLOWED = "42501"
OUR_FAULT = "58000"


class TurnedAway(Exception):
    """Ends a greeting. `words` are the primary message, without `hoop: `."""

    def __init__(self, code: str, words: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.detail = detail
        self.hint = hint

    @property
    def message(self) -> bytes:
        """The ErrorResponse, which is the last that a client hears."""
        return error(self.code, self.words, self.detail, self.hint, fatal=True)
