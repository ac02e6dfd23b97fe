"""Signing in: a client certificate, a token as password, or OAUTHBEARER. Who somebody is, the Lobby decides.

A client can be asked in one way only, and does not say which it could answer. So it is asked for the password, which
every client has a place for, unless it has asked to be asked for OAuth.
"""

from dataclasses import dataclass

from gateway.adapters.postgres.end import End
from gateway.adapters.postgres.greeting.door import SCOPE, Door
from gateway.adapters.postgres.greeting.opening import Gone
from gateway.adapters.postgres.greeting.turned_away import (
    BROKEN_PROTOCOL,
    NOT_LET_IN,
    WRONG_PASSWORD,
    TurnedAway,
)
from gateway.adapters.postgres.greeting.wishes import BY_OAUTH, SIGN_IN, Wishes
from gateway.core.errors import Malformed, Refused
from gateway.core.people import Peer, Principal
from gateway.core.plain import plain
from gateway.core.secret import Secret
from gateway.session.lobby import DatabaseToken, X509Certificate
from gateway.wire.postgres import oauthbearer
from gateway.wire.postgres.frames import FrontendReader, Message
from gateway.wire.postgres.sign_in import (
    AuthenticationCleartextPassword,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    make_authentication,
    parse_password,
    parse_sasl_initial_response,
    parse_sasl_response,
)
from gateway.wire.postgres.tables import ByClient, Phase


class Failed(Exception):
    """They showed something, and it was not enough. It is in the audit log, if it was to be."""

    def __init__(self, turned_away: TurnedAway) -> None:
        super().__init__(turned_away.words)
        self.turned_away = turned_away


@dataclass(frozen=True, slots=True)
class Proven:
    """Who it is, and what came behind their last word."""

    principal: Principal
    rest: bytes


class Proof:
    """One sign-in of one client. `ask` it once."""

    def __init__(self, end: End, door: Door, wishes: Wishes, peer: Peer, rest: bytes, *, noted: bool) -> None:
        """`noted`: a refusal is one of those that are written down."""
        self._end = end
        self._door = door
        self._wishes = wishes
        self._peer = peer
        self._noted = noted
        self._reader = FrontendReader(phase=Phase.SIGN_IN)
        self._reader.receive(rest)

    async def ask(self) -> Proven:
        """Raises `Failed`, `TurnedAway`, `Malformed`, `Gone`, `Fault`."""
        shown = self._end.tls.getpeercert(binary_form=True) if self._end.tls is not None else None
        if shown:
            principal = await self._by_certificate(shown)
        elif self._wishes.by_oauth:
            principal = await self._by_oauth()
        else:
            principal = await self._by_password()
        return Proven(principal, self._reader.unread)

    async def _by_certificate(self, der: bytes) -> Principal:
        try:
            return await self._door.lobby.identify(X509Certificate(der, self._login, self._noted), self._peer)
        except Refused as refused:
            hint = "get another one, or connect without: sslcert= sslkey="
            raise self._failed(NOT_LET_IN, refused.sentence, hint) from refused

    async def _by_password(self) -> Principal:
        self._end.write(make_authentication(AuthenticationCleartextPassword()))
        password = Secret(parse_password(await self._answer()))
        try:
            return await self._identified(password)
        except Refused as refused:
            raise self._failed(WRONG_PASSWORD, refused.sentence, self._how()) from refused

    async def _by_oauth(self) -> Principal:
        if not self._door.public_url:
            raise TurnedAway(
                NOT_LET_IN, "sign-in by OAuth is not offered here", hint=f"use a password: {SIGN_IN}=password"
            )
        self._end.write(make_authentication(AuthenticationSASL((oauthbearer.MECHANISM,))))
        first = parse_sasl_initial_response(await self._answer())
        if first.mechanism != oauthbearer.MECHANISM:
            raise TurnedAway(BROKEN_PROTOCOL, "that way of signing in was not offered")
        token = oauthbearer.parse_first(first.data or b"")
        if not token:
            await self._tell_where()
            # Not a failure: it comes again with a token.
            raise TurnedAway(NOT_LET_IN, f"sign-in needed for {self._target}", hint=self._how())
        try:
            return await self._identified(Secret(token))
        except Refused as refused:
            failed = self._failed(NOT_LET_IN, refused.sentence, self._how())
            await self._tell_where()
            raise failed from refused

    async def _tell_where(self) -> None:
        """The client answers with one byte before it hears the error."""
        url = f"{self._door.public_url}/.well-known/openid-configuration"
        scope = f"{SCOPE}:{self._wishes.wanted}" if self._wishes.wanted != BY_OAUTH else SCOPE
        failure = oauthbearer.make_failure(url, scope)
        self._end.write(make_authentication(AuthenticationSASLContinue(failure)))
        if parse_sasl_response(await self._answer()) != oauthbearer.FAREWELL:
            raise Malformed("the sign-in was not ended as it should be")

    async def _identified(self, token: Secret) -> Principal:
        return await self._door.lobby.identify(DatabaseToken(token, self._login, self._noted), self._peer)

    async def _answer(self) -> bytes:
        while True:
            message = self._reader.next()
            if isinstance(message, Message) and message.tag == ByClient.PASSWORD:
                return message.body
            if isinstance(message, Message) and message.tag == ByClient.TERMINATE:
                raise Gone
            if message is not None:
                raise Malformed("something else than a sign-in came")
            data = await self._end.read()
            if not data:
                raise Gone
            self._reader.receive(data)

    @property
    def _login(self) -> str:
        wishes = self._wishes
        return f"{wishes.user}%{wishes.wanted}" if wishes.user else wishes.wanted

    @property
    def _target(self) -> str:
        return plain(self._wishes.wanted, 64) or "this database"

    def _failed(self, code: str, why: str, hint: str) -> Failed:
        return Failed(TurnedAway(code, f"sign-in needed for {self._target}", detail=why, hint=hint))

    def _how(self) -> str:
        by_itself = (
            f"   (psql 18 can sign in by itself: user={BY_OAUTH} oauth_issuer={self._door.public_url} "
            "oauth_client_id=hoop)"
        )
        return f"run: hoop-tui login   then: hoop-tui psql {self._target}" + (
            by_itself if self._door.public_url else ""
        )
