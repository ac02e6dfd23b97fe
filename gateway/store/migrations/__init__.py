"""The history of the tables, for Alembic. `env.py` is run by `gateway.store.migrating` and by nothing else."""
