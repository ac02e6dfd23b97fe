"""The commands about several gateways, for the command tree. Bodies are imported when a command runs."""

from cyclopts import App

from hoop_tui.cli.options import Output

gateways = App(name="gateways", help="The gateways that you are signed in to.")


def join(app: App) -> None:
    """Make them commands of `app`."""
    app.command(gateways)


@gateways.command(name="ls")
def list_gateways(*, output: Output = "table") -> int:
    """List the gateways that you are signed in to, or have named."""
    from hoop_tui.cli.gateways import list_gateways as run

    return run(output)


@gateways.command(name="use")
def use_gateway(name: str, /) -> int:
    """Make this gateway the one that commands go to where none is named.

    Parameters
    ----------
    name
        Its name, or its address.
    """
    from hoop_tui.cli.gateways import use_gateway as run

    return run(name)
