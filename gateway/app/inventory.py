"""Targets by name. A pattern such as `web-*` stands for every name it matches; an exact name always wins."""

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from gateway.core.people import Target

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a person may ask for."""

HOST_LABELS = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
"""What a pattern takes, because it becomes part of a host name: there `WEB-1`, `web-1` and `web-1.` are one machine,
and rules must not see three."""


class Targets:
    """The inventory in force. A reload replaces its content."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        self._exact: dict[str, Target] = {}
        self._patterns: list[Target] = []
        self.replace(targets)

    def replace(self, targets: Iterable[Target]) -> None:
        """Take these targets instead of the old ones."""
        everything = list(targets)
        self._exact = {target.name: target for target in everything if "*" not in target.name}
        self._patterns = [target for target in everything if "*" in target.name]

    def find(self, name: str) -> Target | None:
        """The one target with this name, its address filled in; None where there is none."""
        if not NAME.fullmatch(name):
            return None
        found = self._exact.get(name)
        if found is not None:
            return found
        if not HOST_LABELS.fullmatch(name):
            return None
        for pattern in self._patterns:
            if fnmatchcase(name, pattern.name):
                return _named(pattern, name)
        return None


def _named(pattern: Target, name: str) -> Target:
    """The one of these whose name is this."""
    options = dict(pattern.options)
    if "hosts" in options:
        options["hosts"] = tuple((host.replace("{name}", name), port) for host, port in options["hosts"])
    return replace(pattern, name=name, host=pattern.host.replace("{name}", name), options=options)
