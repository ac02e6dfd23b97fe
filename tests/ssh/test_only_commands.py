"""Targets without a shell: what is admitted runs exactly as it was compared, in every shell; nothing else runs."""

import itertools
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh.asked import Asked, Terminal
from gateway.adapters.ssh.files.recognise import recognise
from gateway.adapters.ssh.only_commands import (
    MANY_WORDS,
    ONE_WORD,
    NotOffered,
    allows_forwarding,
    describes,
    is_program,
    narrowed,
    plain_words,
    read_pattern,
)
from gateway.core.people import Target

COMMANDS = ("probe", "probe status *", "probe show ** --all", "tail -n * *", "git-upload-pack *")
SHELLS = ("sh", "bash", "zsh", "fish", "tcsh", "mksh", "busybox")
BYPASSES = Path(__file__).with_name("bypasses.txt")
LETTERS = "azAZ09_./:@,+-="


def target(shell: str | None = "none", commands: Sequence[str] = COMMANDS) -> Target:
    options = {"commands": tuple(commands), **({"shell": shell} if shell is not None else {})}
    return Target("web-1", "ssh", "127.0.0.1", 22, "deploy", options=options)


def bypasses(section: str = "") -> list[str]:
    """The attempts, all of them or those under one heading."""
    text = BYPASSES.read_text()
    if section:
        text = text.split(f"\n# {section}\n")[1].split("\n\n")[0]
    attempts = [line for line in text.splitlines() if line and not line.startswith("# ")]
    return [re.sub(r"<U\+(\w+)>", lambda found: chr(int(found[1], 16)), line) for line in attempts]


def admitted(line: str, commands: Sequence[str] = COMMANDS) -> str | None:
    """What the target's shell is given; None where nothing is."""
    try:
        return narrowed(target(commands=commands), Asked("exec", line)).text
    except NotOffered:
        return None


