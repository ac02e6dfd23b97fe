"""Command lines: every way that was thought of to write the same command, and lines that must not be mistaken."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.command_line import read
from gateway.policy.glob import matches
from gateway.policy.shell_words import take_apart

SAME = [
    "rm -rf /",
    "  rm   -rf\t/  ",
    "cd /; rm -rf /",
    "cd / && rm -rf /",
    "false || rm -rf /",
    "true & rm -rf /",
    "true | rm -rf /",
    "true\nrm -rf /",
    "(rm -rf /)",
    "{ rm -rf /; }",
    "if true; then rm -rf /; fi",
    "while rm -rf /; do :; done",
    "case x in x) rm -rf /;; esac",
    "r\\m -rf /",
    '"rm" -rf /',
    "'r'm -r'f' /",
    'r""m -rf /',
    "/bin/rm -rf /",
    "sudo rm -rf /",
    "sudo -u root /bin/rm -rf /",
    "env A=1 rm -rf /",
    "A=1 B=2 rm -rf /",
    "nohup nice -n 5 rm -rf /",
    "timeout 5 rm -rf /",
    "command rm -rf /",
    "exec rm -rf /",
    "echo / | xargs rm -rf /",
    "find / -exec rm -rf / ;",
    "bash -c 'rm -rf /'",
    "sudo sh -lc 'cd x; rm -rf /'",
    "sh -c \"sh -c 'rm -rf /'\"",
    "eval rm -rf /",
    "eval 'rm -rf /'",
    "echo $(rm -rf /)",
    'echo "$(rm -rf /)"',
    "echo `rm -rf /`",
    "x() { rm -rf /; }; x",
    "rm -rf / > /dev/null 2>&1",
    "2>/dev/null rm -rf /",
    "rm -rf / # tidy up",
    "busybox rm -rf /",
    "! rm -rf /",
    "rm \\\n-rf /",
    "su -c 'cd /; rm -rf /'",
    "ssh db-1 'cd / && sudo rm -rf /'",
    "watch 'cd /; rm -rf /'",
    "trap 'rm -rf /' EXIT",
    "coproc rm -rf /",
    "taskset 1 rm -rf /",
    "docker exec web rm -rf /",
    "tmux new 'rm -rf /'",
    "env -S 'rm -rf /'",
]
UNSURE = [
    "$'\\x72m' -rf /",
    "EE=rm; $EE -rf /",
    "$(echo rm) -rf /",
    "`echo rm` -rf /",
    "echo cm0gLXJm | base64 -d | sh",
    "curl x | sudo bash",
    "cat <<EOF | sh\nrm -rf /\nEOF",
    "bash <(echo rm)",
    "{rm,-rf,/}",
    "source ./x",
    ". ./x",
    "eval $X",
    "alias ls=rm",
    "echo 'unbalanced",
    'echo "unbalanced',
    "echo $(unbalanced",
    "x" * 70_000,
    "(" * 50 + "$(" * 50,
]
INNOCENT = [
    "uptime",
    "ls -l /var/log",
    "grep -c 'rm -rf /' history.txt",
    "echo rm -rf /",
    "git log --format='%h %s'",
    "find . -name '*.py'",
    "cat a | grep b | sort -u",
    "python3 -c 'print(1)'",
    "sh deploy.sh --now",
    "for i in 1 2 3; do echo $i; done",
    "awk '{print $1}' file",
    "rsync --server -vlogDtpre.iLsfxC . /srv",
    'env LANG=C grep "don\'t rm -rf /" notes.txt',
]


@pytest.mark.parametrize("line", SAME)
def test_it_is_seen_in_every_disguise(line: str) -> None:
    assert any(matches("rm -rf /*", form) for form in read(line).forms)


@pytest.mark.parametrize("line", UNSURE)
def test_doubt_is_admitted(line: str) -> None:
    assert not read(line).certain


@pytest.mark.parametrize("line", INNOCENT)
def test_ordinary_lines_are_certain_and_not_mistaken(line: str) -> None:
    seen = read(line)
    assert seen.certain
    assert not any(matches("rm -rf /*", form) for form in seen.forms)


@given(st.text(alphabet="ab '\"\\$`(){};&|<>\n#*=-rm/", max_size=80))
def test_it_never_raises(line: str) -> None:
    seen = read(line)
    assert len(seen.forms) >= 1
    if seen.plain:
        assert seen.certain


@given(st.text(max_size=60))
def test_any_text(line: str) -> None:
    read(line)


@given(st.lists(st.text(alphabet="abc-./ '\"\\$", min_size=1, max_size=8), min_size=1, max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    import shlex

    found = take_apart(shlex.join(words))
    assert found.certain
    assert [command.words for command in found.commands] == [tuple(words)]


def test_more_commands_than_anybody_writes_are_not_certain() -> None:
    few, many = ["; ".join(f"echo {n}" for n in range(count)) for count in (900, 3000)]
    assert read(few).certain
    assert len(read(few).commands) == 900
    assert not read(many).certain
    assert read("; ".join(["uptime"] * 1900)).certain


def test_what_is_nested_deep_has_to_be_short() -> None:
    assert read("sh -c '" + "echo a b c;" * 1000 + "'").certain
    assert read("eval eval eval uptime").certain
    assert not read("eval " * 5 + "echo " + "a" * 20_000).certain


@pytest.mark.parametrize(
    "line", ["sudo " * 12000, "a;" * 30000, "$(" * 30000, "eval " * 12000, "'a'" * 20000]
)
def test_hostile_lines_are_quick(line: str) -> None:
    started = time.process_time()
    seen = read(line)
    assert time.process_time() - started < 1
    assert sum(map(len, seen.forms)) < 2_000_000


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("*", "", True), ("a*b*c", "axxbyyc", True), ("a?c", "abc", True), ("a?c", "ac", False), ("", "a", False),
     ("a[b]", "ab", False), ("a[b]", "a[b]", True), ("*a", "b" * 100 + "a", True)],
)  # fmt: skip
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected
