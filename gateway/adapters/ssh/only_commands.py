"""Targets without a shell: which single commands they take, and that nothing else reaches them.

The line that a target's shell is given is made of letters that no shell reads as anything but themselves. So what was
compared with the list is what runs, whichever shell the account has. Pure; session.py asks it before anything else.
What the listed programs do with their words is up to whoever lists them.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.adapters.ssh.asked import Asked
from gateway.adapters.ssh.files.recognise import recognise
from gateway.core.people import Target

RULE = "only-commands"
"""Stands where the name of a rule does when a target itself is the reason."""

ONE_WORD = "*"
MANY_WORDS = "**"
LONGEST = 16 << 10
WORDS_MOST = 500

_WORD = re.compile(r"[A-Za-z0-9_./:@,+-][A-Za-z0-9_./:@,+=-]*")
"""No first `=`, which zsh and tcsh expand. Of the rest no shell expands, splits, joins or skips anything."""
_QUOTED = re.compile(r"'([^']*)'")
_OPTION = ("-", "+")
"""What some programs take for an option."""
_PROGRAM = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]*")

_SHELL_WORDS = """
    . : alias always and autoload begin bg bind bindkey block break breaksw builtin bye caller case cd chdir
    command compgen complete compopt continue coproc declare default dirs disable disown do done echotc elif
    else emulate enable end endif endsw env esac eval exec exit export fc fg fi float for foreach function
    functions getopts glob goto hash hashstat history hup if in inlib integer jobs let limit local log login
    logout mapfile nocorrect noglob not notify onintr or popd print private pushd r read readarray readonly
    rehash repeat return sched select set setenv setopt setty shift source stop suspend switch telltc then time
    times trap ttyctl type typeset ulimit umask unalias uncomplete unfunction unhash unlimit unset unsetenv
    unsetopt until vared wait where while zcompile zle zmodload
    """
SHELL_WORDS = frozenset(_SHELL_WORDS.split())
"""Words that some shell takes for its own in the place of a program: what they do depends on the shell."""


class NotOffered(Exception):
    """The target does not take this. The text is a sentence for the person."""


def allows_forwarding(target: Target) -> bool:
    """Without a shell there is nothing beside listed commands and files: no forwards, no listeners, no agent."""
    return target.has_shell


def narrowed(target: Target, asked: Asked) -> Asked:
    """The request as it may reach the target. Raises `NotOffered`."""
    if target.has_shell:
        return asked
    bare = replace(asked, environment={}, agent=False)
    if asked.verb == "shell":
        raise NotOffered(f"{target.name} has no shell, only single commands")
    if asked.terminal is not None:
        raise NotOffered(f"{target.name} gives no terminal - leave out -t")
    if asked.verb == "subsystem":
        if asked.text != "sftp":
            raise NotOffered(f"{target.name} does not offer {asked.text}")
        return bare
    return _command(target, bare)


def _command(target: Target, asked: Asked) -> Asked:
    words = plain_words(asked.text)
    if words is not None and is_listed(words, target.options.get("commands") or ()):
        return replace(asked, text=" ".join(words))
    transfer = recognise(asked.text)
    if transfer is not None and transfer.program != "git":
        # Judged by its paths. git runs what its repositories tell it to, so it must be listed.
        return asked
    if words is None:
        raise NotOffered(f"{target.name} takes only letters, digits and _-./,:+@=")
    raise NotOffered(f"{target.name} does not run this command")


def plain_words(line: str) -> tuple[str, ...] | None:
    """The words of a line that is nothing but words; None for any other. Single quotes around a whole word, as git
    writes them, are left away: no word here needs them."""
    if len(line) > LONGEST:
        return None
    words = []
    for part in line.split(" "):
        if not part:
            continue
        quoted = _QUOTED.fullmatch(part)
        word = quoted[1] if quoted else part
        if not _WORD.fullmatch(word):
            return None
        words.append(word)
    return tuple(words) if 0 < len(words) <= WORDS_MOST else None


def is_listed(words: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether one of the patterns describes the whole command."""
    return any(describes(read_pattern(pattern), words) for pattern in patterns)


def describes(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Word by word. `*` is one word that is no option, `**` any number of them."""
    at, many, resume, place = 0, -1, 0, 0
    while place < len(words):
        wanted = pattern[at] if at < len(pattern) else ""
        if wanted == MANY_WORDS:
            many, resume = at, place
            at += 1
        elif wanted == words[place] or (wanted == ONE_WORD and not words[place].startswith(_OPTION)):
            at += 1
            place += 1
        elif many >= 0 and not words[resume].startswith(_OPTION):
            at, resume = many + 1, resume + 1
            place = resume
        else:
            return False
    return all(wanted == MANY_WORDS for wanted in pattern[at:])


def read_pattern(text: str) -> tuple[str, ...]:
    """An entry of `commands`. Raises ValueError with a sentence."""
    words = tuple(text.split(" "))
    if "" in words:
        raise ValueError("must be words with one space between them")
    if not is_program(words[0]):
        raise ValueError("must begin with the name or path of a program, and no word of a shell's own")
    for word in words[1:]:
        if word not in (ONE_WORD, MANY_WORDS) and not _WORD.fullmatch(word):
            if "*" in word:
                raise ValueError(
                    "* stands for a whole word and ** for any number of them, never for a part of one"
                )
            raise ValueError("a word may have only letters, digits and _ - . / , : + @ =")
    if len(text) > LONGEST or len(words) > WORDS_MOST:
        raise ValueError("is too long")
    return words


def is_program(word: str) -> bool:
    """It names a program to every shell."""
    return bool(_PROGRAM.fullmatch(word)) and word.strip("./") != "" and word not in SHELL_WORDS
