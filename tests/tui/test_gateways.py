"""Several gateways: one sign-in for each, one in use, the others found by address or name; and the app goes over."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hoop_tui.app import HoopApp
from hoop_tui.client import GatewayClient
from hoop_tui.demo import FakeDesk, FakeGateway, FrozenClock, demo_gateway
from hoop_tui.gateways import called
from hoop_tui.replay.ghostty import GhosttyEmulator
from hoop_tui.screens.sign_in_code import CodeScreen
from hoop_tui.sign_in import (
    SignIn,
    Token,
    all_kept,
    file_of,
    find_sign_in,
    keep_sign_in,
    make_room,
    read_sign_in,
    sign_in_file,
)
from tests.tui.conftest import Program, opened, words

EU, US = "https://hoop-eu.example.com", "https://hoop-us.example.com:8443"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Signed in to both, the second one last."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    sign_in(environ, EU)
    sign_in(environ, US)
    return environ


def sign_in(environ: dict[str, str], gateway: str) -> None:
    in_use = sign_in_file(environ)
    make_room(in_use, gateway)
    ends = datetime.now(UTC) + timedelta(hours=9)
    keep_sign_in(in_use, gateway, Token(f"t-{gateway[8:15]}"), expires_at=ends)


def found(environ: dict[str, str], gateway: str = "") -> tuple[str, str]:
    sign_in = find_sign_in(environ, gateway=gateway)
    return sign_in.gateway, sign_in.token.expose() if sign_in.token else ""


def test_each_gateway_has_its_own_token(environ: dict[str, str]) -> None:
    assert found(environ) == (US, "t-hoop-us")
    assert found(environ, EU) == (EU, "t-hoop-eu")
    assert found(environ | {"HOOP_GATEWAY": EU}) == (EU, "t-hoop-eu")
    assert found(environ, "https://other.example.com") == ("https://other.example.com", "")
    assert [each.gateway for each in all_kept(sign_in_file(environ))] == [US, EU]
    aside = file_of(sign_in_file(environ), EU)
    assert aside.parent.name == "gateways"
    assert aside.stat().st_mode & 0o777 == 0o600
    assert aside.parent.stat().st_mode & 0o777 == 0o700


def test_making_room_loses_nothing(environ: dict[str, str]) -> None:
    in_use = sign_in_file(environ)
    make_room(in_use, EU)
    assert found(environ) == (EU, "t-hoop-eu")
    assert found(environ, US) == (US, "t-hoop-us")
    make_room(in_use, EU)
    make_room(in_use, "https://new.example.com")
    assert not in_use.exists()
    assert {each.gateway for each in all_kept(in_use)} == {EU, US}


def test_names(environ: dict[str, str], tmp_path: Path) -> None:
    assert found(environ, "hoop-eu") == (EU, "t-hoop-eu")
    assert called(environ, "nothing") == "nothing"
    settings = tmp_path / "hoop" / "tui.toml"
    settings.write_text(f'[gateways]\neu = "{EU}"\n')
    assert found(environ, "eu") == (EU, "t-hoop-eu")
    assert found(environ | {"HOOP_GATEWAY": "eu"}) == (EU, "t-hoop-eu")
    settings.write_text("[gateways")
    assert called(environ, "eu") == "eu"


def test_a_token_goes_to_no_other_gateway(environ: dict[str, str]) -> None:
    """Whoever names a file in there for another gateway does not get its token."""
    aside = file_of(sign_in_file(environ), EU)
    other = "https://evil.example.com"
    aside.rename(file_of(sign_in_file(environ), other))
    assert found(environ, other) == (other, "")


def test_the_commands(program: Program) -> None:
    environ = {"XDG_CONFIG_HOME": str(program.config.parent)}
    sign_in(environ, EU)
    sign_in(environ, US)
    (program.config / "tui.toml").write_text(f'[gateways]\neu = "{EU}"\nasia = "https://asia.example.com"\n')
    listed = program("gateways", "ls").stdout.splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [
        ["*", "-", US],
        ["eu", EU, listed[2].split()[2]],
        ["asia", "https://asia.example.com", "no"],
    ]
    assert "t-hoop" not in program("gateways", "ls", "-o", "json").stdout
    assert program("gateways", "use", "eu").returncode == 0
    assert found(environ) == (EU, "t-hoop-eu")
    refused = program("gateways", "use", "asia")
    assert (refused.returncode, "hoop-tui login --gateway asia" in refused.stderr) == (7, True)
    assert program("gateways", "use", "ftp://x").returncode == 2
    # Nobody answers there, so they can not be told; what is here goes all the same.
    program("logout", "--gateway", US)
    assert found(environ, US) == (US, "")
    assert found(environ) == (EU, "t-hoop-eu")


async def test_the_app_goes_from_one_to_another(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "XDG_CONFIG_HOME", environ["XDG_CONFIG_HOME"])
    made: dict[str, FakeGateway] = {}

    def connect(gateway: str, token: Token) -> GatewayClient:
        assert token.expose() == f"t-{gateway[8:15]}"
        made[gateway] = demo_gateway()
        made[gateway].who = made[gateway].who.model_copy(update={"gateway": gateway[8:15]})
        return made[gateway]

    kept = read_sign_in(sign_in_file(environ))
    app = HoopApp(
        sign_in=kept, connect=connect, desk=FakeDesk, clock=FrozenClock(), emulators=GhosttyEmulator
    )
    async with opened(app=app) as scenery:
        await scenery.sessions()
        await scenery.until(lambda: "hoop-us" in words(app))
        await scenery.press("f2", "colon")
        await scenery.press(*"gateway", "space", *"eu")
        await scenery.until(lambda: "gateway  hoop-eu.example.com" in words(app))
        await scenery.until(
            lambda: all(worker.is_finished for worker in app.workers if worker.node is app.screen)
        )
        await scenery.press("enter")
        await scenery.until(lambda: EU in made)
        await scenery.sessions()
        await scenery.until(lambda: "hoop-eu  * live" in words(app) or "hoop-eu* live" in words(app))
        assert made[US].closed
        app.go_to_gateway("https://asia.example.com")
        await scenery.until(lambda: isinstance(app.screen, CodeScreen))
        assert "asia.example.com" in words(app)
    assert found(environ) == (US, "t-hoop-us")
    assert SignIn() == SignIn("")
