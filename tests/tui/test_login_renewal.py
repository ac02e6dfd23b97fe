"""The sign-in file, and the token in it that is made new in time."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.responses import Response

from hoop_tui.errors import NotSignedIn
from hoop_tui.login.answers import read_signed_in
from hoop_tui.login.renewal import is_due, keep, usable_sign_in
from hoop_tui.sign_in import SignIn, Token, keep_sign_in, read_sign_in, sign_in_file
from tests.tui.sign_in_double import SignInDouble, always, problem


def sign_in_of(
    double: SignInDouble, left: timedelta, tmp_path: Path, *, life: timedelta = timedelta(hours=12)
) -> dict[str, str]:
    """A home in which somebody signed in a while ago."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    ends = datetime.now(UTC) + left
    token = Token(double.new_token().token)
    keep_sign_in(sign_in_file(environ), double.url, token, expires_at=ends, since=ends - life, renewable=True)
    return environ


def test_only_the_last_hour_renews(sign_in_double: SignInDouble, tmp_path: Path) -> None:
    environ = sign_in_of(sign_in_double, timedelta(minutes=61), tmp_path)
    before = usable_sign_in(environ)
    assert sign_in_double.seen == []
    environ = sign_in_of(sign_in_double, timedelta(minutes=59), tmp_path)
    after = usable_sign_in(environ)
    assert sign_in_double.paths() == ["POST /v1/login/refresh"]
    assert after.token is not None
    assert before.token is not None
    assert after.token.expose() in sign_in_double.good
    assert read_sign_in(sign_in_file(environ)).token is not None
    assert usable_sign_in(environ).token is not None
    assert len(sign_in_double.seen) == 1


def test_a_short_life_renews_in_its_second_half() -> None:
    now = datetime.now(UTC)
    for minutes, due in ((20, False), (14, True)):
        ends = now + timedelta(minutes=minutes)
        sign_in = SignIn("g", Token("t"), ends, ends - timedelta(minutes=30), renewable=True)
        assert is_due(sign_in, now) is due


def test_expired_or_refused(sign_in_double: SignInDouble, tmp_path: Path) -> None:
    for left in (timedelta(seconds=-1), timedelta(minutes=5)):
        environ = sign_in_of(sign_in_double, left, tmp_path)
        sign_in_double.good.clear()
        with pytest.raises(NotSignedIn) as needed:
            usable_sign_in(environ)
        assert needed.value.sentence == "sign-in needed - run: hoop-tui login"
        assert needed.value.exit_code == 3


@pytest.mark.parametrize(
    "answer", [lambda: problem(503, "x"), lambda: problem(404, "x"), lambda: Response("?")]
)
def test_an_old_token_serves_while_it_lasts(
    sign_in_double: SignInDouble, tmp_path: Path, answer: Callable[[], Response]
) -> None:
    environ = sign_in_of(sign_in_double, timedelta(minutes=5), tmp_path)
    before = read_sign_in(sign_in_file(environ))
    sign_in_double.override["/v1/login/refresh"] = always(answer)
    after = usable_sign_in(environ)
    assert before.token is not None
    assert after.token is not None
    assert after.token.expose() == before.token.expose()
    assert sign_in_double.paths() == ["POST /v1/login/refresh"]


def test_two_at_once_renew_once(sign_in_double: SignInDouble, tmp_path: Path) -> None:
    environ = sign_in_of(sign_in_double, timedelta(minutes=5), tmp_path)
    found: list[SignIn] = []
    both = [threading.Thread(target=lambda: found.append(usable_sign_in(dict(environ)))) for _ in range(3)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    tokens = {sign_in.token.expose() for sign_in in found if sign_in.token}
    assert len(found) == 3
    assert len(tokens) == 1
    assert tokens <= set(sign_in_double.good)
    assert sign_in_double.paths() == ["POST /v1/login/refresh"]


def test_what_is_not_kept_is_not_renewed(sign_in_double: SignInDouble, tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOOP_TOKEN": "t", "HOOP_GATEWAY": sign_in_double.url}
    assert usable_sign_in(environ).token is not None
    body = sign_in_double.new_token("machine")
    signed_in = read_signed_in(
        body.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(minutes=1)})
        .model_dump_json()
        .encode()
    )
    keep(sign_in_file(environ), sign_in_double.url, signed_in, renewable=False)
    assert usable_sign_in({"XDG_CONFIG_HOME": str(tmp_path)}).token is not None
    assert sign_in_double.seen == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"gateway": "g", "token": "a b"}',
        '{"gateway": "g", "token": "t", "expires_at": "soon"}',
        "\xff",
    ],
)
def test_sign_in_files_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sign-in.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ValueError) as problem:
        read_sign_in(path)
    assert "\n" not in str(problem.value)
