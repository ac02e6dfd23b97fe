"""Which functions can not bring in values from a table that the statement does not name.

The server's own functions that depend on nothing but what they are given are known by the catalog; here are others of
its own that look at a clock, a setting or a definition. Whatever is in neither may read anything.
"""

from gateway.core.catalog import Catalog
from gateway.core.sql import Named

SERVERS = ("pg_catalog", "information_schema")

_TIME = """
    age clock_timestamp date date_part date_trunc extract generate_series in_range interval_pl_timestamptz
    length make_timestamptz now overlaps statement_timestamp time timeofday timestamp timestamptz timetz timezone
    to_char to_date to_number to_timestamp transaction_timestamp date_in date_out time_in timestamp_in timestamp_out
    timestamptz_in timestamptz_out interval_in interval_out date_add date_subtract
    date_cmp_timestamptz date_eq_timestamptz date_ge_timestamptz date_gt_timestamptz date_le_timestamptz
    date_lt_timestamptz date_ne_timestamptz timestamp_cmp_timestamptz timestamp_eq_timestamptz
    timestamp_ge_timestamptz timestamp_gt_timestamptz timestamp_le_timestamptz timestamp_lt_timestamptz
    timestamp_ne_timestamptz timestamptz_cmp_date timestamptz_cmp_timestamp timestamptz_eq_date
    timestamptz_eq_timestamp timestamptz_ge_date timestamptz_ge_timestamp timestamptz_gt_date
    timestamptz_gt_timestamp timestamptz_le_date timestamptz_le_timestamp timestamptz_lt_date
    timestamptz_lt_timestamp timestamptz_mi_interval timestamptz_ne_date timestamptz_ne_timestamp
    timestamptz_pl_interval
"""
_MAKING = """
    array_to_json array_to_string concat concat_ws convert convert_from convert_to enum_first enum_last enum_range
    format gen_random_uuid gen_random_bytes json_agg json_agg_strict json_build_array json_build_object
    json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_populate_record
    json_populate_recordset json_to_record json_to_recordset json_to_tsvector jsonb_agg jsonb_agg_strict
    jsonb_build_array jsonb_build_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
    jsonb_object_agg_unique_strict jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_array_tz
    jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_to_record
    jsonb_to_recordset jsonb_to_tsvector money numeric phraseto_tsquery plainto_tsquery quote_literal quote_nullable
    random random_normal row_to_json textanycat anytextcat to_json to_jsonb to_tsquery to_tsvector ts_debug
    ts_headline ts_match_tq ts_match_tt ts_parse ts_token_type uuidv4 uuidv7 websearch_to_tsquery xml
    xml_is_well_formed array_shuffle array_sample array_in array_out record_out textsend varcharsend bpcharsend
"""
_SELF = """
    current_catalog current_database current_query current_role current_schema current_schemas current_setting
    current_user getdatabaseencoding getpgusername get_current_ts_config inet_client_addr inet_client_port
    inet_server_addr inet_server_port pg_backend_pid pg_blocking_pids pg_cancel_backend pg_client_encoding
    pg_conf_load_time pg_current_snapshot pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
    pg_current_xact_id pg_current_xact_id_if_assigned pg_export_snapshot pg_is_in_recovery pg_is_wal_replay_paused
    pg_isolation_test_session_is_blocked pg_jit_available pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_listening_channels pg_my_temp_schema pg_notification_queue_usage pg_notify
    pg_postmaster_start_time pg_safe_snapshot_blocking_pids pg_sleep pg_sleep_for pg_sleep_until pg_switch_wal
    pg_terminate_backend pg_trigger_depth pg_xact_commit_timestamp pg_xact_status session_user set_config setseed
    system_user txid_current txid_current_if_assigned txid_current_snapshot txid_status user version
    pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
    pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared currval lastval nextval setval
"""
_DEFINITIONS = """
    aclexplode col_description format_type has_any_column_privilege has_column_privilege has_database_privilege
    has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege has_parameter_privilege
    has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
    has_type_privilege mxid_age obj_description oidvectortypes pg_char_to_encoding pg_collation_actual_version
    pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable pg_column_size
    pg_conversion_is_visible pg_database_collation_actual_version pg_database_size pg_describe_object
    pg_encoding_to_char pg_extension_update_paths pg_filenode_relation pg_function_is_visible pg_get_constraintdef
    pg_get_expr pg_get_function_arg_default pg_get_function_arguments pg_get_function_identity_arguments
    pg_get_function_result pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef pg_get_keywords
    pg_get_object_address pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables
    pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef
    pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid
    pg_get_viewdef pg_has_role pg_identify_object pg_identify_object_as_address pg_index_column_has_property
    pg_index_has_property pg_indexam_has_property pg_indexes_size pg_is_other_temp_schema pg_opclass_is_visible
    pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_root
    pg_partition_tree pg_relation_filenode pg_relation_filepath pg_relation_is_publishable pg_relation_is_updatable
    pg_relation_size pg_sequence_last_value pg_sequence_parameters pg_settings_get_flags pg_size_pretty
    pg_statistics_obj_is_visible pg_table_is_visible pg_table_size pg_tablespace_databases pg_tablespace_location
    pg_tablespace_size pg_total_relation_size pg_ts_config_is_visible pg_ts_dict_is_visible
    pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof regclass row_security_active
    shobj_description to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc
    to_regprocedure to_regrole to_regtype to_regtypemod regclassin regclassout regprocin regprocout regtypein
    regtypeout _pg_index_position
"""
HARMLESS = frozenset(" ".join((_TIME, _MAKING, _SELF, _DEFINITIONS)).split())


def is_harmless(function: Named, catalog: Catalog | None) -> bool:
    """Whether this can only be one of the server's own that reads no table. Without a catalog nothing is known."""
    if catalog is None:
        return False
    if not function.schema:
        if function.name in catalog.own:
            return False
        function = Named("pg_catalog", function.name)
    if function.schema not in SERVERS:
        return False
    return function in catalog.pure or function.name in HARMLESS
