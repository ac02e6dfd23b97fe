"""What is said while signing in, by both sides. What is in the messages of SASL is another's business."""

from dataclasses import dataclass

from gateway.core.errors import Malformed
from gateway.wire.postgres.fields import I32, U16, U32, Fields, only_text, string, value
from gateway.wire.postgres.frames import frame
from gateway.wire.postgres.startup import SECRET_LEAST, SECRET_MOST, Startup
from gateway.wire.postgres.tables import ByClient, ByServer

NEWEST = (3, 2)

_OK, _CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12


@dataclass(frozen=True, slots=True)
class AuthenticationOk:
    """The server is content."""


@dataclass(frozen=True, slots=True)
class AuthenticationCleartextPassword:
    """The password itself is asked for."""


@dataclass(frozen=True, slots=True)
class AuthenticationMD5Password:
    """The password is asked for, hashed with this salt."""

    salt: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationSASL:
    """One of these ways is to be chosen, best first."""

    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuthenticationSASLContinue:
    """The next step."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationSASLFinal:
    """The last step."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AuthenticationOther:
    """A way that is not known here: Kerberos, GSSAPI, SSPI and what else there is."""

    code: int
    data: bytes


Authentication = (
    AuthenticationOk
    | AuthenticationCleartextPassword
    | AuthenticationMD5Password
    | AuthenticationSASL
    | AuthenticationSASLContinue
    | AuthenticationSASLFinal
    | AuthenticationOther
)


def parse_authentication(body: bytes) -> Authentication:
    """What the server wants."""
    fields = Fields(body)
    code = fields.number(U32)
    if code == _SASL:
        return _mechanisms(fields)
    data = fields.rest()
    match code, len(data):
        case (0, 0):
            return AuthenticationOk()
        case (3, 0):
            return AuthenticationCleartextPassword()
        case (5, 4):
            return AuthenticationMD5Password(data)
        case (0 | 3 | 5, _):
            raise Malformed("a request to sign in of impossible length")
        case (11, _):
            return AuthenticationSASLContinue(data)
        case (12, _):
            return AuthenticationSASLFinal(data)
    return AuthenticationOther(code, data)


def _mechanisms(fields: Fields) -> AuthenticationSASL:
    found: list[str] = []
    while mechanism := fields.string():
        found.append(mechanism)
    fields.end()
    return AuthenticationSASL(tuple(found))


def make_authentication(message: Authentication) -> bytes:
    """An Authentication message as it is sent."""
    match message:
        case AuthenticationOk():
            return _authentication(_OK)
        case AuthenticationCleartextPassword():
            return _authentication(_CLEARTEXT)
        case AuthenticationMD5Password(salt):
            return _authentication(_MD5, salt)
        case AuthenticationSASL(mechanisms):
            return _authentication(_SASL, b"".join(map(string, mechanisms)) + b"\0")
        case AuthenticationSASLContinue(data):
            return _authentication(_SASL_CONTINUE, data)
        case AuthenticationSASLFinal(data):
            return _authentication(_SASL_FINAL, data)
        case AuthenticationOther(code, data):
            return _authentication(code, data)


def _authentication(code: int, data: bytes = b"") -> bytes:
    return frame(ByServer.AUTHENTICATION, U32.pack(code) + data)


# What the client answers. All have the same tag: which one it is, the question tells.


def parse_password(body: bytes) -> str:
    """A password, or its hash."""
    return only_text(body)


def make_password(password: str) -> bytes:
    """A password, or its hash, as it is sent."""
    return frame(ByClient.PASSWORD, string(password))


@dataclass(frozen=True, slots=True)
class SASLInitialResponse:
    """The way that was chosen, and its first step."""

    mechanism: str
    data: bytes | None = None


def parse_sasl_initial_response(body: bytes) -> SASLInitialResponse:
    """A SASLInitialResponse."""
    fields = Fields(body)
    mechanism, data = fields.string(), fields.value()
    fields.end()
    return SASLInitialResponse(mechanism, None if data is None else bytes(data))


def make_sasl_initial_response(message: SASLInitialResponse) -> bytes:
    """A SASLInitialResponse as it is sent."""
    return frame(ByClient.PASSWORD, string(message.mechanism) + value(message.data))


def parse_sasl_response(body: bytes) -> bytes:
    """A further step."""
    return body


def make_sasl_response(data: bytes) -> bytes:
    """A further step, as it is sent."""
    return frame(ByClient.PASSWORD, data)


# What the server says besides.


@dataclass(frozen=True, slots=True)
class BackendKeyData:
    """What a CancelRequest must have."""

    pid: int
    secret: bytes


def parse_backend_key_data(body: bytes) -> BackendKeyData:
    """A BackendKeyData."""
    fields = Fields(body)
    found = BackendKeyData(fields.number(U32), fields.rest())
    if not SECRET_LEAST <= len(found.secret) <= SECRET_MOST:
        raise Malformed("a cancel key of impossible length")
    return found


def make_backend_key_data(message: BackendKeyData) -> bytes:
    """A BackendKeyData as it is sent. Raises ValueError for a key of impossible length."""
    if not SECRET_LEAST <= len(message.secret) <= SECRET_MOST:
        raise ValueError("a cancel key of impossible length")
    return frame(ByServer.BACKEND_KEY_DATA, U32.pack(message.pid) + message.secret)


@dataclass(frozen=True, slots=True)
class NegotiateProtocolVersion:
    """The newest version that the server speaks, and the options that it does not know."""

    version: tuple[int, int]
    unknown: tuple[str, ...]


def parse_negotiate_version(body: bytes) -> NegotiateProtocolVersion:
    """A NegotiateProtocolVersion."""
    fields = Fields(body)
    version = fields.number(U16), fields.number(U16)
    count = fields.number(I32)
    if not 0 <= count <= len(body):
        raise Malformed("an impossible number of options")
    unknown = tuple([fields.string() for _ in range(count)])
    fields.end()
    return NegotiateProtocolVersion(version, unknown)


def make_negotiate_version(message: NegotiateProtocolVersion) -> bytes:
    """A NegotiateProtocolVersion as it is sent."""
    head = U16.pack(message.version[0]) + U16.pack(message.version[1]) + I32.pack(len(message.unknown))
    return frame(ByServer.NEGOTIATE_VERSION, head + b"".join(map(string, message.unknown)))


def negotiate_version(startup: Startup, newest: tuple[int, int] = NEWEST) -> tuple[tuple[int, int], bytes]:
    """The version to speak with a client of protocol 3, and what to tell it: nothing where it gets what it wants."""
    version = min((3, startup.minor), newest)
    if version == (3, startup.minor) and not startup.options:
        return version, b""
    unknown = tuple(name for name, _ in startup.options)
    return version, make_negotiate_version(NegotiateProtocolVersion(version, unknown))
