"""`rows`: what is not known meets what restricts and nothing that allows; and who has to be asked for an estimate."""

from dataclasses import replace

import pytest

from gateway.core.errors import Misconfigured
from gateway.core.operation import Operation
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import asks_rows, decide, is_timeless
from tests.policy.conftest import EVERYTHING, policy, rule, run
from tests.policy.sql_text import in_database, statement

DATABASE = in_database()


def about(text: str, rows: object) -> Operation:
    made = statement(text)
    return replace(made, details={**made.details, "rows": rows})


@pytest.mark.parametrize(
    ("pattern", "text", "rows", "stopped", "let_through"),
    [
        (">100", "select * from t", 101, True, True),
        (">100", "select * from t", 100, False, False),
        ("<= 100", "select * from t", 100, True, True),
        ("<100", "delete from t", 100, False, False),
        (">=100", "delete from t", 100, True, True),
        (">100", "select * from t", None, True, False),
        (">100", "select * from t", "many", True, False),
        (">100", "select * from t", True, True, False),
        (">100", "select * from t", -1, True, False),
        ("<100", "do $$ begin end $$", 5, True, False),
        (">100", "copy t from stdin", None, True, False),
        (">100", "create table u as select * from t", None, True, False),
        (">100", "begin", None, False, False),
        (">100", "drop table t", None, False, False),
    ],
)
def test_rows(pattern: str, text: str, rows: object, stopped: bool, let_through: bool) -> None:
    match = f'rows = "{pattern}"'
    asked = about(text, rows)
    blocks, allows = policy(EVERYTHING + rule("r", "block", match)), policy(rule("r", "allow", match))
    assert isinstance(decide(blocks, asked, DATABASE), Deny) is stopped
    assert isinstance(decide(allows, asked, DATABASE), Allow) is let_through


@pytest.mark.parametrize(("rows", "stopped"), [(11, True), (10, False), (None, True)])
def test_rows_in_when(rows: int | None, stopped: bool) -> None:
    rules = policy(EVERYTHING + rule("r", "block", 'user = "*"', "when = 'sql.est_rows > 10'"))
    assert isinstance(decide(rules, about("select * from t", rows), DATABASE), Deny) is stopped
    assert isinstance(decide(rules, about("begin", None), DATABASE), Allow)


def test_who_is_stopped_by_what_is_not_known_is_told() -> None:
    rules = policy(EVERYTHING + rule("r", "block", 'rows = ">10"', 'message = "too much"'))
    verdict = decide(rules, about("select * from t", None), DATABASE)
    assert verdict == Deny("r", "too much (how many rows it is about is not known)")


@pytest.mark.parametrize("pattern", ["many", ">", "10", ">-1", "<0", "==5", "> 1e3", ">\u0661"])
def test_what_is_no_number_of_rows_is_refused(pattern: str) -> None:
    with pytest.raises(Misconfigured, match=r"rules\.toml:3: "):
        policy(rule("r", "block", f'rows = "{pattern}"'))


@pytest.mark.parametrize(
    ("match", "more", "text", "asks"),
    [
        ('rows = ">10"', "", "select * from t", True),
        ('rows = ">10"', "", "begin", False),
        ('rows = ">10"', "", "do $$ begin end $$", False),
        ('rows = ">10", table = "u"', "", "select * from t", False),
        ('rows = ">10", table = "u"', "", "select * from u", True),
        ('rows = ">10", user = "bob*"', "", "select * from t", False),
        ('rows = ">10", verb = "delete"', "", "select * from t", False),
        ('rows = ">10", time = "mon 00:00-00:01"', "", "select * from t", True),
        ('table = "t"', 'unless = { rows = "<10" }', "select * from t", True),
        ('table = "t"', 'unless = { rows = "<10", user = "bob*" }', "select * from t", False),
        ('rows = ">10"', 'unless = { user = "alice*" }', "select * from t", False),
        ('rows = ">10"', 'unless = { user = "alice*", time = "mon" }', "select * from t", True),
        ('user = "*"', "when = 'sql.est_rows > 10'", "select * from t", True),
        ('user = "bob*"', "when = 'sql.est_rows > 10'", "select * from t", False),
        ('table = "t"', "", "select * from t", False),
    ],
)
def test_an_estimate_is_asked_for_where_a_rule_depends_on_it(
    match: str, more: str, text: str, asks: bool
) -> None:
    rules = policy(EVERYTHING + rule("r", "block", match, more))
    assert asks_rows(rules, statement(text), DATABASE) is asks


def test_nothing_else_has_an_estimate() -> None:
    assert not asks_rows(policy(EVERYTHING + rule("r", "block", 'rows = ">10"')), run("ls"), DATABASE)


def test_what_depends_on_an_estimate_is_asked_each_time() -> None:
    rules = policy(EVERYTHING + rule("r", "block", 'rows = ">10"'))
    assert not is_timeless(rules, DATABASE)
