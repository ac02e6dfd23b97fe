"""The entry point of `hoop-tui`. The first help is printed from here, because the parser takes longer to import."""

import gc
import io
import os
import sys

EXIT_USAGE = 2
_TELL_EVERYTHING = ("TEXTUAL", "TEXTUAL_DEBUG", "TEXTUAL_LOG")
"""What makes the toolkit write down keys and what is pasted: a token, where one is typed."""

HELP = """\
Watch and replay the sessions of a hoop gateway. Without a command it opens the app.

Usage: hoop-tui [COMMAND] [OPTIONS]

Examples:
  hoop-tui login --gateway https://hoop.example.com
  hoop-tui ssh web-1
  hoop-tui psql appdb
  PGPASSWORD=$(hoop-tui token appdb) psql -h hoop.example.com appdb
  hoop-tui play 2B8CK4TQ@8:39
  hoop-tui sessions ls --live
  hoop-tui sessions export 2B8C --as cast2 -o 2B8C.cast
  hoop-tui sessions end 2B8C --reason "incident 4411"
  hoop-tui review approve 7QF-2KM4

Commands:
  gateways ls          List the gateways that you are signed in to, or have named.
  gateways use         Make this gateway the one that commands go to.
  keys                 List the keys of the app, yours included.
  login                Sign in, and get a certificate for ssh.
  logout               Sign out.
  whoami               Show who the gateway takes you for.
  ssh                  Run ssh through the gateway.
  psql                 Run psql through the gateway.
  token                Print a password for a database.
  tokens ls            List your tokens.
  tokens revoke        End a token before its time.
  certificates ls      List certificates.
  certificates revoke  End a certificate before its time.
  people ls            List people.
  people show          Show all that is known of one person.
  people lock          Lock somebody out: everything of them ends now.
  people unlock        Let somebody sign in again.
  play                 Open a recording, at a moment.
  request accept       Run the text that somebody proposes instead of yours.
  request break-glass  Let your own request through in an emergency.
  request cancel       Take back what you have asked for.
  request create       Ask before you do it.
  request ls           List what you have asked for.
  request reply        Answer those who decide.
  request show         Show the card of a request.
  request wait         Wait until a request is decided.
  review amend         Propose another text instead.
  review approve       Say yes to what you were shown.
  review claim         Tell others that you are looking at it.
  review comment       Say or ask something: the person is told.
  review deny          Say no, and why.
  review impact        Find out what a request would do.
  review ls            List what you may decide now.
  review revoke        End what was approved.
  review show          Show the card of a request, and the whole statement.
  review sign          Sign the review of a broken glass.
  review unclaim       Leave it to others again.
  review watch         Print what comes, and what becomes of it.
  sessions ls          List sessions, newest first.
  sessions show        Show all that is known of one session.
  sessions export      Save a recording as an asciicast v2 or as plain text.
  sessions pause       Hold back what the person types.
  sessions resume      Let the person's input go on.
  sessions message     Say one line to the person, in their terminal.
  sessions end         End a session, or with --person everything of somebody.
  version              Print the version.

Options:
  --gateway URL        The gateway's address. Else HOOP_GATEWAY.
  --token-file PATH    A file with the token, readable by you only. Else HOOP_TOKEN, else the kept one.
  --screen NAME        The screen to begin with: approvals, sessions or replay.
  --user NAME          List the sessions of this person only.
  --theme NAME         dark, light, contrast or ansi. NO_COLOR is honoured too.
  --plain              No boxes, no colours, each row a line that can be read aloud.
  --readonly           Look only: nothing that changes anything is offered.
  --version            Print the version.

hoop-tui COMMAND --help says more about one of them.
"""
"""A test compares it with the command tree."""


def main(arguments: list[str] | None = None) -> None:
    """Leaves with an exit code, never with a traceback for what a person did."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["--help"], ["-h"]):
        sys.stdout.write(HELP)
        sys.exit(0)
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    # What a person is called may be more than an old terminal can show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name in _TELL_EVERYTHING:
        os.environ.pop(name, None)
    try:
        quick = _quickly(arguments)
        return _parsed(arguments) if quick is None else quick
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing is left to say to them.
        sys.stderr.close()
        return 1
    except Exception as problem:  # noqa: BLE001 - whatever it is, its words may hold a token
        from hoop_tui.mistakes import tell_mistake

        return tell_mistake(problem)


def _quickly(arguments: list[str]) -> int | None:
    """Without the parser: the app as usual, and `token` in its plainest forms, which runs before every psql."""
    match arguments:
        case []:
            return _open_app()
        case ["token", target] if not target.startswith("-"):
            span = ""
        case ["token", target, "--for", span] if not target.startswith("-"):
            pass
        case _:
            return None
    from hoop_tui.cli.token import database_token

    return database_token(target, span)


def _open_app() -> int:
    """What would be looked for while everything is loaded, garbage and plugins of pydantic, is not there."""
    gc.disable()
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "1"
    from hoop_tui.cli.open_app import Asked, run_app

    gc.freeze()
    gc.enable()
    return run_app("", None, Asked())


def _parsed(arguments: list[str]) -> int:
    from cyclopts import CycloptsError

    from hoop_tui.cli.tree import app

    try:
        code = app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return EXIT_USAGE
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
