"""From claims to a person: the name to show, and the groups, or a plain sentence why not.

Identity is (issuer, subject), never the name or the e-mail address. No claim is repaired: a group that is not
sound, a list that is a text, an address nobody has verified are refused.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gateway.core.errors import Refused
from gateway.core.secret import Secret
from gateway.identity.oidc.id_token import subject_of
from gateway.identity.oidc.issuer import Issuer

PERSON_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
"""The rule for names of configured people, too."""
MOST_GROUPS: Final = 1000
_GROUP_LENGTH: Final = 256
_EMAIL: Final = re.compile(r"[!-~]{1,120}@[!-~]{1,120}")


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouches for. `groups` None: it said nothing about them, and that is allowed."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str] | None
    email: str
    expires_at: datetime
    refresh: Secret | None = field(default=None, repr=False)


def lacks(claims: Mapping[str, Any], issuer: Issuer) -> bool:
    """Whether the provider has to be asked for more than this token says."""
    refuse_overage(claims, issuer)
    return issuer.name_claim not in claims or issuer.groups_claim not in claims


def vouch(
    claims: Mapping[str, Any],
    more: Mapping[str, Any],
    issuer: Issuer,
    expires_at: datetime,
    refresh: Secret | None,
) -> Vouched:
    """Read checked `claims`; what they lack is read from `more` (userinfo). Raises `Refused`."""
    refuse_overage(claims, issuer)
    refuse_overage(more, issuer)
    return Vouched(
        issuer=issuer.url,
        subject=subject_of(claims, issuer),
        name=_name(claims if issuer.name_claim in claims else more, issuer),
        groups=_groups(claims if issuer.groups_claim in claims else more, issuer),
        email=_verified_email(claims) or _verified_email(more),
        expires_at=expires_at,
        refresh=refresh,
    )


def refuse_overage(claims: Mapping[str, Any], issuer: Issuer) -> None:
    """Some providers send a pointer instead of many groups; what it points at is not followed."""
    elsewhere = claims.get("_claim_names")
    if "hasgroups" in claims or (isinstance(elsewhere, dict) and issuer.groups_claim in elsewhere):
        raise Refused(
            f"{issuer.shown} did not send your groups because there are too many; it must be told to send only those"
            " that this gateway needs"
        )


def _name(claims: Mapping[str, Any], issuer: Issuer) -> str:
    name = claims.get(issuer.name_claim)
    if name is None:
        raise Refused(f"{issuer.shown} did not send the claim that names you")
    if issuer.name_claim == "email" and claims.get("email_verified") is not True:
        raise Refused(f"{issuer.shown} has not verified your e-mail address, so it can not be your name here")
    if not isinstance(name, str) or not PERSON_NAME.fullmatch(name):
        raise Refused(
            f"{issuer.shown} sent a name for you that can not be used: up to 128 letters, digits and . _ @ + -"
        )
    return name


def _groups(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str] | None:
    groups = claims.get(issuer.groups_claim)
    if groups is None:
        if issuer.groups_missing == "refuse":
            raise Refused(f"{issuer.shown} did not say which groups you are in")
        return None
    if not isinstance(groups, list):
        raise Refused(f"{issuer.shown} did not send your groups as a list")
    if len(groups) > MOST_GROUPS:
        raise Refused(
            f"{issuer.shown} sent {len(groups)} groups for you, and at most {MOST_GROUPS} are taken"
        )
    odd = sum(not _is_sound(group) for group in groups)
    if odd:
        raise Refused(f"{issuer.shown} sent groups for you that can not be used: {odd} of {len(groups)}")
    return frozenset(groups)


def _is_sound(group: object) -> bool:
    """Text that shows as what it is: nothing invisible, one spelling, no space around it."""
    return (
        isinstance(group, str)
        and 0 < len(group) <= _GROUP_LENGTH
        and group.isprintable()
        and group == group.strip()
        and unicodedata.is_normalized("NFC", group)
    )


def _verified_email(claims: Mapping[str, Any]) -> str:
    """To show, never to recognise somebody by."""
    email = claims.get("email")
    sound = isinstance(email, str) and claims.get("email_verified") is True and _EMAIL.fullmatch(email)
    return str(email) if sound else ""
