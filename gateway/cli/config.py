"""`config check` and `config show`."""

from typing import Annotated

from cyclopts import Parameter

from gateway.cli.options import DEFAULT_CONFIG, ConfigPath, load
from gateway.cli.talk import data, say


def check(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    text_only: Annotated[
        bool, Parameter(negative="", help="Do not look at secrets, certificates and host keys.")
    ] = False,
) -> int:
    """Say everything that is wrong with the configuration.

    Each problem is a line `file:line: key: what is wrong`, and the exit code is 2. Run it as the account that
    serves, so that it sees the same secrets; with --text-only it runs anywhere.
    """
    from gateway.app.config_file import load_config
    from gateway.cli.targets import known

    loaded = load_config(config, look_at_secrets=not text_only)
    settings = loaded.settings
    counts = (
        _count(len(settings.person), "person", "people"),
        _count(len(settings.target), "target", "targets"),
        _count(len(loaded.policy.rules), "rule", "rules"),
    )
    say(f"{config}: good - {', '.join(counts)}")
    if not loaded.policy.rules:
        say("there is no rule yet: everything that people ask for will be blocked")
    strange = (
        [] if text_only else [each.name for each in settings.target if known(settings, each) == "unknown"]
    )
    if strange:
        names = ", ".join(strange[:5]) + (", ..." if len(strange) > 5 else "")
        say(f"no host key is known yet, so nobody gets there before hoop-gateway target trust: {names}")
    return 0


def show(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    origin: Annotated[bool, Parameter(negative="", help="Say where each value came from.")] = False,
) -> int:
    """Print the configuration with every default filled in, as TOML.

    Rules are not repeated. Secrets are not shown: the configuration only holds references to them.
    """
    from gateway.app.config_show import as_toml

    data(as_toml(load(config), origins=origin))
    return 0


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
