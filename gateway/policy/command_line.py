"""What a command line would run, as rules see it. An aid, not a boundary: see docs/rules.md.

The reading itself is in `gateway/policy/shell`, which is loaded with the first line: most gateways start without one.
"""

from functools import lru_cache

from gateway.policy.shell.facts import CommandLine


@lru_cache(maxsize=512)
def read(line: str) -> CommandLine:
    """Understand `line` as far as it goes. Never raises."""
    from gateway.policy.shell.forms import understand

    return understand(line)
