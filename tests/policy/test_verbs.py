"""Typed lines, transfers by command, and what masks can not be put upon."""

import pytest

from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.explain import explain
from tests.policy.conftest import EVERYTHING, SHELL, file, forward, policy, rule, run, session, typed

NO_RM = policy(EVERYTHING + rule("rm", "block", 'command = "rm *"', 'message = "no"'))


@pytest.mark.parametrize(
    ("text", "confidence", "blocked"),
    [
        ("rm -rf /", "high", True),
        ("sudo rm -rf /", "medium", True),
        ("ls", "high", False),
        ("ls", "medium", False),
        ("ls", "low", True),
        ("ls", "", True),
        ("$X", "high", True),
        ("cd /; /bin/rm x", "high", True),
        ("", "high", False),
    ],
)
def test_a_typed_line_is_stopped_by_rules_about_commands(text: str, confidence: str, blocked: bool) -> None:
    assert isinstance(decide(NO_RM, typed(text, confidence), session()), Deny) is blocked


def test_why_a_typed_line_was_stopped() -> None:
    assert decide(NO_RM, typed("rm x"), session()) == Deny("rm", "no")
    assert decide(NO_RM, typed("ls", "low"), session()) == Deny(
        "rm", "no (this line can not be read from the screen with certainty)"
    )


def test_a_typed_line_needs_no_rule_that_allows_it() -> None:
    assert decide(policy(""), typed("anything"), session()) == Allow("default")
    assert decide(policy(rule("a", "allow", 'command = "id"')), typed("ls"), session()) == Allow("default")


def test_rules_that_are_not_about_typed_lines_leave_them_alone() -> None:
    for match in (
        'user = "*"',
        'verb = "exec", command = "rm *"',
        'verb = "shell"',
        'effect = "run"',
        'path = "*"',
    ):
        rules = policy(EVERYTHING + rule("b", "block", match))
        assert decide(rules, typed("rm x", "low"), session()) == Allow("default"), match
    told = explain(policy(rule("b", "block", 'user = "*"')), typed("x"), session()).heard[0]
    assert told.because == "it is not about lines typed in a shell"


def test_rules_about_typing_as_such() -> None:
    rules = policy(EVERYTHING + rule("b", "block", 'verb = "typed", user = "alice*"'))
    assert decide(rules, typed("ls"), session()) == Deny("b", "")
    assert isinstance(decide(rules, typed("ls"), session("bob@example.com")), Allow)
    assert isinstance(decide(rules, SHELL, session()), Allow)


def test_an_exception_never_rests_on_what_a_screen_shows() -> None:
    rules = policy(EVERYTHING + rule("rm", "block", 'command = "rm *"', 'unless = { command = "rm x" }'))
    assert isinstance(decide(rules, run("rm x"), session()), Allow)
    assert isinstance(decide(rules, typed("rm x"), session()), Deny)


def test_masks_mean_nothing_to_a_typed_line() -> None:
    rules = policy(EVERYTHING + rule("m", "mask", 'user = "*"', 'mask = { card = "redact" }'))
    assert decide(rules, typed("ls"), session()) == Allow("default")


def test_the_command_line_of_a_transfer() -> None:
    line = "rsync --server -vlogDtpre.iLsfxC . /srv"
    carried = file("upload", "/srv", "/srv", command=line, tree=True)
    for match in (
        'command = "rsync *"',
        'verb = "exec", command = "rsync *"',
        'verb = "upload", command = "*"',
    ):
        assert isinstance(decide(policy(EVERYTHING + rule("b", "block", match)), carried, session()), Deny)
    assert isinstance(
        decide(policy(EVERYTHING + rule("b", "block", 'verb = "exec"')), carried, session()), Allow
    )
    assert isinstance(
        decide(policy(rule("a", "allow", 'command = "rsync --server *"')), carried, session()), Allow
    )
    only_exec = policy(rule("a", "allow", 'verb = "exec", command = "rsync --server *"'))
    assert isinstance(decide(only_exec, carried, session()), Deny)
    with_more = file("upload", "/srv", "/srv", command=line + "; id")
    assert isinstance(decide(policy(rule("a", "allow", 'command = "rsync *"')), with_more, session()), Deny)
    assert isinstance(decide(NO_RM, file("upload", "/srv", "/srv"), session()), Allow)


MASKED = policy(
    EVERYTHING
    + rule("db", "allow", 'destination = "*"')
    + rule("m", "mask", 'user = "*"', 'mask = { card = "redact" }')
    + rule("k", "mask", 'user = "*"', 'mask = { email = "redact" }')
)


def test_a_download_can_not_be_masked_so_it_is_blocked() -> None:
    verdict = decide(MASKED, file("download", "/srv/x", "/srv/x"), session())
    assert verdict == Deny(
        "k", "files from web-1 can not be masked - print what you need instead, or ask for an exception"
    )
    assert isinstance(decide(MASKED, file("upload", "/srv/x", "/srv/x"), session()), Allow)
    assert isinstance(decide(MASKED, file("list", "/srv", "/srv"), session()), Allow)


@pytest.mark.parametrize("verb", ["forward", "listen"])
def test_a_forwarded_connection_can_not_be_masked_so_it_is_blocked(verb: str) -> None:
    verdict = decide(MASKED, forward("db:5432", verb), session())
    assert verdict == Deny("k", "a connection to or from web-1 can not be masked - ask for an exception")


def test_the_exemption_of_the_docs() -> None:
    exempt = 'mask = { card = "redact" }\nunless = { verb = ["download", "forward", "listen"] }'
    rules = policy(
        EVERYTHING + rule("db", "allow", 'destination = "*"') + rule("m", "mask", 'user = "*"', exempt)
    )
    assert decide(rules, file("download", "/srv/x", "/srv/x"), session()) == Allow("all")
    assert decide(rules, forward("db:5432"), session()) == Allow("db")
    assert decide(rules, run("cat x"), session()) == Allow("all", frozenset({"card"}))


def test_a_block_or_no_permission_comes_before_the_word_about_masks() -> None:
    no = policy(rule("m", "mask", 'user = "*"', 'mask = { card = "redact" }'))
    assert decide(no, file("download", "/x", "/x"), session()) == Deny(
        "default", "no rule lets you do this on web-1"
    )


def test_signing_is_an_operation_like_others() -> None:
    sign = Operation("sign", "sign with SHA256:x", frozenset({Effect.UNKNOWN}))
    assert isinstance(decide(policy(EVERYTHING), sign, session()), Allow)
    assert isinstance(decide(policy(EVERYTHING + rule("s", "block", 'verb = "sign"')), sign, session()), Deny)


COMING_IN = Operation("connect", "access to web-1", frozenset({Effect.CONTROL}))


@pytest.mark.parametrize("match", ['verb = "connect"', 'verb = "con*"', 'verb = ["exec", "connect"]'])
def test_coming_in_is_stopped_by_rules_that_name_it(match: str) -> None:
    assert decide(policy(EVERYTHING + rule("b", "block", match)), COMING_IN, session()) == Deny("b", "")


@pytest.mark.parametrize("match", ['user = "*"', 'verb = "*"', 'verb = "exec"', 'effect = "control"'])
def test_other_rules_are_not_about_coming_in(match: str) -> None:
    rules = policy(rule("b", "block", match))
    assert decide(rules, COMING_IN, session()) == Allow("default")
    assert "coming in" in explain(rules, COMING_IN, session()).heard[0].because
