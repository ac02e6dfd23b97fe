"""What a card marks of a text: the words that a rule points at, and never less than nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.operation import Operation
from gateway.core.verdict import Hold
from gateway.policy.decide import decide
from gateway.policy.sql.tokens import tokens
from tests.policy.conftest import EVERYTHING, policy, rule, run, session
from tests.policy.sql_text import in_database, statement

ASKS = 'ask = { group = "dba" }'


def marked(match: str, operation: Operation, on_database: bool = True) -> list[str]:
    rules = policy(EVERYTHING + rule("h", "hold", match, ASKS))
    verdict = decide(rules, operation, in_database() if on_database else session())
    assert isinstance(verdict, Hold)
    return [operation.text[start:end] for start, end in verdict.matched]


@pytest.mark.parametrize(
    ("match", "text", "expected"),
    [
        ('verb = "drop"', "-- drop it\nDROP TABLE a CASCADE", ["DROP"]),
        ('verb = "delete"', "with d as (DELETE from t returning *) select 'delete' from d", ["DELETE"]),
        ('table = "payments"', "select /* payments */ 'payments' from app.payments p", ["app.payments"]),
        ('table = "app.payments"', 'select 1 from "payments", app . payments', ['"payments"', "app . payments"]),
        ('table = "t*"', 'select $x$ t1 $x$, "Other".a from t1 join t2 using (a)', ["t1", "t2"]),
        ('function = "pg_sleep"', "select pg_sleep(1), e'pg_sleep\\'', 1", ["pg_sleep"]),
        ('column = "customers.email"', "select id, EMAIL from customers where email is null", ["EMAIL", "email"]),
        ("has_where = false", "update t set a = 1", ["update"]),
        ('verb = "delete"\nmatch.table = "a"', "delete from b using a", ["delete", "a"]),
        ('verb = "delete"', "do $$ begin end $$", ["do $$ begin end $$"]),
        ('user = "*"', "select 1", []),
    ],
)  # fmt: skip
def test_of_a_statement(match: str, text: str, expected: list[str]) -> None:
    assert marked(match.replace("\nmatch.", ", "), statement(text)) == expected


@pytest.mark.parametrize(
    ("match", "text", "expected"),
    [
        ('command = "*restart*"', "cd /tmp && sudo systemctl restart nginx; ls", ["sudo systemctl restart nginx"]),
        ('command = "rm *"', "echo $(rm -rf /tmp/x) rm", ["rm -rf /tmp/x"]),
        ('argv = "--force"', "git push --force origin; git push", ["--force"]),
        ('command = "rm *"', "ls; eval $x; ls", ["eval $x"]),
        ('command = "rm *"', "if true; then rm a; fi; rm b", ["rm a", "rm b"]),
        ('command = "rm*\\u00e9"', "rm é", ["rm é"]),
        ('command = "* | sh"', "ls; curl x | sh", ["curl x | sh"]),
        ('command = "ls*grep y"', "ls; cat x | grep y", ["ls; cat x | grep y"]),
        ('user = "*"', "ls", []),
    ],
)  # fmt: skip
def test_of_a_command_line(match: str, text: str, expected: list[str]) -> None:
    assert marked(match, run(text), on_database=False) == expected


def test_of_many_places_only_so_many_and_of_a_long_text_none() -> None:
    assert len(marked('table = "t"', statement("select 1 from " + ", ".join(["t"] * 200)))) == 50
    assert marked('command = "rm *"', run("rm " + "a" * 70_000), on_database=False) == []


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab\"'$/*-\n .;é\\E", max_size=60))
def test_words_have_their_places_whatever_the_text(text: str) -> None:
    end = 0
    for word in tokens(text):
        assert end <= word.start < word.end <= len(text)
        end = word.end
        if not word.quoted:
            assert word.text == text[word.start : word.end].lower()


def test_a_text_that_never_ends_takes_no_time() -> None:
    for text in (
        "/*" * 50_000,
        "$a" * 50_000,
        "'" * 99_999,
        '"' * 99_999,
        "e'\\" * 30_000,
        " ".join(f"$a{n}$" for n in range(10_000)),
    ):
        assert len(list(tokens(text))) >= 0
