"""The commands around signing in, for the command tree. Bodies are imported when a command runs."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from hoop_tui.cli.options import Gateway, Output, TokenFile

_Device = Annotated[
    bool, Parameter(help="Show a code to confirm in any browser, as it happens without a display.")
]
_NoBrowser = Annotated[
    bool, Parameter(help="Only print the page to open; the browser has to be on this computer.")
]
_NoSsh = Annotated[bool, Parameter(help="Ask for no ssh certificate.")]
_NoKnownHosts = Annotated[bool, Parameter(help="Leave ~/.ssh/known_hosts as it is.")]
_BindAddress = Annotated[bool, Parameter(help="The certificate is good from your present address only.")]
_Machine = Annotated[
    str, Parameter(help="Sign in as this machine, with HOOP_CLIENT_SECRET or HOOP_ID_TOKEN.")
]
_SubjectTokenFile = Annotated[
    Path | None,
    Parameter(help="A file with the identity token of a CI job, in place of HOOP_ID_TOKEN."),
]
_Print = Annotated[
    bool, Parameter(name=["--print"], help="With --machine: print the token and keep nothing.")
]

tokens = App(name="tokens", help="List and revoke tokens.")
certificates = App(name="certificates", help="List and revoke certificates, for ssh and for databases.")


def join(app: App) -> None:
    """Make them commands of `app`."""
    for command in (login, logout, whoami, token, ssh, psql):
        app.command(command)
    app.command(tokens)
    app.command(certificates)


def login(
    *,
    gateway: Gateway = "",
    device: _Device = False,
    no_browser: _NoBrowser = False,
    no_ssh: _NoSsh = False,
    no_known_hosts: _NoKnownHosts = False,
    bind_address: _BindAddress = False,
    machine: _Machine = "",
    subject_token_file: _SubjectTokenFile = None,
    print_token: _Print = False,
) -> int:
    """Sign in through a browser, and get a certificate so that ssh asks nothing."""
    from hoop_tui.cli.login import Wishes
    from hoop_tui.cli.login import login as run

    wishes = Wishes(
        device=device,
        no_browser=no_browser,
        ssh=not no_ssh,
        known_hosts=not no_known_hosts,
        bind_address=bind_address,
        machine=machine,
        subject_token_file=subject_token_file,
        print_token=print_token,
    )
    return run(gateway, wishes)


def logout(*, gateway: Gateway = "") -> int:
    """Sign out: the token is revoked, key and certificate are removed."""
    from hoop_tui.cli.logout import logout as run

    return run(gateway)


def whoami(*, output: Output = "table", gateway: Gateway = "", token_file: TokenFile = None) -> int:
    """Show who the gateway takes you for, and until when."""
    from hoop_tui.cli.whoami import whoami as run

    return run(gateway, token_file, output=output)


def token(
    target: str,
    /,
    *,
    span: Annotated[str, Parameter(name=["--for"])] = "",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Print a password for a database: PGPASSWORD=$(hoop-tui token appdb) psql ...

    Parameters
    ----------
    target
        The target that it opens, and no other.
    span
        How long it is good: 30m, 1h, 1h30m. The gateway may give less.
    """
    from hoop_tui.cli.token import database_token

    return database_token(target, span, gateway, token_file)


def ssh(
    target: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Run the stock ssh through the gateway, with a new certificate where the last has run out.

    Parameters
    ----------
    target
        Which target: web-1, or postgres%web-1 for another account of it.
    arguments
        For ssh, as they are: options, and the command to run.
    """
    from hoop_tui.cli.ssh import run_ssh

    return run_ssh(target, arguments, gateway, token_file)


def psql(
    target: str,
    /,
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """Run the stock psql through the gateway, with a password for this target made now.

    Parameters
    ----------
    target
        Which database, as the gateway calls it.
    arguments
        For psql, as they are: -U app_rw for another account, -c, -f and so on.
    """
    from hoop_tui.cli.psql import run_psql

    return run_psql(target, arguments, gateway, token_file)


@tokens.command(name="ls")
def list_tokens(
    *,
    person: str = "",
    everything: Annotated[bool, Parameter(name=["--all"])] = False,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """List your tokens, newest first.

    Parameters
    ----------
    person
        Those of somebody else: for operators.
    everything
        Those too that are revoked or over.
    """
    from hoop_tui.cli.tokens import list_tokens as run

    return run(gateway, token_file, person=person, everything=everything, output=output)


@tokens.command(name="revoke")
def revoke_token(id: str, /, *, gateway: Gateway = "", token_file: TokenFile = None) -> int:
    """End a token before its time, and what was made with it.

    Parameters
    ----------
    id
        The token's id, as the list shows it.
    """
    from hoop_tui.cli.tokens import revoke_token as run

    return run(gateway, token_file, id)


@certificates.command(name="ls")
def list_certificates(
    *,
    person: str = "",
    everything: Annotated[bool, Parameter(name=["--all"])] = False,
    output: Output = "table",
    gateway: Gateway = "",
    token_file: TokenFile = None,
) -> int:
    """List certificates for ssh and for databases, newest first.

    Parameters
    ----------
    person
        Those of somebody else: for operators.
    everything
        Those too that are revoked or over.
    """
    from hoop_tui.cli.certificates import list_certificates as run

    return run(gateway, token_file, person=person, everything=everything, output=output)


@certificates.command(name="revoke")
def revoke_certificate(serial: str, /, *, gateway: Gateway = "", token_file: TokenFile = None) -> int:
    """End a certificate before its time.

    Parameters
    ----------
    serial
        Its serial number, as the list shows it.
    """
    from hoop_tui.cli.certificates import revoke_certificate as run

    return run(gateway, token_file, serial)
