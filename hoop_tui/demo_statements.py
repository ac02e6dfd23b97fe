"""The database session that tests and screenshots show: allowed, masked, blocked, approved, wrong and repeated.

Written by hand in the words of a recording (docs/recordings.md); only `demo.py` and tests use it.
"""

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from hoop_tui.scenes import Scene

INT4, INT8, TEXT, TIMESTAMPTZ = 23, 20, 25, 1184
_TYPES = {INT4: "int4", INT8: "int8", TEXT: "text", TIMESTAMPTZ: "timestamptz"}
Columns = Sequence[tuple[str, int, bool]]
"""Name, type and whether it is masked."""


class Statements:
    """Call the verbs in order; each statement has the next number."""

    def __init__(self) -> None:
        self.scene = Scene(80, 24)
        self.scene.frames.clear()  # there is no terminal
        self._n = 0

    def waits(self, seconds: float) -> "Statements":
        self.scene.waits(seconds)
        return self

    def asks(self, text: str, verb: str, state: str = "admitted", **told: Any) -> "Statements":
        """A statement, and what was decided: `rule`, `request` and `values` are told where they are given."""
        self._n += 1
        return self._marks("command", text=text, verb=verb, state=state, **told)

    def repeats(self, of: int, value: str) -> "Statements":
        self._n += 1
        return self._marks("again", of=of, values=[value])

    def gets(
        self,
        tag: str,
        columns: Columns = (),
        rows: Sequence[Sequence[str | None]] = (),
        *,
        count: int | None = None,
        us: int = 812,
        masked: Mapping[str, int] | None = None,
        error: Mapping[str, str] | None = None,
    ) -> "Statements":
        """Its result: `count` rows, of which these were kept."""
        self.scene.waits(us / 1_000_000)
        if columns:
            told = [
                {"name": name, "type": _TYPES[oid], "oid": oid, "format": 0, "masked": is_masked}
                for name, oid, is_masked in columns
            ]
            self._marks("columns", columns=told)
        data = b"".join([data_row(row) for row in rows])
        if rows:
            self.scene.keeps(struct.pack(">I", self._n) + data)
        size = len(data) * (count or len(rows) or 1) // max(1, len(rows))
        more: dict[str, Any] = {"masked": dict(masked)} if masked else {}
        more |= {"error": dict(error)} if error else {}
        if masked:
            more |= {"shown_bytes": size, "shown_sha256": sha256(data).hexdigest()}
        digest = sha256(tag.encode() + data).hexdigest()
        rows_told = len(rows) if count is None else count
        return self._marks(
            "result", tag=tag, rows=rows_told, bytes=size, sha256=digest, us=us, kept=len(rows), **more
        )

    def ends(self) -> Scene:
        return self.scene.leaves()

    def _marks(self, kind: str, **told: Any) -> "Statements":
        self.scene.notes({"kind": kind, "n": self._n, **told})
        return self


def data_row(cells: Sequence[str | None]) -> bytes:
    """A DataRow message of PostgreSQL."""
    told = [None if cell is None else cell.encode() for cell in cells]
    parts = [b"\xff\xff\xff\xff" if cell is None else struct.pack(">i", len(cell)) + cell for cell in told]
    body = struct.pack(">h", len(cells)) + b"".join(parts)
    return b"D" + struct.pack(">i", len(body) + 4) + body


def look_into_orders(repeats: int = 1204) -> Scene:
    """Dana looks for a customer's orders, is refused twice, and leaves a report running over and over."""
    session = Statements().waits(0.2)
    session.asks("set application_name to 'psql'", "set", rule="default").gets("SET", us=310).waits(4.1)
    _people(session)
    session.waits(21.7).asks(
        "update customers set email = null;", "update", "blocked", rule="write-needs-where"
    )
    session.waits(9.3).asks(
        "delete from carts where updated < now() - interval '90 days';", "delete",
        rule="ask-for-deletes", request="7QF-2KM",
    ).gets("DELETE 1312", count=1312, us=48_211).waits(6.4)  # fmt: skip
    session.asks("select * from order;", "select", rule="default").gets(
        "", us=402, error={"code": "42601", "message": 'syntax error at or near "order"'}
    ).waits(3.2)
    _report(session, repeats)
    session.waits(5).asks("drop table carts;", "drop", "denied", rule="ddl-needs-approval", request="T5N-3QZ")
    return session.waits(2.6).ends()


def _people(session: Statements) -> None:
    people = (
        ("id", INT8, False),
        ("name", TEXT, False),
        ("email", TEXT, True),
        ("joined", TIMESTAMPTZ, False),
    )
    rows = [
        ("8841", "Marta Kowalska", "****@*******.***", "2026-11-02 09:14:20.113+00"),
        ("8120", "Zoë Marčić", "****@*******.***", "2026-08-19 17:02:51+00"),
        ("7719", "Marek \x1b[31mRed", "****@*******.***", "2026-05-30 08:00:00+00"),
        ("4402", "Ines Marquez", None, "2025-12-31 23:59:59.5+00"),
    ]
    text = "select id, name, email, joined\n  from customers\n where name ilike $1\n order by joined desc;"
    session.asks(text, "select", rule="read-only-hours", values=["%mar%"])
    session.gets("SELECT 4", people, rows, us=1840, masked={"email": 3})


def _report(session: Statements, repeats: int) -> None:
    orders = (("id", INT8, False), ("total", INT4, False), ("state", TEXT, False))
    states = ("paid", "shipped", "returned", "open")
    kept = [(str(910_000 + at), str(1999 + 137 * at % 9000), states[at % 4]) for at in range(60)]
    session.asks("select id, total, state from orders;", "select", rule="default")
    session.gets("SELECT 5000000", orders, kept, count=5_000_000, us=8_412_000).waits(12)
    session.asks("select total from orders where id = $1", "select", rule="default", values=["910000"])
    session.gets("SELECT 1", (("total", INT4, False),), [("1999",)], us=231)
    first = 7
    for at in range(1, repeats):
        row = (str(1999 + 137 * at % 9000),)
        session.waits(0.02).repeats(first, str(910_000 + at)).gets("SELECT 1", rows=[row], us=180 + at % 90)
