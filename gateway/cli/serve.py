"""`serve`, `demo` and `version`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.options import DEFAULT_CONFIG, ConfigPath


def serve(*, config: ConfigPath = DEFAULT_CONFIG) -> int:
    """Open the doors and serve until stopped.

    SIGHUP reads the configuration again and keeps the old one when the new one is wrong; SIGTERM and Ctrl-C end
    every session with a sentence and close in order.
    """
    import gc

    gc.disable()  # loading throws nothing away, and looking for it takes a tenth of the time; see app/settling.py
    from gateway.app.serve import run

    return run(config)


def demo(
    *,
    tui: Annotated[
        bool, Parameter(name="--tui", negative="--no-tui", help="Open the app in this terminal.")
    ] = True,
    keep: Annotated[
        Path | None, Parameter(help="Keep everything in this directory when the demo ends.")
    ] = None,
    ssh_port: Annotated[
        int, Parameter(help="The loopback port to take; a free one where it is taken.")
    ] = 2222,
) -> int:
    """Try everything on loopback, with nothing to set up.

    Starts a gateway, a target with a real shell and a few recorded sessions, prints what to type in a second
    terminal, and opens the app. Nothing is left behind when it ends.
    """
    from gateway.app.demo import run

    return run(tui=tui, keep=keep, ssh_port=ssh_port)


def version() -> int:
    """Print the version."""
    from gateway import __version__
    from gateway.cli.talk import data

    data(f"hoop-gateway {__version__}")
    return 0
