"""Follows what a person types and what the target shows of it, and says what stands on the line.

Typing costs next to nothing: output is looked at when a line is about to be run, or has just been. Two ways to use
it: `at_enter` before Enter is sent on, or `entered` at once and `collect` when the target has taken the line.
"""

from collections import deque
from functools import partial

from gateway.capture import locate, prompts, zones
from gateway.capture.backlog import Backlog
from gateway.capture.grid import Row
from gateway.capture.keys import Sure
from gateway.capture.locate import Anchor
from gateway.capture.reading import Reading, joined
from gateway.capture.screen import Screen
from gateway.capture.strokes import INTERRUPT, Stroke, Strokes
from gateway.capture.testimony import Context, Line, shows_nothing, testify
from gateway.capture.zones import LineTaken, PromptEnds

ATTENTION = 32 << 10
"""Bytes of output after an Enter that are looked at as they come."""

PROMPTS = 8
WAITING_MOST = 256


class LineWatch:
    """One terminal."""

    def __init__(self, cols: int, rows: int) -> None:
        self._screen = Screen(cols, rows)
        self._screen.leaving = self._leaving
        self._screen.osc = self._osc
        self._backlog = Backlog(self._screen)
        self._strokes = Strokes()
        self._line: Line | None = None
        self._sent: deque[tuple[Line, bool]] = deque()
        """Lines whose Enter was sent and that the target has not taken yet, and whether they are still to be read."""
        self._unread = 0
        self._found: list[Reading | LineTaken] = []
        self._prompts: deque[str] = deque(maxlen=PROMPTS)
        self._zone: Anchor | None = None
        self._statement: Reading | None = None
        """What a program has of a statement over several lines."""
        self._left: Row | None = None
        self._gave_up = False
        self._attention = 0
        self._tail = b""
        self._host: str | None = None
        self.directory: str | None = None
        """Where the shell says that it stands; None where it has not, or where another machine's shell has."""

    # What happens.

    def next_stroke(self, data: bytes) -> Stroke:
        """What was typed, up to a key that may run the line."""
        return self._strokes.next(data, self._takes_pastes)

    def typed(self, stroke: Stroke) -> None:
        """This was sent on, without the key that ends it."""
        for key in stroke.keys:
            if key in INTERRUPT:
                self._gave_up = self._gave_up or self._is_unfinished()
                self.forget_line()
            else:
                self._begun().keys.press(key)
        if stroke.pasted:
            text = stroke.pasted.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            self._begun().keys.insert(text)

    def pressed(self, key: bytes) -> None:
        """A key was sent on that might have run the line and did not."""
        self._begun().keys.press(key)

    def entered(self, reading: Reading | None = None, *, read: bool = False) -> None:
        """The key that runs the line was sent on. `read`: it has been read by `at_enter` already, as `reading`."""
        line = self._begun()
        self._line = None
        if read:
            self._remember(line, reading)
        else:
            self._unread += 1
        self._attention = ATTENTION
        self._backlog.mark(partial(self._enters, line, read))

    def forget_line(self) -> None:
        """The line was given up: nothing of it will run."""
        self._line = None
        self._statement = None

    def gave_up(self) -> bool:
        """Whether since the last time a statement was given up of which a program had a part."""
        gave_up, self._gave_up = self._gave_up, False
        return gave_up

    def answered(self, data: bytes) -> bool:
        """The target sent this. True: `collect` has something."""
        self._backlog.add(data)
        if self._attention > 0:
            self._attention -= len(data)
            if self._unread or self._has_sign(data):
                self._backlog.catch_up()
            if self._unread and self._attention <= 0:
                self.read_rest()
            self._tail = data[-16:]
        return bool(self._found)

    def resize(self, cols: int, rows: int) -> None:
        """The person's window has another size."""
        self._backlog.catch_up()
        self._screen.resize(cols, rows)

    # What it says.

    def at_enter(self) -> Reading | None:
        """What would be run if Enter were sent now; None where that is no command."""
        self._backlog.catch_up()
        line = self._line or Line(anchor=locate.here(self._screen), early=bool(self._sent))
        return self._statement_so_far(line, testify(self._screen, line, self._context()))

    @property
    def is_untouched(self) -> bool:
        """No key has changed the line."""
        line = self._line
        return line is None or (not line.keys.typed and line.keys.sure is Sure.ALL)

    @property
    def keys_can_tell(self) -> bool:
        """The keys alone say what the line is."""
        return self._line is None or self._line.keys.sure is Sure.ALL

    def is_full_screen(self) -> bool:
        """A full-screen program has the terminal."""
        self._backlog.catch_up()
        return locate.is_full_screen(self._screen)

    def is_at_end(self) -> bool:
        """Nothing stands after the cursor."""
        self._backlog.catch_up()
        return not locate.after(self._screen).strip()

    def collect(self) -> list[Reading | LineTaken]:
        """Lines that the target has taken, and what its shell has reported, in order."""
        found, self._found = self._found, []
        return found

    def read_rest(self) -> None:
        """Read what was entered and not seen to be taken, as well as can be."""
        self._backlog.catch_up()
        while self._sent:
            self._taken()

    def read_late(self) -> None:
        """Read the line that was entered first, although nothing shows that it was taken. One that was typed ahead
        may still wait for its program."""
        self._backlog.catch_up()
        while self._sent and not self._sent[0][0].early:
            self._taken()

    def wants_more(self) -> bool:
        """The program asks for more of the statement."""
        if self._attention <= 0:
            return False
        self._backlog.catch_up()
        anchor = locate.here(self._screen)
        return self._goes_on(anchor.prompt, anchor.row)

    def is_bare(self, prompt: str) -> bool:
        """The cursor stands behind this prompt, and nothing else is on its line."""
        self._backlog.catch_up()
        anchor = locate.here(self._screen)
        text = locate.after(self._screen).strip()
        at_zone = self._zone is not None and self._zone.row is anchor.row and self._zone.x == anchor.x
        return not text and (
            prompts.alike(anchor.prompt.rstrip(), prompt.rstrip()) or (at_zone and bool(prompt.strip()))
        )

    def is_at_some_prompt(self) -> bool:
        """The cursor stands behind what is, or looks like, a first prompt, and nothing else is on its line."""
        self._backlog.catch_up()
        prompt = locate.before(self._screen)
        known = any(prompts.alike(prompt, each) for each in self._prompts)
        first = bool(prompt.strip()) and prompts.looks_like_prompt(prompt) and not prompts.continues(prompt)
        return (known or first) and not locate.after(self._screen).strip()

    def row(self) -> Row:
        """The row of the cursor: another one, once a program has begun a new line."""
        self._backlog.catch_up()
        return self._screen.lines[self._screen.y]

    def repaint(self) -> bytes:
        """The line as it stands, to be shown again below words of ours."""
        self._backlog.catch_up()
        return locate.repaint(self._screen, self._line.anchor if self._line else None)

    # Inside.

    def _begun(self) -> Line:
        if self._line is None:
            self._line = Line()
            self._backlog.mark(partial(self._begins, self._line))
        return self._line

    def _begins(self, line: Line, seen: bool) -> None:
        line.early = bool(self._sent) or not seen or self._screen.lines[self._screen.y] is self._left
        line.anchor = locate.here(self._screen) if seen else None
        line.after = line.anchor is not None and self._is_below_left(line.anchor.row)

    def _enters(self, line: Line, read: bool, seen: bool) -> None:
        nothing = line.early and not line.keys.typed and line.keys.sure is Sure.ALL
        full_screen = not line.early and locate.is_full_screen(self._screen)
        if not seen or nothing or full_screen or len(self._sent) >= WAITING_MOST:
            self._finish(line, read)
            return
        if not read:
            line.blank = shows_nothing(self._screen, line)
            if self._is_certain(line, testify(self._screen, line, self._context())):
                self._finish(line, read)
                read = True
        self._sent.append((line, read))

    def _leaving(self, taken: bool) -> None:
        """The cursor leaves its row. Is this the end of the line that was sent first?"""
        if not self._sent:
            return
        line, read = self._sent[0]
        if not read and (line.early or (line.keys.has_rows and not taken)):
            reading = testify(self._screen, line, self._context())
            if reading is None or not self._may_be_all(line, reading):
                return  # the end of some other line, or of a part of this one
        self._taken()

    def _is_certain(self, line: Line, reading: Reading | None) -> bool:
        """All of it is shown already, or nothing ever will be."""
        if reading is None:
            return line.blank
        return reading.confidence == "high" and "keys" in reading.witnesses

    def _may_be_all(self, line: Line, reading: Reading) -> bool:
        silent = line.keys.sure is not Sure.ALL and reading.confidence != "low"
        return "keys" in reading.witnesses or silent

    def _taken(self) -> None:
        line, read = self._sent.popleft()
        self._left = self._screen.lines[self._screen.y]
        self._screen.takes_pastes = False  # whoever reads next has to ask again
        self._finish(line, read)

    def _finish(self, line: Line, read: bool) -> None:
        context = self._context()
        self._zone = None
        if read:
            return
        self._unread -= 1
        reading = self._statement_so_far(line, testify(self._screen, line, context))
        self._remember(line, reading)
        if reading is not None:
            self._found.append(reading)

    def _remember(self, line: Line, reading: Reading | None) -> None:
        if reading is None:
            self._statement = self._statement if line.after else None
            return
        self._statement = reading
        prompt = reading.prompt
        if (
            reading.confidence == "high"
            and "keys" in reading.witnesses
            and not reading.joined
            and prompt.strip()
        ):
            if prompt in self._prompts:
                self._prompts.remove(prompt)
            self._prompts.appendleft(prompt)

    def _statement_so_far(self, line: Line, reading: Reading | None) -> Reading | None:
        if reading is None or self._statement is None or not self._continues(line, reading.prompt):
            return reading
        return joined(self._statement, reading)

    def _continues(self, line: Line, prompt: str) -> bool:
        return (line.after or line.early) and prompts.continues(prompt) and prompt not in self._prompts

    def _is_unfinished(self) -> bool:
        self._backlog.catch_up()
        anchor = self._line.anchor if self._line is not None else None
        return self._goes_on(anchor.prompt, anchor.row) if anchor is not None else self.wants_more()

    def _goes_on(self, prompt: str, row: Row) -> bool:
        return self._is_below_left(row) and prompts.continues(prompt) and prompt not in self._prompts

    def _is_below_left(self, row: Row) -> bool:
        left = self._screen.where(self._left) if self._left is not None else None
        return left is not None and left + 1 < self._screen.rows and self._screen.lines[left + 1] is row

    def _context(self) -> Context:
        return Context(self._zone, tuple(self._prompts))

    def _takes_pastes(self) -> bool:
        """It must have asked since the last line was sent: who reads now may be another program."""
        self._backlog.catch_up()
        return self._screen.takes_pastes and not self._sent

    def _has_sign(self, data: bytes) -> bool:
        seam = self._tail + data[:16]
        return any(sign in data or sign in seam for sign in zones.SIGNS)

    def _osc(self, content: str) -> None:
        zone = zones.read(content)
        if isinstance(zone, PromptEnds):
            self._zone = locate.here(self._screen)
        elif isinstance(zone, zones.StandsIn):
            self._stands_in(zone)
        elif isinstance(zone, LineTaken):
            if self._sent and not self._sent[0][0].early:
                self._taken()
            if zone.text:
                self._found.append(zone)

    def _stands_in(self, place: zones.StandsIn) -> None:
        self._host = place.host if self._host is None else self._host
        self.directory = place.directory if place.host == self._host and "\0" not in place.directory else None
