"""Signs in to a server: from the start-up packet to its first ReadyForQuery.

The server chooses how, within what is safe: the password itself goes only where nobody can listen, a server that
takes SCRAM has to prove that it knows the password too, and one that can be bound to its encryption is.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

from gateway.adapters.postgres.end import SocketEnd
from gateway.adapters.postgres.upstream.credential import Credential
from gateway.adapters.postgres.upstream.incoming import Incoming
from gateway.adapters.postgres.upstream.refusal import Missed
from gateway.adapters.postgres.upstream.tls import end_point
from gateway.core.errors import Malformed
from gateway.core.secret import Secret
from gateway.wire.postgres.fields import octets
from gateway.wire.postgres.frames import Message, frame
from gateway.wire.postgres.hashed import digest_answer, md5_answer, parse_digest_challenge
from gateway.wire.postgres.messages import (
    Authentication,
    AuthenticationCleartextPassword,
    AuthenticationMD5Password,
    AuthenticationOk,
    AuthenticationOther,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    ErrorFields,
    SASLInitialResponse,
    make_sasl_initial_response,
    make_sasl_response,
    parse_authentication,
    parse_backend_key_data,
    parse_fields,
    parse_negotiate_version,
    parse_parameter_status,
    parse_ready,
)
from gateway.wire.postgres.scram import PLAIN, PLUS, ScramClient
from gateway.wire.postgres.tables import ByClient, ByServer

PARAMETERS_MOST = 200
NOTICES_MOST = 100
REDSHIFT_DIGEST = 13
_DIGEST_ANSWER = ord("d")
_FOREIGN = {
    **dict.fromkeys((2, 7, 8, 9), "it asks for Kerberos, which the gateway does not speak"),
    14: "it asks for a token of an identity provider, which the gateway does not have",
}


class Refusal(Exception):
    """The server sent an error. It stays in this package."""

    def __init__(self, fields: ErrorFields, told: bool) -> None:
        super().__init__()
        self.fields = fields
        self.told = told
        """It has had the password itself."""


@dataclass(slots=True)
class Welcome:
    """What a server says of itself before it is ready."""

    protocol: tuple[int, int]
    parameters: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    secret: bytes = b""
    status: int = 0
    notices: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides what may be sent."""

    login: str
    private: bool
    """Nobody can listen."""
    verified: bool
    """Nobody can be in between: the certificate was looked at, and its name."""


