"""A table of forged and broken tokens, and the sentence that each is refused with.

Rows name what they stand for: the classes of THREATS I-1 to I-8, and weaknesses that other software has had.
"""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.identity.oidc.journey import Journey
from tests.identity.oidc import mint
from tests.identity.oidc.conftest import Scene
from tests.identity.oidc.mint import b64, encoded

NOT_CONFIGURED = "the token is not signed with an algorithm that is configured for corp"
NO_KEY = "the token is not signed with a key that corp publishes"
WHICH_KEY = "the token does not say which key of corp it is signed with"
SIGNATURE = "the signature of the token is not corp's"
PARTS = "the token is not a signed token of three parts"
HEADER = "the header of the token can not be read"
LONG_HEADER = "the header of the token is too long"
KEY_NAME = "the token names its key in a form that can not be read"
EXTENSION = "the token asks for an extension that is not understood here"
OWN_KEY = "the token brings its own key along"
KIND = "the token is of another type than a sign-in token"
CLAIMS = "the claims in the token from corp can not be read"


@dataclass(frozen=True, slots=True)
class Craft:
    """What a forger has: the good claims of this very sign-in, and everything that is public."""

    scene: Scene
    journey: Journey

    def claims(self, **changed: Any) -> dict[str, Any]:
        return self.scene.claims(self.journey.nonce, **changed)

    def token(self, algorithm: str = "RS256", key: mint.Key | None = None, **header: Any) -> str:
        return mint.token(self.claims(), algorithm, key, **header)

    def at(self, seconds: float) -> float:
        return self.scene.clock.now().timestamp() + seconds

    def raw(self, header: str, payload: str) -> str:
        """Rightly signed by the provider, whatever the two parts are."""
        return mint.signed_parts(header, payload, "RS256", mint.rsa())

    def hmac(self, secret: bytes, name: str = "HS256", **header: Any) -> str:
        start = f"{encoded({'alg': name, 'typ': 'JWT', **header})}.{encoded(self.claims())}"
        return f"{start}.{b64(hmac.new(secret, start.encode(), name.replace('HS', 'sha')).digest())}"


Forge = Callable[[Craft], str]
ROWS: list[Any] = []


def row(name: str, sentence: str, forge: Forge) -> None:
    ROWS.append(pytest.param(forge, sentence, id=name))


def claim_row(name: str, sentence: str, **changed: Any) -> None:
    """A token that the provider has rightly signed, with wrong claims."""
    row(name, sentence, lambda craft: mint.token(craft.claims(**changed)))


def header_row(name: str, sentence: str, **header: Any) -> None:
    """A token that the provider has rightly signed, with a wrong header."""
    row(name, sentence, lambda craft: craft.token(**header))


# I-1: no signature at all.
def unsigned(alg: Any) -> Forge:
    return lambda craft: f"{encoded({'alg': alg, 'typ': 'JWT'})}.{encoded(craft.claims())}."


row("none-empty-signature", PARTS, unsigned("none"))
for spelling in ("none", "None", "NONE", "nOnE", "", "none\0"):
    header_row(f"none-with-a-signature-{spelling!r}", NOT_CONFIGURED, alg=spelling)
row("RS256-empty-signature", PARTS, unsigned("RS256"))
header_row("no-alg", NOT_CONFIGURED, alg=None)
for odd in (["RS256"], {"RS256": 1}, 256, True):
    header_row(f"alg-is-{type(odd).__name__}", NOT_CONFIGURED, alg=odd)
header_row("alg-in-lower-case", NOT_CONFIGURED, alg="rs256")
header_row("alg-with-a-space", NOT_CONFIGURED, alg="RS256 ")
header_row("alg-ES256K", NOT_CONFIGURED, alg="ES256K")
header_row("alg-of-encryption", NOT_CONFIGURED, alg="RSA-OAEP")


# I-2: a public key used as a secret, in every form it can be had.
def spki(form: Encoding) -> bytes:
    return mint.rsa().public_key.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)


row(
    "HS256-with-the-public-key-as-pem",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(spki(Encoding.PEM), kid="rsa"),
)
row(
    "HS256-with-the-public-key-as-der",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(spki(Encoding.DER), kid="rsa"),
)
row(
    "HS256-with-a-prefixed-key",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(b"\n " + spki(Encoding.PEM), kid="rsa"),
)
row(
    "HS256-with-the-jwk-as-json",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(json.dumps(mint.published("rsa")[0]).encode(), kid="rsa"),
)
row(
    "HS256-with-an-ec-key",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(json.dumps(mint.published("p256")[0]).encode(), kid="p256"),
)
row(
    "HS512-with-the-public-key",
    NOT_CONFIGURED,
    lambda craft: craft.hmac(spki(Encoding.PEM), "HS512", kid="rsa"),
)
row("HS256-with-the-client-secret", NOT_CONFIGURED, lambda craft: craft.hmac(b"canary-client-secret"))
# I-3: an empty secret.
row("HS256-with-an-empty-key", NOT_CONFIGURED, lambda craft: craft.hmac(b""))
row("HS256-with-a-zero-key", NOT_CONFIGURED, lambda craft: craft.hmac(b"\0" * 32, kid=""))


