"""Which statements put what is known of a database in doubt, and what parsers' processes send of a COPY."""

import pytest

from gateway.core.catalog import Catalog
from gateway.core.sql import Copying, changes_catalog
from gateway.policy.sql.portable import pack, unpack
from tests.masking.tables.conftest import facts

CHANGING = """
CREATE TABLE t (a int)
CREATE TEMP TABLE t AS SELECT 1
SELECT 1 INTO t
CREATE OR REPLACE VIEW v AS SELECT 1
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'
ALTER TABLE t RENAME TO u
ALTER TABLE t ADD a int
DROP VIEW v
DO $$ BEGIN NULL; END $$
CALL p()
EXECUTE p
CREATE SCHEMA s CREATE TABLE t (a int)
EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1
""".strip().splitlines()
KEEPING = """
SELECT 1
SELECT somebodys_function(1)
INSERT INTO t VALUES (1)
UPDATE t SET a = 1
BEGIN
COMMIT
SET search_path = x
VACUUM t
ANALYZE
REINDEX TABLE t
COMMENT ON TABLE t IS 'x'
COPY t TO STDOUT
TRUNCATE t
LOCK TABLE t
""".strip().splitlines()


@pytest.mark.parametrize(("text", "changes"), [(t, True) for t in CHANGING] + [(t, False) for t in KEEPING])
def test_what_puts_a_catalog_in_doubt(text: str, changes: bool) -> None:
    assert changes_catalog(facts(text)) is changes


def test_a_doubted_catalog_is_made_once(shop: Catalog) -> None:
    doubted = shop.in_doubt()
    assert not doubted.complete
    assert doubted.relations is shop.relations
    assert doubted.notes is not shop.notes
    assert shop.in_doubt() is doubted
    assert doubted.in_doubt() is doubted


@pytest.mark.parametrize(
    ("text", "copying"),
    [
        (
            "COPY t (a, b) TO STDOUT (FORMAT csv, HEADER)",
            Copying(("a", "b"), (("format", "csv"), ("header", "")), True),
        ),
        ("COPY t FROM STDIN", Copying((), (), False)),
        ("COPY t TO '/x'", Copying((), (), False)),
        ("COPY t TO PROGRAM 'x'", Copying((), (), False)),
        (
            "COPY t TO STDOUT (HEADER 1, FORCE_QUOTE (a))",
            Copying((), (("header", "1"), ("force_quote", "*")), True),
        ),
        ("SELECT 1", None),
    ],
)
def test_what_a_copy_says_survives_the_way_between_processes(text: str, copying: Copying | None) -> None:
    found = facts(text)
    assert found.copying == copying
    assert unpack(pack(found), found.text, found.shape) == found
