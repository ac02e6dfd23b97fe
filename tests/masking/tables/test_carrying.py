"""What may run where columns are masked: nothing that could carry them to where no mask finds them."""

import pytest

from gateway.core.catalog import Catalog, Column, Relation
from gateway.core.operation import Effect
from gateway.core.sql import Named, SqlFacts, unknown
from gateway.masking.tables.carrying import CARRIED, DOUBTFUL, REDEFINED, why_not
from gateway.masking.tables.columns import ColumnRules

RULES = ColumnRules.of(frozenset({"*.ssn"}))
CUSTOMERS, ORDERS = Named("", "customers"), Named("", "orders")
W, D, R = Effect.WRITE, Effect.DEFINE, Effect.READ


def relation(oid: int, name: str, *columns: str) -> Relation:
    return Relation(oid, "app", name, "r", {n: Column(n, column, 25) for n, column in enumerate(columns, 1)})


CATALOG = Catalog(
    {
        20000: relation(20000, "customers", "id", "name", "ssn"),
        20001: relation(20001, "orders", "id", "note"),
    },
    names={"customers": (20000,), "orders": (20001,)},
)


def facts(verb: str, *effects: Effect, **more: object) -> SqlFacts:
    return SqlFacts(verb, verb, frozenset(effects), **more)  # type: ignore[arg-type]  # each case names its own


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (facts("select", R, reads=(CUSTOMERS,), mentions=frozenset({"ssn"})), ""),
        (facts("update", R, W, reads=(CUSTOMERS,), writes=(CUSTOMERS,), mentions=frozenset({"id"})), ""),
        (
            facts("update", R, W, reads=(CUSTOMERS,), writes=(CUSTOMERS,), mentions=frozenset({"ssn"})),
            CARRIED,
        ),
        (facts("insert", W, writes=(CUSTOMERS,)), ""),
        (facts("insert", R, W, reads=(CUSTOMERS,), writes=(ORDERS,), mentions=frozenset({"name"})), ""),
        (facts("insert", R, W, reads=(CUSTOMERS,), writes=(ORDERS,), mentions=frozenset({"*"})), CARRIED),
        (facts("insert", R, W, reads=(ORDERS,), writes=(ORDERS,), mentions=frozenset({"*"})), ""),
        (facts("create", R, D, reads=(CUSTOMERS,), writes=(Named("", "t"),)), CARRIED),
        (facts("create", D, writes=(Named("", "t"),)), ""),
        (facts("alter", D, writes=(CUSTOMERS,)), REDEFINED),
        (facts("alter", D, writes=(ORDERS,)), ""),
        (facts("insert", W, writes=(ORDERS,), functions=(Named("", "mine"),)), DOUBTFUL),
        (unknown("do", "code"), DOUBTFUL),
        (facts("begin"), ""),
        (facts("set", Effect.CONTROL), ""),
    ],
)
def test_what_may_run(statement: SqlFacts, why: str) -> None:
    assert why_not(statement, RULES, CATALOG) == why


def test_without_rules_about_columns_anything_may() -> None:
    assert why_not(unknown("do", "code"), ColumnRules.of(frozenset({"email"})), None) == ""


def test_without_a_catalog_nothing_that_changes_something_may() -> None:
    changing = facts("update", R, W, reads=(ORDERS,), writes=(ORDERS,))
    assert why_not(changing, RULES, None) == DOUBTFUL
    assert why_not(facts("select", R, reads=(CUSTOMERS,)), RULES, None) == ""
