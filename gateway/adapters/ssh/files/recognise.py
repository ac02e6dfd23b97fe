"""Tells the command lines by which scp -O, rsync and git transfer files from all other command lines.

Only what these programs' own clients send counts, and only with options that are known to stay within the paths that
are named. Anything else is an ordinary command. What runs on the target is `FileCommand.line`: written anew from the
words that were understood, never the client's text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.adapters.ssh.files.words import Word, join, split

Program = Literal["scp", "rsync", "git"]
Direction = Literal["upload", "download"]


@dataclass(frozen=True, slots=True)
class FileCommand:
    """A transfer that was asked for as a command."""

    program: Program
    direction: Direction
    line: str
    paths: tuple[Word, ...]
    recursive: bool = False
    into_directory: bool = False
    """scp: the path must be a directory."""
    removes: bool = False
    """rsync: files may be removed, at the destination or where they came from."""
    strays: bool = False
    """rsync: links are followed, so that a tree may lead out of itself."""
    beside: tuple[str, ...] = ()
    """rsync: other directories that it uses, as named: relative ones begin at the destination."""


def recognise(line: str) -> FileCommand | None:
    """The transfer that this command line is, or None."""
    words = split(line)
    if not words or words[0].active:
        return None
    match words[0].text:
        case "scp":
            return _scp(words)
        case "rsync":
            return _rsync(words)
        case "git" | "git-upload-pack" | "git-receive-pack" | "git-upload-archive":
            return _git(words)
    return None


_SCP_FLAGS = re.compile(r"-[vrpdqtf]+")


def _scp(words: tuple[Word, ...]) -> FileCommand | None:
    flags = ""
    at = 1
    while at < len(words) and _SCP_FLAGS.fullmatch(words[at].text) and not words[at].active:
        flags += words[at].text[1:]
        at += 1
    if at < len(words) and words[at] == Word("--"):
        at += 1
    elif any(word.text.startswith("-") for word in words[at:]):
        return None
    paths = words[at:]
    if flags.count("t") + flags.count("f") != 1 or not _are_paths(paths):
        return None
    upload = "t" in flags
    if upload and not _is_destination(paths):
        return None
    kept = tuple(word.harmless() for word in paths)
    return FileCommand(
        "scp",
        "upload" if upload else "download",
        join((*words[:at], *kept)),
        kept,
        recursive="r" in flags,
        into_directory="d" in flags,
    )


def _git(words: tuple[Word, ...]) -> FileCommand | None:
    service = words[0].text.removeprefix("git-")
    rest = words[1:]
    if service == "git" and rest and not rest[0].active:
        service, rest = rest[0].text, rest[1:]
    if service not in ("upload-pack", "receive-pack", "upload-archive") or len(rest) != 1:
        return None
    if rest[0].active or not _are_paths(rest) or rest[0].text.startswith("-"):
        return None
    return FileCommand(
        "git", "upload" if service == "receive-pack" else "download", join(words), rest, recursive=True
    )


_RSYNC_LETTERS = re.compile(r"-(?P<letters>[ACDEHIJKLNORSUWXbcdgklmnopqrtuvxyz]*)(?:e[0-9]*\.[A-Za-z0-9]*)?")
"""All of rsync's own but `s`, which hides the paths from the command line. What follows `e` says what the client is
able to do."""
_RSYNC_NUMBERS = re.compile(r"-B[0-9]+|-@-?[0-9]+")
_BARE_NAMES = """
    append copy-unsafe-links delay-updates delete delete-after delete-before delete-delay delete-during
    delete-excluded delete-missing-args dirs existing fake-super force from0 fsync fuzzy group hard-links
    ignore-errors ignore-existing ignore-missing-args ignore-times inplace links list-only mkpath
    msgs2stderr munge-links new-compress no-W no-implied-dirs no-msgs2stderr no-r no-relative no-specials
    numeric-ids old-compress one-file-system open-noatime owner partial perms preallocate recursive
    remove-sent-files remove-source-files safe-links size-only specials stats super times use-qsort
    """
_RSYNC_BARE = frozenset(_BARE_NAMES.split())
_VALUED_NAMES = """
    block-size bwlimit checksum-choice checksum-seed compress-choice compress-level compress-threads groupmap
    iconv info log-format max-alloc max-delete max-size min-size modify-window skip-compress stderr suffix
    timeout usermap
    """
_RSYNC_VALUED = frozenset(_VALUED_NAMES.split())
"""Always written with `=`: so that no version of rsync can take a value for a path."""
_RSYNC_PLACES = frozenset(
    ["backup-dir", "compare-dest", "copy-dest", "files-from", "link-dest", "partial-dir", "temp-dir"]
)
_REMOVING = re.compile(r"delete.*|remove-.*")


@dataclass(slots=True)
class _RsyncOptions:
    letters: str = ""
    names: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def _rsync(words: tuple[Word, ...]) -> FileCommand | None:
    if words[1:2] != (Word("--server"),) or Word(".") not in words:
        return None
    dot = words.index(Word("."))
    sends = words[2:3] == (Word("--sender"),)
    options = _rsync_options(words[3 if sends else 2 : dot])
    paths = words[dot + 1 :]
    if options is None or not _are_paths(paths) or any(word.text.startswith("-") for word in paths):
        return None
    if not sends and not _is_destination(paths):
        return None
    kept = tuple(word.harmless() for word in paths)
    return FileCommand(
        "rsync",
        "download" if sends else "upload",
        join((*words[: dot + 1], *kept)),
        kept,
        recursive="r" in options.letters or "recursive" in options.names or "files-from" in options.names,
        removes=any(_REMOVING.fullmatch(name) for name in options.names),
        strays=bool(set("LKk") & set(options.letters)) or "copy-unsafe-links" in options.names,
        beside=options.beside,
    )


def _rsync_options(words: tuple[Word, ...]) -> _RsyncOptions | None:
    """What the options say; None where one is unknown, or may lead anywhere."""
    if any(word.active for word in words):
        return None
    found = _RsyncOptions()
    texts = iter([word.text for word in words])
    for text in texts:
        if letters := _RSYNC_LETTERS.fullmatch(text):
            if text == "-":
                return None
            found.letters += letters["letters"]
        elif not _RSYNC_NUMBERS.fullmatch(text) and not _rsync_long(text, texts, found):
            return None
    return found


def _rsync_long(text: str, following: Iterator[str], found: _RsyncOptions) -> bool:
    """Take in one `--option`; False where it is not to be."""
    if not text.startswith("--"):
        return False
    name, equals, value = text[2:].partition("=")
    found.names += (name,)
    if name in _RSYNC_PLACES:
        value = value if equals else next(following, "")
        if name == "files-from":
            return value == "-"
        found.beside += (value,)
        return bool(value)
    return name in _RSYNC_VALUED if equals else name in _RSYNC_BARE


def _are_paths(words: tuple[Word, ...]) -> bool:
    return bool(words) and all(word.text for word in words)


def _is_destination(words: tuple[Word, ...]) -> bool:
    return len(words) == 1 and not words[0].is_pattern
