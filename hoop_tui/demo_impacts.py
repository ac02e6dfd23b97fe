"""What a request of the mock-ups would do, looked into and tried."""

from gateway.api.schema import ImpactLine, ImpactTable, ImpactText, RequestImpact

_PLAN = """\
Update on invoices  (rows 0, cost 4210.1)
  Seq Scan on invoices  (rows 1180, cost 4210.1)
      Filter: (month = '2026-10'::text)"""
_BEFORE = [
    ["88121", "2026-10", "open", "[masked:iban]"],
    ["88122", "2026-10", "open", "[masked:iban]"],
    ["88125", "2026-10", "held", "[masked:iban]"],
]


def demo_impacts(id: str) -> dict[tuple[str, bool], RequestImpact]:
    """Of the one with this id."""
    lines = [
        ImpactLine(sign=" ", text="about 1,180 rows, as the planner guesses"),
        ImpactLine(sign=" ", text="update on app.invoices"),
        ImpactLine(sign="+", text="no index is used: it goes through all of app.invoices"),
        ImpactLine(sign=" ", text="what the requester's own open transaction has changed is not seen here"),
    ]
    tables = [
        ImpactTable(
            title="tables",
            columns=["table", "kind", "size", "rows, about", "changes"],
            rows=[["app.invoices", "table", "312 MiB", "402,118", "yes"]],
        ),
        ImpactTable(
            title="what depends on it",
            columns=["what", "name", "how"],
            rows=[
                ["foreign key", "app.payments", "points to it"],
                ["view", "app.open_invoices", ""],
                ["view", "report.months", "materialised"],
            ],
        ),
    ]
    texts = [ImpactText(title="plan", text=_PLAN)]
    looked = RequestImpact(id=id, lines=lines, tables=tables, texts=texts, took_ms=84, rows=1180)
    tried = ImpactLine(sign="+", text="tried and rolled back: 1,203 rows updated")
    columns = ["id", "month", "state", "iban"]
    samples = [
        ImpactTable(title="before", columns=columns, rows=_BEFORE),
        ImpactTable(title="after", columns=columns, rows=[[*row[:2], "sent", row[3]] for row in _BEFORE]),
    ]
    more = {"dry_run": True, "lines": [tried, *lines], "tables": [*samples, *tables]}
    return {
        (id, False): looked,
        (id, True): looked.model_copy(update={**more, "rows": 1203, "took_ms": 412}),
    }
