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
        sure = self._talk.plain_strings and not self.in_doubt(text)
        return self._talk.parsers.known(text) if sure else None

    def in_doubt(self, text: str) -> bool:
        """Something is on its way that may change what it says."""
        return self._talk.rereads and ("\\" in text or not text.isascii())

    async def read(self, text: str) -> Reading:
        """What is in it."""
        if not self._talk.plain_strings and "\\" in text:
            why = "standard_conforming_strings is off, so it may mean something else than it seems"
        elif not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text):
            why = "it is not written in the encoding that the client has chosen"
        elif self.in_doubt(text):
            why = "something before it may change how it is read, and no Sync has shown whether it does"
        else:
            return await self._talk.parsers.read(text)
        return Reading((unknown(text, why),))


def may_copy_in(facts: SqlFacts) -> bool:
    """Whether the server may want something copied to it then: it ignores or refuses much until that ends."""
    return not facts.certain or (facts.copying is not None and not facts.copying.sends)


def only_statement(reading: Reading, text: str) -> SqlFacts:
    """Of a Parse, which may have one. Of more the server says that it does not take them."""
    if reading.error:
        return unknown(text, reading.error)
    if len(reading.statements) == 1:
        return reading.statements[0]
    if not reading.statements:
        return SqlFacts("empty", text, frozenset())
    return unknown(text, "it is more than one statement")
