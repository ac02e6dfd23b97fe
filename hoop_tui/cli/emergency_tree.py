"""The commands about broken glass and what is revoked, for the command tree. Bodies are imported when one runs."""

from typing import Literal

from hoop_tui.cli.options import Gateway, Output, TokenFile
from hoop_tui.cli.review_tree import request, review


def join() -> None:
    """Make them commands of `review` and `request`."""
    request.command(break_glass, name="break-glass")
    review.command(sign, name="sign")
    review.command(revoke, name="revoke")


def break_glass(
    id: str,
    /,
    *,
    reason: str,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Let your own request through in an emergency, where its rule lets you. It does not ask first, and it alerts.

    Parameters
    ----------
    id
        The request's id.
    reason
        Why it can not wait: those who are asked read it, and one of them has to sign it.
    """
    from hoop_tui.cli.emergency import break_glass as run

    return run(gateway, token_file, id, reason=reason, output=output)


def sign(
    id: str,
    /,
    *,
    verdict: Literal["ok", "not-ok"],
    reason: str,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Say whether it was right to break the glass. It closes the review, and nothing else does.

    Parameters
    ----------
    id
        The request's id.
    verdict
        It was right, or not: that alerts once more.
    reason
        Why you think so.
    """
    from hoop_tui.cli.emergency import sign as run

    return run(gateway, token_file, id, verdict=verdict, reason=reason, output=output)


def revoke(
    id: str,
    /,
    *,
    reason: str,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """End what was approved: nothing more passes by it. Also for what you have asked for yourself.

    Parameters
    ----------
    id
        The request's id.
    reason
        Why: everybody who sees the request reads it.
    """
    from hoop_tui.cli.emergency import revoke as run

    return run(gateway, token_file, id, reason=reason, output=output)
