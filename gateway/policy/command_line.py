"""What a command line would run, as rules see it. An aid, not a boundary: see docs/rules.md.

The reading itself is in `gateway/policy/shell`, which is loaded with the first line: most gateways start without one.
"""

from functools import lru_cache

from gateway.policy.shell.facts import CommandLine, ShellFacts

SCRIPTS_KEPT = 32
NOT_READ = CommandLine((), (), False, False, ShellFacts(certain=False), "it is too long", (), ())


@lru_cache(maxsize=512)
def read(line: str) -> CommandLine:
    """Understand `line` as far as it goes. Never raises."""
    from gateway.policy.shell.forms import understand

    return understand(line)


@lru_cache(maxsize=SCRIPTS_KEPT)
def read_script(text: str) -> CommandLine:
    """What a script of many lines would run, as far as that can be told. One that is too long says nothing."""
    from gateway.policy.shell.reader import LONGEST

    return NOT_READ if len(text) > LONGEST else read(text)
