"""`hoop-tui review impact`: what a request would do, looked into or tried, for people and for programs."""

from pathlib import Path

from gateway.api.schema import RequestImpact
from hoop_tui.cli.printing import complain, hint, print_json, print_table
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import HttpGateway
from hoop_tui.impact_words import summary
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible

REFUSED = 1


def impact(gateway: str, token_file: Path | None, id: str, *, dry_run: bool, output: str) -> int:
    async def work(client: HttpGateway) -> int:
        found = await Requests(client).impact(id, dry_run=dry_run)
        if output != "table":
            print_json(found.model_dump(mode="json"), lines=output == "jsonl")
            return REFUSED if found.refused else 0
        if found.refused:
            return complain(f"{found.id}: {found.refused}", REFUSED)
        _print(found)
        if not found.dry_run and not found.no_dry_run:
            hint(f"to try it: hoop-tui review impact {found.id} --dry-run")
        return 0

    return with_gateway(gateway, token_file, work)


def _print(found: RequestImpact) -> None:
    print(visible(f"{found.id}  {summary(found)} ({found.took_ms} ms)"))
    for line in found.lines:
        print(visible(f"{line.sign} {line.text}"))
    if found.no_dry_run:
        print(visible(f"  a dry run is not offered: {found.no_dry_run}"))
    for table in found.tables:
        print(f"\n{visible(table.title).upper()}")
        print_table(table.columns, table.rows)
    for text in found.texts:
        print(f"\n{visible(text.title).upper()}")
        print(visible(text.text, keep="\n"))
