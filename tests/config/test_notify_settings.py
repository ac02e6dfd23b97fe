"""`[notify.NAME]`: what is taken, and what is refused with file and line."""

from collections.abc import Callable

import pytest

from gateway.app.config_file import LoadedConfig
from gateway.app.config_problems import ConfigurationProblems
from gateway.app.config_secrets import references
from gateway.app.config_show import as_toml
from gateway.app.settings_notify import MailTable, SlackTable

Load = Callable[..., LoadedConfig]

BASE = """\
version = 1
[listen]
ssh = "127.0.0.1:0"
"""
SLACK = BASE + '[notify.slack]\nkind = "slack"\nurl = { env = "HOOP_SLACK" }\nsend = ["approval.*"]\n'
MAIL = (
    BASE
    + '[notify.mail]\nkind = "mail"\nserver = "smtp.example.com:587"\nsender = "hoop@example.com"\n'
    + 'to = ["oncall@example.com"]\nsend = ["break_glass"]\n'
)
SYSLOG = (
    BASE + '[notify.log]\nkind = "syslog"\nserver = "logs.example.com:6514"\nsend = ["alert.*", "review.*"]\n'
)


def test_what_is_taken_is_shown_and_read_again(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOP_SLACK", "https://hooks.example.com/x")
    text = SLACK + MAIL.removeprefix(BASE) + SYSLOG.removeprefix(BASE)
    found = load(text)
    slack, mail = found.settings.notify["slack"], found.settings.notify["mail"]
    assert isinstance(slack, SlackTable)
    assert slack.send == ("approval.*",)
    assert isinstance(mail, MailTable)
    assert (mail.server.host, mail.tls) == ("smtp.example.com", "starttls")
    assert load(as_toml(found)).settings == found.settings
    assert found.origin(("notify", "slack", "send")).endswith("hoop.toml:7")
    assert [path for path, _ in references(found.settings)] == [("notify", "slack", "url")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            SLACK.replace("approval.*", "approval.open"),
            ":7: notify.slack.send: is nothing that can be sent; did you",
        ),
        (SLACK.replace("approval.*", "session.opened"), ":7: notify.slack.send: is nothing that can be sent"),
        (SLACK.replace('["approval.*"]', "[]"), ":7: notify.slack.send: must have at least one entry"),
        (
            SLACK.replace('{ env = "HOOP_SLACK" }', '"https://hooks.example.com/x"'),
            ":6: notify.slack.url: a secret is",
        ),
        (
            SLACK.replace('"slack"\nurl', '"slak"\nurl'),
            ':5: notify.slack.kind: must be "webhook", "slack", "teams"',
        ),
        (SLACK.replace('kind = "slack"\n', ""), ":4: notify.slack.kind: is missing"),
        (SLACK + 'urll = "x"\n', ':8: notify.slack.urll: there is no such setting; did you mean "url"?'),
        (
            SLACK + 'sender = "a@example.com"\n',
            ":8: notify.slack.sender: only receivers of kind mail have it",
        ),
        (SLACK + 'min_risk = "hi"\n', ":8: notify.slack.min_risk: must be"),
        (SLACK + 'give_up = "2d"\n', ":8: notify.slack.give_up: must be from 1m to 1d"),
        (SLACK + 'targets = ["web-[12]"]\n', ":8: notify.slack.targets: must be the name of a target"),
        (SLACK.replace("[notify.slack]", '[notify."a b"]'), ":4: notify.a b: may have"),
        (SLACK.replace('kind = "slack"', 'kind = "webhook"'), ":4: notify.slack.secret: is missing"),
        (
            MAIL + 'user = "hoop"\n',
            ":4: notify.mail.password: is missing: user and password belong together",
        ),
        (
            MAIL + 'tls = "none"\n',
            ':10: notify.mail.tls: can be "none" for a mail server on this machine only',
        ),
        (
            MAIL.replace('"oncall@example.com"', '"a@b.c\\r\\nBcc: x@y.z"'),
            ":8: notify.mail.to: must be a mail address",
        ),
        (MAIL.replace('"hoop@example.com"', '"hoop"'), ":7: notify.mail.sender: must be a mail address"),
        (SYSLOG + 'transport = "udp"\nstatement = true\n', ":9: notify.log.statement: needs transport"),
        (SYSLOG + 'transport = "tcp"\nca_file = "x"\n', ":9: notify.log.ca_file: does nothing without TLS"),
        (SYSLOG + 'ca_file = "x.pem"\n', ":8: notify.log.ca_file: "),
    ],
)
def test_what_is_refused(load: Load, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationProblems) as refused:
        load(text)
    lines = [str(each) for each in refused.value.problems]
    assert any(problem in line for line in lines), lines
    assert "hooks.example.com" not in refused.value.sentence


def test_other_mistakes_are_told_in_the_same_breath(load: Load) -> None:
    with pytest.raises(ConfigurationProblems) as refused:
        load(SLACK.replace("approval.*", "nothing") + MAIL.removeprefix(BASE) + 'tls = "none"\n')
    assert {each.key for each in refused.value.problems} == {"notify.slack.send", "notify.mail.tls"}
