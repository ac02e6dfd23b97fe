"""One identity provider, as the rest of the gateway sees it: begin a sign-in, finish it, ask again later.

Raises `Refused` where the token or the person is no good, and `Fault` where the provider is away, slow or broken.
Neither ever holds a token, a code or anything that the provider said. It keeps no journeys: whoever begins one
stores it, and gives it back once.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.core.errors import Fault, Refused
from gateway.core.ports import Clock
from gateway.core.secret import Secret
from gateway.identity.oidc.claims import Vouched, lacks, vouch
from gateway.identity.oidc.device import SLOWER, read_device_start
from gateway.identity.oidc.discovery import Discovery, Endpoints
from gateway.identity.oidc.id_token import Expected, check_claims, subject_of
from gateway.identity.oidc.issuer import Issuer, is_sound_url
from gateway.identity.oidc.journey import LIFETIME, DeviceJourney, Journey, unguessable
from gateway.identity.oidc.keys import Keys
from gateway.identity.oidc.oauth import Answer, Said, TokenEndpoint
from gateway.identity.oidc.signed import read_signed
from gateway.identity.oidc.web import SECONDS, Web

_SECOND: Final = 1_000_000
_CODE_LIMIT: Final = 4096


class NoLongerVouched(Refused):
    """The provider was asked again about a person, and says no more."""


class Provider:
    """One configured issuer. Close it with `aclose`."""

    def __init__(self, issuer: Issuer, clock: Clock, *, seconds: float = SECONDS) -> None:
        self.issuer: Final = issuer
        self._clock = clock
        self._web = Web(issuer, seconds)
        self._discovery = Discovery(issuer, self._web, clock)
        self._keys = Keys(issuer, self._discovery, self._web, clock)
        self._tokens = TokenEndpoint(issuer, self._web)
        self._used: dict[str, int] = {}

    async def begin(self, callback: str) -> Journey:
        """A new sign-in that comes back to `callback`. Raises `Fault`."""
        if not is_sound_url(callback, loopback=True):
            raise Fault("the address that people come back to must be https, or http on this machine")
        endpoints = await self._endpoints("authorization", "token")
        bare = Journey(
            url="",
            state=unguessable(),
            nonce=unguessable(),
            verifier=Secret(unguessable()),
            issuer=self.issuer.url,
            callback=callback,
            begun_us=self._clock.monotonic_us(),
        )
        return bare.leading_to(await self._tokens.authorization_url(endpoints, bare))

    async def finish(self, journey: Journey, query: Mapping[str, str]) -> Vouched:
        """The person is back, with these parameters in the address. Raises `Refused`, `Fault`."""
        endpoints = await self._endpoints("authorization", "token")
        code = self._read_return(journey, query, endpoints)
        try:
            answer = await self._tokens.exchange(endpoints, journey, code)
        except Said as said:
            raise self._exchange_failed(said) from None
        expected = Expected(self.issuer.client_id, journey.nonce, answer.access_token, code)
        return await self._person(answer, expected, endpoints)

    async def begin_device(self) -> DeviceJourney:
        """A sign-in on the provider's own page, for people whose browsers can not reach the gateway's."""
        endpoints = await self._endpoints("device", "token")
        try:
            said = await self._tokens.start_device(endpoints)
        except Said as answer:
            raise self._client_refused(answer) from None
        return read_device_start(said, self.issuer, self._clock.monotonic_us())

    async def poll_device(self, journey: DeviceJourney) -> Vouched | None:
        """None: nobody has answered yet. May be called at any rate; the provider is asked at the rate it wants."""
        if journey.over or journey.issuer != self.issuer.url:
            raise Refused("this sign-in is over; begin again")
        now = self._clock.monotonic_us()
        if now >= journey.expires_us:
            journey.over = True
            raise Refused("nobody signed in with the code in time")
        if now < journey.next_us:
            return None
        journey.next_us = now + journey.interval * _SECOND
        endpoints = await self._endpoints("device", "token")
        try:
            answer = await self._tokens.device_token(endpoints, journey.device_code)
        except Said as said:
            self._not_yet(said, journey)
            return None
        journey.over = True
        return await self._person(
            answer, Expected(self.issuer.client_id, None, answer.access_token), endpoints
        )

    async def refresh(self, token: Secret, subject: str) -> Vouched:
        """Is `subject` still who they were? Raises `NoLongerVouched`, `Refused`, `Fault`."""
        endpoints = await self._endpoints("token")
        try:
            answer = await self._tokens.refresh(endpoints, token)
        except Said as said:
            if said.error == "invalid_grant":
                raise NoLongerVouched(
                    f"{self.issuer.shown} no longer vouches for you; sign in again"
                ) from None
            raise self._client_refused(said) from None
        if answer.id_token:
            expected = Expected(self.issuer.client_id, None, answer.access_token)
            person = await self._person(answer, expected, endpoints)
        else:
            said_now = await self._userinfo(endpoints, answer.access_token, subject)
            person = vouch(said_now, {}, self.issuer, self._clock.now(), answer.refresh)
        if person.subject != subject:
            raise Refused(f"{self.issuer.shown} answered about somebody else")
        return person

    async def verify(self, token: str, audience: str) -> Mapping[str, object]:
        """The claims of a token that somebody else (a CI job) brings. Raises `Refused`, `Fault`."""
        if not audience:
            raise Refused("a token is only taken for a named audience")
        claims, algorithm = await read_signed(token, self.issuer, self._keys)
        expected = Expected(audience, only_audience=True)
        check_claims(claims, algorithm, self.issuer, expected, self._clock.now())
        return claims

    async def check(self) -> None:
        """Whether people could sign in now, as far as that can be seen from here. Raises `Fault`."""
        await self._endpoints(*(("authorization", "token") if self.issuer.client_id else ()))
        await self._keys.all()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._web.aclose()

    async def _endpoints(self, *needed: str) -> Endpoints:
        endpoints = await self._discovery.endpoints()
        for name in needed:
            if not getattr(endpoints, name):
                raise Fault(f"{self.issuer.shown} has no {name} endpoint, which this way to sign in needs")
        return endpoints

    def _read_return(self, journey: Journey, query: Mapping[str, str], endpoints: Endpoints) -> str:
        """The code, if this is the answer to this journey, and the first one."""
        self._use_once(journey, query.get("state", ""))
        issuer = query.get("iss")
        if issuer is None and (endpoints.says_issuer or self.issuer.shares_callback):
            raise Refused("the answer does not say which provider it is from")
        if issuer not in (None, self.issuer.url):
            raise Refused(f"the answer is from another provider than {self.issuer.shown}")
        error = query.get("error")
        if error is not None:
            raise Refused(
                f"{self.issuer.shown} did not sign you in"
                + (": you or it said no" if error == "access_denied" else "; try again")
            )
        code = query.get("code", "")
        if not 0 < len(code) <= _CODE_LIMIT or not code.isascii() or not code.isprintable():
            raise Refused(f"the answer of {self.issuer.shown} has no code in it")
        return code

    def _use_once(self, journey: Journey, state: str) -> None:
        now = self._clock.monotonic_us()
        if not hmac.compare_digest(state.encode("utf-8", "replace"), journey.state.encode()):
            raise Refused("the answer belongs to another sign-in than the one this browser began")
        if journey.issuer != self.issuer.url:
            raise Refused("the answer belongs to a sign-in at another provider")
        if now - journey.begun_us >= LIFETIME * _SECOND:
            raise Refused("this sign-in took too long; begin again")
        for old in [old for old, until in self._used.items() if until <= now]:
            del self._used[old]
        if journey.state in self._used:
            raise Refused("this sign-in is over; begin again")
        self._used[journey.state] = journey.begun_us + LIFETIME * _SECOND

    async def _person(self, answer: Answer, expected: Expected, endpoints: Endpoints) -> Vouched:
        if not answer.id_token:
            raise Fault(f"{self.issuer.shown} sent no sign-in token")
        claims, algorithm = await read_signed(answer.id_token, self.issuer, self._keys)
        check_claims(claims, algorithm, self.issuer, expected, self._clock.now())
        more: Mapping[str, Any] = {}
        if lacks(claims, self.issuer) and endpoints.userinfo and answer.access_token:
            more = await self._userinfo(endpoints, answer.access_token, subject_of(claims, self.issuer))
        return vouch(claims, more, self.issuer, datetime.fromtimestamp(claims["exp"], UTC), answer.refresh)

    async def _userinfo(self, endpoints: Endpoints, access_token: str, subject: str) -> Mapping[str, Any]:
        if not endpoints.userinfo or not access_token:
            raise Fault(f"{self.issuer.shown} said nothing about you")
        if not access_token.isascii() or not access_token.isprintable():
            raise Fault(f"{self.issuer.shown} sent an access token that can not be used")
        bearer = {"Authorization": f"Bearer {access_token}"}
        said = await self._web.get_object(endpoints.userinfo, "more about you", bearer)
        if said.get("sub") != subject:
            raise Refused(f"{self.issuer.shown} answered about somebody else")
        return said

    def _exchange_failed(self, said: Said) -> Refused | Fault:
        if said.error == "invalid_grant":
            return Refused(f"{self.issuer.shown} does not accept this answer any more; begin again")
        return self._client_refused(said)

    def _client_refused(self, said: Said) -> Fault:
        if said.error in ("invalid_client", "unauthorized_client"):
            return Fault(
                f"{self.issuer.shown} does not accept this gateway as its client; its staff must look at it"
            )
        return Fault(f"{self.issuer.shown} refused the gateway's request ({said.error or 'no reason given'})")

    def _not_yet(self, said: Said, journey: DeviceJourney) -> None:
        if said.error == "authorization_pending":
            return
        if said.error == "slow_down":
            journey.interval += SLOWER
            journey.next_us = self._clock.monotonic_us() + journey.interval * _SECOND
            return
        journey.over = True
        if said.error == "access_denied":
            raise Refused(f"{self.issuer.shown} did not sign you in: you or it said no")
        if said.error in ("expired_token", "invalid_grant"):
            raise Refused("nobody signed in with the code in time")
        raise self._client_refused(said)
