"""Rules about statements: what restricts takes doubt as a match, what allows must be certain and cover all."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer
from gateway.core.sql import SqlFacts, unknown
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.explain import explain
from gateway.policy.rules import Policy
from tests.policy.conftest import EVERYTHING, SHELL, file, forward, policy, rule, run, session
from tests.policy.sql_text import facts, in_database, labelled, operation, statement

DATABASE = in_database()


def blocked(match: str, text: str, unless: str = "") -> bool:
    rules = policy(EVERYTHING + rule("b", "block", match, f"unless = {{ {unless} }}" if unless else ""))
    return isinstance(decide(rules, statement(text), DATABASE), Deny)


def allowed(match: str, text: str) -> bool:
    return isinstance(decide(policy(rule("a", "allow", match)), statement(text), DATABASE), Allow)


@pytest.mark.parametrize(
    ("match", "text", "caught"),
    [
        ('verb = "delete"', "delete from t where a = 1", True),
        ('verb = "delete"', "select 1", False),
        ('verb = "delete"', "with d as (delete from t returning *) select * from d", True),
        ('verb = "delete"', "copy (delete from t returning *) to stdout", True),
        ('verb = "delete"', "copy (with d as (delete from t returning *) select 1) to stdout", True),
        ('verb = "delete"', "prepare p as delete from t", True),
        ('verb = "delete"', "explain analyze delete from t", True),
        ('verb = "delete"', "explain delete from t", False),
        ('verb = "explain"', "explain delete from t", True),
        ('verb = "delete"', "do $$ begin end $$", True),
        ('verb = "delete"', "call p()", True),
        ('verb = "delete"', "execute p", True),
        ('verb = "delete"', "select query_to_xml('delete from t', true, true, '')", True),
        ('verb = "exec"', "do $$ begin end $$", False),
        ('verb = "create"', "select 1 into t", True),
        ('verb = "create"', "create table t as select 1", True),
        ('verb = "select"', "create table t as select 1", True),
        ('verb = "s*"', "set role a", True),
        ('effect = "write"', "insert into t values (1)", True),
        ('effect = "write"', "select nextval('s')", True),
        ('effect = "write"', "select a from t", False),
        ('effect = "run"', "select app.f()", True),
        ('effect = "transfer"', "copy t to '/tmp/x'", True),
        ('effect = "transfer"', "execute p", True),
        ('effect = "read"', "begin", False),
        ('table = "app.customers"', "select * from app.customers", True),
        ('table = "app.customers"', "select * from customers", True),
        ('table = "app.customers"', "select * from other.customers", False),
        ('table = "app.customers"', "select * from APP.Customers", True),
        ('table = "App.Customers"', "select * from app.customers", True),
        ('table = "customers"', "select * from other.customers", True),
        ('table = "*.customers"', "select * from other.customers", True),
        ('table = "app.*"', "select * from orders", True),
        ('table = "app.*"', "select * from pg_catalog.pg_class", False),
        ('table = "app.cust*"', "select 1 from o where exists (select from app.customers)", True),
        ('table = "customers"', "with customers as (select 1) select * from customers", False),
        ('table = "customers"', "insert into customers values (1)", True),
        ('table = "customers"', "insert into t select * from customers", True),
        ('table = "customers"', "create view v as select * from customers", True),
        ('table = "customers"', "create table t (like customers)", True),
        ('table = "customers"', "explain select * from customers", True),
        ('table = "customers"', "copy customers to stdout", True),
        ('table = "customers"', "lock customers", True),
        ('table = "app.customers"', "drop schema app cascade", True),
        ('table = "app.customers"', "drop schema other cascade", False),
        ('table = "app.customers"', "grant select on all tables in schema app to public", True),
        ('table = "app.customers"', "vacuum", True),
        ('table = "app.customers"', "do $$ begin end $$", True),
        ('table = "app.customers"', "select 1", False),
        ('table = "my.odd.name"', 'select * from my."odd.name"', True),
        ('function = "lo_*"', "select lo_unlink(5)", True),
        ('function = "pg_catalog.lo_*"', "select lo_unlink(5)", True),
        ('function = "pg_catalog.lo_*"', "select app.lo_unlink(5)", False),
        ('function = "f"', "select app.f(1)", True),
        ('function = "f"', "select g(1)", False),
        ('function = "operator(<=>)"', "select a <=> b from t", True),
        ('function = "f"', "call p()", True),
        ("has_where = false", "delete from t", True),
        ("has_where = false", "delete from t where true", True),
        ("has_where = false", "delete from t where a = 1", False),
        ("has_where = false", "select a from t", False),
        ("has_where = false", "explain analyze delete from t", True),
        ("has_where = false", "explain delete from t", False),
        ("has_where = false", "prepare p as update t set a = 1", True),
        ("has_where = false", "with d as (delete from t returning *) update u set a = 1 where b = 2", True),
        ("has_where = false", "do $$ begin end $$", True),
        ("has_where = true", "delete from t where a = 1", True),
        ('verb = ["update", "delete"], table = "app.*", has_where = false', "delete from app.t", True),
        ('verb = ["update", "delete"], table = "app.*", has_where = false', "delete from app.t where a = 1", False),
        ('protocol = "postgres"', "select 1", True),
        ('protocol = "ssh"', "select 1", False),
        ('target = "appdb"', "begin", True),
    ],
)  # fmt: skip
def test_what_restricts(match: str, text: str, caught: bool) -> None:
    assert blocked(match, text) is caught


@pytest.mark.parametrize(
    ("match", "text", "passes"),
    [
        ('user = "*"', "do $$ begin end $$", True),
        ('verb = "*"', "do $$ begin end $$", True),
        ('effect = "*"', "do $$ begin end $$", True),
        ('effect = "read"', "select * from t", True),
        ('effect = "read"', "begin", True),
        ('effect = "read"', "set timezone = 'UTC'", True),
        ('effect = "read"', "set role postgres", False),
        ('effect = "read"', "select * from t for update", False),
        ('effect = "read"', "select nextval('s')", False),
        ('effect = "read"', "select app.f()", False),
        ('effect = "read"', "select pg_read_file('x')", False),
        ('effect = "read"', "select query_to_xml('drop table t', true, true, '')", False),
        ('effect = "read"', "with d as (delete from t returning *) select * from d", False),
        ('effect = "read"', "explain analyze delete from t", False),
        ('effect = "read"', "explain delete from t", True),
        ('effect = "read"', "copy (select * from t) to stdout", True),
        ('effect = "read"', "copy t to program 'sh'", False),
        ('effect = "read"', "prepare p as select 1", True),
        ('effect = "read"', "execute p", False),
        ('effect = "read"', "select 1 into t", False),
        ('effect = "read"', "update t set a = b", False),
        ('effect = ["read", "write"]', "update t set a = b", True),
        ('effect = "write"', "update t set a = b", False),
        ('effect = "write"', "insert into t values (1)", True),
        ('effect = ["read", "run"], function = "st_*"', "select st_distance(a, b), count(*) from t group by 1", True),
        ('effect = ["read", "run"], function = "st_*"', "select st_distance(a, b), app.f() from t", False),
        ('effect = ["read", "run"], function = "st_*"', "select count(*) from t", False),
        ('effect = ["read", "run"], function = "public.st_*"', "select st_distance(a, b) from t", False),
        ('effect = ["read", "run"], function = "public.st_*"', "select public.st_distance(a, b) from t", True),
        ('function = "*"', "select query_to_xml('x', true, true, '')", False),
        ('verb = "select"', "select 1", True),
        ('verb = "select"', "select app.f()", True),
        ('verb = "select"', "with d as (delete from t returning *) select * from d", False),
        ('verb = ["select", "delete"]', "with d as (delete from t returning *) select * from d", True),
        ('verb = "select"', "select 1 into t", False),
        ('verb = ["select", "create"]', "select 1 into t", True),
        ('verb = "select"', "select set_config('ro' || 'le', 'x', true)", False),
        ('verb = "explain"', "explain select 1", True),
        ('verb = "explain"', "explain delete from t", True),
        ('verb = "explain"', "explain analyze select 1", True),
        ('verb = "explain"', "explain analyze delete from t", False),
        ('verb = "explain"', "explain execute p", False),
        ('verb = "copy"', "copy (select 1) to stdout", True),
        ('verb = "copy"', "copy (delete from t returning 1) to stdout", False),
        ('verb = "prepare"', "prepare p as delete from t", False),
        ('verb = ["prepare", "delete"]', "prepare p as delete from t", True),
        ('verb = "do"', "do $$ begin end $$", True),
        ('verb = "call"', "do $$ begin end $$", False),
        ('verb = ["listen", "notify"]', "listen c", True),
        ('table = "app.*"', "select * from app.a, app.b", True),
        ('table = "app.*"', "select * from app.a, b", False),
        ('table = "app.*"', "select * from a", False),
        ('table = "a"', "select * from a", True),
        ('table = "*.a"', "select * from a", True),
        ('table = "a"', "select * from other.a", True),
        ('table = "APP.A"', "select * from app.a", False),
        ('table = "app.*"', "select 1", False),
        ('table = "app.*"', "begin", False),
        ('table = ["app.a", "app.b"]', "insert into app.a select * from app.b", True),
        ('table = "app.a"', "insert into app.a select * from app.b", False),
        ('table = "app.*"', "select count(*), lower(a) from app.t group by 2", True),
        ('table = "app.*"', "select app.f(a) from app.t", False),
        ('table = "app.*"', "select pg_terminate_backend(a) from app.t", False),
        ('table = "app.*"', "select pg_read_file('x') from app.t", False),
        ('table = "app.*"', "copy app.t to '/tmp/x'", False),
        ('table = "app.*"', "copy app.t to stdout", True),
        ('table = "app.*", effect = ["read", "transfer"]', "copy app.t to '/tmp/x'", True),
        ('table = "app.*", function = "app.f"', "select app.f(a) from app.t", True),
        ('table = "app.*", function = "app.f"', "select app.f(a), pg_read_file('x') from app.t", False),
        ('table = "app.*"', "insert into app.t values (nextval('app.t_id_seq'))", True),
        ('table = "app.*"', "insert into app.t values (nextval('other.s'))", False),
        ('table = "app.*"', "drop schema app cascade", True),
        ('table = "app.c*"', "drop schema app cascade", False),
        ('table = "app.*"', "vacuum", False),
        ('table = "*"', "vacuum", True),
        ('table = "app.*"', "call app.p()", False),
        ("has_where = true", "delete from t where a = 1", True),
        ("has_where = true", "delete from t", False),
        ("has_where = true", "select 1", False),
        ("has_where = true", "call p()", False),
        ('verb = "exec"', "select 1", False),
        ('verb = "shell", user = "*"', "select 1", False),
    ],
)  # fmt: skip
def test_what_allows(match: str, text: str, passes: bool) -> None:
    assert allowed(match, text) is passes


@pytest.mark.parametrize(
    ("match", "unless", "text", "caught"),
    [
        ('table = "app.*"', 'effect = "read"', "select * from app.t", False),
        ('table = "app.*"', 'effect = "read"', "select * from app.t for update", True),
        ('table = "app.*"', 'effect = "read"', "do $$ begin end $$", True),
        ('verb = "delete"', "has_where = true", "delete from t where a = 1", False),
        ('verb = "delete"', "has_where = true", "delete from t", True),
        ('effect = "write"', 'table = "app.log"', "insert into app.log values (1)", False),
        ('effect = "write"', 'table = "app.log"', "insert into log values (1)", True),
        ('effect = "write"', 'table = "app.log"', "insert into app.log select * from app.t", True),
        ('effect = "run"', 'function = "app.f"', "select app.f()", False),
        ('effect = "run"', 'function = "app.f"', "select f()", True),
        ('verb = "delete"', 'verb = "copy"', "copy (delete from t returning 1) to stdout", True),
    ],
)
def test_an_exception_must_be_certain(match: str, unless: str, text: str, caught: bool) -> None:
    assert blocked(match, text, unless) is caught


@pytest.mark.parametrize("verb", ["select", "function", "unknown"])
def test_a_statement_without_facts_may_do_anything(verb: str) -> None:
    bare = Operation(verb, "select 1", frozenset({Effect.READ}))
    for match in ('verb = "delete"', 'table = "x"', 'function = "x"', "has_where = false"):
        rules = policy(EVERYTHING + rule("b", "block", match))
        assert isinstance(decide(rules, bare, DATABASE), Deny), match
        assert isinstance(decide(policy(rule("a", "allow", match)), bare, DATABASE), Deny), match
    assert isinstance(decide(policy(EVERYTHING), bare, DATABASE), Allow)


def test_people_are_told_what_is_not_certain() -> None:
    rules = policy(EVERYTHING + rule("b", "block", 'table = "app.t"', 'message = "ask us"'))
    assert decide(rules, statement("call p()"), DATABASE) == Deny(
        "b", "ask us (what a procedure does is not looked into)"
    )
    assert decide(rules, statement("select * from app.t"), DATABASE) == Deny("b", "ask us")
    too_long = operation(unknown("...", "it is longer than 1,048,576 bytes"))
    assert decide(rules, too_long, DATABASE) == Deny("b", "ask us (it is longer than 1,048,576 bytes)")
    everybody = policy(rule("b", "block", 'user = "*"'))
    assert decide(everybody, statement("call p()"), DATABASE) == Deny("b", "")


MASKS = 'mask = { email = "redact", "app.customers.ssn" = "redact", "*.born" = "null" }'
MASKED = policy(EVERYTHING + rule("m", "mask", 'user = "*"', MASKS) + rule("d", "allow", 'destination = "*"'))


@pytest.mark.parametrize(
    "text", ["select 1", "begin", "copy t to stdout", "fetch c", "listen c", "do $$ begin end $$", "call p()"]
)
def test_a_mask_is_put_on_every_statement_and_blocks_none(text: str) -> None:
    assert decide(MASKED, statement(text), DATABASE) == Allow(
        "all", frozenset({"email", "app.customers.ssn", "*.born:null"})
    )


def test_columns_mean_nothing_over_ssh() -> None:
    assert decide(MASKED, run("cat x"), session()) == Allow("all", frozenset({"email"}))
    assert decide(MASKED, SHELL, session()) == Allow("all", frozenset({"email"}))
    assert isinstance(decide(MASKED, file("download", "/x", "/x"), session()), Deny)
    only_columns = policy(
        EVERYTHING
        + rule("m", "mask", 'user = "*"', 'mask = { "*.ssn" = "redact" }')
        + rule("d", "allow", 'destination = "*"')
    )
    assert decide(only_columns, file("download", "/x", "/x"), session()) == Allow("all")
    assert decide(only_columns, forward("db:5432", "listen"), session()) == Allow("d")
    heard = explain(only_columns, run("cat x"), session()).heard
    assert "it masks columns, and this is no database" in [each.because for each in heard]
    assert decide(only_columns, statement("select 1"), DATABASE) == Allow("all", frozenset({"*.ssn"}))


def test_a_mask_may_be_about_some_statements_only() -> None:
    rules = policy(EVERYTHING + rule("m", "mask", 'table = "app.customers"', 'mask = { "*.ssn" = "redact" }'))
    assert decide(rules, statement("select * from customers"), DATABASE) == Allow("all", frozenset({"*.ssn"}))
    assert decide(rules, statement("call p()"), DATABASE) == Allow("all", frozenset({"*.ssn"}))
    assert decide(rules, statement("select * from app.orders"), DATABASE) == Allow("all")


def test_listening_is_two_things() -> None:
    no_forwards = policy(EVERYTHING + rule("b", "block", 'destination = "*"'))
    assert isinstance(decide(no_forwards, statement("listen c"), DATABASE), Allow)
    assert isinstance(decide(no_forwards, forward("*:80", "listen"), session()), Deny)
    both = policy(EVERYTHING + rule("b", "block", 'verb = "listen"'))
    assert isinstance(decide(both, statement("listen c"), DATABASE), Deny)
    assert isinstance(decide(both, forward("*:80", "listen"), session()), Deny)


CASES = [facts(text) for text, _ in labelled()]
MATCHES = st.sampled_from(
    [
        *('verb = "delete"', 'verb = "*"', 'effect = "read"', 'effect = "write"', 'effect = "unknown"'),
        *('table = "t"', 'table = "app.*"', 'function = "*"', "has_where = true", "has_where = false"),
        *('verb = "select", table = "app.*"', 'effect = ["read", "write"], function = "app.f"'),
    ]
)


@given(MATCHES, st.sampled_from(CASES))
@settings(max_examples=300)
def test_whatever_is_allowed_by_a_match_is_blocked_by_the_same(match: str, found: SqlFacts) -> None:
    """What allows is never wider than what restricts."""

    def verdict(rules: Policy) -> bool:
        return isinstance(decide(rules, operation(found), DATABASE), Allow)

    if found.effects and verdict(policy(rule("a", "allow", match))):
        assert not verdict(policy(EVERYTHING + rule("b", "block", match)))


def test_a_rule_may_be_about_the_persons_program() -> None:
    rules = policy(EVERYTHING + rule("no-tools", "block", 'client = "pg_dump*", protocol = "postgres"'))
    dumping = replace(in_database(), peer=Peer("10.0.0.7", client="pg_dump"))
    assert decide(rules, statement("select 1"), dumping) == Deny("no-tools", "")
    assert isinstance(decide(rules, statement("select 1"), in_database()), Allow)
