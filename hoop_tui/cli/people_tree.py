"""The commands about people, for the command tree. Bodies are imported when a command runs."""

from cyclopts import App

from hoop_tui.cli.options import Gateway, Output, TokenFile

people = App(name="people", help="List people, and lock somebody out.")


def join(app: App) -> None:
    """Make them commands of `app`."""
    app.command(people)


@people.command(name="ls")
def list_people(
    *, locked: bool = False, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """List people, by name.

    Parameters
    ----------
    locked
        Only those who are locked out.
    """
    from hoop_tui.cli.people import list_people as run

    return run(gateway, token_file, locked=locked, output=output)


@people.command(name="show")
def show_person(
    name: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Show all that is known of one person.

    Parameters
    ----------
    name
        As the list shows it; a machine as machine:NAME.
    """
    from hoop_tui.cli.people import show_person as run

    return run(gateway, token_file, name, output=output)


@people.command(name="lock")
def lock_person(
    name: str,
    /,
    *,
    reason: str,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Lock somebody out: sessions, tokens and certificates end now. It does not ask first.

    Parameters
    ----------
    name
        As the list shows it; a machine as machine:NAME.
    reason
        Why: staff read it and the audit log keeps it, the person is not told.
    """
    from hoop_tui.cli.people import lock_person as run

    return run(gateway, token_file, name, reason, output=output)


@people.command(name="unlock")
def unlock_person(
    name: str, /, *, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None
) -> int:
    """Let somebody sign in again. What ended with the lock stays so.

    Parameters
    ----------
    name
        As the list shows it; a machine as machine:NAME.
    """
    from hoop_tui.cli.people import unlock_person as run

    return run(gateway, token_file, name, output=output)
