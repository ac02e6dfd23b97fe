"""`hoop-tui tokens ls|revoke`: the tokens there are, without their secrets."""

from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from gateway.api.schema import TokenPage, TokenSummary
from hoop_tui.cli.asked import Ask, filtered, signed_in
from hoop_tui.cli.printing import hint, print_json, print_table
from hoop_tui.login.desk import parsed
from hoop_tui.wording import minute_time

_TITLES = ("ID", "KIND", "WHO", "FOR", "ROLES", "CREATED", "EXPIRES", "USED", "STATE")


def list_tokens(gateway: str, token_file: Path | None, *, person: str, everything: bool, output: str) -> int:
    def work(ask: Ask) -> int:
        found = parsed(TokenPage, ask("GET", filtered("/v1/tokens", person, everything))).tokens
        if output == "table":
            print_table(_TITLES, [_row(each) for each in found])
        else:
            print_json([each.model_dump(mode="json") for each in found], lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def revoke_token(gateway: str, token_file: Path | None, id: str) -> int:
    def work(ask: Ask) -> int:
        ask("DELETE", f"/v1/tokens/{quote(id, safe='')}")
        hint(f"{id} is revoked, and what was made with it")
        return 0

    return signed_in(gateway, token_file, work)


def _row(token: TokenSummary) -> tuple[str, ...]:
    return (
        token.id,
        token.kind,
        token.person,
        token.target or token.label,
        ",".join(token.roles),
        minute_time(token.created_at, "utc"),
        _time(token.expires_at, "never"),
        _time(token.used_at, "-"),
        "revoked" if token.revoked else "",
    )


def _time(moment: datetime | None, otherwise: str) -> str:
    return minute_time(moment, "utc") if moment else otherwise