# I-4: other serialisations, and headers that change what is checked.
def as_json(craft: Craft, **changed: Any) -> str:
    header, payload, signature = craft.token().split(".")
    signatures = [{"protected": header, "signature": signature}]
    return json.dumps({"payload": payload, "signatures": signatures, **changed})


row("json-serialisation", PARTS, as_json)
row("json-with-no-signatures", PARTS, lambda craft: as_json(craft, signatures=[]))
row(
    "json-flattened",
    PARTS,
    lambda craft: json.dumps({"payload": encoded(craft.claims()), "protected": "e30"}),
)
row("encrypted-five-parts", PARTS, lambda craft: craft.token() + ".AAAA.AAAA")
row("one-part", PARTS, lambda craft: encoded(craft.claims()))
row("two-parts", PARTS, lambda craft: craft.token().rpartition(".")[0])
row("empty-header", PARTS, lambda craft: "." + craft.token().partition(".")[2])
row("detached-payload", PARTS, lambda craft: craft.token().split(".")[0] + ".." + craft.token().split(".")[2])
row("padded", PARTS, lambda craft: craft.token() + "==")
row("newline-at-the-end", PARTS, lambda craft: craft.token() + "\n")
row("space-in-front", PARTS, lambda craft: " " + craft.token())
row("bearer-in-front", PARTS, lambda craft: "Bearer " + craft.token())
row("usual-base64-alphabet", PARTS, lambda craft: craft.token().replace("-", "+").replace("_", "/") + "+")
row("letters-beyond-ascii", PARTS, lambda craft: craft.token()[:-1] + "ä")
row("a-lone-surrogate", PARTS, lambda craft: craft.token()[:-1] + "\ud800")
header_row("crit-unknown", EXTENSION, crit=["exp"], exp=1)
header_row("crit-b64", EXTENSION, crit=["b64"], b64=False)
header_row("crit-empty", EXTENSION, crit=[])
header_row("crit-not-a-list", EXTENSION, crit="b64")
header_row("b64-false-without-crit", EXTENSION, b64=False)
header_row("b64-true", EXTENSION, b64=True)
header_row("packed", EXTENSION, zip="DEF")
header_row("nested-token", EXTENSION, cty="JWT")
header_row("enc-in-a-signed-token", EXTENSION, enc="A256GCM")
header_row("jku", OWN_KEY, jku="https://evil.example.com/keys")
header_row("x5u", OWN_KEY, x5u="https://evil.example.com/cert.pem")
row(
    "jwk-that-fits-the-signature",
    OWN_KEY,
    lambda craft: craft.token(key=mint.rsa("evil"), jwk=mint.public(mint.rsa("evil")), kid=None),
)
row(
    "x5c-of-the-forger",
    SIGNATURE,
    lambda craft: craft.token(
        key=mint.rsa("evil"),
        x5c=[
            base64.b64encode(
                mint.rsa("evil").public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ).decode()
        ],
    ),
)
for typ in ("at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE+JSON", "", ["JWT"], 7):
    header_row(f"typ-{typ!r}", KIND, typ=typ)
for kid in ("../../../../dev/null", "' UNION SELECT 'key' --", "/etc/passwd\0", "rsa\n", "RSA", "evil"):
    header_row(f"kid-{kid!r}", NO_KEY, kid=kid)
ODD_KIDS: tuple[Any, ...] = (["rsa"], {"rsa": 1}, 0, False, "", "x" * 257)
for odd_kid in ODD_KIDS:
    header_row(f"kid-is-{str(odd_kid)[:12]}", KEY_NAME, kid=odd_kid)
row("kid-of-another-kind-of-key", NO_KEY, lambda craft: craft.token(kid="p256"))
row("curve-of-another-algorithm", NO_KEY, lambda craft: craft.token("ES256", kid="p384"))
row("no-kid-and-two-keys-that-could-be-it", WHICH_KEY, lambda craft: craft.token(kid=None))


def twice(name: str, first: Any, last: Any, of: dict[str, Any]) -> str:
    rest = json.dumps({key: value for key, value in of.items() if key != name})[1:]
    return b64(f'{{"{name}": {json.dumps(first)}, "{name}": {json.dumps(last)}, {rest}'.encode())


