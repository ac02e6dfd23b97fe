"""Alembic runs this file: it uses the connection, and the transaction, that it is given."""

from alembic import context

from gateway.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
