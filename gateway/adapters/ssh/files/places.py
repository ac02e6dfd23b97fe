"""Where the files of scp -O come from and go to: the path of each, from the command line and the names on the wire.

scp names a file only within its directory. This keeps track of the directories, and asks the target what each path
really is, because scp follows links.
"""

from fnmatch import fnmatchcase

from gateway.adapters.ssh.files.operation import Place
from gateway.adapters.ssh.files.paths import Kind, TargetPaths, placed
from gateway.adapters.ssh.files.recognise import FileCommand
from gateway.adapters.ssh.files.words import Word


class Places:
    """Of one run of scp. `of` says where a name on the wire is; `enter` and `leave` follow its directories."""

    def __init__(self, command: FileCommand, paths: TargetPaths) -> None:
        self._command = command
        self._paths = paths
        self._inside: list[Place] = []
        self._into: Kind | None = None

    @property
    def depth(self) -> int:
        """In how many directories we are."""
        return len(self._inside)

    def enter(self, place: Place) -> None:
        """The directory was taken."""
        self._inside.append(place)

    def leave(self) -> None:
        """The directory is at its end."""
        self._inside.pop()

    async def of(self, name: bytes) -> Place | None:
        """The place of what is called `name` here; None where nothing of that name was asked for."""
        text = name.decode("utf-8", "surrogateescape")
        if self._inside:
            return await self._within(self._inside[-1], text)
        if self._command.direction == "upload":
            return await self._destination(text)
        return await self._wanted(text)

    async def named(self, word: Word) -> Place:
        """The place that a word of the command line names. Of a pattern, the directory that it looks through."""
        if not word.is_pattern:
            return await self._resolved(word.text, placed(word))
        directory, _ = _parted(word)
        given = directory.text.rstrip("/") or directory.text[:1] or "."
        return await self._resolved(given, placed(directory) if directory.text else ".")

    async def kind(self, place: Place) -> Kind:
        """What is there."""
        return Kind.UNKNOWN if place.asked is None else await self._paths.kind(place.asked)

    async def _destination(self, name: str) -> Place:
        (word,) = self._command.paths
        base = Place(word.text, asked=placed(word))
        if self._into is None:  # scp looks once, when it starts
            self._into = Kind.DIRECTORY if self._command.into_directory else await self.kind(base)
        if self._into is Kind.DIRECTORY:
            return await self._within(base, name)
        if self._into is Kind.UNKNOWN:
            return Place(base.given, also=(_below(base.given, name),))
        return await self._resolved(base.given, base.asked)

    async def _wanted(self, name: str) -> Place | None:
        fitting = [word for word in self._command.paths if _fits(word, name)]
        if not fitting:
            return None
        found = [self._one_of(word, name) for word in fitting]
        if len(found) > 1:
            return Place(found[0].given, also=tuple(place.given for place in found[1:]))
        return await self._resolved(found[0].given, found[0].asked)

    def _one_of(self, word: Word, name: str) -> Place:
        if not word.is_pattern:
            return Place(word.text, asked=placed(word))
        directory, _ = _parted(word)
        asked = placed(directory) if directory.text else ""
        return Place(
            f"{directory.text}{name}", asked=None if asked is None else _below(asked, name) if asked else name
        )

    async def _within(self, directory: Place, name: str) -> Place:
        asked = None if directory.asked is None else _below(directory.asked, name)
        return await self._resolved(_below(directory.given, name), asked)

    async def _resolved(self, given: str, asked: str | None) -> Place:
        return Place(given, "" if asked is None else await self._paths.real(asked), asked)


def _below(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}" if directory.strip("/") else f"{directory[:1]}{name}"


def _parted(word: Word) -> tuple[Word, str]:
    """The directory part with its slash, and what follows."""
    cut = word.text.rfind("/") + 1
    return Word(word.text[:cut], frozenset(at for at in word.active if at < cut)), word.text[cut:]


def _fits(word: Word, name: str) -> bool:
    """Whether the shell and scp may make this name of a word. Too wide where that depends on the shell: the client
    looks again, and what is asked for is judged by the name that came."""
    text = word.text.rstrip("/")
    last = text.rsplit("/", 1)[-1]
    if last in ("", ".", "..") or (word.home and "/" not in text):
        return True
    if not word.is_pattern:
        return name == last
    return "[" in last or fnmatchcase(name, last)
