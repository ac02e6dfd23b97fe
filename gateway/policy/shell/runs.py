"""Which files a command line runs, by name: scripts for a shell or an interpreter, and what a program is fed.

It looks at nothing on any target: it says which files somebody would have to look at, and where a name can not be
known says that. An aid, as all that is read from a line: docs/look-inside.md says what it does not find.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.core.attachments import PROGRAM, SHELL
from gateway.policy.shell import habits
from gateway.policy.shell.behind import EXEC, INPUT, VERSION, base_name, likely_places, look_behind
from gateway.policy.shell.documents import without_document
from gateway.policy.shell.facts import ANY, Command, Word
from gateway.policy.shell.grammar import LONGEST as GRAMMAR_LONGEST
from gateway.policy.shell.reader import DEEPEST, Reading, read_shell
from gateway.policy.shell_words import take_apart

NAME_NOT_KNOWN = "not looked inside: its name is not known before it runs"
DIRECTORY_NOT_KNOWN = "not looked inside: the directory is not known"
ELSEWHERE = "not looked inside: it may run on another machine or in a container"

MOST = 16
"""Files of one command."""

_NAME_MOST = 1024
_SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
"""What is there comes with the system."""
_FED = frozenset(
    (
        "psql",
        "mysql",
        "mariadb",
        "sqlite3",
        "sqlplus",
        "mongosh",
        "redis-cli",
        "clickhouse-client",
        "bc",
        "at",
    )
)
"""Programs besides shells and interpreters that run what they are fed."""
_FILE_OPTIONS = {
    "psql": re.compile(r"-f|--file"),
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), re.compile(r"-f|--file|-E|--exec")),
    **dict.fromkeys(("sed", "gsed"), re.compile(r"-f|--file")),
    "sqlite3": re.compile(r"-init"),
    "make": re.compile(r"-f|--file|--makefile"),
    "ansible-playbook": re.compile(r"(?!)"),
}
"""Options that name a file of commands."""
_VALUED = {"python": "WXQ", "perl": "I", "ruby": "rICEF", "node": "r", "nodejs": "r", "php": "cdz"}
"""Short options of interpreters that take the next word."""
_NO_FILE = {"python": "m", "perl": "", "php": "r"}
"""Short options after which no file follows."""
_ELSEWHERE = frozenset(
    ["ssh", "docker", "podman", "kubectl", "chroot", "nsenter", "unshare", "machinectl", "proot", "sshpass"]
)
_OPEN = re.compile(r"[$`*?\[~]")
MOVES = frozenset(("cd", "pushd", "popd", "chdir"))
ASIDE = re.compile(r"\b(cd|pushd|popd|chdir)\b[^;&|\n]*(\||&(?!&))|(?<!\|)\|\s*(cd|pushd|popd|chdir)\b")
"""A `cd` after which nobody stands elsewhere, or only where it failed: in a pipe, in the background, before `||`."""
_MOVED = re.compile(r"(-C|--chdir|-D|--directory)(=.*)?|-execdir", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Run:
    """One file."""

    name: str
    """As it is written."""
    path: str = ""
    """Where: absolute, or from the home directory of the account. Empty: nobody knows, and `why` says so."""
    reader: str = PROGRAM
    """What reads it: a shell or something else. Of what is run by its path, its first line says."""
    by_path: bool = False
    why: str = ""


@lru_cache(maxsize=256)
def files_run(line: str, directory: str | None) -> tuple[Run, ...]:
    """Each file once: `MOST`, and one more where there are more. `directory`: where the line starts, absolute or `""`
    for the home directory of the account; None: not known. Never raises."""
    return tuple(_files(line, directory, 0))[: MOST + 1]


def _files(line: str, directory: str | None, depth: int) -> dict[Run, None]:
    if len(line) > GRAMMAR_LONGEST:
        return _of_long(line, directory)
    reading = read_shell(line)
    elsewhere = not _ELSEWHERE.isdisjoint(reading.facts.programs)
    if reading.is_straight and not ASIDE.search(line) and depth < DEEPEST:
        return _in_turn(reading, directory, depth, elsewhere=elsewhere)
    commands = reading.facts.commands
    where = None if any(map(moves, commands)) else directory
    found: dict[Run, None] = {}
    for command in commands:
        found.update(_of(command, where, elsewhere=elsewhere))
    return {**found, **_fed(commands, reading.facts.reads, where, elsewhere=elsewhere)}


def _in_turn(reading: Reading, directory: str | None, depth: int, *, elsewhere: bool) -> dict[Run, None]:
    """Of commands that run one after another: where each of them stands is known."""
    found: dict[Run, None] = {}
    where = directory
    is_read = False
    for command in reading.own:
        if moves(command):
            where = moved(command, where)
            continue
        found.update(_of(command, where, elsewhere=elsewhere))
        if command.is_fed and _takes_input(command) and not is_read:
            is_read = True
            found.update(_fed(reading.own, reading.facts.reads, where, elsewhere=elsewhere))
        if not elsewhere:
            for text, sure in look_behind(command, substitutes_file=False).texts:
                if sure:
                    found.update(_files(text, where, depth + 1))
    return found


def moves(command: Command) -> bool:
    """It goes to another directory."""
    return base_name(command.argv[0]) in MOVES


def _of_long(text: str, directory: str | None) -> dict[Run, None]:
    """Of a script that is too long for the grammar: as the simpler reader sees it, which follows nobody anywhere."""
    found: dict[Run, None] = {}
    commands = [
        Command(tuple(Word(word, ANY if _OPEN.search(word) else word) for word in simple.words))
        for simple in take_apart(without_document(text)).commands
        if simple.words
    ]
    where = None if any(map(moves, commands)) else directory
    elsewhere = any(not _ELSEWHERE.isdisjoint(map(base_name, command.argv[:1])) for command in commands)
    for command in commands:
        found.update(_of(command, where, elsewhere=elsewhere))
    return found


def _of(command: Command, directory: str | None, *, elsewhere: bool) -> dict[Run, None]:
    found: dict[Run, None] = {}
    if any(map(_MOVED.fullmatch, command.argv)):
        directory = None  # `env -C` goes somewhere else first
    for word, reader, by_path in _named(command):
        if elsewhere:
            found[Run(_shown(word.text), reader=reader, why=ELSEWHERE)] = None
        else:
            found[_run(word, reader, directory, by_path=by_path)] = None
    return found


def _run(word: Word, reader: str, directory: str | None, *, by_path: bool) -> Run:
    name, path = _shown(word.text), word.text
    if word.text.startswith("~/") and word.shape == ANY + word.text[1:]:
        path, directory = word.text[2:], ""
    elif not word.is_known or not path or len(path) > _NAME_MOST or "\0" in path:
        return Run(name, reader=reader, why=NAME_NOT_KNOWN)
    if path.startswith("/"):
        return Run(name, path, reader, by_path)
    if directory is None:
        return Run(name, reader=reader, why=DIRECTORY_NOT_KNOWN)
    return Run(name, posixpath.join(directory, path) if directory else path, reader, by_path)


def _shown(name: str) -> str:
    return name[:_NAME_MOST]


def moved(command: Command, directory: str | None) -> str | None:
    """Where a shell stands after it."""
    words = command.words[1:]
    if base_name(command.argv[0]) not in ("cd", "chdir") or len(words) > 1:
        return None
    if not words:
        return ""
    (word,) = words
    if word.text.startswith("~/") and word.shape == ANY + word.text[1:]:
        return word.text[2:]
    if not word.is_known or word.text.startswith("-") or not word.text:
        return None
    if word.text.startswith("/"):
        return word.text
    return None if directory is None else posixpath.join(directory, word.text)


def _named(command: Command) -> Iterator[tuple[Word, str, bool]]:
    """The files that one command names as what is to be run: with what reads them, and whether they are the program
    itself."""
    words, argv = command.words, command.argv
    places = sorted({*likely_places(words), *(at for at in range(1, len(argv)) if argv[at - 1] in EXEC)})
    for at in places:
        if at < len(words):
            yield from _at(words[at:])


def _at(words: Sequence[Word]) -> Iterator[tuple[Word, str, bool]]:
    name = base_name(words[0].text)
    kind = VERSION.sub("", name) or name
    if name in (".", "source"):
        if len(words) > 1:
            yield words[1], SHELL, False
    elif kind in habits.SHELLS:
        if (script := _script(words)) is not None:
            yield script, SHELL, False
    elif kind in habits.INTERPRETERS:
        if (script := _program(kind, words)) is not None:
            yield script, PROGRAM, False
    elif name in _FILE_OPTIONS:
        for word in _after_option(_FILE_OPTIONS[name], words):
            yield word, PROGRAM, False
        if name == "ansible-playbook":
            for word in words[1:]:
                if word.text.endswith((".yml", ".yaml")):
                    yield word, PROGRAM, False
    if "/" in words[0].text and kind not in habits.SHELLS and not words[0].text.startswith(_SYSTEM):
        yield words[0], PROGRAM, True


def _script(words: Sequence[Word]) -> Word | None:
    """Of a shell."""
    at = 1
    while at < len(words) and words[at].text[:1] in ("-", "+") and words[at].text not in ("-", "--"):
        option = words[at].text
        if option.startswith("--"):
            at += option in ("--rcfile", "--init-file")
        else:
            if "c" in option or "s" in option:
                return None
            at += option.endswith(("o", "O"))
        at += 1
    if at < len(words) and words[at].text in ("-", "--"):
        at += 1
    return words[at] if at < len(words) and words[at].text not in INPUT else None


def _program(kind: str, words: Sequence[Word]) -> Word | None:
    """Of an interpreter."""
    at = 1
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            break
        if not text.startswith("-") or text in INPUT:
            break
        if habits.is_code_option(text) or (len(text) > 1 and text[1] in _NO_FILE.get(kind, "")):
            return None
        at += 2 if len(text) == 2 and text[1] in _VALUED.get(kind, "") else 1
    return words[at] if at < len(words) and words[at].text not in INPUT else None


def _after_option(option: "re.Pattern[str]", words: Sequence[Word]) -> Iterator[Word]:
    for at, word in enumerate(words[1:], 1):
        text = word.text
        if option.fullmatch(text):
            if at + 1 < len(words):
                yield words[at + 1]
            continue
        head, equals, _ = text.partition("=")
        if equals and head.startswith("--") and option.fullmatch(head):
            yield Word(text[len(head) + 1 :], word.shape[len(head) + 1 :])
        elif len(text) > 2 and text[0] == "-" and text[1] != "-" and option.fullmatch(text[:2]):
            yield Word(text[2:], word.shape[2:])


def _fed(
    commands: Sequence[Command], reads: Sequence[str], directory: str | None, *, elsewhere: bool
) -> dict[Run, None]:
    """`mysql < x.sql`, `sh < x.sh`, `cat x.sh | sh`: files whose contents go to something that runs what it gets."""
    readers = [reader for command in commands if command.is_fed and (reader := _takes_input(command))]
    if not readers:
        return {}
    words = [Word(shape.replace(ANY, "~", 1), shape) for shape in reads]
    for command in commands:
        if base_name(command.argv[0]) == "cat":
            words += [word for word in command.words[1:] if not word.text.startswith("-")]
    reader = SHELL if SHELL in readers else PROGRAM
    if elsewhere:
        return {Run(_shown(word.text), reader=reader, why=ELSEWHERE): None for word in words}
    return {_run(word, reader, directory, by_path=False): None for word in words}


def _takes_input(command: Command) -> str:
    for at in likely_places(command.words):
        if at >= len(command.words):
            continue
        words = command.words[at:]
        name = base_name(words[0].text)
        kind = VERSION.sub("", name) or name
        if kind in habits.SHELLS:
            return SHELL if _script(words) is None and not _has_text(words) else ""
        if kind in habits.INTERPRETERS:
            code = any(habits.is_code_option(word.text) for word in words[1:])
            return PROGRAM if _program(kind, words) is None and not code else ""
        if name in _FED:
            return PROGRAM
    return ""


def _has_text(words: Sequence[Word]) -> bool:
    return any(re.fullmatch(r"-\w*c\w*", word.text) for word in words[1:])
