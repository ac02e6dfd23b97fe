"""Which account on a target somebody is: the one that is mapped to them, or one that they name and may use.

Pure and small, because it decides who gets to be root. It does not say what may be done there: rules do.
"""

from collections.abc import Mapping, Sequence

from gateway.core.errors import Refused
from gateway.core.people import Principal, Target
from gateway.core.plain import plain

Row = Mapping[str, str]
"""An entry of a target's `accounts`: `group` or `person`, and the `user` that they are there."""


def default_account(target: Target, principal: Principal) -> str:
    """Who somebody is on the target when they say nothing: by the first row that fits, else the target's user."""
    rows: Sequence[Row] = target.options.get("accounts", ())
    return next((row["user"] for row in rows if _fits(row, principal)), target.user)


def account_for(target: Target, principal: Principal, asked: str = "") -> str:
    """Who somebody is on the target. `asked` is the account that they name, if they do; it must be theirs by default
    or one of the target's `logins`. Raises `Refused`."""
    own = default_account(target, principal)
    account = asked or own
    if account != own and account not in target.options.get("logins", ()):
        raise Refused(f'the account "{plain(account, 64)}" is not offered on {target.name}')
    return account


def _fits(row: Row, principal: Principal) -> bool:
    """Everything that the row names must be true of them, as it is written; a row that names nobody fits nobody."""
    group, person = row.get("group", ""), row.get("person", "")
    if not group and not person:
        return False
    return (not group or group in principal.groups) and (not person or person == principal.name)
