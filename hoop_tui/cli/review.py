"""`hoop-tui review ...`: what asks you, for scripts and for haste: look at it, claim it, say yes or no."""

import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from gateway.api.schema import RequestCard, RequestPage, RequestSummary
from hoop_tui.cli.printing import complain, hint, print_json, print_table
from hoop_tui.cli.request_card import print_card
from hoop_tui.cli.sessions import with_gateway
from hoop_tui.client import HttpGateway
from hoop_tui.errors import Garbled, GatewayTrouble, ServerSaid, Unreachable
from hoop_tui.request_words import RISKS, place
from hoop_tui.requests_client import Requests
from hoop_tui.safe_text import visible
from hoop_tui.wording import clock_length

FORBIDDEN, EXPIRED, CHANGED = 4, 6, 8
OVER = {"approved": CHANGED, "denied": CHANGED, "expired": EXPIRED, "withdrawn": CHANGED}
"""The exit codes of whoever comes too late."""
_TITLES = ("ID", "LEFT", "RISK", "WHO", "WHERE", "WHAT", "STATE")
_NOTHING = {"asked": "nothing waits for you", "all": "nothing waits", "reviews": "no review is open"}
_SHA = re.compile(r"[0-9a-f]{12,64}")
_CAREFULLY = ("high", "critical")


def list_requests(
    gateway: str, token_file: Path | None, *, which: str, state: str, limit: int, output: str
) -> int:
    async def work(client: HttpGateway) -> int:
        found, last = await pages(Requests(client), which, state, limit)
        if output == "table":
            print_table(_TITLES, [_row(each) for each in found])
            if not found:
                hint(_NOTHING.get(which, "there is nothing"))
            if last.cursor:
                hint(f"there are more: --limit {limit * 2}")
            if last.open_reviews and which != "reviews":
                late = f", {last.overdue_reviews} overdue" if last.overdue_reviews else ""
                hint(
                    f"open reviews of broken glass: {last.open_reviews}{late} - hoop-tui review ls --open-reviews"
                )
        else:
            print_json([each.model_dump(mode="json") for each in found], lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)


