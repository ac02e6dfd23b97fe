"""The commands about what asks you, and about what you ask for, for the command tree. Bodies are imported when a
command runs."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from hoop_tui.cli.options import Gateway, Output, TokenFile

review = App(name="review", help="Decide about what others ask for.")
request = App(name="request", help="Ask in advance, and see what became of what you ask for.")
State = Literal["held", "approved", "denied", "expired", "withdrawn"]


def join(app: App) -> None:
    """Make them commands of `app`."""
    app.command(review)
    app.command(request)


@review.command(name="ls")
def list_reviews(
    *,
    everything: Annotated[bool, Parameter(name=["--all"])] = False,
    decided: bool = False,
    open_reviews: bool = False,
    state: State | None = None,
    limit: int = 100,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """List what you may decide now, in the order of its end; or what has become of others.

    Parameters
    ----------
    everything
        All that you may see, newest first, in every state.
    decided
        Of that, what was approved or denied.
    open_reviews
        Of that, what was let through by broken glass and nobody has signed.
    state
        With --all: only those in this state.
    limit
        At most so many.
    """
    from hoop_tui.cli.printing import complain
    from hoop_tui.cli.review import list_requests as run

    if everything + decided + open_reviews > 1:
        return complain("One of --all, --decided and --open-reviews.", 2)
    if state is not None and not everything:
        return complain("What you may decide is held: --state goes with --all.", 2)
    which, wanted = ("all", state or "") if everything else ("asked", "held")
    if decided or open_reviews:
        which, wanted = "decided" if decided else "reviews", ""
    return run(gateway, token_file, which=which, state=wanted, limit=limit, output=output)


@request.command(name="show")
@review.command(name="show")
def show(id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None) -> int:
    """Show the card of a request: who, where, why, the rule, and the whole statement.

    Parameters
    ----------
    id
        The request's id.
    """
    from hoop_tui.cli.review import show_request as run

    return run(gateway, token_file, id, output=output)


@review.command(name="approve")
def approve_review(
    id: str,
    /,
    *,
    reason: str = "",
    scope: str = "once",
    yes: bool = False,
    sha: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Show the card, ask, and say yes to what it shows.

    Parameters
    ----------
    id
        The request's id.
    reason
        What you have to say about it: the person is told, and the audit log keeps it.
    scope
        What the yes covers, as the card lists it: once, or such as "shape 15m 10", "target 1h", session.
    yes
        Do not ask; goes with --sha.
    sha
        The first 12 hex digits or more of the sha256 that you were shown: nothing else is approved.
    """
    from hoop_tui.cli.review import approve as run

    return run(gateway, token_file, id, reason=reason, scope=scope, yes=yes, sha=sha, output=output)


