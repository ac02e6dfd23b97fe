"""The book of record in a database: SQLite in a file, or PostgreSQL for several gateways.

Central type: `ledger.SqlLedger`, which is `core.ports.Ledger`. Read `ledger.py` first, then `writer.py` (why an
append is durable and still cheap). Only the composition root enters here; everybody else sees the port.
"""
