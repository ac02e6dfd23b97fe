"""`column`: which columns a statement uses, and that doubt restricts and never allows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Misconfigured
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.sql import portable
from tests.policy.conftest import EVERYTHING, policy, rule
from tests.policy.sql_text import facts, in_database, statement

DATABASE = in_database()


def used(text: str) -> str:
    """`table.column`, sorted; `?` for a table that nobody names."""
    names = (
        f"{f'{each.schema}.' if each.schema else ''}{each.table or '?'}.{each.name}"
        for each in facts(text).columns
    )
    return " ".join(sorted(names))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("select a, b from t", "?.a ?.b"),
        ("select t.a from t", "t.a"),
        ("select c.a from app.t c", "app.t.a"),
        ("select app.t.a from app.t", "app.t.a"),
        ("select c.a, d.b from app.t c join u d using (k)", "?.k app.t.a u.b"),
        ("select * from t", "?.*"),
        ("select c.* from t c, u", "t.*"),
        ("table t", "?.*"),
        ("select c from t c", "?.c t.*"),
        ("select (c).a from t c", "?.a ?.c t.*"),
        ("select row_to_json(t) from t", "?.t t.*"),
        ("select a(c) from t c", "?.c t.*"),
        ("select count(*) from t", ""),
        ("select 1 as a from t", ""),
        ("select y from t as x(y, z)", "?.y t.*"),
        ("select j.a from (t join u on true) as j", "?.a"),
        ("select j.* from (t join u on true) as j", "?.*"),
        ("select j from (t join u on true) as j", "?.* ?.j"),
        ("select y from (t join u on true) as j(y)", "?.* ?.y"),
        ("select 1 from t natural join u", "?.*"),
        ("select q.x from (select a as x from t) q", "?.a"),
        ("select q.x from (select * from t) q", "?.*"),
        ("with q as (select a from t) select q.a from q", "?.a"),
        ("with q as (select a from t) select q.a from q join t q on true", "?.a t.a"),
        ("select f.a from f() f", ""),
        ("select f.a from f", "f.a"),
        ("select x.a from t", "?.a"),
        ("select a from t order by b", "?.a ?.b"),
        ("select (select c.a from t c), (select c.a from u c)", "t.a u.a"),
        ("insert into t (a, b) values (1, 2)", "t.a t.b"),
        ("insert into t values (1, 2)", "t.*"),
        ("insert into t default values", "t.*"),
        ("insert into t (a) select b from u", "?.b t.a"),
        ("insert into t (a) values (1) on conflict (k) do update set b = excluded.c", "?.c t.a t.b t.k"),
        ("insert into t (a) values (1) returning old", "?.* ?.old t.a"),
        ("insert into t (a) values (1) returning with (new as n) n.b", "?.b t.a"),
        ("insert into t (a) values (1) returning with (new as n) n", "?.* ?.n t.a"),
        ("update t set a = 1 where b = 2 returning c", "?.b ?.c t.a"),
        ("update t x set (a, b) = (select 1, 2)", "t.a t.b"),
        ("delete from t", "t.*"),
        ("merge into t using u on t.a = u.b when matched then update set c = 1", "t.a t.c u.b"),
        ("merge into t using u on t.a = u.b when matched then delete", "t.* t.a u.b"),
        ("copy t (a, b) to stdout", "t.a t.b"),
        ("copy t from stdin", "t.*"),
        ("copy (select a from t) to stdout", "?.a"),
        ("explain delete from t", "t.*"),
        ("prepare p as select t.a from t", "t.a"),
        ("create table u as select t.a from t", "t.a u.*"),
        ("create view v as select t.a from t", "t.a v.*"),
        ("with d as (delete from t returning a) select 1", "?.a t.*"),
        ("truncate t", "t.*"),
        ("alter table t drop column a", "t.*"),
        ("create index on t (a)", "t.*"),
        ("create table u (a int references t (b))", "t.* u.*"),
        ("drop schema app", "app.*.*"),
        ("begin", ""),
    ],
)
def test_which_columns_are_used(text: str, columns: str) -> None:
    assert used(text) == columns


@pytest.mark.parametrize(
    ("column", "text", "caught"),
    [
        ("app.t.ssn", "select ssn from app.t", True),
        ("app.t.ssn", "select SSN from APP.T", True),
        ("app.t.ssn", 'select "SSN" from t', True),
        ("app.t.ssn", "select name from app.t", False),
        ("app.t.ssn", "select ssn from other.t", False),
        ("app.t.ssn", "select c.name, d.ssn from app.t c, u d", False),
        ("app.t.ssn", "select c.name, ssn from app.t c, u d", True),
        ("t.ssn", "select * from t", True),
        ("t.ssn", "select u.* from t, u", False),
        ("t.ssn", "select count(*) from t", False),
        ("t.ssn", "select 1 from t where ssn like '1%'", True),
        ("t.ssn", "delete from t", True),
        ("t.ssn", "drop schema app", True),
        ("t.ssn", "do $$ begin end $$", True),
        ("t.ssn", "execute p", True),
        ("t.ssn", "begin", False),
        ("*.ssn", "select ssn from f()", True),
        ("*.s?n", "select ssn from t", True),
        ('t."odd.name"', 'select "odd.name" from t', True),
        ('t."odd.name"', "select name from t", False),
        ("t.*", "select a from t", True),
        ("t.*", "select a from u", False),
    ],
)
def test_what_restricts(column: str, text: str, caught: bool) -> None:
    rules = policy(EVERYTHING + rule("b", "block", f"column = '{column}'"))
    assert isinstance(decide(rules, statement(text), DATABASE), Deny) is caught


@pytest.mark.parametrize(
    ("columns", "text", "fits"),
    [
        ('"t.a"', "select a from t", True),
        ('"t.a"', "select a, b from t", False),
        ('"t.a"', "select * from t", False),
        ('"t.*"', "select * from t", True),
        ('"t.*"', "select t from t", True),
        ('"t.a"', "select A from t", True),
        ('"t.a"', 'select "A" from t', False),
        ('"t.a"', "select count(*) from t", True),
        ('"t.a"', "select count(*) from u", False),
        ('"t.a"', "select t.a from t, u", False),
        ('["t.a", "u.b"]', "select t.a, u.b from t, u", True),
        ('["t.a", "u.b"]', "select a, b from t, u", False),
        ('["t.a", "u.a"]', "select a from t, u", True),
        ('"*.a"', "select a from t, u", True),
        ('"app.t.a"', "select a from t", False),
        ('"t.a"', "select a from t where f(a)", False),
        ('"t.a"', "with q as (select a from t) select q.a from q", True),
        ('"t.a"', "update t set a = 1", True),
        ('"t.a"', "update t set b = 1", False),
        ('"t.a"', "delete from t where a = 1", False),
        ('"t.a"', "do $$ begin end $$", False),
        ('"t.a"', "select 1", False),
    ],
)
def test_what_allows(columns: str, text: str, fits: bool) -> None:
    rules = policy(rule("a", "allow", f"column = {columns}"))
    assert isinstance(decide(rules, statement(text), DATABASE), Allow) is fits


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ('column = "ssn"', "must be a table and a column"),
        ('column = "a.b.c.d"', "must be a table and a column"),
        ('column = "t.a", protocol = "ssh"', "can never fire"),
        ('column = "t.a", verb = "exec"', "can never fire: exec has no column"),
        ('colum = "t.a"', "unknown field colum; did you mean column?"),
    ],
)
def test_what_can_never_fire_is_refused(match: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        policy(rule("b", "block", match))


_NAMES = st.sampled_from(["a", "ssn", "*", "t.ssn", "c.ssn", "u.a", "c", "q.a", "(c).a", "count(*)"])
_FROM = st.sampled_from(
    [
        "t",
        "t c",
        "t, u",
        "t c join u using (ssn)",
        "t as c(a, b)",
        "(select * from t) q",
        "(t join u on true) c",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=3), _FROM)
def test_what_a_rule_allows_no_rule_about_another_column_stops(names: list[str], source: str) -> None:
    asked = statement(f"select {', '.join(names)} from {source}")
    allows = policy(rule("a", "allow", 'column = ["t.a", "u.a"]'))
    blocks = policy(EVERYTHING + rule("b", "block", 'column = "*.ssn"'))
    if isinstance(decide(allows, asked, DATABASE), Allow):
        assert isinstance(decide(blocks, asked, DATABASE), Allow)


def test_columns_come_back_from_the_parser() -> None:
    found = facts("select c.a, * from app.t c")
    assert portable.unpack(portable.pack(found), found.text, found.shape) == found
    packed = portable.pack(found)
    with pytest.raises(TypeError):
        portable.unpack([*packed[:-1], [["a", 1, "b"]]], found.text)
