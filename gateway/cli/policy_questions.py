"""What somebody asks for in a test, or in `policy explain`, as the gateway would put it to its rules.

Operations are made by what makes them in sessions, and SQL is read by the processes that read it there.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.cli.exits import BadUsage
from gateway.core.errors import Malformed
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.core.sql import Reading, SqlFacts
from gateway.policy.estimates import DETAIL
from gateway.policy.trials import Scene

if TYPE_CHECKING:
    from gateway.app.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """What a configuration says of people and targets; without one, nothing."""

    settings: "Settings | None" = None

    def principal(self, scene: Scene) -> Principal:
        """Who asks. Groups that are said count; else those of a person of the configuration."""
        groups = scene.groups
        if groups is None:
            people = self.settings.person if self.settings is not None else ()
            groups = next((frozenset(each.groups) for each in people if each.name == scene.user), frozenset())
        return Principal(scene.user, scene.user, groups)

    def target(self, scene: Scene) -> Target:
        """Where. Of a target of the configuration only labels can be said to be others. Raises `BadUsage`."""
        found = self.configured(scene.target)
        if found is None and self.settings is not None and scene.labels is None:
            raise BadUsage(f"there is no target {scene.target}; say its labels if there is to be one")
        if found is None:
            found = Target(scene.target, scene.kind, "", 0)
        elif found.kind != scene.kind:
            raise BadUsage(f"{scene.target} is of kind {found.kind}, this is for {scene.kind}")
        return found if scene.labels is None else replace(found, labels=dict(scene.labels))

    def configured(self, name: str) -> Target | None:
        """A target by its name, where a configuration has it."""
        if self.settings is None:
            return None
        from gateway.app.inventory import Targets
        from gateway.app.wiring import targets

        return Targets(targets(self.settings)).find(name)


def session_of(scene: Scene, known: Known) -> Session:
    """In which it would happen. Raises `BadUsage`."""
    peer = Peer(scene.source, client=scene.client)
    target = known.target(scene)
    began = scene.at or datetime(1970, 1, 1, tzinfo=UTC)
    return Session("", known.principal(scene), target, peer, began, scene.login or target.user)


def operations_of(scene: Scene, readings: Mapping[str, Reading]) -> list[Operation]:
    """What is asked for: several where a text holds several statements. Raises `BadUsage`."""
    if scene.sql is not None:
        return [_statement(facts, scene.rows) for facts in readings[scene.sql].statements]
    return [_over_ssh(scene)]


def read_sql(scenes: Iterable[Scene]) -> dict[str, Reading]:
    """All their texts, by the gateway's own parser."""
    texts = list(dict.fromkeys(scene.sql for scene in scenes if scene.sql is not None))
    return asyncio.run(_read_all(texts)) if texts else {}


async def _read_all(texts: list[str]) -> dict[str, Reading]:
    from gateway.session.database.parser import Parsers

    parsers = Parsers()
    try:
        await parsers.start()
        return {text: await parsers.read(text) for text in texts}
    finally:
        await parsers.stop()


def _statement(facts: SqlFacts, rows: int | None) -> Operation:
    resources = tuple(map(str, (*facts.reads, *facts.writes)))
    return Operation(facts.verb, facts.text, facts.effects, resources, {"sql": facts, DETAIL: rows})


def _over_ssh(scene: Scene) -> Operation:
    from gateway.adapters.ssh.asked import Asked
    from gateway.session.files import FilePath, file_operation

    if scene.path:
        paths = [FilePath(path, path) for path in scene.path]
        return file_operation(scene.verb, *paths, program="sftp")
    if scene.destination:
        return _forward(scene.verb, scene.destination)
    if scene.verb == "typed":
        details = {"command": scene.command, "confidence": "high"}
        return Operation("typed", scene.command, frozenset({Effect.RUN}), details=details)
    if scene.verb == "exec":
        return Asked("exec", scene.command).operation
    if scene.verb == "shell":
        return Asked("shell").operation
    effect = Effect.CONTROL if scene.verb == "sign" else Effect.RUN
    return Operation(scene.verb, scene.verb, frozenset({effect}))


def _forward(verb: str, destination: str) -> Operation:
    from gateway.adapters.ssh.forward import places

    try:
        place: places.Place
        if destination.startswith("unix:"):
            place = places.unix_place(destination.removeprefix("unix:"))
        else:
            host, _, port = destination.rpartition(":")
            number = int(port) if port.isascii() and port.isdigit() else -1
            place = (places.listening_place if verb == "listen" else places.tcp_place)(host, number)
    except Malformed as problem:
        raise BadUsage(f"{destination}: {problem.sentence}") from None
    return places.listen_operation(place) if verb == "listen" else places.forward_operation(place, "")
