"""The settings of the PostgreSQL door: `[postgres]`. What a database behind it is, is in settings_targets.py."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from gateway.app.settings_kinds import Duration, FilePath, Size, Table, from_to


class PostgresTable(Table):
    """`[postgres]`"""

    certificate: FilePath | None = None
    key: FilePath | None = None
    login_grace: Annotated[Duration, from_to("1s", "10m")] = timedelta(seconds=30)
    connect_timeout: Annotated[Duration, from_to("1s", "5m")] = timedelta(seconds=10)
    keepalive: Annotated[Duration, from_to("1s", "1h")] = timedelta(seconds=60)
    max_statement: Annotated[Size, Field(ge=1 << 10, le=1 << 29)] = 1 << 20
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 2000
    max_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = 100
    max_unauthenticated: Annotated[int, Field(ge=1, le=100_000)] = 100
    login_failures_per_address: Annotated[int, Field(ge=1, le=100_000)] = 20
    login_failures_per_name: Annotated[int, Field(ge=1, le=100_000)] = 100
    login_failure_window: Annotated[Duration, from_to("1s", "1d")] = timedelta(seconds=60)
