"""The provider's own device flow: what it says at the beginning, read with care, because people are shown it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.identity.oidc.issuer import Issuer, is_sound_url
from gateway.identity.oidc.journey import DeviceJourney

SLOWER: Final = 5
"""Seconds that `slow_down` adds to the interval (RFC 8628)."""
_SECOND: Final = 1_000_000
_LONGEST: Final = 1800
_USER_CODE: Final = re.compile(r"[A-Za-z0-9-]{4,32}")


def read_device_start(said: Mapping[str, Any], issuer: Issuer, now_us: int) -> DeviceJourney:
    """The journey that the provider has opened. Raises `Fault`."""
    device_code, user_code = said.get("device_code"), said.get("user_code")
    page, complete = said.get("verification_uri"), said.get("verification_uri_complete", "")
    expires, interval = said.get("expires_in"), said.get("interval", 5)
    readable = (
        isinstance(device_code, str)
        and 0 < len(device_code) <= 4096
        and isinstance(user_code, str)
        and _USER_CODE.fullmatch(user_code)
        and _is_page(page, issuer)
        and (complete == "" or _is_page(complete, issuer))
        and _is_whole(expires)
        and _is_whole(interval)
    )
    if not readable:
        raise Fault(f"{issuer.shown} began a sign-in by code in a way that can not be read")
    seconds = min(int(interval), 60)
    return DeviceJourney(
        issuer=issuer.url,
        user_code=str(user_code),
        verification_uri=str(page),
        verification_uri_complete=str(complete),
        device_code=Secret(str(device_code)),
        expires_us=now_us + min(int(str(expires)), _LONGEST) * _SECOND,
        interval=seconds,
        next_us=now_us + seconds * _SECOND,
    )


def _is_page(url: object, issuer: Issuer) -> bool:
    return isinstance(url, str) and len(url) <= 512 and is_sound_url(url, loopback=issuer.on_this_machine)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**6
