"""From settings to what the rooms take: targets, the doors, directories. Pure translation, and `mkdir`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.adapters.postgres.greeting.door import PostgresDoor
from gateway.adapters.ssh.door.settings import SshDoor
from gateway.app.settings import Settings
from gateway.app.settings_targets import AnyTarget, PostgresTarget, SshTarget
from gateway.bus.inprocess import InProcessBus
from gateway.core.errors import Misconfigured
from gateway.core.people import Target
from gateway.core.secret import Secret

if TYPE_CHECKING:
    from gateway.bus.postgres import PostgresBus


def targets(settings: Settings) -> list[Target]:
    """The inventory. Pinned host keys come from the file and from what an operator trusted by command."""
    trusted = settings.known_hosts
    return [_target(table, trusted) for table in settings.target]


def _target(table: AnyTarget, trusted: Path) -> Target:
    first = table.servers[0]
    options = _ssh(table, trusted) if isinstance(table, SshTarget) else _postgres(table)
    return Target(
        name=table.name,
        kind=table.kind,
        host=first.host,
        port=first.port,
        user=table.user,
        labels=dict(table.labels),
        options={
            "logins": table.logins,
            "accounts": tuple(account.model_dump(exclude_none=True) for account in table.accounts),
            "password": table.password.as_mapping() if table.password else None,
            "key": table.key.as_mapping() if table.key else None,
            **options,
        },
    )


def _ssh(table: SshTarget, trusted: Path) -> dict[str, Any]:
    return {
        "auth": table.auth,
        "host_keys": [key.openssh for key in table.host_keys],
        "known_hosts": [str(path) for path in (table.known_hosts, trusted) if path is not None],
        "host_ca": [key.openssh for key in table.host_ca],
        "via": table.via,
        "shell": table.shell,
        "commands": table.commands,
        "agent_forwarding": table.agent_forwarding,
        "environment": table.environment,
        "keep_files": table.keep_files,
        "keep_forwards": table.keep_forwards,
    }


def _postgres(table: PostgresTarget) -> dict[str, Any]:
    return {
        "hosts": tuple((server.host, server.port) for server in table.to),
        "database": table.database,
        "certificate": str(table.certificate) if table.certificate else None,
        "tls": table.tls,
        "ca_file": str(table.ca_file) if table.ca_file else None,
        "server_name": table.server_name,
        "session_attrs": table.session_attrs,
        "options": table.options,
        "keep_rows": table.keep_rows,
        "keep_result": table.keep_result,
        "each_statement": table.each_statement,
        "masked_notice": table.masked_notice,
        "hold": table.hold,
        "psql": table.psql,
        "dry_run_lock_ms": table.dry_run_lock_ms,
        "dry_run_ms": table.dry_run_ms,
    }


def make_directories(settings: Settings) -> None:
    """The data directory and the recordings, private to the gateway's account."""
    for directory in (settings.gateway.data_dir, settings.store.recordings_directory):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise Misconfigured(f"can not make the directory {directory}: {reason}") from problem


def bus(settings: Settings, password: Secret | None) -> "InProcessBus | PostgresBus":
    """Where other gateways may keep the same ledger, one that reaches them."""
    if not settings.store.url.startswith("postgres"):
        return InProcessBus()
    from gateway.bus.postgres import PostgresBus
    from gateway.store.postgres import libpq_address

    return PostgresBus(libpq_address(settings.store.url, password))


def ssh_door(settings: Settings, names: tuple[str, ...]) -> SshDoor:
    """What the SSH adapter needs to listen. `names` are what people call this gateway."""
    ssh = settings.ssh
    return SshDoor(
        host_key_path=ssh.host_key,
        login_grace=ssh.login_grace.total_seconds(),
        connect_timeout=ssh.connect_timeout.total_seconds(),
        keepalive=ssh.keepalive.total_seconds(),
        max_connections_per_address=ssh.max_connections_per_address,
        max_unauthenticated=ssh.max_unauthenticated,
        login_failures_per_address=ssh.login_failures_per_address,
        login_failures_per_name=ssh.login_failures_per_name,
        login_failure_window=ssh.login_failure_window.total_seconds(),
        max_channels=ssh.max_channels,
        max_forwards=ssh.max_forwards,
        banner=ssh.banner,
        names=names,
        ciphers=ssh.ciphers,
    )


def postgres_door(settings: Settings, names: tuple[str, ...]) -> PostgresDoor:
    """What the PostgreSQL adapter needs to listen."""
    postgres = settings.postgres
    return PostgresDoor(
        certificate=postgres.certificate,
        key=postgres.key,
        names=names,
        login_grace=postgres.login_grace.total_seconds(),
        connect_timeout=postgres.connect_timeout.total_seconds(),
        keepalive=postgres.keepalive.total_seconds(),
        max_statement=postgres.max_statement,
        max_connections=postgres.max_connections,
        max_connections_per_address=postgres.max_connections_per_address,
        max_unauthenticated=postgres.max_unauthenticated,
        login_failures_per_address=postgres.login_failures_per_address,
        login_failures_per_name=postgres.login_failures_per_name,
        login_failure_window=postgres.login_failure_window.total_seconds(),
    )


def needs_restart(old: Settings, new: Settings) -> bool:
    """Something changed that a reload does not touch."""
    tables = ("gateway", "listen", "tls", "store", "ssh", "postgres", "secrets", "vault")
    return any(getattr(old, table) != getattr(new, table) for table in tables)
