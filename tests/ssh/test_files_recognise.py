"""Which command lines are file transfers, and what is run for them: judged by the shells themselves."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.ssh.files.recognise import recognise
from gateway.adapters.ssh.files.words import Word, join, split

SHELLS = ["sh", "bash", "zsh", "fish"]


def told(shell: str, line: str, directory: Path | None = None) -> list[str]:
    """The words that a shell makes of a line."""
    program = shlex.quote("printf '%s\\0' \"$@\"")
    command = f"sh -c {program} sh {line}"
    ran = subprocess.run(
        [shell, "-c", os.fsencode(command)],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": "/home/somebody", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    return [word.decode("utf-8", "surrogateescape") for word in ran.stdout.split(b"\0")[:-1]]


LETTERS = st.one_of(
    st.sampled_from(list(" '\"\\$`;&|<>(){}[]*?~#!^=%@+,:-./a1\u00e9\u2603\udcff\u00a0")),
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\0"),
)


@pytest.mark.needs(*SHELLS)
@settings(max_examples=10, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=12), min_size=1, max_size=30))
def test_every_shell_reads_our_words_as_they_are(texts: list[str]) -> None:
    line = join(tuple(Word(text) for text in texts))
    assert split(line) == tuple(Word(text) for text in texts)
    for shell in SHELLS:
        assert told(shell, line) == texts


@pytest.mark.needs(*SHELLS)
@settings(max_examples=40, deadline=None)
@given(st.text(st.one_of(LETTERS, st.sampled_from(list("\t\n\x01 '\"\\ab"))), max_size=25))
def test_what_counts_as_plain_is_read_by_sh_as_by_us(line: str) -> None:
    words = split(line)
    if not words:
        return
    quiet = not any(word.active for word in words)
    for shell in SHELLS if quiet else []:
        assert told(shell, join(words)) == [word.text for word in words]
    if quiet:
        assert told("sh", line) == [word.text for word in words]


PLAIN = [
    (r"a\ b c", ["a b", "c"]),
    (r"'it'\''s'\!", ["it's!"]),
    (r'"a \"b\" \\ \x"', [r'a "b" \ \x']),
    ("a#b 1=2 ^ % @", ["a#b", "1=2", "^", "%", "@"]),
    ("''", [""]),
    ("\t a  b ", ["a", "b"]),
    ("", []),
]


@pytest.mark.parametrize(("line", "texts"), PLAIN)
def test_plain_lines(line: str, texts: list[str]) -> None:
    assert split(line) == tuple(Word(text) for text in texts)


@pytest.mark.parametrize(
    "line",
    [
        "a $HOME",
        'a "$HOME"',
        "a `id`",
        'a "`id`"',
        "a;b",
        "a&b",
        "a|b",
        "a<b",
        "a>b",
        "a (b)",
        "a {b,c}",
        "a\nb",
        "a 'b\nc'",
        "a \\\nb",
        "a #b",
        "a 'b",
        'a "b',
        "a b\\",
        "a\x1b",
        "a\x7f",
        "a ~+",
        "a ~-",
        "a ~1/x",
        "a ~$x",
        "a ~*",
        "a [x'y'z]",
        "a ~'bob'/x",
        "a ~'/x'",
        "a ~\\/x",
        "a '\t'",
    ],
)
def test_lines_that_are_not_plain(line: str) -> None:
    assert split(line) is None


def test_homes_and_patterns_stay_what_they_are() -> None:
    line = r"~ ~/a\ b ~bob/c \~/d '~'/e a~ *.log '*' \? [a-c]x [!a]"
    words = split(line)
    assert words is not None
    assert [word.home for word in words] == ["~", "~", "~bob", "", "", "", "", "", "", "", ""]
    assert [word.text for word in words if word.is_pattern] == ["*.log", "[a-c]x", "[!a]"]
    assert join(words) == r"~ ~/'a b' ~bob/c '~/d' '~/e' 'a~' *.log '*' '?' [a-c]x [!a]"


@pytest.mark.needs(*SHELLS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_home_directory_is_found_by_the_shell(shell: str) -> None:
    words = split(r"~ ~/a\ b '~'/c")
    assert words is not None
    assert told(shell, join(words)) == ["/home/somebody", "/home/somebody/a b", "~/c"]


@pytest.mark.needs(*SHELLS)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_pattern_never_makes_an_option(shell: str, tmp_path: Path) -> None:
    for name in ("--log-file=x", "-rf", "a b", "c*"):
        (tmp_path / name).touch()
    command = recognise("rsync --server --sender -logDtpr . *")
    assert command is not None
    words = told(shell, command.line.removeprefix("rsync --server --sender -logDtpr . "), tmp_path)
    assert sorted(words) == ["./--log-file=x", "./-rf", "./a b", "./c*"]


# What stock clients send.


@pytest.mark.parametrize(
    ("line", "direction", "paths", "run"),
    [
        ("scp -t /tmp/x", "upload", ["/tmp/x"], "scp -t /tmp/x"),
        ("scp -v -r -p -d -t ~/x", "upload", ["~/x"], "scp -v -r -p -d -t ~/x"),
        ("scp -pt '/tmp/a b'", "upload", ["/tmp/a b"], "scp -pt '/tmp/a b'"),
        ("scp -qrf x", "download", ["x"], "scp -qrf x"),
        ("scp -f -- -x", "download", ["-x"], "scp -f -- -x"),
        ("scp -f *.log", "download", ["./*.log"], "scp -f ./*.log"),
        ("scp -f a b", "download", ["a", "b"], "scp -f a b"),
        ("rsync --server -logDtpre.iLsfxCIvu . /tmp/x", "upload", ["/tmp/x"], ""),
        (
            r"rsync --server --sender -vlogDtprze.iLsfxCIvu . /tmp/a\ b ~/x* y",
            "download",
            ["/tmp/a b", "~/x*", "y"],
            "rsync --server --sender -vlogDtprze.iLsfxCIvu . '/tmp/a b' ~/x* y",
        ),
        (
            r"rsync --server -logDtpre.iLsfxCIvu --delete --partial --usermap=\*:root --suffix=a\ b . x",
            "upload",
            ["x"],
            "rsync --server -logDtpre.iLsfxCIvu --delete --partial '--usermap=*:root' '--suffix=a b' . x",
        ),
        ("rsync --server --sender -logDtpRe.LsfxCIvu --files-from=- --from0 . x", "download", ["x"], ""),
        ("rsync --server -B1000 -@-1 -e.x . x", "upload", ["x"], ""),
        ("git-upload-pack '/srv/a.git'", "download", ["/srv/a.git"], "git-upload-pack /srv/a.git"),
        (r"git-receive-pack '~/it'\''s.git'", "upload", ["~/it's.git"], r"git-receive-pack '~/it'\''s.git'"),
        ("git upload-pack 'a'", "download", ["a"], "git upload-pack a"),
        ("git-upload-archive '/x'", "download", ["/x"], "git-upload-archive /x"),
    ],
)
def test_stock_commands(line: str, direction: str, paths: list[str], run: str) -> None:
    command = recognise(line)
    assert command is not None
    assert command.program == line.split()[0].split("-")[0]
    assert (command.direction, [word.text for word in command.paths]) == (direction, paths)
    assert command.line == (run or line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "scp",
        "scp -t",
        "scp -f",
        "scp x y",
        "scp -t -f x",
        "scp -tt x",
        "scp -t x y",
        "scp -t a*",
        "scp -t ''",
        "scp -t x -S",
        "scp -S prog -t x",
        "scp -oProxyCommand=x -t x",
        "scp -t -- ",
        "scp -t $x",
        "scp -t x; id",
        "scp -f `id`",
        "scp -f <(id)",
        "/usr/bin/scp -t x",
        "'scp -t' x",
        "A=b scp -t x",
        "sudo scp -t x",
        "exec scp -t x",
        "scp* -t x",
        "rsync -a x y",
        "rsync --server",
        "rsync --server .",
        "rsync --server -r x",
        "rsync --server --daemon .",
        "rsync --server --daemon . x",
        "rsync --server -slogDtpr",
        "rsync --server -slogDtpr . x",
        "rsync --server - . x",
        "rsync --server -r . x y",
        "rsync --server -r . *",
        "rsync --server -r . -x",
        "rsync --server -r . ''",
        "rsync --server -r --log-file=x . x",
        "rsync --server -r --rsh=x . x",
        "rsync --server -r -e sh . x",
        "rsync --server -r --config=x . x",
        "rsync --server -r --files-from=/etc/list . x",
        "rsync --server -r --files-from /etc/list . x",
        "rsync --server -r --password-file=x . x",
        "rsync --server -r --write-devices . x",
        "rsync --server -r --suffix x . x",
        "rsync --server -r --temp-dir . x",
        "rsync --server -r --temp-dir= . x",
        "rsync --server -r --temp-dir ~/x . x",
        "rsync --server --sender --server -r . x",
        "rsync --server -r --sender . x",
        "rsync --server --sender -r . $(id)",
        "git",
        "git-upload-pack",
        "git-upload-pack 'a' 'b'",
        "git-upload-pack --help",
        "git-upload-pack --timeout=1 a",
        "git-upload-pack ''",
        "git-upload-pack a*",
        "git-upload-pack ~/a",
        "git upload-pack",
        "git status x",
        "git -c x=y upload-pack a",
        "git-shell a",
        "/usr/bin/git-upload-pack a",
    ],
)
def test_anything_else_is_an_ordinary_command(line: str) -> None:
    assert recognise(line) is None


def test_what_rsync_may_do_besides() -> None:
    command = recognise(
        "rsync --server -vlogDtpre.iLsfxCIvu --delete-after --backup-dir /bk --temp-dir=t --link-dest ../p . x"
    )
    assert command is not None
    assert (command.recursive, command.removes, command.strays) == (True, True, False)
    assert command.beside == ("/bk", "t", "../p")
    taking = recognise("rsync --server --sender -lLtpe.x --remove-source-files . x")
    assert taking is not None
    assert (taking.recursive, taking.removes, taking.strays) == (False, True, True)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("scprynigt-upload-pack ef.r'\"\\*~$;/x")), max_size=60))
def test_no_line_is_too_strange(line: str) -> None:
    command = recognise(line)
    assert command is None or recognise(command.line) == command