@review.command(name="deny")
def deny_review(
    id: str,
    /,
    *,
    reason: str,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Say no. It does not ask first.

    Parameters
    ----------
    id
        The request's id.
    reason
        Why: the person is told, word for word.
    """
    from hoop_tui.cli.review import deny as run

    return run(gateway, token_file, id, reason=reason, output=output)


@review.command(name="claim")
def claim_review(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Tell the person and your colleagues that you are looking at it.

    Parameters
    ----------
    id
        The request's id.
    """
    from hoop_tui.cli.review import claim as run

    return run(gateway, token_file, id, output=output)


@review.command(name="unclaim")
def unclaim_review(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Leave it to others again.

    Parameters
    ----------
    id
        The request's id.
    """
    from hoop_tui.cli.review import unclaim as run

    return run(gateway, token_file, id, output=output)


@review.command(name="comment")
def comment_review(
    id: str, text: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Say or ask something: the person is told at once.

    Parameters
    ----------
    id
        The request's id.
    text
        What to say: one line.
    """
    from hoop_tui.cli.review import comment as run

    return run(gateway, token_file, id, text, output=output)


@review.command(name="impact")
def impact_of_review(
    id: str,
    /,
    *,
    dry_run: bool = False,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Find out what a request would do, without doing it: its plan, its tables, and what depends on them.

    Parameters
    ----------
    id
        The request's id.
    dry_run
        Also try it, in a transaction that is always rolled back; takes somebody who may decide about it.
    """
    from hoop_tui.cli.review_impact import impact as run

    return run(gateway, token_file, id, dry_run=dry_run, output=output)


@review.command(name="watch")
def watch_reviews(
    *,
    everything: Annotated[bool, Parameter(name=["--all"])] = False,
    output: Annotated[Literal["table", "jsonl"], Parameter(name=["--output", "-o"])] = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Print a line for each request that asks you, and for all that becomes of it, until Ctrl-C.

    Parameters
    ----------
    everything
        All that you may see.
    output
        How to print: lines for people, or one JSON object a line.
    """
    from hoop_tui.cli.review_watch import watch as run

    return run(gateway, token_file, which="all" if everything else "asked", output=output)


@request.command(name="create")
def create_request(
    *,
    target: str,
    lasts: Annotated[str, Parameter(name=["--for"])] = "",
    rule: str = "",
    login: str = "",
    text: str = "",
    file: Path | None = None,
    reason: str = "",
    ticket: str = "",
    wait: Annotated[bool | None, Parameter(negative="--no-wait")] = None,
    timeout: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Ask before you do it: to come in for a time, for what a rule holds, or for one text to be run.

    Parameters
    ----------
    target
        Where.
    lasts
        How long, as in 30m or 1h; without it, as long as the rule lets people grant.
    rule
        The rule whose holds it is about, where several hold something there.
    login
        The account on the target, if not your usual one.
    text
        The statement or command: exactly this passes once.
    file
        The same from a file, byte for byte.
    reason
        Why: those who decide read it.
    ticket
        The ticket that it is for.
    wait
        Wait until it is decided; --no-wait does not. Without either, if you are at a terminal.
    timeout
        Wait at most so long: 30s, 5m.
    """
    from hoop_tui.cli.printing import complain
    from hoop_tui.cli.request_create import create, written
    from hoop_tui.requests_client import wish

    try:
        said = wish(
            target=target,
            lasts=lasts,
            rule=rule,
            login=login,
            text=written(text, file),
            reason=reason,
            ticket=ticket,
        )
        return create(gateway, token_file, said, wait=wait, timeout=timeout, output=output)
    except ValueError as problem:
        return complain(str(problem), 2)


@request.command(name="ls")
def list_requests(
    *,
    state: State | None = None,
    limit: int = 50,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """List what you have asked for, newest first.

    Parameters
    ----------
    state
        Only those in this state.
    limit
        At most so many.
    """
    from hoop_tui.cli.request import list_requests as run

    return run(gateway, token_file, state=state or "", limit=limit, output=output)


@request.command(name="wait")
def wait_for_request(
    id: str,
    /,
    *,
    timeout: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Wait until a request is decided, or over. The exit code says what became of it.

    Parameters
    ----------
    id
        The request's id.
    timeout
        At most so long: 30s, 5m.
    """
    from hoop_tui.cli.printing import complain
    from hoop_tui.cli.request import wait as run

    try:
        return run(gateway, token_file, id, timeout=timeout, output=output)
    except ValueError as problem:
        return complain(str(problem), 2)


@request.command(name="reply")
def reply_to_request(
    id: str,
    text: str = "",
    /,
    *,
    reason: str = "",
    ticket: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Answer those who decide. Where the rule asks for a reason that was not given yet, this is it.

    Parameters
    ----------
    id
        The request's id.
    text
        What to say: one line.
    reason
        Why you ask for it.
    ticket
        The ticket that it is for.
    """
    from hoop_tui.cli.request import reply as run

    return run(gateway, token_file, id, text, reason=reason, ticket=ticket, output=output)


@request.command(name="cancel")
def cancel_request(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Take back what you have asked for.

    Parameters
    ----------
    id
        The request's id.
    """
    from hoop_tui.cli.request import cancel as run

    return run(gateway, token_file, id, output=output)
