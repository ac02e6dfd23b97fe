"""Texts that differ in whole numbers only: what is known of one without parsing is what parsing says."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.sql import Reading
from gateway.policy.sql import shapes
from gateway.session.database.parser_grammar import NotGrammar, TooMuch
from tests.policy.sql_text import read


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SELECT abalance FROM a WHERE aid = 123;", "SELECT abalance FROM a WHERE aid = 0;"),
        ("update t set a = a + -5 where b = 7", "update t set a = a + -0 where b = 0"),
        ("select f(1,22), x[3] from t limit 5", "select f(0,0), x[0] from t limit 0"),
        ("insert into t values (1, 2)", "insert into t values (0, 0)"),
        ("select a1, t_2, 1.5, .5, 5., 1e5, 1e-5, 1_000, 0x1f from t", None),
        ("select 1234567890", "select 1234567890"),
    ],
)
def test_only_whole_numbers_that_stand_alone_are_left_out(text: str, key: str | None) -> None:
    assert shapes.key(text) == (text if key is None else key)


@pytest.mark.parametrize(
    "text",
    [
        *("select 'a'", 'select "a"', "select $1", "select 1 -- x", "select 1 /* x */", "select a / 2"),
        *("select é", "select 1 \\", "select 1; select 2", "", " select 1", "(select 1)", "select 1\v"),
        *("select 1::float(5)", "select FLOAT (5)", "select a" + " , a" * shapes.LONGEST, "select a \0"),
        *(
            "select a @ 1",
            "select a ? 1",
            "select {1}",
            "select a & 1",
            "select `a`",
            "select a ~ 1",
            "select #1",
        ),
    ],
)
def test_texts_that_only_parsing_understands_have_no_key(text: str) -> None:
    assert shapes.key(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("set statement_timeout = 5", "begin", "execute p (1)", "fetch 5 from c", "create table t (a int)"),
        *("explain select 1", "do", "prepare p as select 1", "select set_config(a, b, c)"),
        "with d as (delete from t where a = 1 returning b) select b from d",
    ],
)
def test_only_plain_statements_stand_for_others(text: str) -> None:
    try:
        assert not shapes.may_stand_for_others(text, read(text))
    except NotGrammar:
        assert text == "do"


NUMBERS = st.integers(0, 10**12).map(str) | st.sampled_from(
    ["0", "00", "007", "999999999", "1000000000", "1e5", "1.", ".1"]
)
PIECES = """select from where with t a b a1 app.t int * ( ) , ; . = < > <= <> >= + - -- : :: [ ] limit offset fetch
    first
    rows only and or not null in between is insert into values update set delete returning order by group
    union all varchar numeric char bit time timestamp interval float precision second year to case when then
    end array row count max nextval set_config setval f for share tablesample bernoulli repeatable cast as extract
    over rows preceding filter current_timestamp exists any distinct on x e E 1e u& b"""
SKELETONS = st.sampled_from(
    [
        "select {} from t where a = {} limit {}",
        "update t set a = a + {}, b = -{} where c = {};",
        "insert into t values ({}, {}, {})",
        "select x[{}], f({}), a::numeric({},{}), b::varchar({}) from t order by {}",
        "select a::time({}), b::interval({}), c::bit({}), d::timestamp({}) with time zone from t",
        "select a::interval second({}), interval({}) x from t",
        "delete from t where a in ({}, {}) and b between {} and {}",
        "select * from t tablesample bernoulli ({}) repeatable ({})",
        "select sum(a) over (order by b rows {} preceding) from t offset {} rows fetch first {} rows only",
        "select overlay(a placing b from {} for {}), current_timestamp({}), a-{}, a -{}, a - {} from t",
        "select {} a, ({})::int, array[{},{}], row({},{}), t.a{}, a{} from t",
        "select e{}, 1e{}, 1e-{}, 1.{}, {}.5, {}. from t",
        "select set_config({}, {}, {})",
        "select nextval({}) limit {}",
    ]
)


def holds(text: str) -> Reading | None:
    try:
        return read(text)
    except (NotGrammar, TooMuch):
        return None


def agree(one: str, other: str) -> None:
    """If what was read of one stands for the other, then it says what reading the other says."""
    key = shapes.key(one)
    if key is None or key != shapes.bare(other):
        return
    assert shapes.key(other) == key
    first, second = holds(one), holds(other)
    if first is None or not shapes.may_stand_for_others(one, first):
        return
    assert second is not None, f"{other!r} is no SQL, {one!r} is"
    assert shapes.of_text(first.statements[0], other) == second


@given(SKELETONS, st.data())
@settings(max_examples=600)
def test_facts_by_shape_are_facts_by_parsing(skeleton: str, data: st.DataObject) -> None:
    holes = skeleton.count("{}")
    numbers = st.lists(NUMBERS, min_size=holes, max_size=holes)
    agree(skeleton.format(*data.draw(numbers)), skeleton.format(*data.draw(numbers)))


@given(
    st.lists(st.sampled_from(PIECES.split()) | NUMBERS, min_size=1, max_size=12),
    st.sampled_from(["", " "]),
    st.data(),
)
@settings(max_examples=600)
def test_so_they_are_for_any_mixture_of_words(pieces: list[str], space: str, data: st.DataObject) -> None:
    one = "select " + " ".join(pieces[:6]) + space + space.join(pieces[6:])
    other = re.sub(r"\d+", lambda _: data.draw(NUMBERS), one)
    agree(one, other)
    agree(other, one)
