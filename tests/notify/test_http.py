"""Webhooks and chats against a real server that answers well, badly, or not at all."""

import asyncio
import hashlib
import hmac
import json
import re
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.app.clock import SystemClock
from gateway.core.errors import Fault
from gateway.core.secret import Secret
from gateway.notify.http import MOST, Poster
from gateway.notify.receiver import LONGEST_PAUSE, NotTaken
from gateway.notify.slack import Slack
from gateway.notify.teams import Teams
from gateway.notify.webhook import Webhook
from tests.notify.receivers import (
    SECRET,
    Answer,
    Http,
    babbles,
    drips,
    fetch,
    floods,
    hangs,
    hangs_up,
    http,
    notice,
    plainly,
)
from tests.secrets.certificates import Certificates

DOCS = Path(__file__).parents[2] / "docs" / "notices.md"


async def sent(server: Http, timeout: float = 5, url: str = "", ca_file: Path | None = None) -> str:
    slack = Slack(Poster(fetch(url or server.url), timeout, ca_file))
    try:
        return await slack.send(notice())
    finally:
        await slack.close()


async def refused(*answers: Answer, timeout: float = 5) -> NotTaken:
    async with http(*answers) as server:
        with pytest.raises(NotTaken) as raised:
            await sent(server, timeout)
        assert len(server.got) == 1
    return raised.value


def verifier() -> dict[str, Any]:
    """The snippet that docs/notices.md gives to those who write receivers."""
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code
    space: dict[str, Any] = {}
    exec(code[1], space)
    return space


async def hooked(server: Http, *secrets: str) -> str:
    hook = Webhook(Poster(fetch(server.url), 5), [fetch(each) for each in secrets], SystemClock())
    try:
        return await hook.send(notice())
    finally:
        await hook.close()


async def test_a_webhook_is_signed_over_its_time_and_body() -> None:
    async with http() as server:
        assert await hooked(server, SECRET) == "status 200: ok"
        (got,) = server.got
    stamp, signature = got.headers["hoop-timestamp"], got.headers["hoop-signature"]
    assert abs(int(stamp) - time.time()) < 60
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert signature == f"v1={digest}"
    assert got.headers["hoop-notice"] == "7QF-2KM-opened"
    assert got.headers["content-type"] == "application/json"
    found = json.loads(got.body)
    assert (found["format"], found["id"], found["request"]) == (1, "7QF-2KM-opened", "7QF-2KM")
    assert found["look"] == "hoop-tui review show 7QF-2KM"
    assert found["statement"] == ""


async def test_the_documented_way_to_verify() -> None:
    verify = verifier()["verify"]
    async with http() as server:
        await hooked(server, SECRET)
        (got,) = server.got
    stamp, signature = got.headers["hoop-timestamp"], got.headers["hoop-signature"]
    assert verify(SECRET.encode(), stamp, signature, got.body)
    assert not verify(b"another secret ................", stamp, signature, got.body)
    assert not verify(SECRET.encode(), stamp, signature, got.body + b" ")
    assert not verify(SECRET.encode(), str(int(stamp) + 1), signature, got.body)
    assert not verify(SECRET.encode(), stamp, "", got.body)
    assert not verify(SECRET.encode(), "soon", signature, got.body)
    old = str(int(stamp) - 3600)
    digest = hmac.new(SECRET.encode(), f"{old}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert not verify(SECRET.encode(), old, f"v1={digest}", got.body)  # sent again an hour later


async def test_while_the_secret_changes_either_is_good() -> None:
    verify, old = verifier()["verify"], "the secret from before ........"
    async with http() as server:
        await hooked(server, SECRET, old)
        (got,) = server.got
    stamp, signature = got.headers["hoop-timestamp"], got.headers["hoop-signature"]
    assert signature.count("v1=") == 2
    for secret in (SECRET, old):
        assert verify(secret.encode(), stamp, signature, got.body)


async def test_a_short_secret_signs_nothing() -> None:
    async with http() as server:
        with pytest.raises(NotTaken, match="shorter than 16 bytes"):
            await hooked(server, SECRET, "short")
        assert server.got == []


async def test_slack_and_teams_get_what_they_understand() -> None:
    async with http() as server:
        await sent(server)
        teams = Teams(Poster(fetch(server.url), 5))
        await teams.send(notice())
        await teams.close()
        slack, card = (json.loads(each.body) for each in server.got)
    assert slack["text"] == "hoop: approval.opened 7QF-2KM high"
    assert slack["blocks"][0]["text"]["text"] == "7QF-2KM waits for approval: delete on appdb"
    assert card["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["attachments"][0]["content"]["body"][0]["inlines"][0]["text"].startswith("7QF-2KM waits")


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_what_is_wrong_with_the_notice_itself_is_final(status: int) -> None:
    assert (await refused(plainly(status, b"invalid_blocks"))).final


@pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 500, 502, 503, 504])
async def test_everything_else_may_be_better_later(status: int) -> None:
    problem = await refused(plainly(status, b"no_service"))
    assert not problem.final
    assert problem.sentence == f"it answered with status {status}"
    assert problem.said == "no_service"


