"""Functions of PostgreSQL and of its usual extensions that do more than compute, by name.

A function that is neither here nor among the harmless ones is opaque: somebody made it, and it runs what they wrote.
Names are all that a statement tells. Whoever may create functions could give one of their own a harmless name.
"""

from gateway.core.operation import Effect
from gateway.core.sql import Named
from gateway.policy.sql.harmless import FUNCTIONS

_OWN_SCHEMAS = ("", "pg_catalog")

_RUN_TEXT_NAMES = """
    connectby crosstab crosstab2 crosstab3 crosstab4 crosstabn cursor_to_xml cursor_to_xmlschema database_to_xml
    database_to_xml_and_xmlschema database_to_xmlschema dblink dblink_exec dblink_fetch dblink_get_result
    dblink_open dblink_send_query get_raw_page heap_page_items pg_logical_slot_get_binary_changes
    pg_logical_slot_get_changes pg_logical_slot_peek_binary_changes pg_logical_slot_peek_changes query_to_xml
    query_to_xml_and_xmlschema query_to_xmlschema schema_to_xml schema_to_xml_and_xmlschema schema_to_xmlschema
    table_to_xml table_to_xml_and_xmlschema table_to_xmlschema ts_rewrite ts_stat xpath_table
    """
_RUN_TEXT = frozenset(_RUN_TEXT_NAMES.split())
"""They run SQL that is given as text, or read tables that no statement names."""

_READ_FILES = """
    lo_export pg_file_length pg_file_read pg_hba_file_rules pg_ident_file_mappings pg_logdir_ls
    pg_ls_archive_statusdir pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir
    pg_ls_summariesdir pg_ls_tmpdir pg_ls_waldir pg_read_binary_file pg_read_file pg_show_all_file_settings
    pg_stat_file
    """
_WRITE_FILES = "lo_import pg_file_rename pg_file_sync pg_file_unlink pg_file_write"
_CONNECT = (
    "dblink_connect dblink_connect_u dblink_disconnect postgres_fdw_disconnect postgres_fdw_disconnect_all"
)
_READ = "lo_close lo_get lo_lseek lo_lseek64 lo_open lo_tell lo_tell64 loread"
_WRITE = """
    lo_creat lo_create lo_from_bytea lo_put lo_truncate lo_truncate64 lo_unlink lowrite nextval
    pg_logical_emit_message setval
    """
_CONTROL = """
    brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list
    pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
    pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_backup_start pg_backup_stop
    pg_cancel_backend pg_clear_attribute_stats pg_clear_relation_stats pg_config
    pg_copy_logical_replication_slot pg_copy_physical_replication_slot pg_create_logical_replication_slot
    pg_create_physical_replication_slot pg_create_restore_point pg_current_logfile pg_drop_replication_slot
    pg_export_snapshot pg_get_aios pg_get_backend_memory_contexts pg_get_shmem_allocations
    pg_get_shmem_allocations_numa pg_import_system_collations pg_log_backend_memory_contexts
    pg_log_standby_snapshot pg_notify pg_promote pg_reload_conf pg_replication_origin_advance
    pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_oid
    pg_replication_origin_progress pg_replication_origin_session_is_setup
    pg_replication_origin_session_progress pg_replication_origin_session_reset
    pg_replication_origin_session_setup pg_replication_origin_xact_reset pg_replication_origin_xact_setup
    pg_replication_slot_advance pg_restore_attribute_stats pg_restore_relation_stats pg_rotate_logfile
    pg_show_replication_origin_status pg_start_backup pg_stat_clear_snapshot pg_stat_force_next_flush
    pg_stat_have_stats pg_stat_reset pg_stat_reset_backend_stats pg_stat_reset_replication_slot
    pg_stat_reset_shared pg_stat_reset_single_function_counters pg_stat_reset_single_table_counters
    pg_stat_reset_slru pg_stat_reset_subscription_stats pg_stat_statements_reset pg_stop_backup pg_switch_wal
    pg_switch_xlog pg_sync_replication_slots pg_terminate_backend pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
    pg_wal_replay_pause pg_wal_replay_resume
    """

_SPECIAL: dict[str, frozenset[Effect]] = {
    **dict.fromkeys(_READ_FILES.split(), frozenset((Effect.READ, Effect.TRANSFER))),
    **dict.fromkeys(_WRITE_FILES.split(), frozenset((Effect.WRITE, Effect.TRANSFER))),
    **dict.fromkeys(_CONNECT.split(), frozenset((Effect.CONTROL, Effect.TRANSFER))),
    **dict.fromkeys(_READ.split(), frozenset((Effect.READ,))),
    **dict.fromkeys(_WRITE.split(), frozenset((Effect.WRITE,))),
    **dict.fromkeys(_CONTROL.split(), frozenset((Effect.CONTROL,))),
}

ARGUMENT_IS_RELATION = frozenset(("nextval", "setval"))
"""They change the sequence that their first argument names."""


def runs_text(function: Named) -> bool:
    """Whether it runs, or reads, what only its arguments say."""
    return function.name in _RUN_TEXT


def special_effects(function: Named) -> frozenset[Effect] | None:
    """What a known function does, in whatever schema it stands; None for one that is not known for anything."""
    return _SPECIAL.get(function.name)


def is_harmless(function: Named) -> bool:
    """One of PostgreSQL's own that only computes, or tells about the database."""
    if function.schema == "information_schema":
        return function.name.startswith("_pg_")
    return function.schema in _OWN_SCHEMAS and function.name in FUNCTIONS
