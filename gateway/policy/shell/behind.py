"""What one command runs beside itself: behind `sudo` and its like, in a text for a shell, in code on its line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.policy.shell import habits
from gateway.policy.shell.facts import Command, Word

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=(.*)", re.DOTALL)
_PROGRAM = re.compile(r"[\x21-\x3c\x3e-\x7e][\x21-\x7e]*")
"""No first `=`, which zsh expands; nothing that only looks like a letter."""
_NUMBER = re.compile(r"[0-9.]+[smhd]?")
VERSION = re.compile(r"[0-9.-]+$")
INPUT = frozenset(("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/fd/3"))
_HELD_TEXT = re.compile(r"[!=:(\[{;|`\"']")
EXEC = ("-exec", "-execdir", "-ok", "-okdir")
_SPELLS = ("eval", "source", ".")
_MOST_CLOSE_LOOKS = 24
_MOST_HELD = 12
_BEHIND_OPTION = re.compile(r"^(--[a-z-]*=|-c)")


@dataclass(slots=True)
class Behind:
    """Found behind one command."""

    programs: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    texts: list[tuple[str, bool]] = field(default_factory=list)
    """Command lines within it, and whether they surely are some: then what is unclear in them counts."""


def base_name(program: str) -> str:
    """Without its directory."""
    return program.rsplit("/", 1)[-1]


def starts(words: Sequence[str]) -> Iterator[int]:
    """Where a program may be named: first, and anywhere behind a program that runs others."""
    is_wrapped = False
    for at, word in enumerate(words):
        if at == 0 or is_wrapped:
            yield at
            is_wrapped = is_wrapped or base_name(word) in habits.WRAPPERS or word.startswith("/lib")


def look_behind(command: Command, *, substitutes_file: bool) -> Behind:
    """Everything that stands behind one command."""
    seen = Behind()
    words = command.words
    if not words[0].is_known or words[0].splits or not _PROGRAM.fullmatch(words[0].text):
        seen.doubts.append("the program is not written plainly")
    argv = command.argv
    looks = 0
    likely = likely_places(words)
    for at in starts(argv):
        name = base_name(argv[at])
        kind = VERSION.sub("", name) or name
        if at in likely or name in habits.WRAPPERS or argv[at - 1] in EXEC:
            seen.programs.append(name)
        if at and _is_text(argv[at]):
            _held(words[at], seen)
        if not _needs_a_look(name, kind) or not _may_run(argv, at, name, likely):
            continue
        looks += 1
        if looks > _MOST_CLOSE_LOOKS:
            seen.doubts.append("it has too many programs")
            break
        _close_look(name, kind, words[at:], command.is_fed, seen)
        if substitutes_file and (
            kind in habits.SHELLS or kind in habits.INTERPRETERS or name in (".", "source")
        ):
            seen.doubts.append("a program is read from another's output")
    return seen


def likely_places(words: Sequence[Word]) -> frozenset[int]:
    """Where the programs of a chain as `sudo nice vim` stand, as far as their options are known."""
    found, at = {0}, 0
    while at < len(words) and len(found) < _MOST_CLOSE_LOOKS:
        name = base_name(words[at].text)
        if name not in habits.WRAPPERS or name == "find":
            break
        at += _first_operand(name, words[at:])
        found.add(at)
    return frozenset(found)


def _may_run(argv: Sequence[str], at: int, name: str, likely: frozenset[int]) -> bool:
    """Whether a word that stands where a program might is one: `.` after `find` is a directory."""
    if at in likely:
        return True
    if base_name(argv[0]) == "find" and not any(word in EXEC for word in argv[:at]):
        return False
    return name not in habits.EVALUATING and name not in _SPELLS


def _needs_a_look(name: str, kind: str) -> bool:
    return (
        name in habits.WRAPPERS
        or kind in habits.SHELLS
        or kind in habits.INTERPRETERS
        or name in habits.HABITS
        or name in habits.EVALUATING
        or name in habits.RUN_INPUT
        or name in _SPELLS
    )


def _close_look(name: str, kind: str, words: Sequence[Word], is_fed: bool, seen: Behind) -> None:
    rest = [word.text for word in words[1:]]
    if name in habits.HABITS:
        pattern, why = habits.HABITS[name]
        if pattern.search(" ".join(rest)):
            seen.doubts.append(why)
            for word in words[1:]:
                _held(word, seen)
    if kind in habits.SHELLS:
        _shell(words, is_fed, seen)
    elif kind in habits.INTERPRETERS:
        _interpreter(words, is_fed, seen)
    elif name == "eval":
        _surely(words[1:], seen)
    elif name in ("source", "."):
        seen.doubts.append("it runs what is in a file")
    elif name in habits.EVALUATING:
        if any("$(" in text or "`" in text for text in rest):
            seen.doubts.append("an index is evaluated")
    elif name in habits.WRAPPERS:
        _wrapper(name, words, is_fed, seen)
    if is_fed and name in habits.RUN_INPUT and not (name == "parallel" and rest):
        seen.doubts.append("what it runs comes from elsewhere")


def _shell(words: Sequence[Word], is_fed: bool, seen: Behind) -> None:
    at, has_text, reads_input = 1, False, False
    while at < len(words) and words[at].text[:1] in ("-", "+") and words[at].text not in ("-", "--"):
        option = words[at].text
        if not option.startswith("--"):
            has_text |= option.startswith("-") and "c" in option
            reads_input |= "s" in option
            at += option.endswith(("o", "O"))
        elif option in ("--rcfile", "--init-file"):
            at += 1
        at += 1
    operand = words[at] if at < len(words) else None
    if has_text and operand is not None:
        _surely([operand], seen)
    elif has_text:
        return
    elif operand is not None and not operand.is_known:
        seen.doubts.append("which script is run is not known")
    elif is_fed and (operand is None or reads_input or operand.text in INPUT):
        seen.doubts.append("a shell runs what it is fed")


def _interpreter(words: Sequence[Word], is_fed: bool, seen: Behind) -> None:
    has_script = False
    for at, word in enumerate(words[1:], 1):
        if not word.text.startswith("-") or word.text in INPUT:
            has_script = word.text not in INPUT
            break
        if habits.is_code_option(word.text):
            code = words[at + 1] if at + 1 < len(words) else word
            if not code.is_known or not habits.is_harmless_code(code.text):
                seen.doubts.append("what a program in the line does is not understood")
                _held(code, seen)
            return
    if is_fed and not has_script:
        seen.doubts.append("an interpreter runs what it is fed")


def _wrapper(name: str, words: Sequence[Word], is_fed: bool, seen: Behind) -> None:
    """The program that it runs: is it known?"""
    if name == "find":
        _after_exec(words, seen)
        return
    at = _first_operand(name, words)
    if name == "env":
        _set_by_env(words[1:], seen)
    before = words[1 : at + 1]
    if any(not word.is_known and word.splits for word in before) or any(
        not word.is_known for word in words[at : at + 1]
    ):
        seen.doubts.append("which program is run is not known")
    if name in habits.TEXT_TAKERS:
        _texts(name, words, at, seen)
    if name in ("xargs", "parallel", "sem"):
        _from_input(name, words, at, seen)
    if is_fed and at >= len(words) and name in habits.SHELL_WITHOUT_PROGRAM:
        seen.doubts.append("a shell runs what it is fed")


def _first_operand(name: str, words: Sequence[Word]) -> int:
    """Where the program stands, behind options and what belongs to them."""
    valued, skip = habits.VALUE_OPTIONS.get(name, ""), habits.OPERANDS.get(name, 0)
    at = 1
    while at < len(words):
        text = words[at].text
        if text == "--":
            at += 1
            continue
        if text.startswith("-") and len(text) > 1:
            at += 2 if len(text) == 2 and text[1] in valued else 1
        elif ASSIGNMENT.match(text) and name in ("env", "sudo", "doas", "exec"):
            at += 1
        elif skip:
            skip -= 1
            at += 1
        elif name in ("nice", "time") and _NUMBER.fullmatch(text):
            at += 1
        else:
            break
    return at


def _after_exec(words: Sequence[Word], seen: Behind) -> None:
    if any(not word.is_known and word.splits and word.text.startswith("$") for word in words[1:]):
        seen.doubts.append("what find is told is not known")
    for at, word in enumerate(words[:-1]):
        if word.text in EXEC:
            program = words[at + 1]
            while base_name(program.text) in habits.WRAPPERS and at + 2 < len(words):
                at = at + 1 + _first_operand(base_name(program.text), words[at + 1 :]) - 1
                if at + 1 >= len(words):
                    break
                program = words[at + 1]
            if not program.is_known or "{}" in program.text:
                seen.doubts.append("what find runs is not known")


def _from_input(name: str, words: Sequence[Word], at: int, seen: Behind) -> None:
    """The rest of the command line comes from elsewhere: is the program among it?"""
    marks = {"{}"} if name != "xargs" else set()
    for place, word in enumerate(words[1:at], 1):
        text = word.text
        if text.startswith("-I"):
            marks.add(text[2:] or words[min(place + 1, len(words) - 1)].text)
        elif text.startswith(("-i", "--replace")):
            marks.add("{}")
    rest = words[at:]
    if rest and any(mark and mark in rest[0].text for mark in marks):
        seen.doubts.append(f"what {name} runs is not known")
    if rest and all(
        base_name(word.text) in habits.WRAPPERS | habits.SHELLS
        or word.text.startswith("-")
        or ASSIGNMENT.match(word.text)
        or _NUMBER.fullmatch(word.text)
        for word in rest
    ):
        seen.doubts.append(f"what {name} runs is not known")
    for word in rest:
        if any(mark and mark in word.text for mark in marks) and _is_text(word.text):
            seen.doubts.append(f"what {name} runs is not known")


def _texts(name: str, words: Sequence[Word], at: int, seen: Behind) -> None:
    """What a shell will read once more."""
    if name in ("su", "runuser", "sg", "script", "flock"):
        for place, word in enumerate(words[1:-1], 1):
            if re.fullmatch(r"-\w*c|--command|--session-command", word.text):
                _surely([words[place + 1]], seen)
        for word in words[1:]:
            if word.text.startswith(("--command=", "--session-command=")) or re.match(r"-c.", word.text):
                _surely([Word(_BEHIND_OPTION.sub("", word.text), _BEHIND_OPTION.sub("", word.shape))], seen)
    elif name == "trap":
        if at < len(words):
            _surely([words[at]], seen)
    elif at < len(words):
        _surely(words[at:], seen)


def _surely(words: Sequence[Word], seen: Behind) -> None:
    """These words, joined, are a command line."""
    if any(not word.is_known for word in words):
        seen.doubts.append("a command line in it is put together while it runs")
    if words:
        seen.texts.append((" ".join(word.text for word in words), all(word.is_known for word in words)))


def _set_by_env(words: Sequence[Word], seen: Behind) -> None:
    for word in words:
        if (found := ASSIGNMENT.match(word.text)) is None:
            if not word.text.startswith("-"):
                return
        elif habits.harmful_value(found[1], found[2]):
            seen.doubts.append(f"it sets {found[1]}")


def _is_text(word: str) -> bool:
    return any(letter in word for letter in " \t\n;|&$`")


def _held(word: Word, seen: Behind) -> None:
    """Command lines that a word may hold: what it says counts, what can not be read in it does not."""
    text = word.text
    if not _is_text(text):
        return
    seen.texts.append((text, False))
    for count, mark in enumerate(_HELD_TEXT.finditer(text[:4096])):
        if count >= _MOST_HELD:
            return
        seen.texts.append((text[mark.end() :], False))
