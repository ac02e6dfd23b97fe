"""The commands about another text for what is held, for the command tree. Bodies are imported when one runs."""

from pathlib import Path

from hoop_tui.cli.options import Gateway, Output, TokenFile
from hoop_tui.cli.review_tree import request, review


def join() -> None:
    """Make them commands of `review` and `request`."""
    review.command(amend, name="amend")
    request.command(accept, name="accept")


def amend(
    id: str,
    /,
    *,
    text: str = "",
    file: Path | None = None,
    reason: str = "",
    sha: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Propose another text: it runs only if the person who asks accepts it.

    Parameters
    ----------
    id
        The request's id.
    text
        One statement or one command.
    file
        The same, from a file.
    reason
        Why: the person reads it.
    sha
        The beginning of the sha256 that you were shown, 12 digits or more: nothing is proposed for another text.
    """
    from hoop_tui.cli.amend import amend as run

    return run(gateway, token_file, id, text=text, file=file, reason=reason, sha=sha, output=output)


def accept(
    id: str,
    /,
    *,
    yes: bool = False,
    sha: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Run the text that somebody proposes instead of yours. Shows both, and asks.

    Parameters
    ----------
    id
        The request's id.
    yes
        Do not ask. It needs --sha.
    sha
        The beginning of the sha256 of the proposed text that you were shown, 12 digits or more.
    """
    from hoop_tui.cli.amend import accept as run

    return run(gateway, token_file, id, yes=yes, sha=sha, output=output)