class SignIn:
    """One sign-in: `enter`, once."""

    def __init__(
        self, end: SocketEnd, incoming: Incoming, credential: Credential, about: Circumstances
    ) -> None:
        self._end = end
        self._incoming = incoming
        self._credential = credential
        self._about = about
        self._scram: ScramClient | None = None
        self._expects = "request"
        self._told = False

    async def enter(self, startup: bytes, protocol: tuple[int, int]) -> Welcome:
        """Raises `Missed`, `Refusal` and `Malformed`."""
        self._end.write(startup)
        welcome = Welcome(protocol)
        await self._authenticate(welcome)
        while True:
            message = await self._next(welcome)
            match message.tag:
                case ByServer.PARAMETER_STATUS:
                    status = parse_parameter_status(message.body)
                    welcome.parameters[status.name] = status.value
                    if len(welcome.parameters) > PARAMETERS_MOST:
                        raise Malformed("a server that has too much to say before it begins")
                case ByServer.BACKEND_KEY_DATA:
                    key = parse_backend_key_data(message.body)
                    welcome.pid, welcome.secret = key.pid, key.secret
                case ByServer.READY:
                    welcome.status = parse_ready(message.body)
                    self._incoming.has_begun()
                    return welcome
                case _:
                    raise Malformed("a message that does not belong into a start-up")

    async def _authenticate(self, welcome: Welcome) -> None:
        is_first = True
        while True:
            message = await self._next(welcome)
            if message.tag == ByServer.NEGOTIATE_VERSION and is_first:
                welcome.protocol = _negotiated(message.body, welcome.protocol)
            elif message.tag == ByServer.AUTHENTICATION:
                request = parse_authentication(message.body)
                if isinstance(request, AuthenticationOk) and self._expects in ("request", "nothing"):
                    return
                await self._answer(request)
            else:
                raise Malformed("a message that does not belong into a sign-in")
            is_first = False

    async def _next(self, welcome: Welcome) -> Message:
        while True:
            item = await self._incoming.next()
            if not isinstance(item, Message):
                raise Malformed("a message that does not belong into a start-up")
            if item.tag == ByServer.ERROR:
                raise Refusal(parse_fields(item.body), self._told)
            if item.tag != ByServer.NOTICE:
                return item
            parse_fields(item.body)
            welcome.notices.append(item.body)
            if len(welcome.notices) > NOTICES_MOST:
                raise Malformed("a server that has too much to say before it begins")

    async def _answer(self, request: Authentication) -> None:
        """Each request is answered once, and only where it is expected."""
        match request:
            case AuthenticationSASLContinue(data) if self._expects == "challenge" and self._scram:
                self._expects = "proof"
                self._end.write(make_sasl_response(await asyncio.to_thread(self._scram.answer, data)))
                return
            case AuthenticationSASLFinal(data) if self._expects == "proof" and self._scram:
                self._scram.check(data)
                self._expects = "nothing"
                return
        if self._expects != "request":
            raise Malformed("a sign-in whose steps are out of order")
        self._expects = "nothing"
        match request:
            case AuthenticationSASL(mechanisms):
                self._begin_scram(mechanisms)
            case AuthenticationCleartextPassword():
                self._send_password()
            case AuthenticationMD5Password(salt):
                answer = md5_answer(octets(self._about.login), self._password().expose(), salt)
                self._end.write(frame(ByClient.PASSWORD, answer + b"\0"))
            case AuthenticationOther(code, data) if code == REDSHIFT_DIGEST:
                nonce = secrets.token_urlsafe(18).encode()
                challenge = parse_digest_challenge(data)
                self._end.write(
                    frame(_DIGEST_ANSWER, digest_answer(self._password().expose(), challenge, nonce))
                )
            case AuthenticationOther(code) if code in _FOREIGN:
                raise Missed(_FOREIGN[code], final=True)
            case _:
                raise Malformed("a sign-in whose steps are out of order, or of a kind that does not exist")

    def _password(self) -> Secret:
        if self._credential.password is None:
            raise Missed(
                "it asks for a password and the gateway has none, tell your platform team", final=True
            )
        return self._credential.password

    def _send_password(self) -> None:
        if not self._about.private:
            raise Missed(
                "it asks for the password in the clear, over a way that is not encrypted", final=True
            )
        password = self._password()
        self._told = True
        self._end.write(frame(ByClient.PASSWORD, password.expose() + b"\0"))

    def _begin_scram(self, mechanisms: tuple[str, ...]) -> None:
        tls = self._end.tls
        if PLUS in mechanisms and tls is None:
            raise Malformed("a server that would bind the sign-in to an encryption that there is not")
        if not {PLAIN, PLUS} & set(mechanisms):
            raise Missed("it lets in only by ways that the gateway does not know", final=True)
        binding = end_point(tls) if tls is not None else b""
        if tls is not None and not binding and not self._about.verified:
            raise Missed("its certificate can not be bound to the sign-in", final=True)
        if PLUS in mechanisms and not binding and PLAIN not in mechanisms:
            raise Missed("its certificate can not be bound to the sign-in", final=True)
        self._scram = ScramClient(
            self._password().expose(),
            secrets.token_urlsafe(24),
            binding=binding if PLUS in mechanisms else b"",
            could_bind=bool(binding),
        )
        self._expects = "challenge"
        first = SASLInitialResponse(self._scram.mechanism, self._scram.first())
        self._end.write(make_sasl_initial_response(first))


def _negotiated(body: bytes, asked: tuple[int, int]) -> tuple[int, int]:
    """No option of the protocol was asked for, so none can be unknown."""
    answer = parse_negotiate_version(body)
    if answer.version[0] != 3 or answer.version >= asked or answer.unknown:
        raise Malformed("a version of the protocol that was not asked for")
    return answer.version
