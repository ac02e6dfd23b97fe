"""Plays a recording for a screen: fetching in one task, the player in the stage's thread, keys in between.

A key never waits for the network, nor for the emulator: it is handed to the player's next turn, which starts at
once. Nothing here draws.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.api.schema import SessionSummary
from hoop_tui.client import GatewayClient
from hoop_tui.clock import Clock
from hoop_tui.errors import GatewayTrouble
from hoop_tui.fetch import fetch_recording
from hoop_tui.replay.emulator import EmulatorFailed, Screen
from hoop_tui.replay.player import Player, PlayerState
from hoop_tui.replay.recording import Recording
from hoop_tui.stage import Stage
from hoop_tui.wording import is_database

_TURN_SECONDS = 1 / 30
Command = Callable[[Player], object]


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to draw after a turn."""

    state: PlayerState
    screen: Screen


class NoTerminal(Exception):
    """The session is one with a database: there are statements to show, and no screen."""


class Playback:
    """`run` until cancelled; `do` hands a command to the player. Listeners are called in the app's own task."""

    def __init__(
        self,
        client: GatewayClient,
        clock: Clock,
        stage: Stage,
        *,
        drawn: Callable[[Picture], None],
        said: Callable[[str], None],
    ) -> None:
        self._client, self._clock, self._stage = client, clock, stage
        self._drawn, self._said = drawn, said
        self._commands: list[Command] = []
        self._wake = asyncio.Event()
        self._wanted_us: int | None = None
        self.recording: Recording | None = None
        self.session: SessionSummary | None = None
        self.picture: Picture | None = None

    def do(self, command: Command) -> None:
        """Have the player do this in its next turn, which starts now."""
        self._commands.append(command)
        self._wake.set()

    def seek_when_loaded(self, at_us: int) -> None:
        """Go there, at once or as soon as the recording has been fetched so far."""
        self._wanted_us = at_us
        self._wake.set()

    @property
    def waiting(self) -> bool:
        """Whether a moment was asked for that has not been fetched yet."""
        return self._wanted_us is not None or bool(self._commands)

    def forget_wanted(self) -> None:
        """A person chose another moment meanwhile."""
        self._wanted_us = None

    async def run(self, session: str, at_us: int | None) -> None:
        """Play until cancelled. Raises `GatewayTrouble` or `EmulatorFailed` where nothing can be shown at all, and
        `NoTerminal` where something else has to show it."""
        self.session = await self._client.session(session)
        if is_database(self.session):
            raise NoTerminal
        info = await self._client.recording(self.session.id)
        recording = self.recording = Recording(info)
        emulator = await self._stage.fresh()
        player = await self._stage.run(lambda: Player(recording, emulator, self._seconds))
        self._wanted_us = at_us
        if at_us is None and recording.live:
            self.do(lambda player: player.go_live())
        elif at_us is None:
            self.do(lambda player: player.play())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fetch(recording))
                tasks.create_task(self._play(player, recording))
        except ExceptionGroup as failures:
            failed, rest = failures.split(EmulatorFailed)
            if failed is None or rest is not None:
                raise
            raise failed.exceptions[0] from None

    def _seconds(self) -> float:
        return self._clock.monotonic_us() / 1_000_000

    async def _fetch(self, recording: Recording) -> None:
        try:
            await fetch_recording(self._client, recording, grown=self._wake.set, trouble=self._said)
        except GatewayTrouble as trouble:
            # What has arrived can still be looked at.
            self._said(trouble.sentence)

    async def _play(self, player: Player, recording: Recording) -> None:
        while True:
            self._wake.clear()
            self._use_wanted(recording)
            commands, self._commands = self._commands, []
            picture = await self._stage.run(partial(_turn, player, commands))
            if picture is not None:
                self.picture = picture
                self._drawn(picture)
            try:
                # Not wait_for: in Python 3.11 it may swallow a cancellation.
                async with asyncio.timeout(_TURN_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _use_wanted(self, recording: Recording) -> None:
        wanted = self._wanted_us
        if wanted is not None and (recording.playable_us >= wanted or not recording.growing):
            self._wanted_us = None
            self.do(lambda player: player.seek_to(wanted))


def _turn(player: Player, commands: list[Command]) -> Picture | None:
    for command in commands:
        command(player)
    changed = player.tick() or bool(commands)
    return Picture(player.state, player.screen) if changed else None