HEAD = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
row(
    "alg-twice", HEADER, lambda craft: craft.raw(twice("alg", "none", "RS256", HEAD), encoded(craft.claims()))
)
row("kid-twice", HEADER, lambda craft: craft.raw(twice("kid", "evil", "rsa", HEAD), encoded(craft.claims())))
row("header-is-a-list", HEADER, lambda craft: craft.raw(encoded([HEAD]), encoded(craft.claims())))
row("header-is-no-json", HEADER, lambda craft: craft.raw(b64(b"alg=RS256"), encoded(craft.claims())))
row("header-in-utf-16", HEADER, lambda craft: craft.raw(b64(json.dumps(HEAD).encode("utf-16")), "e30"))
row(
    "header-with-a-bom",
    HEADER,
    lambda craft: craft.raw(b64(b"\xef\xbb\xbf" + json.dumps(HEAD).encode()), "e30"),
)
row(
    "header-nested-without-end", HEADER, lambda craft: craft.raw(b64(b'{"a":' * 800), encoded(craft.claims()))
)
header_row("header-too-long", LONG_HEADER, filler="x" * 5000)
row(
    "sub-twice",
    CLAIMS,
    lambda craft: craft.raw(encoded(HEAD), twice("sub", "root", "248289761001", craft.claims())),
)
row(
    "aud-twice", CLAIMS, lambda craft: craft.raw(encoded(HEAD), twice("aud", "other", "hoop", craft.claims()))
)
row("claims-are-a-list", CLAIMS, lambda craft: craft.raw(encoded(HEAD), encoded([craft.claims()])))
row("claims-are-text", CLAIMS, lambda craft: craft.raw(encoded(HEAD), encoded("hello")))
row("claims-are-no-json", CLAIMS, lambda craft: craft.raw(encoded(HEAD), b64(b"hello")))
row("claims-nested-without-end", CLAIMS, lambda craft: craft.raw(encoded(HEAD), b64(b'{"a":' * 9000)))
row("claims-with-infinity", CLAIMS, lambda craft: craft.raw(encoded(HEAD), b64(b'{"exp": Infinity}')))
row("claims-with-nan", CLAIMS, lambda craft: craft.raw(encoded(HEAD), b64(b'{"exp": NaN}')))
row(
    "a-number-of-5000-digits",
    CLAIMS,
    lambda craft: craft.raw(encoded(HEAD), b64(b'{"exp": ' + b"9" * 5000 + b"}")),
)


# Signatures that are somebody else's, or of something else.
row("signed-by-somebody-else", SIGNATURE, lambda craft: craft.token(key=mint.rsa("evil")))
row("signed-by-somebody-else-ES256", SIGNATURE, lambda craft: craft.token("ES256", mint.ec("P-256", "evil")))
row(
    "signed-by-somebody-else-EdDSA",
    SIGNATURE,
    lambda craft: craft.token("EdDSA", mint.okp("Ed25519", "evil")),
)


def moved(craft: Craft, **changed: Any) -> str:
    header, _, signature = craft.token().split(".")
    return f"{header}.{encoded(craft.claims(**changed))}.{signature}"


row("claims-changed-after-signing", SIGNATURE, lambda craft: moved(craft, sub="root"))
row("PS256-signed-as-RS256", SIGNATURE, lambda craft: swapped(craft, "PS256", "RS256"))
row("RS256-signed-as-RS512", SIGNATURE, lambda craft: swapped(craft, "RS512", "RS256"))


def swapped(craft: Craft, said: str, used: str) -> str:
    start = f"{encoded({**HEAD, 'alg': said})}.{encoded(craft.claims())}"
    return f"{start}.{b64(mint.signature(start, used, mint.key_for(used)))}"


def with_signature(algorithm: str, signature: bytes) -> Forge:
    return lambda craft: craft.token(algorithm).rpartition(".")[0] + "." + b64(signature)


row("ES256-of-zeros", SIGNATURE, with_signature("ES256", bytes(64)))
row("ES256-too-short", SIGNATURE, with_signature("ES256", b"x"))
row("ES256-as-der", SIGNATURE, with_signature("ES256", bytes.fromhex("3006020101020101")))
row("EdDSA-of-zeros", SIGNATURE, with_signature("EdDSA", bytes(64)))
row("RS256-of-ones", SIGNATURE, with_signature("RS256", bytes(255) + b"\x01"))
row("RS256-too-long", SIGNATURE, with_signature("RS256", bytes(257)))


def dangling_bits(craft: Craft) -> str:
    """The same signature bytes in another spelling: a bit that belongs to no byte is set."""
    token = craft.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) | 1]


row("a-second-spelling-of-the-signature", PARTS, dangling_bits)
