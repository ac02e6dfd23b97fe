"""From settings to what the rooms take: targets, the SSH door, directories. Pure translation, and `mkdir`."""

from pathlib import Path

from gateway.adapters.ssh.door.settings import SshDoor
from gateway.app.settings import Settings, TargetTable
from gateway.core.errors import Misconfigured
from gateway.core.people import Target


def targets(settings: Settings) -> list[Target]:
    """The inventory. Pinned host keys come from the file and from what an operator trusted by command."""
    trusted = settings.known_hosts
    return [_target(table, trusted) for table in settings.target]


def _target(table: TargetTable, trusted: Path) -> Target:
    return Target(
        name=table.name,
        kind=table.kind,
        host=table.to.host,
        port=table.to.port,
        user=table.user,
        labels=dict(table.labels),
        options={
            "logins": table.logins,
            "accounts": tuple(account.model_dump(exclude_none=True) for account in table.accounts),
            "auth": table.auth,
            "key": table.key.as_mapping() if table.key else None,
            "password": table.password.as_mapping() if table.password else None,
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
        },
    )


def make_directories(settings: Settings) -> None:
    """The data directory and the recordings, private to the gateway's account."""
    for directory in (settings.gateway.data_dir, settings.store.recordings_directory):
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise Misconfigured(f"can not make the directory {directory}: {reason}") from problem


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


def needs_restart(old: Settings, new: Settings) -> bool:
    """Something changed that a reload does not touch."""
    tables = ("gateway", "listen", "tls", "store", "ssh", "secrets", "vault")
    return any(getattr(old, table) != getattr(new, table) for table in tables)
