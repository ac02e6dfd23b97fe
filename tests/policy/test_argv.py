"""`argv`: single words of a command line. Any that may be there restrict, and only certain ones allow."""

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.operation import Operation
from gateway.core.verdict import Allow, Deny
from gateway.policy.command_line import read
from gateway.policy.decide import decide, watches_typing
from tests.policy.conftest import EVERYTHING, SHELL, file, policy, rule, run, session, typed

STOPS = policy(EVERYTHING + rule("b", "block", 'argv = ["--force", "-f*", "-rf"]'))
ALLOWS = policy(rule("a", "allow", 'command = ["git *", "ls *"], argv = ["--dry-run", "-n"]'))


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("git push --force", True),
        ("git push '--for'ce", True),
        ("git push \\--force", True),
        ("git push $'--force'", True),
        ("git push --force-with-lease", False),
        ("git push", False),
        ("echo --forced", False),
        ("cd x; sudo -u root rm -rf /", True),
        ("bash -c 'rm -rf /'", True),
        ("echo $(rm -rf /)", True),
        ("x() { rm -rf /; }; x", True),
        ("rm -r -f /", True),
        ("rm -r /", False),
        ("rm {-rf,/srv}", True),
        ("A=-rf; rm $A /", True),
        ("rm *", True),
        ("ls /srv/*", False),
        ("echo / | xargs rm", True),
        ("$X --force", True),
        ("echo 'not closed", True),
        ("cat < --force", False),
    ],
)
def test_what_restricts(line: str, caught: bool) -> None:
    assert isinstance(decide(STOPS, run(line), session()), Deny) is caught
    assert isinstance(decide(STOPS, typed(line), session()), Deny) is caught


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("git push --dry-run", True),
        ("git push -n && git fetch -n", True),
        ("git push; git fetch --dry-run", False),
        ("git push; ls --dry-run", False),
        ("git push", False),
        ("git push --dry-run $A", False),
        ("rm --dry-run", False),
        ("git push --dry-run > x", False),
    ],
)
def test_what_allows(line: str, fits: bool) -> None:
    assert isinstance(decide(ALLOWS, run(line), session()), Allow) is fits


def test_an_exception_needs_the_word_in_every_command() -> None:
    rules = policy(
        EVERYTHING + rule("b", "block", 'command = "git push*"', 'unless = { argv = "--dry-run" }')
    )
    assert isinstance(decide(rules, run("git push --dry-run"), session()), Allow)
    assert isinstance(decide(rules, run("git push; echo --dry-run"), session()), Deny)
    assert isinstance(decide(rules, typed("git push --dry-run"), session()), Deny)


def test_it_is_about_lines_of_every_kind() -> None:
    assert watches_typing(STOPS, session())
    assert isinstance(decide(STOPS, typed("ls", "low"), session()), Deny)
    carried = file("upload", "/srv/x", "/srv/x", command="scp -f -t /srv/x")
    assert isinstance(decide(STOPS, carried, session()), Deny)
    assert isinstance(decide(STOPS, file("upload", "/srv/x", "/srv/x"), session()), Allow)
    assert isinstance(decide(STOPS, SHELL, session()), Allow)


def test_a_program_is_a_word_too() -> None:
    rules = policy(EVERYTHING + rule("b", "block", 'argv = "rm"'))
    assert isinstance(decide(rules, run("/bin/rm x"), session()), Deny)


@pytest.mark.parametrize(
    ("line", "caught"),
    [("git push --force", True), ("git push", False), ("ls $A", True), ("ls | xargs git", True)],
)
def test_argv_in_when(line: str, caught: bool) -> None:
    when = "when = 'ssh.argv.exists(word, word == \"--force\")'"
    rules = policy(EVERYTHING + rule("b", "block", 'user = "*"', when))
    assert isinstance(decide(rules, run(line), session()), Deny) is caught


@pytest.mark.parametrize(
    ("do", "match", "said"),
    [
        ("allow", 'argv = "-n"', "rules.toml:3: .*says nothing of what is run"),
        ("block", 'argv = "-n", protocol = "postgres"', "can never fire"),
        ("block", 'argv = "-n", verb = "shell"', "can never fire: shell has no argv"),
        ("block", 'argv = "-n", path = "/x", verb = "list"', "can never fire"),
    ],
)
def test_what_can_never_fire_is_refused(do: str, match: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        policy(rule("r", do, match))


def test_what_is_too_long_is_not_read() -> None:
    assert isinstance(decide(STOPS, Operation("exec", "x" * 70000), session()), Deny)
    assert read("x" * 70000).words == ()