class Place:
    """A home of its own with a program that writes down the words it was called with."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        (self.home / "a file").touch()
        self.programs = directory / "bin"
        self.programs.mkdir()

    def program(self, name: str) -> Path:
        path = self.programs / name
        path.write_text('#!/bin/sh\nprintf \'%s\\0\' "${0##*/}" "$@" >> "$CALLS"\n')
        path.chmod(0o755)
        return path

    def run(self, shell: str, line: str) -> list[str]:
        """What ran, as the words of all calls, when this line was given to the shell as sshd gives it."""
        calls = self.directory / "calls"
        calls.unlink(missing_ok=True)
        arguments = ["busybox", "sh"] if shell == "busybox" else [shell]
        path = f"{self.programs}:/usr/local/bin:/usr/bin:/bin"
        subprocess.run(
            [*arguments, "-c", line],
            env={"HOME": str(self.home), "PATH": path, "CALLS": str(calls), "LC_ALL": "C.UTF-8"},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return calls.read_text().split("\0")[:-1] if calls.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


each_shell = pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in SHELLS]
)


def test_there_are_many_attempts() -> None:
    assert len(set(bypasses())) >= 150


@pytest.mark.parametrize("line", bypasses())
def test_every_attempt_is_refused(line: str) -> None:
    assert admitted(line) is None


@pytest.mark.parametrize(("section", "least"), [("One command behind another", 15), ("Substitutions", 8)])
def test_attempts_do_get_through_a_shell(place: Place, section: str, least: int) -> None:
    """That the corpus is worth something: a shell would run another program than the listed one. Only lines that do
    no harm where they are tried."""
    place.program("probe")
    place.program("id")
    assert len([line for line in bypasses(section) if "id" in place.run("sh", line)]) >= least


@pytest.mark.parametrize(
    ("line", "given_to_the_shell"),
    [
        ("probe", "probe"),
        ("  probe  ", "probe"),
        ("probe  status   a", "probe status a"),
        ("probe status --", None),
        ("probe show --all", "probe show --all"),
        ("probe show a b c --all", "probe show a b c --all"),
        ("tail -n 50 /var/log/syslog", "tail -n 50 /var/log/syslog"),
        ("git-upload-pack '/srv/x.git'", "git-upload-pack /srv/x.git"),
        ("git-upload-pack /srv/x.git", "git-upload-pack /srv/x.git"),
        ("probe status user@host:a,b/c.d-e_f+g=h", "probe status user@host:a,b/c.d-e_f+g=h"),
        ("scp -t /srv", "scp -t /srv"),
        ("rsync --server -vlogDtpre.iLsfxC . /srv", "rsync --server -vlogDtpre.iLsfxC . /srv"),
        ("probe status " + "x" * 20_000, None),
        ("probe show " + "x " * 600 + "--all", None),
    ],
)
def test_what_is_listed(line: str, given_to_the_shell: str | None) -> None:
    assert admitted(line) == given_to_the_shell


def test_git_must_be_listed_and_other_transfers_need_not() -> None:
    assert recognise("git-upload-pack '/srv/x.git'") is not None
    assert admitted("git-upload-pack '/srv/x.git'", ()) is None
    assert admitted("git-receive-pack '/srv/x.git'", ("git-upload-pack *",)) is None
    assert admitted("scp -t /srv", ()) == "scp -t /srv"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked("shell"), "web-1 has no shell, only single commands"),
        (Asked("shell", terminal=Terminal("xterm", 80, 24)), "web-1 has no shell"),
        (Asked("exec", "probe", Terminal("xterm", 80, 24)), "web-1 gives no terminal - leave out -t"),
        (Asked("subsystem", "netconf"), "web-1 does not offer netconf"),
        (
            Asked("exec", "probe; id"),
            "web-1 takes only letters, digits and _-./,:+@=",
        ),
        (Asked("exec", "id"), "web-1 does not run this command"),
    ],
)
def test_why_it_is_refused(asked: Asked, told: str) -> None:
    with pytest.raises(NotOffered) as refused:
        narrowed(target(), asked)
    assert str(refused.value).startswith(told)
    assert str(refused.value).isascii()


@pytest.mark.parametrize(
    "asked", [Asked("exec", "probe"), Asked("subsystem", "sftp"), Asked("exec", "scp -t x")]
)
def test_nothing_but_the_words_goes_along(asked: Asked) -> None:
    laden = Asked(asked.verb, asked.text, environment={b"LANG": b"C", b"LC_ALL": b"C"}, agent=True)
    assert narrowed(target(), laden) == asked


def test_targets_with_a_shell_are_left_alone() -> None:
    for asked in (Asked("shell"), Asked("exec", "id; id", Terminal("x", 1, 1)), Asked("subsystem", "x")):
        assert narrowed(target("full"), asked) is asked
        assert narrowed(target(None), asked) is asked
    assert allows_forwarding(target("full"))
    assert allows_forwarding(target(None))


@pytest.mark.parametrize("shell", ["none", "None", "", "no", "NONE", "rbash", "Full"])
def test_whatever_is_not_full_is_no_shell(shell: str) -> None:
    assert not allows_forwarding(target(shell))
    with pytest.raises(NotOffered):
        narrowed(target(shell), Asked("shell"))


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "must be words with one space between them"),
        ("a  b", "must be words with one space between them"),
        (" a", "must be words with one space between them"),
        ("* a", "must begin with the name or path of a program"),
        ("A=b c", "must begin with the name or path of a program"),
        ("-a", "must begin with the name or path of a program"),
        ("eval *", "must begin with the name or path of a program"),
        (".. a", "must begin with the name or path of a program"),
        (". *", "must begin with the name or path of a program"),
        ("ls /srv/*", "* stands for a whole word"),
        ("ls a*b", "* stands for a whole word"),
        ("ls ***", "* stands for a whole word"),
        ("ls 'a'", "a word may have only letters"),
        ("date +%F", "a word may have only letters"),
        ("ls =a", "a word may have only letters"),
        ("ls é", "a word may have only letters"),
        ("ls " + "a " * 600 + "b", "is too long"),
    ],
)
def test_a_pattern_that_is_none(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        read_pattern(pattern)


@each_shell
@pytest.mark.interop
def test_every_shell_reads_every_word_as_it_is(shell: str, place: Place) -> None:
    """All pairs of letters: first, in the middle and last, and every letter alone."""
    place.program("probe")
    pairs = ["".join(pair) for pair in itertools.product(LETTERS, repeat=2)]
    words = [word for pair in pairs for word in (pair, f"x{pair}y", f"{pair}/") if plain_words(f"a {word}")]
    words += [letter for letter in LETTERS if letter != "="]
    for start in range(0, len(words), 400):
        line = admitted(" ".join(["probe", *words[start : start + 400]]), _any_words(words))
        assert line is not None
        assert place.run(shell, line) == line.split(" ")


def _any_words(words: Sequence[str]) -> tuple[str, ...]:
    """Patterns that list these words even where they look like options."""
    return tuple(" ".join(["probe", *words[start : start + 400]]) for start in range(0, len(words), 400))


@each_shell
@pytest.mark.interop
def test_every_shell_runs_the_program_that_was_named(shell: str, place: Place) -> None:
    names = ["probe", "a.b", "x+y", "Probe_2", "x-y", "7z", "..x", "upti.me"]
    for name in names:
        path = place.program(name)
        for called in (name, str(path), f"../bin/{name}"):
            assert is_program(called)
            assert place.run(shell, admitted(f"{called} a", (f"{called} *",)) or "") == [name, "a"]


@each_shell
@pytest.mark.interop
def test_transfers_run_as_they_were_understood(shell: str, place: Place) -> None:
    """The lines that scp and rsync are started with, paths with anything in them."""
    for name in ("scp", "rsync"):
        place.program(name)
    for path in (
        "a b",
        "a;id",
        "$(id)",
        "it's",
        "a\\b",
        "!!",
        "a!b",
        "`id`",
        "-x",
        "é",
        "a=b",
        "{a,b}",
        "a\\'b",
    ):
        quoted = "'" + path.replace("'", "'\\''") + "'"
        for before in (["scp", "-t", "--"], ["rsync", "--server", "-logDtpre.iLsfxC", "."]):
            transfer = recognise(" ".join([*before, quoted]))
            if transfer is None:
                assert path.startswith("-")
                continue
            assert place.run(shell, transfer.line) == [*before, path]


plain = st.from_regex(r"[A-Za-z0-9_./:@,+-][A-Za-z0-9_./:@,+=-]{0,6}", fullmatch=True)
letters = st.sampled_from([*map(chr, range(128)), "é", "\u00a0", "\u2028"])
anything = st.text(alphabet=letters, min_size=1, max_size=30)


@given(anything | st.lists(plain | anything, max_size=5).map(" ".join))
def test_what_passes_is_nothing_but_words(text: str) -> None:
    words = plain_words(f"probe {text}")
    if words is not None:
        line = " ".join(words)
        assert not set(line) & set("$`\"'\\;&|<>(){}[]*?!^%~#\n\r\t\0")
        assert line.isascii()
        assert line.split(" ") == list(words)
        assert plain_words(line) == words


@given(anything)
def test_no_line_passes_that_does_not_match_a_pattern(line: str) -> None:
    given_to_the_shell = admitted(line, ("probe", "probe -n *"))
    if given_to_the_shell is not None and recognise(line) is None:
        assert re.fullmatch(r"probe( -n [^-+ =][^ ]*)?", given_to_the_shell)


tokens = st.sampled_from(["a", "b", "-o", "+x", "x"])


@given(
    st.lists(st.sampled_from(["a", "b", "-o", ONE_WORD, MANY_WORDS]), max_size=6).map(
        lambda rest: ["p", *rest]
    ),
    st.lists(tokens, max_size=7).map(lambda rest: ["p", *rest]),
)
def test_patterns_mean_what_they_say(pattern: list[str], words: list[str]) -> None:
    assert describes(pattern, words) is by_trying_everything(pattern, words)


def by_trying_everything(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    may_pass = bool(words) and not words[0].startswith(("-", "+"))
    if pattern[0] == MANY_WORDS:
        return by_trying_everything(pattern[1:], words) or (
            may_pass and by_trying_everything(pattern, words[1:])
        )
    if pattern[0] == ONE_WORD:
        return may_pass and by_trying_everything(pattern[1:], words[1:])
    return bool(words) and words[0] == pattern[0] and by_trying_everything(pattern[1:], words[1:])


@pytest.mark.interop
@pytest.mark.needs("bash", "zsh", "fish", "tcsh")
def test_no_reserved_word_of_a_shell_is_taken_for_a_program() -> None:
    asked = {
        "bash": "compgen -k",
        "zsh": "zmodload zsh/parameter; print -l ${(k)reswords}",
        "fish": "builtin -n | string match -r '^(?:and|or|not|if|else|while|for|switch|case|begin|end|function)$'",
    }
    for shell, line in asked.items():
        found = subprocess.run([shell, "-c", line], capture_output=True, text=True, check=True).stdout.split()
        assert len(found) >= 10
        assert [word for word in found if is_program(word)] == [], shell
