"""Whatever others write in any field of a notice, each medium shows it as text and acts upon none of it."""

import email
import email.policy
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.notices import NAMES, Notice
from gateway.notify import mail, slack, syslog, teams, webhook
from gateway.notify.wording import said
from tests.notify.receivers import FIELDS, FREE, HOSTILE, notice

SENDER, TO = "hoop@example.com", ["oncall@example.com"]
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=300) | st.sampled_from(HOSTILE)
NOTICES = st.builds(
    lambda event, values: replace(notice(), event=event, **values),
    st.sampled_from([*NAMES, "test"]),
    st.dictionaries(st.sampled_from([*FIELDS, *FREE, "gateway"]), ANYTHING, max_size=6),
)
LINE = re.compile(r"[ -~]*")
CORPUS = [notice(**{field: text}) for field in (*FIELDS, *FREE) for text in HOSTILE]


def objects(found: Any) -> list[dict[str, Any]]:
    """Every object in it."""
    if isinstance(found, dict):
        return [found, *(each for value in found.values() for each in objects(value))]
    return [each for value in found for each in objects(value)] if isinstance(found, list) else []


def check_slack(told: Notice) -> None:
    message = json.loads(json.dumps(slack.message(told)))
    assert set(message) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert re.fullmatch(r"hoop:( [A-Za-z0-9._-]+)*", message["text"])
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        assert block["type"] == "section"
        assert len(block.get("fields", ())) <= 10
        for text in [*block.get("fields", ()), *([block["text"]] if "text" in block else [])]:
            assert set(text) == {"type", "text", "emoji"}
            assert (text["type"], text["emoji"]) == ("plain_text", False)
            assert 1 <= len(text["text"]) <= 3000
            assert LINE.fullmatch(text["text"])
            assert "<" not in text["text"]
            assert ">" not in text["text"]
            assert not re.search(r"&(?!amp;|lt;|gt;)", text["text"])
        assert all(len(field["text"]) <= 2000 for field in block.get("fields", ()))


def check_teams(told: Notice) -> None:
    message = json.loads(json.dumps(teams.message(told)))
    kinds = {each["type"] for each in objects(message) if "type" in each}
    assert kinds == {
        "message",
        "AdaptiveCard",
        "RichTextBlock",
        "TextRun",
    }  # nothing that markdown is read in
    assert not any("action" in key.lower() for each in objects(message) for key in each)
    assert all(LINE.fullmatch(each["text"]) for each in objects(message) if "text" in each)
    assert len(json.dumps(message)) < 28_000


def check_mail(told: Notice) -> None:
    raw = mail.message(told, SENDER, TO).as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    found = email.message_from_bytes(raw, policy=email.policy.default)
    allowed = {"from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"}
    allowed |= {"content-type", "content-transfer-encoding", "mime-version"}
    assert {name.lower() for name in found} <= allowed
    assert len(list(found)) == len(set(found))
    assert (found["From"], found["To"]) == ("hoop <hoop@example.com>", "oncall@example.com")
    assert found.get_content_type() == "text/plain"
    assert not found.is_multipart()
    assert LINE.fullmatch(str(found["Subject"]))
    assert all(LINE.fullmatch(line) for line in found.get_content().replace("\r\n", "\n").split("\n"))


PARAMETER = r' [a-z_]+="(?:[^"\\\]\x00-\x1f]|\\["\\\]])*"'
RECORD = re.compile(
    rf"<(106|108|109)>1 \S+ [!-~]{{1,255}} hoop-gateway - [!-~]{{1,32}} \[hoop@32473(?:{PARAMETER})*\] [ -~]*"
)


def check_syslog(told: Notice) -> None:
    record = syslog.record(told)
    assert record.isascii()
    assert RECORD.fullmatch(record), record
    assert len(record) < 4096


def check_webhook(told: Notice) -> None:
    body = webhook.payload(told)
    assert body.isascii()
    assert all(byte >= 0x20 for byte in body)
    found = json.loads(body)
    whole = told.person.encode("utf-8", "replace").decode()
    assert found["person"] == whole
    assert found["title"] == said(told).title
    assert re.fullmatch("[A-Za-z0-9._-]*", webhook.said_id(told))


CHECKS = (check_slack, check_teams, check_mail, check_syslog, check_webhook)


@pytest.mark.parametrize("check", CHECKS)
def test_a_hostile_corpus_in_each_field(check: Any) -> None:
    for told in CORPUS:
        check(told)


@pytest.mark.parametrize("check", CHECKS)
@given(told=NOTICES)
def test_anything_in_any_field(check: Any, told: Notice) -> None:
    check(told)


@given(st.text(), st.text())
def test_what_is_escaped_for_slack_stays_apart(one: str, other: str) -> None:
    assert (slack.escaped(one) == slack.escaped(other)) == (one == other)


@given(ANYTHING)
def test_no_line_of_words_is_more_than_one(text: str) -> None:
    told = notice(person=text, statement=text, word=text)
    assert all(LINE.fullmatch(line) for line in said(told).lines())


@pytest.mark.parametrize("event", NAMES)
def test_nothing_offers_to_decide(event: str) -> None:
    """A command line to look with is all that there is, in every medium."""
    told = notice(event=event, by="bob@example.com")
    shown = [
        json.dumps(slack.message(told)),
        json.dumps(teams.message(told)),
        mail.message(told, SENDER, TO).as_string(),
        syslog.record(told),
        webhook.payload(told).decode(),
    ]
    for text in shown:
        assert "button" not in text
        assert "Action." not in text
        assert "review approve" not in text
    assert all("hoop-tui review show 7QF-2KM" in text for text in shown if text is not shown[3])
