"""`when`: what it may ask, what is refused when it is read, that doubt restricts, and that it costs little."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Session
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.when import LONGEST, MOST_LETTERS, NAMES, compile_when
from tests.policy.conftest import EVERYTHING, SHELL, policy, rule, run, session, typed
from tests.policy.sql_text import in_database, statement

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def blocked(when: str, operation: Operation, where: Session | None = None) -> bool:
    rules = policy(EVERYTHING + rule("w", "block", 'user = "*"', f"when = '''{when}'''"))
    return isinstance(decide(rules, operation, where or session(), NOON), Deny)


def allowed(when: str, operation: Operation, where: Session | None = None) -> bool:
    rules = policy(rule("w", "allow", 'user = "*"', f"when = '''{when}'''"))
    return isinstance(decide(rules, operation, where or session(), NOON), Allow)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ('user.name.endsWith("@example.com")', True),
        ('"dev" in user.groups && !("sre" in user.groups)', True),
        ('target.labels.env == "prod"', True),
        ('target.name == "web-2"', False),
        ('target.kind == "ssh" && login == "deploy"', True),
        ('client.address.startsWith("10.")', True),
        ('client.program == ""', True),
        ('verb in ["exec", "shell"]', True),
        ('"run" in effects', True),
        ('text.contains("up")', True),
        ('text.matches("^up(time)?$")', True),
        ("now.getHours() == 12 && now.getDayOfWeek() == 5", True),
        ('now.getHours("Europe/Berlin") == 13', True),
        ('ssh.line == "uptime"', True),
        ('ssh.commands.exists(each, each.startsWith("up"))', True),
        ('has(target.labels.tier) && target.labels.tier == "1"', False),
    ],
)
def test_what_can_be_asked(when: str, holds: bool) -> None:
    assert blocked(when, run("uptime")) is holds
    assert allowed(when, run("uptime")) is holds


@pytest.mark.parametrize(
    ("when", "text", "holds"),
    [
        ("!sql.has_where", "DELETE FROM app.orders", True),
        ("!sql.has_where", "DELETE FROM app.orders WHERE id = 1", False),
        ("!sql.has_where", "SELECT 1", False),
        ("sql.has_limit", "SELECT id FROM app.orders LIMIT 3", True),
        ('"app.orders" in sql.tables', "SELECT id FROM app.orders", True),
        ('sql.writes.exists(t, t.startsWith("app."))', "SELECT id FROM app.orders", False),
        (
            '"delete" in sql.verbs',
            "WITH x AS (DELETE FROM app.orders WHERE id = 1 RETURNING *) SELECT 1 FROM x",
            True,
        ),
        ('"now" in sql.functions', "SELECT now()", True),
    ],
)
def test_what_can_be_asked_of_statements(when: str, text: str, holds: bool) -> None:
    assert blocked(when, statement(text), in_database()) is holds


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        (
            "user.nam == 'x'",
            "when can not be read at character 5: it knows no user.nam; did you mean user.name?",
        ),
        ("flags.freeze", "it knows no flags.freeze"),
        ("foo(1)", "it knows no foo"),
        ("user.name == 1", "when can not be read at character 11: found no matching overload"),
        ("user.name", "when must be true or false, this is string"),
        ("target.labels", "when must be true or false, this is map"),
        ("user.name ==", "something is missing"),
        ("", "something is missing"),
        ("(" * 200 + "true" + ")" * 200, "when can not be read"),
        ("true" + " " * LONGEST, f"when is longer than {LONGEST} characters"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(when: str, sentence: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        policy(rule("a", "block", 'user = "*"', f'when = "{when}"'))
    assert wrong.value.sentence.startswith('rules.toml:5: rule "a": ')
    assert sentence in wrong.value.sentence


@pytest.mark.parametrize(
    ("match", "when", "sentence"),
    [
        (
            'verb = "exec"',
            "sql.has_limit",
            "can never fire: when is about statements, and what matches has none",
        ),
        ('verb = "drop"', "ssh.line == 'x'", "can never fire: when is about command lines, and what matches"),
        ('user = "*"', "sql.has_limit && ssh.line == 'x'", "when is about command lines and statements"),
    ],
)
def test_what_can_never_be_asked_is_refused(match: str, when: str, sentence: str) -> None:
    with pytest.raises(Misconfigured, match=sentence):
        policy(rule("a", "block", match, f'when = "{when}"'))


@pytest.mark.parametrize(
    ("when", "operation"),
    [
        ('target.labels.tier == "1"', run("id")),
        ("1 / (size(text) - size(text)) == 1", run("id")),
        ('now.getHours("No/Where") == 1', run("id")),
        ('text == "a"', run("a\udc80")),
        ('text == "a"', run("a" * (MOST_LETTERS + 1))),
        ('ssh.commands.exists(each, each == "a")', run("$X")),
    ],
)
def test_doubt_restricts_and_never_allows(when: str, operation: Operation) -> None:
    assert blocked(when, operation)
    assert not allowed(when, operation)
    excepted = rule("e", "block", 'user = "*"', f"when = '''{when}'''\nunless = {{ user = \"root\" }}")
    assert isinstance(decide(policy(EVERYTHING + excepted), operation, session(), NOON), Deny)


def test_what_can_hardly_be_read_from_a_screen_is_doubt() -> None:
    assert blocked('ssh.line == "a"', typed("b", "low"))
    assert not blocked('ssh.line == "a"', typed("b"))


def test_a_statement_that_is_not_understood_is_doubt() -> None:
    assert blocked("!sql.has_where", statement("DO $$ BEGIN END $$"), in_database())
    assert not allowed("sql.has_where", statement("DO $$ BEGIN END $$"), in_database())
    assert blocked('"x.y" in sql.tables', statement("DROP SCHEMA app CASCADE"), in_database())


def test_it_is_only_about_what_it_asks_of() -> None:
    assert not blocked("!sql.has_where", run("id"))
    assert not blocked("ssh.line == 'x'", SHELL)
    assert not blocked("ssh.line == 'x'", statement("SELECT 1"), in_database())


def test_commands_that_are_allowed_are_all_of_the_line() -> None:
    when = 'ssh.commands.all(each, each == "uptime")'
    assert allowed(when, run("uptime; uptime"))
    assert not allowed(when, run("uptime; id"))
    assert not allowed(when, run("uptime $(id)"))
    assert not allowed(when, run(""))


def test_without_a_clock_the_time_is_doubt() -> None:
    rules = EVERYTHING + rule("w", "block", 'user = "*"', "when = 'now.getHours() == 3'")
    assert isinstance(decide(policy(rules), run("id"), session()), Deny)
    assert isinstance(decide(policy(rules), run("id"), session(), NOON), Allow)


def test_a_name_that_is_its_own_variable_is_not_the_gateways() -> None:
    assert compile_when("[1].all(text, text > 0)").names == ()
    assert compile_when("user.name == 'text'").names == ("user.name",)
    assert compile_when("sql.has_where && sql.has_limit").about == {"statement"}


def test_what_it_costs_is_bounded() -> None:
    listed = "[1,2,3,4,5,6,7,8,9,10]"
    deep = "true"
    for name in "abcdef":
        deep = f"{listed}.all({name}, {deep} || {name} > 0)"
    began = time.process_time()
    assert blocked(deep.replace("true", "text.matches('(x+x+)+y')"), run("x" * 10_000))
    columns = ", ".join(f"app.t{n}" for n in range(900))
    many = statement(f"TRUNCATE {columns}")
    blocked("sql.tables.exists(a, sql.tables.exists(b, a + b == 'x'))", many, in_database())
    assert time.process_time() - began < 5


def test_every_name_has_a_value() -> None:
    where = replace(in_database(), peer=Peer("10.0.0.7", client="x"))
    for name, kind in NAMES.items():
        when = {
            "text": f'{name} != "?"',
            "list": f"size({name}) >= 0",
            "map": f"size({name}) >= 0",
            "bool": f"{name} || true",
            "int": f"{name} >= 0",
            "time": f"{name}.getFullYear() == 2026",
        }[kind.type]
        over_ssh = name.startswith("ssh.")
        read = statement("SELECT a FROM b LIMIT 1")
        operation = run("id") if over_ssh else replace(read, details={**read.details, "rows": 1})
        assert allowed(when, operation, session() if over_ssh else where), name


def test_nothing_is_imported_without_a_rule_that_needs_it() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from gateway.policy.loader import load_policy;"
        f"load_policy([('x', {EVERYTHING!r})], ()); print('cel_expr_python' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


UNKNOWN = Operation("exec", "x", frozenset({Effect.UNKNOWN}))


def test_fields_come_first() -> None:
    rules = policy(EVERYTHING + rule("w", "block", 'user = "bob*"', "when = 'target.labels.none == \"1\"'"))
    assert isinstance(decide(rules, UNKNOWN, session(), NOON), Allow)
