"""The lists of functions and operators, compared with what a server has."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from gateway.core.sql import Named
from gateway.policy.sql.functions import is_harmless, runs_text, special_effects
from gateway.policy.sql.harmless import FUNCTIONS, OPERATORS
from tests.contracts.postgres_server import PostgresServer

pytestmark = pytest.mark.needs("postgres")

_NAMES = """
    array_sample array_shuffle clock_timestamp current_query currval gen_random_uuid lastval
    pg_available_wal_summaries pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init
    pg_control_recovery pg_control_system pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
    pg_database_collation_actual_version pg_database_size pg_get_loaded_modules pg_get_multixact_members
    pg_get_sequence_data pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers
    pg_get_wal_summarizer_state pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available
    pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
    pg_lock_status pg_notification_queue_usage pg_partition_ancestors pg_partition_tree pg_prepared_xact
    pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_sleep pg_sleep_for pg_sleep_until
    pg_table_size pg_tablespace_size pg_total_relation_size pg_wal_summary_contents pg_xact_commit_timestamp
    pg_xact_commit_timestamp_origin pg_xact_status random random_normal setseed timeofday txid_status uuidv4
    uuidv7
    """
CHANGE_NOTHING = frozenset(_NAMES.split())
"""Functions that PostgreSQL calls volatile, looked at one by one: they only tell, wait or draw a number."""


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection[Any]]:
    with PostgresServer.running() as made, made.connect() as connection:
        yield connection


def names(server: psycopg.Connection[Any], query: str) -> set[str]:
    rows = server.execute(f"select distinct p.proname from pg_proc p where p.pronamespace = 11 and ({query})")
    return {row[0] for row in rows}


def test_nearly_all_that_is_harmless_is_there(server: psycopg.Connection[Any]) -> None:
    there = names(server, "true")
    assert len(FUNCTIONS & there) > 600
    assert len(FUNCTIONS - there) < 150  # of later versions


def test_what_not_everybody_may_call_is_not_harmless(server: psycopg.Connection[Any]) -> None:
    kept_back = names(
        server,
        "p.proacl is not null and not exists (select from aclexplode(p.proacl) a where a.grantee = 0)",
    )
    assert len(kept_back) > 30
    for name in kept_back:
        assert not is_harmless(Named("", name)), name
        assert special_effects(Named("", name)), name


def test_what_may_have_effects_was_looked_at(server: psycopg.Connection[Any]) -> None:
    volatile = names(server, "p.provolatile = 'v'")
    view_of_statistics = {name for name in volatile & FUNCTIONS if name.startswith("pg_stat_get_")}
    assert volatile & FUNCTIONS - view_of_statistics <= CHANGE_NOTHING
    assert not runs_text(Named("", "random"))


def test_no_function_that_runs_a_text_is_harmless(server: psycopg.Connection[Any]) -> None:
    to_xml = names(server, "p.proname ~ '^(query|table|schema|database|cursor)_to_xml'")
    assert len(to_xml) == 14
    for name in (*to_xml, "ts_stat", "ts_rewrite", "dblink", "crosstab"):
        assert runs_text(Named("", name)), name
        assert not is_harmless(Named("", name)), name


def test_every_operator_of_the_server_is_known(server: psycopg.Connection[Any]) -> None:
    rows = server.execute("select distinct oprname from pg_operator where oprnamespace = 11")
    assert {row[0] for row in rows} <= OPERATORS


def test_functions_of_another_schema_are_nobodys() -> None:
    assert is_harmless(Named("", "lower"))
    assert is_harmless(Named("pg_catalog", "lower"))
    assert not is_harmless(Named("app", "lower"))
    assert is_harmless(Named("information_schema", "_pg_expandarray"))
    assert not is_harmless(Named("information_schema", "lower"))
