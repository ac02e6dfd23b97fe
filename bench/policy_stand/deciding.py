"""How long `decide` takes: many rules of all kinds, asked about statements, commands and files."""

import argparse
import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, islice
from statistics import median, quantiles

from gateway.core.operation import Effect, Operation
from gateway.core.people import Peer, Principal, Session, Target
from gateway.policy.decide import decide
from gateway.policy.loader import load_policy
from gateway.policy.rules import Policy
from gateway.policy.sql.reading import read
from gateway.session.database.parser_grammar import Grammar
from gateway.session.database.parser_process import library

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
TEAMS = ("dev", "sre", "dba", "support", "analysts", "finance", "web", "data")
HOLD = 'do = "hold"\nask = {{ group = "sre" }}'
KINDS = (
    'match = {{ group = "{team}", label = {{ env = "stage-{n}" }} }}\ndo = "allow"',
    'match = {{ group = "{team}", target = "web-{n}-*" }}\ndo = "allow"',
    'match = {{ verb = ["drop", "truncate"], label = {{ env = "prod" }} }}\nunless = {{ group = "{team}" }}\n'
    + HOLD,
    'match = {{ table = ["s{n}.secrets", "s{n}.keys_*"] }}\nunless = {{ group = "{team}" }}\ndo = "block"',
    'match = {{ command = ["systemctl restart s{n}", "rm -rf /srv/s{n}*"], label = {{ env = "prod" }} }}\n'
    + HOLD,
    'match = {{ path = "/etc/s{n}/*", verb = ["upload", "remove"] }}\ndo = "block"',
    'match = {{ label = {{ pii = "s{n}" }} }}\ndo = "mask"\nmask = {{ card = "redact" }}',
    'match = {{ user = "svc-{n}@example.com", effect = "write" }}\ndo = "block"',
    'match = {{ verb = ["update", "delete"], has_where = false, label = {{ tier = "t{n}" }} }}\ndo = "block"',
    'match = {{ source = "10.{n}.0.0/16", verb = "exec" }}\ndo = "alert"',
)
"""Ten ways in which rules are written."""
EVERYBODY = '[[rule]]\nid = "everybody"\nmatch = { user = "*" }\ndo = "allow"\n'


def deciding(given: argparse.Namespace) -> dict[str, float]:
    """The median, over operations of every kind."""
    policy = load_policy([("bench.toml", _rules(given.rules))], ("card",))
    took: list[float] = []
    gc.collect()
    for name, operation, session in _questions():
        each = list(_timed(policy, operation, session, given.rounds))
        took += each
        print(f"{name:22}{median(each):10.4f} ms   p99 {quantiles(each, n=100)[98]:.4f} ms")
    return {"decide_ms_p50": median(took)}


def _rules(count: int) -> str:
    made = (
        f'[[rule]]\nid = "r{n}"\n{kind.format(n=n % 250, team=TEAMS[n % len(TEAMS)])}\n'
        for n, kind in enumerate(islice(cycle(KINDS), count - 1))
    )
    return EVERYBODY + "".join(made)


def _questions() -> Iterator[tuple[str, Operation, Session]]:
    grammar = Grammar(library())
    texts = {
        "a SELECT": "SELECT o.id, c.name FROM app.orders o JOIN app.customers c USING (customer) WHERE o.id = 7",
        "an UPDATE": "UPDATE app.orders SET state = 'sent' WHERE id = 7",
        "a DROP": "DROP TABLE app.payments_old",
    }
    for name, text in texts.items():
        (facts,) = read(grammar.parse(text), text, grammar.fingerprint).statements
        resources = tuple(map(str, (*facts.reads, *facts.writes)))
        operation = Operation(facts.verb, facts.text, facts.effects, resources, {"sql": facts})
        yield name, operation, _session("postgres")
    line = "sudo systemctl status nginx && df -h /srv | tail -1"
    yield "a command", Operation("exec", line, frozenset({Effect.RUN})), _session("ssh")
    details = {"path": "x.conf", "resolved": "/srv/www/x.conf", "paths": ("x.conf", "/srv/www/x.conf")}
    effects = frozenset({Effect.TRANSFER, Effect.WRITE})
    yield (
        "an upload",
        Operation("upload", "upload x", effects, ("/srv/www/x.conf",), details),
        _session("ssh"),
    )


def _session(kind: str) -> Session:
    person = Principal("alice@example.com", "alice@example.com", frozenset({"dev", "web", "oncall"}))
    target = Target("one", kind, "127.0.0.1", 1, "app", {"env": "prod", "pii": "yes", "tier": "1"})
    return Session("s-00000000", person, target, Peer("10.3.0.7", 1), NOW, "app")


def _timed(policy: Policy, operation: Operation, session: Session, rounds: int) -> Iterator[float]:
    for _ in range(rounds):
        began = time.perf_counter_ns()
        decide(policy, operation, session, NOW)
        yield (time.perf_counter_ns() - began) / 1e6
