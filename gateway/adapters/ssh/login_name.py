"""What a person writes before the `@`: `TARGET`, or `USER%TARGET`. It has exactly one reading or none.

Pure text; whether such a target exists is the inventory's business, and nobody asks it about a malformed name.
"""

import re
from dataclasses import dataclass

from gateway.core.errors import Malformed

LONGEST = 128

_TARGET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class LoginName:
    """Which target, and as which account there: empty for the target's own."""

    target: str
    account: str = ""

    def __str__(self) -> str:
        return f"{self.account}%{self.target}" if self.account else self.target


def read_login_name(text: str) -> LoginName:
    """Raises `Malformed`, whose sentence does not repeat what was sent."""
    if len(text) <= LONGEST:
        account, percent, target = text.rpartition("%")
        if _TARGET.fullmatch(target) and bool(percent) == bool(account):
            if not percent:
                return LoginName(target)
            if _ACCOUNT.fullmatch(account):
                return LoginName(target, account)
    raise Malformed("the user name must be TARGET or USER%TARGET, as in: ssh web-1@gateway")


def read_account(text: str, target: str) -> str:
    """An account on `target` where that is known already: `USER`, or `USER%TARGET`. Raises `Malformed`."""
    if len(text) <= LONGEST:
        account = text.removesuffix(f"%{target}")
        if _ACCOUNT.fullmatch(account):
            return account
    raise Malformed(f"the user name must be an account on {target}, as in: ssh -J gateway USER@{target}")
