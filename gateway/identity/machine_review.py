"""What somebody who looks after a machine should know: when it last signed in, how old its secret is, who is gone.

Read from the token rows of the ledger; it changes nothing, and knows no clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.ports import TokenRow
from gateway.identity.machine_secrets import KIND, machine_id

UNUSED_AFTER = timedelta(days=90)
UNROTATED_AFTER = timedelta(days=180)

UNUSED, UNROTATED, NO_OWNER = "UNUSED", "UNROTATED", "NO OWNER"

SENTENCES: Mapping[str, str] = {
    UNUSED: f"it has not signed in for {UNUSED_AFTER.days} days",
    UNROTATED: f"its secret is older than {UNROTATED_AFTER.days} days",
    NO_OWNER: "its owner is gone, so it can not sign in",
}


@dataclass(frozen=True, slots=True)
class Review:
    """One machine. `reports` are of `SENTENCES`; none is good news."""

    used_at: datetime | None
    secrets: tuple[str, ...]
    """Ids of the secrets that are good now, oldest first."""
    secret_since: datetime | None
    """When the oldest of those was made."""
    reports: tuple[str, ...]


def review(name: str, tokens: Iterable[TokenRow], *, has_owner: bool, now: datetime) -> Review:
    """The machine of this name, by all that it was ever given."""
    own = [row for row in tokens if row.person == machine_id(name)]
    secrets = sorted((row for row in own if row.kind == KIND), key=lambda row: row.created_at)
    good = [row for row in secrets if _is_good(row, now)]
    uses = [row.used_at for row in secrets if row.used_at] + [
        row.created_at for row in own if row.kind != KIND
    ]
    used_at = max(uses, default=None)
    since = good[0].created_at if good else None
    # What was made not long ago was not unused for long.
    alive = max(filter(None, (used_at, secrets[-1].created_at if secrets else None)), default=None)
    reports = {
        UNUSED: alive is None or now - alive > UNUSED_AFTER,
        UNROTATED: since is not None and now - since > UNROTATED_AFTER,
        NO_OWNER: not has_owner,
    }
    return Review(
        used_at, tuple(row.id for row in good), since, tuple(name for name, holds in reports.items() if holds)
    )


def _is_good(row: TokenRow, now: datetime) -> bool:
    return not row.revoked and (row.expires_at is None or now < row.expires_at)