def show_request(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    async def work(client: HttpGateway) -> int:
        card = await Requests(client).card(id)
        if output == "table":
            print_card(card)
            if card.state == "held" and not card.may_decide:
                hint(f"hoop-tui review approve {card.id} --yes --sha {card.statement.sha256[:12]}")
        else:
            print_json(card.model_dump(mode="json"), lines=output == "jsonl")
        return 0

    return with_gateway(gateway, token_file, work)


def approve(
    gateway: str,
    token_file: Path | None,
    id: str,
    *,
    reason: str,
    scope: str,
    yes: bool,
    sha: str,
    output: str,
) -> int:
    """With `yes`, exactly what `sha` is the beginning of the digest of. Else whoever sits there is asked."""
    try:
        sha = shortened(sha)
    except ValueError as problem:
        return complain(str(problem), 2)
    if yes and not sha:
        return complain(
            "--yes needs --sha: the beginning of the sha256 that you were shown, 12 digits or more", 2
        )
    if not yes and not sys.stdin.isatty():
        return complain("Without a terminal to ask at, approving takes --yes and --sha.", 2)

    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        if code := too_late(card):
            return code
        if not card.statement.sha256.startswith(sha):
            return complain(f"{card.id} is not what you were shown: look again", CHANGED)
        if not yes:
            print_card(card)
            if card.may_decide:
                return complain(f"you can not decide {card.id}: {card.may_decide}", FORBIDDEN)
            if not _agreed(card, scope):
                return complain(f"{card.id} was left as it is", 1)
        return await _decided(requests, card, requests.approve(card, reason, scope), output)

    return with_gateway(gateway, token_file, work)


def shortened(sha: str) -> str:
    """What was written of a digest. Raises ValueError, one sentence."""
    sha = sha.lower().removesuffix("...").removesuffix("..")
    if sha and not _SHA.fullmatch(sha):
        raise ValueError(
            "--sha takes 12 to 64 hex digits, from the beginning of the sha256 that you were shown"
        )
    return sha


def deny(gateway: str, token_file: Path | None, id: str, *, reason: str, output: str) -> int:
    async def work(client: HttpGateway) -> int:
        requests = Requests(client)
        card = await requests.card(id)
        late = too_late(card, denying=True)
        return late or await _decided(requests, card, requests.deny(card, reason), output)

    return with_gateway(gateway, token_file, work)


def claim(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    return say(gateway, token_file, lambda requests: requests.claim(id), "claimed", output)


def unclaim(gateway: str, token_file: Path | None, id: str, *, output: str) -> int:
    return say(gateway, token_file, lambda requests: requests.unclaim(id), "left to others", output)


def comment(gateway: str, token_file: Path | None, id: str, text: str, *, output: str) -> int:
    return say(gateway, token_file, lambda requests: requests.comment(id, text), "told", output)


def say(
    gateway: str,
    token_file: Path | None,
    act: Callable[[Requests], Awaitable[RequestCard]],
    done: str,
    output: str,
) -> int:
    """Do one thing, and tell that it is done."""

    async def work(client: HttpGateway) -> int:
        print_done(await act(Requests(client)), done, output)
        return 0

    return with_gateway(gateway, token_file, work)


def print_done(card: RequestCard, done: str, output: str) -> None:
    """What was done to it, in one line; or the card as data."""
    if output == "table":
        print(visible(f"{card.id}  {done}"))
    else:
        print_json(card.model_dump(mode="json"), lines=output == "jsonl")


async def pages(
    requests: Requests, which: str, state: str, limit: int
) -> tuple[list[RequestSummary], RequestPage]:
    """As many as are wanted, asked for in pieces; and the last piece."""
    found: list[RequestSummary] = []
    cursor = ""
    while True:
        page = await requests.page(
            which=which, state=state, limit=min(1000, limit - len(found)), cursor=cursor
        )
        found += page.requests
        cursor = page.cursor
        if not cursor or len(found) >= limit:
            return found, page


async def _decided(requests: Requests, card: RequestCard, act: Awaitable[RequestCard], output: str) -> int:
    try:
        after = await act
    except ServerSaid as said:
        # Why it is over decides the exit code, and only the gateway knows.
        if said.status == 410 and (code := too_late(await requests.card(card.id))):
            return code
        if said.is_answer:
            raise
        return await _found_out(requests, card, said)
    except (Garbled, Unreachable) as trouble:
        return await _found_out(requests, card, trouble)
    if output != "table":
        print_json(after.model_dump(mode="json"), lines=output == "jsonl")
    elif after.state == "held":
        lacking = " and ".join(f"{each.missing} of {' or '.join(each.groups)}" for each in after.rule.missing)
        print(visible(f"{after.id}  held, and still needs {lacking}"))
    else:
        print(visible(f"{after.id}  {after.state}"))
    return 0


async def _found_out(requests: Requests, card: RequestCard, trouble: GatewayTrouble) -> int:
    """What became of a decision that got no answer."""
    complain(trouble.sentence, trouble.exit_code)
    try:
        now = await requests.card(card.id)
    except GatewayTrouble:
        look = f"hoop-tui review show {card.id}"
        return complain(f"whether it counted is not known - see: {look}", trouble.exit_code)
    if now.mark == card.mark:
        return complain(f"it has not counted: {now.id} is {now.state} still", trouble.exit_code)
    by = f" by {now.decided_by}" if now.decided_by else ""
    return complain(f"{now.id} has changed meanwhile: {now.state}{by}", trouble.exit_code)


def too_late(card: RequestCard, *, denying: bool = False) -> int:
    """0 while there is something to decide; else it is said what has become of it."""
    if card.state == "held":
        return 0
    by = f" by {card.decided_by}" if card.decided_by else ""
    how = f"{card.state}{by}" if card.review is None else f"let through{by}, who broke the glass"
    instead = (
        f"; to end what it covers: hoop-tui review revoke {card.id}"
        if denying and card.state == "approved"
        else ""
    )
    return complain(f"{card.id} is decided already: {how}{instead}", OVER[card.state])


def _agreed(card: RequestCard, scope: str) -> bool:
    """Ask. Whatever is risky wants its target typed; nothing typed is a no."""
    what = "" if scope == "once" else f" ({visible(scope)})"
    if card.risk.word in _CAREFULLY:
        sys.stderr.write(f"Approve {visible(card.id)}{what}? Type {visible(card.where.target)} to say yes: ")
        wanted = card.where.target
    else:
        sys.stderr.write(f"Approve {visible(card.id)}{what}? [y/N] ")
        wanted = "y"
    sys.stderr.flush()
    typed = sys.stdin.readline().strip()
    return typed == wanted or (wanted == "y" and typed.lower() in ("y", "yes"))


def _row(request: RequestSummary) -> tuple[str, ...]:
    held = request.state == "held"
    parts: list[str] = [request.state]
    if held and request.needed > 1:
        parts.append(f"{request.granted}/{request.needed}")
    if request.claimed_by:
        parts.append(f"@{request.claimed_by}")
    if request.decided_by:
        parts.append(f"by {request.decided_by}")
    if request.review:
        parts.append(
            f"break-glass, review {request.review.upper() if request.review == 'overdue' else request.review}"
        )
    if request.revoked:
        parts.append("revoked")
    if request.same > 1:
        parts.append(f"{request.same} like it")
    return (
        request.id,
        clock_length(timedelta(seconds=request.left)) if held else "",
        RISKS.get(request.risk, request.risk.upper()),
        request.person,
        place(request),
        " ".join(request.what.split()),
        " ".join(parts),
    )
