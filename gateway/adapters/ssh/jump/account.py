"""ProxyJump: SSH to a target ends at the gateway, inside a channel of the connection that jumps.

The inner connection is met like any other: same host key, same sign-in, its own sessions. But who came by a code is
known by the connection they came through. Its user name is an account on the target, not a target.
"""

from collections.abc import Callable

from gateway.adapters.ssh.login_name import LoginName, read_account
from gateway.core.people import Target


def account_reader(outer: LoginName, target: Target) -> Callable[[str], LoginName]:
    """How to read the inner user name. One that the target offers is meant. One that merely repeats the outer name is
    the client's own default: nobody chose it, so it is the target's own account. Any other is asked for, and the
    Lobby says whether it is offered."""

    def read(name: str) -> LoginName:
        offered = name == target.user or name in target.options.get("logins", ())
        if not offered and name in (str(outer), target.name):
            return LoginName(target.name)
        return LoginName(target.name, read_account(name, target.name))

    return read
