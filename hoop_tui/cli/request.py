"""`hoop-tui request ...`: what you have asked for yourself: look at it, wait for it, answer, take it back."""

import sys
import time
from datetime import timedelta
from pathlib import Path

from gateway.api.schema import RequestCard, RequestSummary
from hoop_tui.cli.printing import complain, hint, print_json, print_table, tell
from hoop_tui.cli.review import pages
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.cli.spans import seconds_of
from hoop_tui.client import HttpGateway
from hoop_tui.request_words import history, place, quoted
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible
from hoop_tui.wording import clock_length

DENIED, PENDING, EXPIRED, CHANGED = 4, 5, 6, 8
OUTCOME = {"approved": 0, "denied": DENIED, "held": PENDING, "expired": EXPIRED, "withdrawn": CHANGED}
"""What waiting for a request ends with."""
_TITLES = ("ID", "STATE", "LEFT", "WHERE", "WHAT", "RULE", "BY")
_POLL = 25.0


def list_requests(gateway: str, token_file: Path | None, *, state: str, limit: int, output: str) -> int:
    async def work(client: HttpGateway) -> int:
        found, _ = await pages(Requests(client), "mine", state, limit)
        if output == "table":
            print_table(_TITLES, [_row(each) for each in found])
        else:
            print_json([each.model_dump(mode="json") for each in found], lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)


def wait(gateway: str, token_file: Path | None, id: str, *, timeout: str, output: str) -> int:
    """Until it is decided, or over. What people say of it meanwhile is told."""
    until = time.monotonic() + seconds_of(timeout) if timeout else None

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        _tell_standing(card)
        told = len(card.remarks)
        while card.state == "held" and (left := _left(until)) > 0:
            card = await requests.wait(card.id, card.mark, min(_POLL, left))
            if said := history(card.model_copy(update={"decisions": [], "remarks": card.remarks[told:]})):
                told = len(card.remarks)
                for line in said:
                    tell(line)
        _print_outcome(card, output)
        return OUTCOME[card.state]

    return with_gateway(gateway, token_file, work)


def reply(
    gateway: str, token_file: Path | None, id: str, text: str, *, reason: str, ticket: str, output: str
) -> int:
    """What is said is the reason, where the rule asks for one that was not given yet."""
    if not (text or reason or ticket):
        return complain("Say something: a text, --reason or --ticket.", 2)

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        is_reason = bool(text) and not reason and "reason" in card.why.missing
        after = await requests.reply(
            card.id,
            reason=text if is_reason else reason,
            ticket=ticket,
            text="" if is_reason else text,
        )
        if output != "table":
            print_json(after.model_dump(mode="json"), lines=output == "jsonl")
        else:
            print(visible(f"{after.id}  told"))
            if after.why.missing:
                hint(f"still to be given: {', '.join(after.why.missing)}")
        return 0

    return with_gateway(gateway, token_file, work)


def cancel(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    async def work(client: HttpGateway) -> int:
        card = await Requests(client).cancel(id)
        _print_outcome(card, output)
        return 0

    return with_gateway(gateway, token_file, work)


def _left(until: float | None) -> float:
    return _POLL if until is None else until - time.monotonic()


def _tell_standing(card: RequestCard) -> None:
    if card.state != "held":
        return
    asked = " or ".join(card.rule.asked)
    tell(
        f"held {card.id}, {clock_length(timedelta(seconds=card.left))} left, asks {asked} - Ctrl-C leaves it held"
    )
    if card.why.missing:
        tell(f'still to be given: {", ".join(card.why.missing)} - hoop-tui request reply {card.id} "..."')
    if card.glass is not None and not card.glass.may_break:
        tell(f'in an emergency: hoop-tui request break-glass {card.id} --reason "..."')


def _print_outcome(card: RequestCard, output: str) -> None:
    if output != "table":
        print_json(card.model_dump(mode="json"), lines=output == "jsonl")
        return
    print(visible(f"{card.id}  {_outcome(card)}"))
    sys.stdout.flush()


def _outcome(card: RequestCard) -> str:
    by = f" by {card.decided_by}" if card.decided_by else ""
    if card.review is not None and card.state == "approved":
        return f"let through{by} (break-glass): {quoted(card.review.reason)}"
    last = card.decisions[-1] if card.decisions and by else None
    return f"{card.state}{by}" + (f": {quoted(last.reason)}" if last and last.reason else "")


def _row(request: RequestSummary) -> tuple[str, ...]:
    held = request.state == "held"
    count = f" {request.granted}/{request.needed}" if held and request.needed > 1 else ""
    return (
        request.id,
        f"{request.state}{count}",
        clock_length(timedelta(seconds=request.left)) if held else "",
        place(request),
        " ".join(request.what.split()),
        request.rule,
        request.decided_by or (f"@{request.claimed_by}" if request.claimed_by else ""),
    )
