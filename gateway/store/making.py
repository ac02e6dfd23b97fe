"""Makes all tables of a new database at once, as they are at the newest revision, and writes down that they are.

A first start needs neither every step of the history nor Alembic, which would stay in memory for as long as the
gateway serves. That the steps lead to the same tables is for tests to compare. What to do with a database that has a
revision already is not decided here (`migrating.py`).
"""

from sqlalchemy import Connection, text

from gateway.store.tables import HEAD, METADATA

_VERSION = """\
CREATE TABLE IF NOT EXISTS alembic_version
(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""


def make(connection: Connection, revision: str) -> None:
    """All of it happens, or nothing: the connection is in a transaction already."""
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(HEAD.insert().values(id=1, seq=0, people=0))
    connection.execute(text(_VERSION))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
