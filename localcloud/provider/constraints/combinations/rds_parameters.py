"""RDS parameter groups: names, apply types and values of PostgreSQL's parameters. Sources: pg_settings (postgres.json),
"Working with parameters on your RDS for PostgreSQL DB instance" (apply type, modifiable), CreateDBParameterGroup.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud.provider.constraints.combinations.given import Failure, Given
from localcloud.provider.constraints.combinations.rds import family

_LEVELS = (
    "debug5",
    "debug4",
    "debug3",
    "debug2",
    "debug1",
    "info",
    "notice",
    "warning",
    "error",
    "log",
    "fatal",
    "panic",
)
_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
#: What pg_settings names of each ENUM that programs set.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "log_statement": ("none", "ddl", "mod", "all"),
    "log_error_verbosity": ("terse", "default", "verbose"),
    "log_min_messages": _LEVELS,
    "log_min_error_statement": _LEVELS,
    "client_min_messages": _LEVELS,
    "track_functions": ("none", "pl", "all"),
    "password_encryption": ("md5", "scram-sha-256"),
    "session_replication_role": ("origin", "replica", "local"),
    "plan_cache_mode": ("auto", "force_generic_plan", "force_custom_plan"),
    "default_toast_compression": ("pglz", "lz4"),
    "huge_pages": ("on", "off", "try"),
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "rds.force_admin_logging_level": ("disabled", *_LEVELS),
    "rds.force_autovacuum_logging_level": ("disabled", *_LEVELS),
    "rds.accepted_password_auth_method": ("md5+scram", "scram"),
}
#: What RDS sets itself ("Modifiable: false").
_OF_RDS = frozenset((
    "allow_system_table_mods", "archive_command", "archive_mode", "bonjour", "bonjour_name", "config_file", "data_directory",
    "external_pid_file", "fsync", "full_page_writes", "hba_file", "ident_file", "listen_addresses", "log_directory",
    "logging_collector", "port", "rds.extensions", "rds.superuser_variables", "ssl", "ssl_ca_file", "ssl_cert_file",
    "ssl_key_file", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions", "wal_level",
    "zero_damaged_pages",
))  # fmt: skip
#: RDS's own parameters, in the form of postgres.json.
_RDS: Mapping[str, list[str]] = {
    "rds.accepted_password_auth_method": ["sighup", "ENUM"],
    "rds.adaptive_autovacuum": ["sighup", "BOOLEAN"],
    "rds.allowed_extensions": ["sighup", "STRING"],
    "rds.custom_dns_resolution": ["postmaster", "BOOLEAN"],
    "rds.enable_plan_management": ["postmaster", "BOOLEAN"],
    "rds.extensions": ["internal", "STRING"],
    "rds.force_admin_logging_level": ["sighup", "ENUM"],
    "rds.force_autovacuum_logging_level": ["sighup", "ENUM"],
    "rds.force_ssl": ["sighup", "BOOLEAN"],
    "rds.log_retention_period": ["sighup", "INTEGER", "1440", "10080"],
    "rds.logical_replication": ["postmaster", "BOOLEAN"],
    "rds.pg_stat_ramdisk_size": ["postmaster", "INTEGER", "0", "1024"],
    "rds.rds_superuser_reserved_connections": ["postmaster", "INTEGER", "0", "8388607"],
    "rds.restrict_password_commands": ["postmaster", "BOOLEAN"],
    "rds.superuser_variables": ["internal", "STRING"],
}
#: Libraries that RDS for PostgreSQL accepts in shared_preload_libraries.
_LIBRARIES = frozenset((
    "auto_explain", "orafce", "pg_bigm", "pg_cron", "pg_hint_plan", "pg_prewarm", "pg_similarity", "pg_squeeze",
    "pg_stat_statements", "pg_tle", "pg_transport", "pgactive", "pgaudit", "pglogical", "plprofiler", "plrust",
    "plugin_debugger", "rdsutils", "wal2json",
))  # fmt: skip
#: The major version that brought a parameter, and the one that made one dynamic (PostgreSQL's release notes).
_SINCE = {
    "allow_alter_system": 17, "autovacuum_worker_slots": 18, "client_connection_check_interval": 14, "compute_query_id": 14,
    "default_toast_compression": 14, "enable_async_append": 14, "enable_memoize": 14, "enable_presorted_aggregate": 16,
    "event_triggers": 17, "file_copy_method": 18, "hash_mem_multiplier": 13, "idle_session_timeout": 14, "io_method": 18,
    "log_lock_failures": 18, "log_startup_progress_interval": 15, "logical_decoding_work_mem": 13,
    "max_parallel_apply_workers_per_subscription": 16, "max_slot_wal_keep_size": 13, "recursive_worktable_factor": 15,
    "reserved_connections": 16, "scram_iterations": 16, "summarize_wal": 17, "track_wal_io_timing": 14,
    "transaction_timeout": 17, "vacuum_buffer_usage_limit": 16, "vacuum_failsafe_age": 14, "wal_decode_buffer_size": 15,
}  # fmt: skip
_DYNAMIC_SINCE = {"autovacuum_max_workers": 18}
#: Of versions older than the table's.
_OLDER = frozenset((
    "old_snapshot_threshold", "vacuum_defer_cleanup_age", "db_user_namespace", "promote_trigger_file", "force_parallel_mode",
    "operator_precedence_warning", "default_with_oids", "replacement_sort_tuples", "wal_keep_segments",
    "stats_temp_directory", "checkpoint_segments", "trace_recovery_messages", "sql_inheritance",
))  # fmt: skip
_ON_OFF = ("0", "1", "on", "off", "true", "false", "yes", "no")


@functools.cache
def parameters() -> Mapping[str, list[str]]:
    """PostgreSQL's parameters and RDS's own: [context, type, least, most]."""
    found: Mapping[str, list[str]] = json.loads((Path(__file__).parents[1] / "postgres.json").read_text())["parameters"]
    return {**found, **_RDS}


def parameter_group(given: Given) -> Iterator[Failure]:
    """A parameter group: its name, its family, and PostgreSQL's parameters by name, context and value."""
    yield from family(given)
    if (given.text("name") or "").startswith("default."):
        yield "name", f"name is {given.text('name')!r}; names that begin with default. are RDS's own"
    names = [str(item.get("name")).lower() for item in given.each("parameters") if item.get("name")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "parameters", f"the parameter {name!r} is set twice"
    found = re.search(r"postgres\w*?(\d+)(?:\.\d+)?$", given.text("family") or "")
    if found:
        for item in given.each("parameters"):
            yield from (("parameters", reason) for reason in _parameter(item, int(found[1])))


def _parameter(item: Given, major: int) -> Iterator[str]:
    # As the official provider does, which writes names in lower case.
    name, value = (item.text("name") or "").lower(), item.text("value")
    if not name or value is None or name in _OLDER or ("." in name and not name.startswith("rds.")):
        return
    known = parameters().get(name)
    if known is None:
        yield f"the parameter {name!r} is none of PostgreSQL's"
        return
    context, kind, *limits = known
    if _SINCE.get(name, 0) > major:
        yield f"the parameter {name!r} is none of PostgreSQL {major}: it came with {_SINCE[name]}"
    if context == "internal" or name in _OF_RDS:
        yield f"the parameter {name!r} cannot be modified"
        return
    static = context == "postmaster" or _DYNAMIC_SINCE.get(name, 0) > major
    if static and item.text("applyMethod", "immediate") == "immediate":
        yield f"the parameter {name!r} is static: its applyMethod must be pending-reboot"
    if not re.search(r"[{(]", value):  # else a formula such as {DBInstanceClassMemory/32768}
        yield from _value(name, value, kind, limits)


def _value(name: str, value: str, kind: str, limits: list[str]) -> Iterator[str]:
    if kind in ("INTEGER", "REAL"):
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield f"the parameter {name!r} is {value!r}; a number is accepted"
        elif not float(limits[0]) <= float(value) <= float(limits[1]):
            yield f"the parameter {name!r} is {value}; accepted is {limits[0]} to {limits[1]}"
    if kind == "BOOLEAN" and value.lower() not in _ON_OFF:
        yield f"the parameter {name!r} is {value!r}; accepted are 0 and 1"
    accepted = _VALUES.get(name)
    if accepted and value.lower() not in {each.lower() for each in accepted}:
        yield f"the parameter {name!r} is {value!r}; accepted are {', '.join(accepted)}"
    if name == "shared_preload_libraries":
        for library in filter(None, (part.strip() for part in value.split(","))):
            if library not in _LIBRARIES:
                yield f"the parameter {name!r} names {library!r}; accepted are {', '.join(sorted(_LIBRARIES))}"


CHECKS = {"aws:rds/parameterGroup:ParameterGroup": (parameter_group,)}
