"""What a client wrote, read: in the encoding that it has chosen, by the settings that change what it means."""

from gateway.adapters.postgres.talk import Talk
from gateway.core.sql import Reading, SqlFacts, unknown
from gateway.wire.postgres.fields import octets


class Texts:
    """Of one conversation."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def decode(self, text: str) -> str:
        """What a statement says. Where it is not written in that encoding, what can not be read stays in it as
        surrogates."""
        encoding = self._talk.encoding
        return (
            text
            if encoding == "utf-8" or text.isascii()
            else octets(text).decode(encoding, "surrogateescape")
        )

    def known(self, text: str) -> Reading | None:
        """What is in it, where that was found out before."""
        return self._talk.parsers.known(text) if self._talk.plain_strings else None

    async def read(self, text: str) -> Reading:
        """What is in it."""
        if not self._talk.plain_strings and "\\" in text:
            why = "standard_conforming_strings is off, so it may mean something else than it seems"
        elif not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text):
            why = "it is not written in the encoding that the client has chosen"
        else:
            return await self._talk.parsers.read(text)
        return Reading((unknown(text, why),))


def only_statement(reading: Reading, text: str) -> SqlFacts:
    """Of a Parse, which may have one. Of more the server says that it does not take them."""
    if reading.error:
        return unknown(text, reading.error)
    if len(reading.statements) == 1:
        return reading.statements[0]
    if not reading.statements:
        return SqlFacts("empty", text, frozenset())
    return unknown(text, "it is more than one statement")
