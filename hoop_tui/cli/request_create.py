"""`hoop-tui request create`: ask before you do it, and wait until it is decided.

What was asked for stays held when the waiting is broken off: `request wait` goes on with it.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from gateway.api.schema import RequestCard, RequestWish
from hoop_tui.cli.printing import hint, print_json, tell
from hoop_tui.cli.request import OUTCOME
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.cli.spans import seconds_of
from hoop_tui.client import HttpGateway
from hoop_tui.request_words import quoted
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible
from hoop_tui.wording import clock_length, in_zone

_POLL = 25.0
_COMMANDS = {"postgres": "psql", "ssh": "ssh"}


def create(
    gateway: str,
    token_file: Path | None,
    wish: RequestWish,
    *,
    wait: bool | None,
    timeout: str,
    output: str,
) -> int:
    """`wait`: None means, if somebody is there to see it. Raises ValueError over the time."""
    waits = sys.stdout.isatty() if wait is None else wait
    seconds = seconds_of(timeout) if timeout else None

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.ask(wish)
        if output == "table":
            print(visible(asked(card)), flush=True)
            if card.why.missing:
                hint(
                    f"still to be given: {', '.join(card.why.missing)} - hoop-tui request reply {card.id} ..."
                )
        if not waits or card.state != "held":
            return _came_of(card, output, waited=False)
        if output == "jsonl":
            print_json(card.model_dump(mode="json"), lines=True)
            sys.stdout.flush()
        return _came_of(await _decided(requests, card, seconds), output, waited=True)

    return with_gateway(gateway, token_file, work)


def written(text: str, file: Path | None) -> str:
    """What is to be run. Raises ValueError, one sentence."""
    if file is None:
        return text
    if text:
        raise ValueError("Say --text or --file, not both.")
    try:
        found = file.read_bytes().decode()
    except OSError as problem:
        raise ValueError(f"{file} can not be read.") from problem
    except UnicodeDecodeError as problem:
        raise ValueError(f"{file} is not text in UTF-8.") from problem
    if not found.strip():
        raise ValueError(f"{file} is empty.")
    return found


def asked(card: RequestCard) -> str:
    """`held T5N-3QZ4  access to appdb (PROD) for 1h  ask: dba-oncall  expires in 10m`"""
    what = (
        " ".join(card.statement.text.split())
        if card.about == "access"
        else f"one text on {card.where.target}"
    )
    parts = [f"{card.state} {card.id}", what]
    if card.state == "held":
        parts += [f"ask: {', '.join(card.rule.asked)}", f"expires in {_short(card.left)}"]
    return "  ".join(parts)


async def _decided(requests: Requests, card: RequestCard, seconds: int | None) -> RequestCard:
    """The card, when it is decided or over, or the time is; what is said meanwhile is told on the way."""
    began = time.monotonic()
    told = 0
    tell("waiting .. Ctrl-C leaves it held")
    while card.state == "held":
        left = _POLL if seconds is None else seconds - (time.monotonic() - began)
        if left <= 0:
            break
        card = await requests.wait(card.id, card.mark, min(_POLL, left))
        waited = clock_length(timedelta(seconds=time.monotonic() - began))
        for said in card.remarks[told:]:
            words = "is looking" if said.kind == "claim" else f"{said.kind}s: {quoted(said.text)}"
            tell(f"waiting .. {said.by} {words} ({waited})")
        told = len(card.remarks)
    return card


def _came_of(card: RequestCard, output: str, *, waited: bool) -> int:
    if output != "table":
        print_json(card.model_dump(mode="json"), lines=output == "jsonl")
    elif card.state != "held":
        print(visible(outcome(card)), flush=True)
    elif waited:
        tell(f"{card.id} is held still - hoop-tui request wait {card.id}")
    return OUTCOME[card.state]


def outcome(card: RequestCard) -> str:
    """`approved by bob@example.com: "ok"    use: hoop-tui psql appdb    until 11:48`"""
    last = card.decisions[-1] if card.decisions and card.state in ("approved", "denied") else None
    by = f" by {last.by}" if last else ""
    why = f": {quoted(last.reason)}" if last and last.reason else ""
    parts = [f"{card.state}{by}{why}"]
    if card.state == "approved":
        parts.append(_use(card))
        if card.until is not None:
            parts.append(f"until {in_zone(card.until, 'local'):%H:%M}")
    return "    ".join(part for part in parts if part)


def _use(card: RequestCard) -> str:
    command = _COMMANDS.get(card.where.kind, "")
    if card.about == "text":
        own = "another has to run it, once" if card.facts.get("author") else "run it: it passes once"
        return f"{own}: hoop-tui {command} {card.where.target}" if command else own
    return f"use: hoop-tui {command} {card.where.target}" if command else ""


def _short(seconds: int) -> str:
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{(seconds + 59) // 60}m" if seconds >= 60 else f"{seconds}s"
