"""What a provider says about itself: where people sign in, where codes are exchanged, where its keys are.

It is read from `<issuer>/.well-known/openid-configuration` and believed only if it names exactly the configured
issuer. An address it gives is https; http on this machine counts only for a provider that is itself there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import Fault
from gateway.core.ports import Clock
from gateway.identity.oidc.issuer import Issuer, is_sound_url
from gateway.identity.oidc.kept import Kept
from gateway.identity.oidc.web import Web


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of one provider, "" where it has none, and how it answers."""

    keys: str
    authorization: str = ""
    token: str = ""
    userinfo: str = ""
    device: str = ""
    says_issuer: bool = False
    auth_methods: tuple[str, ...] = ("client_secret_basic",)


class Discovery:
    """The endpoints of one provider, kept."""

    def __init__(self, issuer: Issuer, web: Web, clock: Clock) -> None:
        self._issuer = issuer
        self._web = web
        self._kept = Kept(self._fetch, clock)

    async def endpoints(self) -> Endpoints:
        """Raises `Fault`."""
        return await self._kept.get()

    async def _fetch(self) -> Endpoints:
        url = self._issuer.url.rstrip("/") + "/.well-known/openid-configuration"
        return read_endpoints(await self._web.get_object(url, "its description"), self._issuer)


def read_endpoints(document: Mapping[str, Any], issuer: Issuer) -> Endpoints:
    """Check the document of `issuer`. Raises `Fault`."""
    if document.get("issuer") != issuer.url:
        raise Fault(f"{issuer.shown} describes itself as another issuer than the configured one")
    _check_offers(document, issuer)
    keys = _address(document, "jwks_uri", issuer)
    if not keys:
        raise Fault(f"{issuer.shown} does not say where its keys are")
    return Endpoints(
        keys=keys,
        authorization=_address(document, "authorization_endpoint", issuer),
        token=_address(document, "token_endpoint", issuer),
        userinfo=_address(document, "userinfo_endpoint", issuer),
        device=_address(document, "device_authorization_endpoint", issuer),
        says_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=_words(document, "token_endpoint_auth_methods_supported", issuer)
        or ("client_secret_basic",),
    )


def _check_offers(document: Mapping[str, Any], issuer: Issuer) -> None:
    """What a provider does not mention, it may still do; what it rules out, it can not."""
    challenges = _words(document, "code_challenge_methods_supported", issuer)
    if challenges and "S256" not in challenges:
        raise Fault(f"{issuer.shown} does not offer PKCE with S256, without which nobody signs in here")
    algorithms = _words(document, "id_token_signing_alg_values_supported", issuer)
    if algorithms and not set(algorithms) & set(issuer.algorithms):
        raise Fault(f"{issuer.shown} signs with none of the algorithms that are configured for it")


def _address(document: Mapping[str, Any], key: str, issuer: Issuer) -> str:
    url = document.get(key)
    if url is None:
        return ""
    if not isinstance(url, str) or not is_sound_url(url, loopback=issuer.on_this_machine):
        raise Fault(f"{issuer.shown} gives an address as {key} that is not a sound https address")
    return url


def _words(document: Mapping[str, Any], key: str, issuer: Issuer) -> tuple[str, ...]:
    words = document.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Fault(f"{issuer.shown} gives {key} in a form that can not be read")
    return tuple(words)
