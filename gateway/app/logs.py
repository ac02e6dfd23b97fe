"""Logs: one JSON object a line on stderr, or a short line where a person watches.

Statement text and credentials never get here: what people did is in the ledger.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.core.plain import plain


class JsonLines(logging.Formatter):
    """`{"ts", "level", "event", "logger"}`, and the kind of the exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class ShortLines(logging.Formatter):
    """`10:42:07 warning hoop.ssh: ...` for a terminal; harmless whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback only in the JSON format."""
        at = datetime.fromtimestamp(record.created, UTC)
        return f"{at:%H:%M:%S} {record.levelname.lower()} {record.name}: {plain(record.getMessage(), 1000)}"


class NoRoomOnce(logging.Filter):
    """asyncio tells of every connection that there was no descriptor for, with a traceback, a hundred times a second.
    Here that is one line now and then, so that whoever takes all descriptors does not fill the disk as well."""

    EVERY = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._told_at = -self.EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be seen; what it says is put in our words."""
        if record.name != "asyncio" or not record.getMessage().startswith("socket.accept() out of"):
            return True
        now = time.monotonic()
        if now - self._told_at < self.EVERY:
            return False
        self._told_at = now
        record.msg, record.args = "nothing is left to accept connections with: new ones wait", None
        record.exc_info = record.exc_text = None
        return True


def set_up_logs(level: str = "INFO", file: Path | None = None) -> None:
    """Send everything to stderr, in the form that fits who reads it; or to a file, where a screen is in use."""
    handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShortLines() if not file and sys.stderr.isatty() else JsonLines())
    handler.addFilter(NoRoomOnce())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for chatty in (
        "asyncssh",
        "uvicorn.access",
        "uvicorn.error",
        "alembic",
        "sqlalchemy",
        "asyncio",
        "authlib",
        "botocore",
        "httpcore2",
        "httpx2",
        "urllib3",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)
