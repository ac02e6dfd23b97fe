"""`FakeRequests`: what waits for people at a gateway that never changes, for tests, snapshots and screenshots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from gateway.api.schema import (
    CardAmendment,
    CardPast,
    CardQuorum,
    CardRisk,
    CardRule,
    CardWhere,
    CardWho,
    CardWhy,
    HiddenCharacter,
    MatchedSpan,
    Remarked,
    RequestCard,
    RequestImpact,
    RequestPage,
    RequestSummary,
    RequestWord,
    RiskLine,
    SaidYesOrNo,
    Statement,
    Tally,
)
from hoop_tui.demo_impacts import demo_impacts
from hoop_tui.errors import GatewayTrouble, NotFound, ServerSaid

ME = "bob@example.com"


@dataclass
class FakeRequests:
    """Answers at once. Put cards into `cards`; what is said about them changes them, as a gateway would."""

    now: Callable[[], datetime]
    cards: dict[str, RequestCard] = field(default_factory=dict)
    failing: GatewayTrouble | None = None
    said: list[str] = field(default_factory=list)
    impacts: dict[tuple[str, bool], RequestImpact] = field(default_factory=dict)
    """By the request, and whether it is tried."""

    async def page(
        self, *, which: str = "asked", state: str = "held", limit: int = 100, cursor: str = ""
    ) -> RequestPage:
        self._note(f"page {which} {state}".strip())
        rows = [
            summary(card)
            for card in self.cards.values()
            if state in ("", card.state)
            and not (which == "asked" and card.may_decide)
            and not (which == "decided" and card.state not in ("approved", "denied"))
        ]
        if which != "asked":
            rows.sort(key=lambda row: row.opened_at, reverse=True)
        first = int(cursor or 0)
        more = str(first + limit) if len(rows) > first + limit else ""
        return RequestPage(requests=rows[first : first + limit], now=self.now(), cursor=more)

    async def card(self, id: str) -> RequestCard:
        self._note(f"card {id}")
        if id not in self.cards:
            raise NotFound("There is no such request for you.")
        return self.cards[id]

    async def approve(self, card: RequestCard, reason: str = "", scope: str = "once") -> RequestCard:
        now = self._taken(card, f"approve {card.id} {scope} {reason}".strip())
        word = SaidYesOrNo(by=ME, granted=True, reason=reason, scope=scope, at=self.now())
        words = [*now.decisions, word]
        state = "approved" if len(words) >= now.rule.needed else "held"
        return self.change(card.id, decisions=words, state=state)

    async def deny(self, card: RequestCard, reason: str) -> RequestCard:
        now = self._taken(card, f"deny {card.id} {reason}")
        word = SaidYesOrNo(by=ME, granted=False, reason=reason, at=self.now())
        return self.change(card.id, decisions=[*now.decisions, word], state="denied")

    async def claim(self, id: str) -> RequestCard:
        return self._remarked(id, "claim", claimed_by=ME)

    async def unclaim(self, id: str) -> RequestCard:
        return self._remarked(id, "unclaim", claimed_by="")

    async def comment(self, id: str, text: str) -> RequestCard:
        return self._remarked(id, "comment", text)

    async def impact(self, id: str, *, dry_run: bool = False) -> RequestImpact:
        self._note(f"impact {id}{' dry-run' if dry_run else ''}")
        found = self.impacts.get((id, dry_run))
        return found or RequestImpact(id=id, dry_run=dry_run, refused="its rules let nobody find out")

    async def amend(self, card: RequestCard, text: str, reason: str = "") -> RequestCard:
        now = self._taken(card, f"amend {card.id} {text} {reason}".strip())
        shown = _statement(text, (), "").model_copy(update={"version": now.statement.version + 1})
        said = CardAmendment(by=ME, reason=reason, at=self.now(), statement=shown)
        statement = now.statement.model_copy(update={"version": now.statement.version + 1})
        remarks = [*now.remarks, Remarked(by=ME, kind="amend", text=reason, at=self.now())]
        return self.change(card.id, amendment=said, statement=statement, remarks=remarks)

    def change(self, id: str, **change: Any) -> RequestCard:
        """It is another one from now on."""
        before = self.cards[id]
        mark = f"{before.mark}+"
        self.cards[id] = before.model_copy(update={"mark": mark, **change})
        return self.cards[id]

    def _taken(self, card: RequestCard, said: str) -> RequestCard:
        self._note(said)
        now = self.cards[card.id]
        if now.state != "held":
            raise ServerSaid(f"{card.id} is decided already: {now.state} by carol@example.com", 409)
        if (now.statement.sha256, now.statement.version) != (card.statement.sha256, card.statement.version):
            raise ServerSaid(f"{card.id} is not what you were shown: look again", 409)
        return now

    def _remarked(self, id: str, kind: str, text: str = "", **change: Any) -> RequestCard:
        self._note(f"{kind} {id} {text}".strip())
        remark = Remarked(by=ME, kind=kind, text=text, at=self.now())
        return self.change(id, remarks=[*self.cards[id].remarks, remark], **change)

    def _note(self, question: str) -> None:
        self.said.append(question)
        if self.failing is not None:
            raise self.failing


def summary(card: RequestCard) -> RequestSummary:
    """Its row."""
    return RequestSummary(
        id=card.id,
        state=card.state,
        mark=card.mark,
        person=card.who.person,
        target=card.where.target,
        kind=card.where.kind,
        env=card.where.labels.get("env", ""),
        verb=card.verb,
        what=" ".join(card.statement.text[:200].split()),
        rule=card.rule.id,
        risk=card.risk.word,
        opened_at=card.opened_at,
        expires_at=card.expires_at,
        left=card.left,
        granted=sum(each.granted for each in card.decisions),
        needed=card.rule.needed,
        claimed_by=card.claimed_by,
        decided_by=card.decisions[-1].by if card.decisions and card.state != "held" else "",
        may_decide=card.may_decide,
    )


def demo_requests(now: Callable[[], datetime]) -> FakeRequests:
    """The cast of the mock-ups."""
    moment = now()
    hidden = [HiddenCharacter(offset=18, codepoint="U+202E", name="RIGHT-TO-LEFT OVERRIDE")]
    cards = [
        card("7QF-2KM4", "alice@example.com", "appdb", _DROP, moment, left=72, risk="high", verb="drop",
             why=CardWhy(reason="clean-up agreed in OPS-4412", ticket="OPS-4412",
                         ticket_url="https://tracker.example.com/browse/OPS-4412"), session="s-6DBX3QWA",
             matched="DROP TABLE payments_old CASCADE",
             lines=(("+", "changes how things are defined"), ("+", "production (env=prod)"),
                    ("-", "the same shape was approved 3 times, and denied never")),
             remarks=[Remarked(by="carol@example.com", kind="comment", text="is the backup done?",
                               at=moment - timedelta(seconds=9)),
                      Remarked(by="alice@example.com", kind="reply", text="yes, 10:30",
                               at=moment - timedelta(seconds=4))]),
        card("K4T-9XA2", "svc-etl", "billing", "UPDATE invoices SET state = 'sent' WHERE month = '2026-10'", moment,
             left=270, risk="medium", verb="update", needed=2, session="s-5ZR2M8WC",
             lines=(("+", "writes"), ("+", "production (env=prod)")),
             decisions=[SaidYesOrNo(by="carol@example.com", granted=True, reason="month close",
                                    at=moment - timedelta(seconds=40))]),
        card("M2C-7PD3", "carol@example.com", "web-3", "sudo systemctl restart nginx", moment, left=535,
             risk="medium", verb="exec", kind="ssh", claimed_by="dan@example.com", session="s-77QA4TBN",
             lines=(("+", "runs a program"), ("+", "production (env=prod)"))),
        card("R8V-1LE5", "dave@example.com", "web-1", "rm -- 'in\u202evoice.pdf'", moment, left=1300, verb="exec",
             kind="ssh", env="stage", risk="low", hidden=hidden, session="s-3MMD61HV",
             lines=(("+", "1 hidden character in the statement"), ("-", "not production (env=stage)"))),
        card("T5N-3QZ6", "bob@example.com", "appdb", "DELETE FROM carts WHERE age > 90", moment, left=3302,
             risk="low", verb="delete", may_decide="you are the requester", lines=(("+", "writes"),)),
        card("G2X-8WNA", "alice@example.com", "appdb", _DROP.replace("OPS-4412", "OPS-4100"),
             moment - timedelta(days=12), left=0, verb="drop", risk="high",
             state="approved", decisions=[SaidYesOrNo(by="carol@example.com", granted=True, reason="backup is done",
                                                      at=moment - timedelta(days=12))]),
    ]  # fmt: skip
    return FakeRequests(now, {each.id: each for each in cards}, impacts=demo_impacts("K4T-9XA2"))


_DROP = """\
BEGIN;
-- clean-up agreed in OPS-4412
DROP TABLE payments_old CASCADE;
COMMIT;"""


def card(
    id: str,
    person: str,
    target: str,
    text: str,
    moment: datetime,
    *,
    left: int = 600,
    span: int = 600,
    risk: str = "",
    verb: str = "delete",
    kind: str = "postgres",
    env: str = "prod",
    needed: int = 1,
    why: CardWhy | None = None,
    lines: Sequence[tuple[str, str]] = (),
    decisions: Sequence[SaidYesOrNo] = (),
    remarks: Sequence[Remarked] = (),
    hidden: Sequence[HiddenCharacter] = (),
    claimed_by: str = "",
    may_decide: str = "",
    session: str = "s-91XKD0PM",
    state: RequestWord = "held",
    matched: str = "",
) -> RequestCard:
    """One request, as a gateway would show it."""
    granted = sum(each.granted for each in decisions)
    return RequestCard(
        id=id,
        state=state,
        mark=f"{id}-1",
        verb=verb,
        opened_at=moment + timedelta(seconds=left - max(span, left)),
        expires_at=moment + timedelta(seconds=left),
        now=moment,
        left=left,
        who=_who(person, kind),
        where=CardWhere(
            target=target,
            kind=kind,
            labels={"env": env},
            login="app_rw",
            session=session,
            connected=True if state == "held" else None,
        ),
        why=why or CardWhy(),
        rule=_rule(verb, target, needed, granted),
        risk=CardRisk(word=risk, lines=[RiskLine.model_validate({"sign": s, "text": t}) for s, t in lines]),
        past=CardPast(
            shape=Tally(
                approved=3,
                last_by="carol@example.com",
                last_at=moment - timedelta(days=12),
                last_approved="G2X-8WNA",
            ),
            person=Tally(approved=41, denied=1),
        ),
        facts={"tables": ["payments_old"]} if verb == "drop" else {},
        statement=_statement(text, hidden, matched),
        decided_by=decisions[-1].by if decisions and state != "held" else "",
        decisions=list(decisions),
        remarks=list(remarks),
        claimed_by=claimed_by,
        may_decide=may_decide,
    )


def _who(person: str, kind: str) -> CardWho:
    client = "psql" if kind == "postgres" else "OpenSSH_9.2"
    return CardWho(
        person=person, groups=["dev"], method="ssh-certificate 17", address="10.0.0.7", client=client
    )


def _rule(verb: str, target: str, needed: int, granted: int) -> CardRule:
    return CardRule(
        id="ddl-needs-a-dba" if verb == "drop" else "changes-are-looked-at",
        message=f"{verb.upper()} on {target} needs a DBA",
        revision="27baed94ad31",
        number=42,
        asked=["dba-oncall"],
        needed=needed,
        missing=[CardQuorum(groups=["dba-oncall"], missing=needed - granted)],
        scopes=["once", "shape 15m 3"],
    )


def _statement(text: str, hidden: Sequence[HiddenCharacter], matched: str) -> Statement:
    data = text.encode("utf-8", "surrogateescape")
    return Statement(
        text=text,
        size=len(data),
        characters=len(text),
        lines=text.count("\n") + 1,
        sha256=sha256(data).hexdigest(),
        version=1,
        hidden=list(hidden),
        hidden_count=len(hidden),
        matched=[MatchedSpan(offset=text.index(matched), length=len(matched))] if matched else [],
    )