async def test_how_long_a_receiver_wants_to_be_left_alone() -> None:
    assert (await refused(plainly(429, Retry_After="7"))).pause == 7
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 60 < (await refused(plainly(503, Retry_After=later))).pause <= 90
    assert (await refused(plainly(429, Retry_After="999999999"))).pause == LONGEST_PAUSE
    for strange in ("-5", "soon", "1e9", "Thu, 99 Foo 2026"):
        assert (await refused(plainly(429, Retry_After=strange))).pause == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_led_elsewhere(status: int) -> None:
    async with http() as other:
        problem = await refused(plainly(status, Location=other.url))
        assert problem.sentence == f"it points elsewhere (status {status}), which is not followed"
        assert other.got == []


async def test_who_does_not_answer_has_so_long() -> None:
    began = time.monotonic()
    assert (await refused(hangs, timeout=0.5)).sentence == "it gave no answer in 0.5 seconds"
    assert time.monotonic() - began < 5


async def test_so_long_is_meant_in_all() -> None:
    """A byte now and then is no answer."""
    began = time.monotonic()
    assert (await refused(drips, timeout=0.5)).sentence == "it gave no answer in 0.5 seconds"
    assert time.monotonic() - began < 5


async def test_an_answer_without_an_end_is_not_read() -> None:
    async with http(floods) as server:
        said = await asyncio.wait_for(sent(server, 10), 10)
    assert len(said) < 300 < MOST


@pytest.mark.parametrize("behaviour", [hangs_up, babbles])
async def test_what_is_no_http(behaviour: Answer) -> None:
    assert (await refused(behaviour)).sentence == "it hung up, or what it answers is not HTTP"


async def test_a_receiver_that_is_down() -> None:
    async with http() as server:
        url = server.url
    with pytest.raises(NotTaken, match="it can not be reached"):
        await sent(server, url=url)


async def test_nothing_of_the_address_is_repeated() -> None:
    async def echoes(writer: asyncio.StreamWriter, got: Any) -> None:
        await plainly(404, f"Cannot POST {got.path}\x1b[31m".encode())(writer, got)

    problem = await refused(echoes)
    assert "averysecretpart" not in problem.said + problem.sentence
    assert "\x1b" not in problem.said
    assert problem.said.startswith("Cannot POST")


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/hook",
        "http://hooks.example.com/hook",
        "ftp://127.0.0.1/hook",
        "file:///etc/passwd",
        "https://user:pass@127.0.0.1/hook",
        "https://",
        "https://127.0.0.1:99999/hook",
        "https://exa mple.com/",
        "https://127.0.0.1/a\r\nHost: evil",
        "\xff\xfe",
        "",
    ],
)
async def test_addresses_that_notices_do_not_go_to(url: str) -> None:
    async with http() as server:
        with pytest.raises(NotTaken, match="what url points at") as raised:
            await sent(server, url=url or " ")
    assert "pass" not in raised.value.sentence
    assert "evil" not in raised.value.sentence


async def test_a_secret_that_is_not_there() -> None:
    async def missing() -> Secret:
        raise Fault("the environment variable HOOP_SLACK_URL is not set")

    slack = Slack(Poster(missing, 5))
    with pytest.raises(Fault, match="HOOP_SLACK_URL"):
        await slack.send(notice())


async def test_certificates_are_checked(tmp_path: Path) -> None:
    ours, others = Certificates(tmp_path / "ours"), Certificates(tmp_path / "others")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.server("127.0.0.1"))
    async with http(tls=context) as server:
        assert await sent(server, ca_file=ours.file) == "status 200: ok"
        for wrong in (others.file, None):
            with pytest.raises(NotTaken, match="its certificate is not one we trust"):
                await sent(server, ca_file=wrong)
        with pytest.raises(NotTaken, match="its certificate is not one we trust"):  # for another name
            await sent(server, url=server.url.replace("127.0.0.1", "localhost"), ca_file=ours.file)
        with pytest.raises(NotTaken, match="ca_file can not be read"):
            await sent(server, ca_file=tmp_path / "missing.pem")
        assert len(server.got) == 1


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http() as server, http() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await sent(server)
        assert (len(server.got), len(proxy.got)) == (1, 0)
