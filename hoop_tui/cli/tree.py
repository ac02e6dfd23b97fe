"""The command tree of `hoop-tui`. Bodies are imported when a command runs.

Exit codes: 0 done, 1 error, 2 usage, 3 not signed in, 4 forbidden or denied, 5 held, 6 expired, 7 not found, 8 not
as it was, 9 gateway unreachable.
"""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from hoop_tui.cli import amend_tree, emergency_tree, gateways_tree, login_tree, people_tree, review_tree
from hoop_tui.cli.options import Gateway, Output, TokenFile

app = App(
    name="hoop-tui",
    help="Watch and replay the sessions of a hoop gateway. Without a command it opens the app.",
    version_flags=["--version"],
    version=lambda: version_line(),
    help_flags=["--help", "-h"],
    help_format="plaintext",
    default_parameter=Parameter(negative=(), show_default=False),
)
sessions = App(name="sessions", help="List, show, export and steer sessions.")
app.command(sessions)
login_tree.join(app)
people_tree.join(app)
review_tree.join(app)
emergency_tree.join()
amend_tree.join()
gateways_tree.join(app)


@app.default
def open_app(
    *,
    gateway: Gateway = "",
    token_file: TokenFile = None,
    screen: Literal["approvals", "sessions", "replay"] = "sessions",
    user: str = "",
    theme: Literal["dark", "light", "contrast", "ansi"] | None = None,
    plain: bool = False,
    readonly: bool = False,
) -> int:
    """Open the app.

    Parameters
    ----------
    screen
        The screen to begin with.
    user
        List the sessions of this person only.
    theme
        Dark, light, high contrast, or the colours of the terminal. NO_COLOR is honoured too.
    plain
        No boxes, no colours, each row a line that can be read aloud.
    readonly
        Look only: nothing that changes anything is offered.
    """
    from hoop_tui.cli.open_app import Asked, run_app

    asked = Asked(screen=screen, person=user, theme=theme or "", readonly=readonly, plain=plain)
    return run_app(gateway, token_file, asked)


@app.command
def play(link: str, /, *, gateway: Gateway = "", token_file: TokenFile = None) -> int:
    """Open a recording, at a moment: hoop-tui play 2B8CK4TQ@8:39

    Parameters
    ----------
    link
        A session's id, with @m:ss for a moment in it.
    """
    from hoop_tui.cli.open_app import Asked, run_app

    return run_app(gateway, token_file, Asked(link=link))


@app.command
def keys(*, output: Output = "table") -> int:
    """List the keys of the app, yours included, with the names that tui.toml calls them by."""
    from hoop_tui.cli.keys import list_keys

    return list_keys(output)


@app.command
def version() -> int:
    """Print the version."""
    print(version_line())
    return 0


@sessions.command(name="ls")
def list_sessions(
    *,
    live: bool = False,
    user: str = "",
    target: str = "",
    limit: int = 50,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """List sessions, newest first.

    Parameters
    ----------
    live
        Only those that are live now.
    user
        Only those of this person; `alice` is enough for alice@example.com.
    target
        Only those with this target.
    limit
        At most so many.
    """
    from hoop_tui.cli.sessions import list_sessions as run

    return run(gateway, token_file, live=live, user=user, target=target, limit=limit, output=output)


@sessions.command(name="show")
def show_session(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Show all that is known of one session.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    """
    from hoop_tui.cli.sessions import show_session as run

    return run(gateway, token_file, id, output=output)


@sessions.command(name="export")
def export_session(
    id: str,
    /,
    *,
    form: Annotated[Literal["cast2", "txt", "jsonl"], Parameter(name=["--as"])],
    file: Annotated[Path | None, Parameter(name=["--file", "-o"])] = None,
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Save a recording as an asciicast v2, as plain text, or as JSON lines.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    form
        cast2 for asciinema and its player, txt for reading, jsonl for programs: one object for each statement.
    file
        Where to write; a file that exists is not touched. Without it the recording goes to standard output.
    """
    from hoop_tui.cli.sessions import export_session as run

    return run(gateway, token_file, id, form=form, file=file)


@sessions.command(name="pause")
def pause_session(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Hold back what the person types. It ends by itself after five minutes; pausing again renews it.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    """
    from hoop_tui.cli.steering import pause

    return pause(gateway, token_file, id, output=output)


@sessions.command(name="resume")
def resume_session(
    id: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Let the person's input go on.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    """
    from hoop_tui.cli.steering import resume

    return resume(gateway, token_file, id, output=output)


@sessions.command(name="message")
def message_session(
    id: str, text: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Say one line to the person, in their terminal.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    text
        What to say: one line.
    """
    from hoop_tui.cli.steering import message

    return message(gateway, token_file, id, text, output=output)


@sessions.command(name="end")
def end_session(
    id: str = "",
    /,
    *,
    person: str = "",
    reason: str = "",
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """End a session, or with --person everything of somebody. It does not ask first.

    Parameters
    ----------
    id
        The session's id, or the start of it.
    person
        End every session of this person instead.
    reason
        Why: the person is told, and the audit log keeps it.
    """
    from hoop_tui.cli import steering
    from hoop_tui.cli.printing import complain

    if bool(id) == bool(person):
        return complain("Name a session, or a person with --person.", 2)
    if person:
        return steering.end_person(gateway, token_file, person, reason, output=output)
    return steering.end(gateway, token_file, id, reason, output=output)


def version_line() -> str:
    """`hoop-tui 0.1.0`"""
    from importlib.metadata import version

    return f"hoop-tui {version('hoop-tui')}"
