"""What is found in statements: several hundred of them with their facts, in the files of `statements/`."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.operation import Effect
from gateway.core.sql import Reading
from gateway.policy.sql import portable, reading
from gateway.policy.sql.kinds import KINDS
from gateway.policy.verbs import SQL_VERBS
from gateway.session.database.parser_grammar import NotGrammar, TooMuch
from tests.policy.sql_text import facts, grammar, labelled, line, read

CASES = labelled()


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:60] for text, _ in CASES])
def test_what_is_found(text: str, expected: str) -> None:
    found = facts(text)
    assert line(found) == expected
    assert found.text == text
    assert found.verb in SQL_VERBS
    assert found.certain == (Effect.UNKNOWN not in found.effects) == (found.why == "")


def test_there_are_enough_cases_and_every_verb_has_one() -> None:
    assert len(CASES) > 400
    assert len({text for text, _ in CASES}) > 0.98 * len(CASES)
    found = {expected.split(";")[0] for _, expected in CASES}
    assert found == set(SQL_VERBS) - {"function", "unknown", "empty"}


def test_every_kind_of_statement_has_a_case() -> None:
    seen: set[str] = set()
    for text, _ in CASES:
        seen.update(kind for each in grammar().parse(text)["stmts"] for kind in each["stmt"])
    assert seen == set(KINDS)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        ("  select 1 ; ", ["select 1"]),
        ("select 1; select 2", ["select 1", "select 2"]),
        (";; select 1;; select 2;;", ["select 1", "select 2"]),
        ("select ';'; delete from t", ["select ';'", "delete from t"]),
        ("/* why */ select 1 -- because\n; drop table t", ["/* why */ select 1 -- because", "drop table t"]),
        ("select 'é', '\U0001f600'; select 'ü' as ö", ["select 'é', '\U0001f600'", "select 'ü' as ö"]),
        ("select $$;$$; do $x$ begin; end $x$", ["select $$;$$", "do $x$ begin; end $x$"]),
        (
            "create rule r as on insert to t do (delete from a; delete from b); select 1",
            ["create rule r as on insert to t do (delete from a; delete from b)", "select 1"],
        ),
        ("begin\r\n;commit\r\n;", ["begin", "commit"]),
    ],
)
def test_each_statement_keeps_its_own_text(text: str, own: list[str]) -> None:
    assert [each.text for each in read(text).statements] == own


@pytest.mark.parametrize("text", ["", ";", " ; ;", "-- nothing", "/* nothing */;"])
def test_a_text_may_hold_no_statement(text: str) -> None:
    (found,) = read(text).statements
    assert (found.verb, found.text, found.effects) == ("empty", text, frozenset())


def test_too_many_statements_are_one_that_may_do_anything() -> None:
    most = read("select 1;" * reading.MOST_STATEMENTS)
    assert len(most.statements) == reading.MOST_STATEMENTS
    (found,) = read("select 1;" * (reading.MOST_STATEMENTS + 1)).statements
    assert not found.certain
    assert found.why == "there are more than 5,000 statements in one text"


def test_a_kind_that_nobody_knows_may_do_anything() -> None:
    tree = {"stmts": [{"stmt": {"FutureStmt": {"relation": {"relname": "t"}}}}]}
    (found,) = reading.read(tree, "future t", lambda text: "0").statements
    assert (found.verb, found.certain, found.effects) == ("unknown", False, frozenset({Effect.UNKNOWN}))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("select 1", "select 2", True),
        ("select * from t where a = 'x' and b = 5", "select * from t where a = 'y' and b = 6", True),
        ("select * from t where a = $1", "select * from t where a = $2", True),
        ("select * from orders_01", "select * from orders_02", False),
        ("select a from t", "select b from t", False),
        ("do $$ drop table a $$", "do $$ drop table b $$", False),
        (
            "select query_to_xml('select a', true, true, '')",
            "select query_to_xml('select b', true, true, '')",
            False,
        ),
        ("set role a", "set role b", False),
        ("select set_config('role', 'a', false)", "select set_config('role', 'b', false)", False),
        ("execute a", "execute b", False),
        ("select nextval('a')", "select nextval('b')", False),
        ("select * from a limit 1", "select * from a limit null", False),
    ],
)
def test_statements_of_one_shape_differ_in_constants_only(one: str, other: str, alike: bool) -> None:
    assert (facts(one).shape == facts(other).shape) is alike
    assert len(facts(one).shape) == 16


def test_a_long_chain_of_with_is_looked_at_once() -> None:
    chain = ", ".join(f"a{at} as (select * from a{at - 1})" for at in range(1, 3000))
    assert line(facts(f"with a0 as (select * from t), {chain} select * from a2999")) == "select; r; <t"
    later = ", ".join(f"a{at} as (select * from a{at + 1})" for at in range(3000))
    assert len(facts(f"with {later} select 1").reads) == 3000


def same(found: Reading, text: str) -> Reading:
    return portable.unpack_reading(json.loads(json.dumps(portable.pack_reading(found, text))), text)


@pytest.mark.parametrize(
    "text", [text for text, _ in CASES[::7]] + ["select 1; delete from t; execute x", ""]
)
def test_facts_survive_the_way_between_processes(text: str) -> None:
    assert same(read(text), text) == read(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=20))
def test_nonsense_from_a_parser_is_refused(packed: object) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        portable.unpack_reading(packed, "select 1")


def test_a_parser_that_lies_is_refused() -> None:
    good = portable.pack_reading(read("execute p"), "execute p")
    assert portable.unpack_reading(good, "execute p") == read("execute p")
    elsewhere = json.loads(json.dumps(good))
    elsewhere[0][0][0] = "select 1"
    with pytest.raises(ValueError, match="not in its text"):
        portable.unpack_reading(elsewhere, "execute p")
    harmless = json.loads(json.dumps(good))
    harmless[0][0][2][1] = "r"
    with pytest.raises(ValueError, match="not certain"):
        portable.unpack_reading(harmless, "execute p")


WORDS = """select from where with as insert into values update set delete ( ) , ; * . 1 1.5 'a' $1 $$ a b app.t "T" =
    :: [ ] and or not null in exists case when then else end union all join on using group by order limit for
    returning recursive create table view drop alter explain analyze copy to stdin stdout do call execute fetch
    -- /* */ E'\\'' U&"\\0061" @ <=> f( array[ row( lateral + - /"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join) | st.text(max_size=40))
@settings(max_examples=400)
def test_any_text_gives_facts_or_an_error(text: str) -> None:
    text = text.replace("\0", "").encode("utf-8", "ignore").decode()
    try:
        found = read(text)
    except (NotGrammar, TooMuch):
        return
    assert all(each.text in text for each in found.statements)
    assert same(found, text) == found


@given(
    st.sampled_from(CASES),
    st.integers(0, 200),
    st.sampled_from(["", "'", '"', "(", ")", ";", "--", "/*", "$$", " x "]),
)
@settings(max_examples=400)
def test_damaged_statements_give_facts_or_an_error(case: tuple[str, str], at: int, noise: str) -> None:
    text = case[0][:at] + noise + case[0][at + 1 :]
    try:
        found = read(text)
    except (NotGrammar, TooMuch):
        return
    assert same(found, text) == found
