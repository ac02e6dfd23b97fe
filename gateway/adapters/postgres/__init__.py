"""PostgreSQL: psql, drivers and pools come here, over TLS or through SSH, and find a server behind it.

Its central type is `PostgresAdapter`. It translates between the protocol and the Gate, and never decides.
"""
