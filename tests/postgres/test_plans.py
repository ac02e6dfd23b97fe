"""What is made of a plan, and of which statements there is one to be asked for."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.adapters.postgres.estimate.guard import can_be_guarded, is_safe
from gateway.adapters.postgres.estimate.names import Names, Numbers
from gateway.adapters.postgres.estimate.plans import rows_of
from gateway.adapters.postgres.estimate.questions import statement_to_plan
from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts
from tests.policy.sql_text import facts


def node(kind: str, rows: float, *below: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Plan Rows": rows, "Output": [], "Plans": list(below), **more}


def plan(top: dict[str, Any]) -> int | None:
    return rows_of(json.dumps([{"Plan": top}]))


SCAN = node("Seq Scan", 5000, **{"Parent Relationship": "Outer"})


@pytest.mark.parametrize(
    ("top", "rows"),
    [
        (SCAN, 5000),
        (node("Limit", 10, node("Sort", 5000, SCAN)), 10),
        (node("ModifyTable", 0, SCAN, SCAN), 10_000),
        (node("Aggregate", 1, SCAN, Output=["count(*)", "max(cards.card)"]), 1),
        (node("Aggregate", 5, SCAN, Output=['cards."Kind"', "sum(cards.id)"]), 5),
        (node("Aggregate", 1, SCAN, Output=["PARTIAL count(*)"]), 1),
        (node("Aggregate", 1, SCAN, Output=["count(*)", "array_agg(cards.card)"]), 5000),
        (node("Aggregate", 1, SCAN, Output=["(count(*))::text"]), 5000),
        (node("Aggregate", 1, SCAN, Output=["JSON_ARRAYAGG(card RETURNING json)"]), 5000),
        (node("Limit", 1, node("WindowAgg", 5000, SCAN, Output=["array_agg(x) OVER (?)"])), 5000),
        (node("Result", 1, {**SCAN, "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1"}), 5000),
        (node("CTE Scan", 3, {**SCAN, "Parent Relationship": "InitPlan", "Subplan Name": "CTE few"}), 3),
        (node("Result", 1e300), 1 << 50),
    ],
)
def test_rows_of_a_plan(top: dict[str, Any], rows: int) -> None:
    assert plan(top) == rows


@pytest.mark.parametrize(
    "answer",
    ["", "[]", "{}", '[{"Plan": {}}]', '[{"Plan": {"Node Type": "Aggregate", "Plan Rows": 1}}]', "[" * 9999],
)
def test_what_can_not_be_read_is_not_known(answer: str) -> None:
    assert rows_of(answer) is None


@settings(max_examples=50)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda below: st.dictionaries(st.text(), below)))
def test_no_answer_of_a_server_breaks_it(answer: Any) -> None:
    assert rows_of(json.dumps([{"Plan": answer}])) is None


@pytest.mark.parametrize(
    "text",
    [
        "select * from cards",
        "table cards",
        "insert into cards select * from other",
        "update cards set id = 1",
        "delete from cards",
        "with gone as (delete from cards returning 1) select count(*) from gone",
        "declare c cursor for select * from cards",
    ],
)
def test_what_is_planned(text: str) -> None:
    assert statement_to_plan(facts(text), 15) == f"EXPLAIN (VERBOSE, FORMAT JSON) {text}"


@pytest.mark.parametrize(
    "text",
    [
        "explain analyze delete from cards",
        "select * into other from cards",
        "create table other as select * from cards",
        "copy cards to stdout",
        "execute p",
        "prepare p as select 1",
        "select my_own(1)",
        "do $$ begin end $$",
        "select * from cards for update",
        "select set_config('search_path', 'x', false)",
        "select * from cards where id = $1",
    ],
)
def test_what_is_not(text: str) -> None:
    assert statement_to_plan(facts(text), 15) == ""


def test_parameters_are_planned_by_servers_that_can() -> None:
    asked = facts("select * from cards where id = $1")
    assert statement_to_plan(asked, 16).startswith("EXPLAIN (VERBOSE, GENERIC_PLAN, FORMAT JSON) select")


def test_names_stay_names() -> None:
    read = frozenset({Effect.READ})
    odd = SqlFacts("select", "x", read, reads=(Named("", "a'b\"c"),), functions=(Named("s", "f'g"),))
    names = Names.of(odd)
    assert names is not None
    assert names.question == "SELECT pg_catalog.to_regclass('\"a''b\"\"c\"')::pg_catalog.oid"
    assert "ARRAY['f''g']" in is_safe(odd, Numbers(), bound=False)
    for name in ("a\\b", "\xe9", "a\0b"):
        assert not can_be_guarded(SqlFacts("select", "x", read, reads=(Named("", name),)))
        assert not can_be_guarded(SqlFacts("select", "x", read, functions=(Named("", name),)))
