"""What a SQL statement does, read from PostgreSQL's own syntax tree.

Central type: `core.sql.SqlFacts`, made by `reading.read`. The tree comes as JSON values from libpg_query, in a
process of its own (`session/database/parser_main.py`); nothing here parses text, waits, or knows a catalog. Names are
what the statement says, and whatever may do anything says so. See docs/sql.md.
"""
