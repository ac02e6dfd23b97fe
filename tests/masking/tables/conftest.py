"""Rows as a server sends them, statements as the real grammar reads them, and a made-up database."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from gateway.core.catalog import Catalog, Column, Relation, TypeInfo
from gateway.core.sql import Named, SqlFacts
from gateway.masking.tables import rows
from gateway.masking.tables.columns import ColumnRules, Plan, decide
from gateway.policy.sql.reading import read
from gateway.session.database.parser_grammar import Grammar

ROOT = Path(__file__).resolve().parents[3]
TEXT, INT4, JSONB, DATE = 25, 23, 3802, 1082


@dataclass(frozen=True)
class Described:
    """A column as RowDescription has it."""

    table: int
    column: int
    type: int = TEXT


def row(*cells: bytes | None) -> bytes:
    """A DataRow."""
    body = pack(">H", len(cells)) + b"".join(
        pack(">i", -1) if cell is None else pack(">i", len(cell)) + cell for cell in cells
    )
    return b"D" + pack(">i", len(body) + 4) + body


def cells(run: bytes) -> list[list[bytes | None]]:
    """What is in a run of rows. Checks every length."""
    found: list[list[bytes | None]] = []
    at = 0
    while at < len(run):
        assert run[at : at + 1] == b"D"
        end = at + 1 + int.from_bytes(run[at + 1 : at + 5], "big")
        count = int.from_bytes(run[at + 5 : at + 7], "big")
        at += 7
        here: list[bytes | None] = []
        for _ in range(count):
            size = int.from_bytes(run[at : at + 4], "big", signed=True)
            at += 4
            here.append(None if size < 0 else run[at : at + size])
            at += max(size, 0)
        assert at == end <= len(run)
        found.append(here)
    return found


@cache
def _grammar() -> Grammar:
    found = find_spec("postgast")
    assert found is not None
    assert found.origin is not None
    return Grammar(str(Path(found.origin).parent / "libpg_query.so"))


def facts(text: str) -> SqlFacts:
    """Of one statement, by the real grammar."""
    (found,) = read(_grammar().parse(text), text, _grammar().fingerprint).statements
    return found


def rules(*masks: str) -> ColumnRules:
    return ColumnRules.of(frozenset(masks))


def relation(oid: int, name: str, columns: Mapping[int, str], **more: Any) -> Relation:
    """In the schema `app`; every column is text unless its name ends in `_n`."""
    made = {
        number: Column(number, each, INT4 if each.endswith("_n") else TEXT)
        for number, each in columns.items()
    }
    return Relation(oid, more.pop("schema", "app"), name, more.pop("kind", "r"), made, **more)


def catalog(*relations: Relation, **more: Any) -> Catalog:
    """Of these relations, with a few functions."""
    names: dict[str, tuple[int, ...]] = {}
    for each in relations:
        names[each.name] = (*names.get(each.name, ()), each.oid)
    pure = frozenset(Named("pg_catalog", name) for name in ("lower", "count", "max", "upper", "sum"))
    return Catalog(
        {each.oid: each for each in relations},
        {TEXT: TypeInfo(TEXT, "text", "S"), INT4: TypeInfo(INT4, "int4", "N")},
        names=names,
        pure=pure,
        own=frozenset({"secret_of", "upper"}),
        **more,
    )


CUSTOMERS, ORDERS, VIEW, HARMLESS_VIEW, STATS, PARTED, PART, AUDITED, COPY_OF, PARENT = range(20000, 20010)


@pytest.fixture
def shop() -> Catalog:
    """Customers with a secret, what is made of them, and what is not."""
    whole = frozenset({(CUSTOMERS, 1), (CUSTOMERS, 3)})
    return catalog(
        relation(CUSTOMERS, "customers", {1: "id_n", 2: "name", 3: "ssn", 4: "email", 6: "ssn_n"}),
        relation(ORDERS, "orders", {1: "id_n", 2: "item", 3: "customer_n"}),
        relation(
            VIEW,
            "customer_view",
            {1: "id_n", 2: "code"},
            kind="v",
            origins={1: whole, 2: whole},
            depends=frozenset({CUSTOMERS}),
        ),
        relation(
            HARMLESS_VIEW,
            "names",
            {1: "name", 2: "later"},
            kind="v",
            origins={1: frozenset({(CUSTOMERS, 2)})},
            depends=frozenset({CUSTOMERS}),
        ),
        replace(
            relation(STATS, "pg_stats", {1: "most_common_vals"}, kind="v"), oid=12100, schema="pg_catalog"
        ),
        relation(PARTED, "people", {1: "id_n", 2: "tax"}, kind="p"),
        relation(PART, "people_2024", {1: "tax", 2: "id_n"}, parents=frozenset({PARTED})),
        relation(AUDITED, "audited", {1: "what"}, triggers=True),
        relation(COPY_OF, "customers", {1: "id_n", 2: "ssn"}, schema="other"),
        relation(PARENT, "regions", {1: "id_n"}, cascades=frozenset({CUSTOMERS})),
    )


def planned(
    shop: Catalog | None, statement: SqlFacts | str | None, columns: Sequence[Described], *masks: str
) -> Plan:
    given = facts(statement) if isinstance(statement, str) else statement
    return decide(columns, rules(*masks), shop, given)


def _module(path: Path) -> Any:
    loader = (ExtensionFileLoader if path.suffix == ".so" else SourceFileLoader)(
        "gateway.masking.tables.rewrite", str(path)
    )
    spec = spec_from_file_location(loader.name, path, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loop over rows, compiled into a place of its own."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    if find_spec("Cython") is None:
        pytest.skip("needs Cython (scripts/setup --dev)")
    place = tmp_path_factory.mktemp("compiled")
    subprocess.run([sys.executable, ROOT / "scripts" / "compile.py", place], check=True, capture_output=True)
    return place / f"rewrite{EXTENSION_SUFFIXES[0]}"


@pytest.fixture(params=["interpreted", "compiled"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test with each way to run the loop over rows."""
    way = str(request.param)
    path = (
        request.getfixturevalue("compiled")
        if way == "compiled"
        else ROOT / "gateway/masking/tables/rewrite.py"
    )
    monkeypatch.setattr(rows, "rewrite", _module(path).rewrite)
    return way
