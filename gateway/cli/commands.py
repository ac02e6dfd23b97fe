"""The one table of commands: it makes the help, the lazily loaded parser, and the list the docs are checked with.

Imports nothing that takes time: `hoop-gateway --help` reads only this.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cyclopts import App

PROGRAM = "hoop-gateway"
ABOUT = "An open access gateway: every command judged, every answer masked, every session recorded."


class Command(NamedTuple):
    """One command: its words, what it does, and the function behind it as `module:name`."""

    words: tuple[str, ...]
    summary: str
    function: str


COMMANDS = (
    Command(("serve",), "Open the doors and serve until stopped.", "gateway.cli.serve:serve"),
    Command(("demo",), "Try everything on loopback, with nothing to set up.", "gateway.cli.serve:demo"),
    Command(("init",), "Write a first configuration.", "gateway.cli.init:init"),
    Command(
        ("config", "check"),
        "Say everything that is wrong with the configuration.",
        "gateway.cli.config:check",
    ),
    Command(
        ("config", "show"), "Print the configuration with every default filled in.", "gateway.cli.config:show"
    ),
    Command(
        ("policy", "check"), "Say everything that is wrong with rules and tests.", "gateway.cli.policy:check"
    ),
    Command(("policy", "test"), "Run the tests beside the rules.", "gateway.cli.policy:run_tests"),
    Command(("policy", "explain"), "Say of each rule why it matches or not.", "gateway.cli.policy:explain"),
    Command(
        ("policy", "diff"), "Say what is different between two sets of rules.", "gateway.cli.policy:diff"
    ),
    Command(
        ("policy", "revisions"),
        "List the policies that were in force.",
        "gateway.cli.policy_revisions:revisions",
    ),
    Command(
        ("policy", "replay"),
        "Say what a draft would have changed.",
        "gateway.cli.policy_replay:replay",
    ),
    Command(("policy", "show"), "Print a policy that was in force.", "gateway.cli.policy_revisions:show"),
    Command(("target", "ls"), "List the targets.", "gateway.cli.targets:ls"),
    Command(("target", "trust"), "Pin the host key of a target of kind ssh.", "gateway.cli.targets:trust"),
    Command(("token", "create"), "Make an API token and print it once.", "gateway.cli.tokens:create"),
    Command(("token", "ls"), "List the tokens.", "gateway.cli.tokens:ls"),
    Command(("token", "revoke"), "End a token now.", "gateway.cli.tokens:revoke"),
    Command(("person", "ls"), "List everybody.", "gateway.cli.people:ls"),
    Command(("person", "lock"), "Keep somebody out, and end all they have.", "gateway.cli.people:lock"),
    Command(("person", "unlock"), "Let somebody sign in again.", "gateway.cli.people:unlock"),
    Command(("person", "forget"), "Know somebody no more: their name is free.", "gateway.cli.people:forget"),
    Command(("person", "password"), "Give a person a password.", "gateway.cli.people_passwords:password"),
    Command(("person", "totp"), "Set up a person's authenticator app.", "gateway.cli.people_passwords:totp"),
    Command(("machine", "ls"), "List the machines.", "gateway.cli.machines:ls"),
    Command(("machine", "secret"), "Make a client secret and print it once.", "gateway.cli.machines:secret"),
    Command(("machine", "revoke"), "End a client secret now.", "gateway.cli.machines:revoke"),
    Command(("ca", "show"), "Print what others need to trust an authority.", "gateway.cli.authority:show"),
    Command(("ca", "rotate"), "Make a new key for an authority.", "gateway.cli.authority:rotate"),
    Command(("ca", "retire"), "Trust an older key no longer.", "gateway.cli.authority:retire"),
    Command(("notify", "ls"), "List who is told, and what waits for them.", "gateway.cli.notify:ls"),
    Command(
        ("notify", "test"), "Send a receiver a notice, and say its answer.", "gateway.cli.notify:try_out"
    ),
    Command(("recording", "export"), "Write a recording in another format.", "gateway.cli.recordings:export"),
    Command(("recording", "verify"), "Check that a recording is whole.", "gateway.cli.recordings:verify"),
    Command(("version",), "Print the version.", "gateway.cli.serve:version"),
)

GROUPS = {
    "config": "Look at the configuration.",
    "policy": "Rules: check, test, explain and compare them, and look back.",
    "target": "The machines behind the gateway.",
    "token": "Tokens of people and machines.",
    "person": "People, and what they sign in with.",
    "machine": "Service accounts, CI jobs and agents.",
    "ca": "The authorities that sign SSH certificates.",
    "notify": "Whoever is told outside of the gateway.",
    "recording": "Recordings of sessions.",
}

EXAMPLES = (
    "hoop-gateway demo",
    "hoop-gateway init",
    "hoop-gateway serve --config /etc/hoop/hoop.toml",
    "hoop-gateway token create --person carol@example.com --role auditor",
)


def help_for(group: str = "") -> str:
    """What `hoop-gateway --help`, or `hoop-gateway GROUP --help`, prints."""
    chosen = [command for command in COMMANDS if not group or command.words[0] == group]
    names = [" ".join(command.words) for command in chosen]
    width = max(map(len, names))
    lines = [GROUPS[group] if group else ABOUT, ""]
    lines += [f"Usage: {PROGRAM} {f'{group} ' if group else ''}COMMAND [OPTIONS]", ""]
    if not group:
        lines += ["Examples:", *(f"  {line}" for line in EXAMPLES), ""]
    lines.append("Commands:")
    lines += [f"  {name:<{width}}  {command.summary}" for name, command in zip(names, chosen, strict=True)]
    lines += ["", f"{PROGRAM} COMMAND --help says more about one of them.", ""]
    return "\n".join(lines)


def build_app() -> "App":
    """The parser. A command's module is imported when the command is used; its docstring is its help."""
    from cyclopts import App

    from gateway import __version__

    app = App(
        name=PROGRAM,
        help=ABOUT,
        version=__version__,
        help_formatter="plain",
        print_error=False,
        exit_on_error=False,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    groups = {name: App(name=name, help=summary, version_flags=[]) for name, summary in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    for command in COMMANDS:
        parent = groups[command.words[0]] if len(command.words) > 1 else app
        parent.command(command.function, name=command.words[-1])
    return app
