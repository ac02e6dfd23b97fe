"""`hoop-tui whoami`: who the gateway takes you for."""

from pathlib import Path

from gateway.api.schema import Me
from hoop_tui.cli.asked import Ask, signed_in
from hoop_tui.cli.printing import print_facts, print_json
from hoop_tui.login.desk import parsed
from hoop_tui.wording import full_time


def whoami(gateway: str, token_file: Path | None, *, output: str) -> int:
    def work(ask: Ask) -> int:
        me = parsed(Me, ask("GET", "/v1/me"))
        if output == "table":
            print_facts(_facts(me))
        else:
            print_json(me.model_dump(mode="json", exclude={"hints"}), lines=output == "jsonl")
        return 0

    return signed_in(gateway, token_file, work)


def _facts(me: Me) -> list[tuple[str, str]]:
    return [
        ("person", me.person),
        ("roles", ", ".join(me.roles)),
        ("groups", ", ".join(me.groups)),
        ("signed in by", me.method),
        ("until", full_time(me.expires_at, "utc") if me.expires_at else ""),
        ("gateway", me.gateway),
    ]
