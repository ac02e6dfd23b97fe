"""Providers that are slow, huge, elsewhere, or say what can not be: each is a Fault with one sentence, quickly."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.identity.oidc.issuer import Issuer, is_sound_url
from gateway.identity.oidc.provider import Provider
from tests.identity.oidc import mint
from tests.identity.oidc.certificates import Certificates
from tests.identity.oidc.conftest import CALLBACK, Scene
from tests.identity.oidc.stub import Reply, stub_provider
from tests.identity.register import MovedClock

DESCRIPTION = "/.well-known/openid-configuration"
CAN_NOT_BE_READ = "corp sent its description that can not be read"


async def sentence_of(scene: Scene) -> str:
    with pytest.raises(Fault) as fault:
        await scene.provider.check()
    assert fault.value.__suppress_context__ or fault.value.__context__ is None
    return str(fault.value)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply({}, 404), "corp answered with status 404 when asked for its description"),
        (Reply({}, 500), "corp answered with status 500 when asked for its description"),
        (
            Reply({}, 302, (("Location", "http://127.0.0.1:1/"),)),
            "corp answered with a redirect, which is not followed",
        ),
        (Reply({}, 304), "corp answered with a redirect, which is not followed"),
        (Reply(b"x" * (257 << 10)), "corp answered with more than 256 KiB"),
        (
            Reply(b"\x1f\x8b\x08\x00", headers=(("Content-Encoding", "gzip"),)),
            "corp answered in a packed form that was not asked for",
        ),
        (Reply(b"<html>"), CAN_NOT_BE_READ),
        (Reply(b""), CAN_NOT_BE_READ),
        (Reply(b"[]"), CAN_NOT_BE_READ),
        (Reply(b"null"), CAN_NOT_BE_READ),
        (Reply(b"\xff\xfe{\x00}\x00"), CAN_NOT_BE_READ),
        (Reply(b'{"issuer": "a", "issuer": "b"}'), CAN_NOT_BE_READ),
        (Reply(b'{"a":' * 50_000), CAN_NOT_BE_READ),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "corp broke the connection off, or does not speak HTTP"),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n"),
            "corp broke the connection off, or does not speak HTTP",
        ),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n"),
            "corp broke the connection off, or does not speak HTTP",
        ),
    ],
)
async def test_answers_that_are_no_description(scene: Scene, reply: Reply, sentence: str) -> None:
    scene.stub.replies[DESCRIPTION] = reply
    assert await sentence_of(scene) == sentence


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"issuer": "https://evil.example.com"},
            "corp describes itself as another issuer than the configured one",
        ),
        ({"issuer": None}, "corp describes itself as another issuer than the configured one"),
        ({"issuer": ["x"]}, "corp describes itself as another issuer than the configured one"),
        ({"jwks_uri": None}, "corp does not say where its keys are"),
        (
            {"authorization_endpoint": None},
            "corp has no authorization endpoint, which this way to sign in needs",
        ),
        ({"token_endpoint": None}, "corp has no token endpoint, which this way to sign in needs"),
        (
            {"code_challenge_methods_supported": ["plain"]},
            "corp does not offer PKCE with S256, without which nobody signs in here",
        ),
        (
            {"code_challenge_methods_supported": "S256"},
            "corp gives code_challenge_methods_supported in a form that can not be read",
        ),
        (
            {"id_token_signing_alg_values_supported": ["HS256", "none"]},
            "corp signs with none of the algorithms that are configured for it",
        ),
        (
            {"token_endpoint_auth_methods_supported": [7]},
            "corp gives token_endpoint_auth_methods_supported in a form that can not be read",
        ),
    ],
)
async def test_descriptions_that_will_not_do(scene: Scene, changed: dict[str, Any], sentence: str) -> None:
    scene.stub.metadata.update(changed)
    assert await sentence_of(scene) == sentence


@pytest.mark.parametrize("added", ["/", "?", "/x"])
async def test_an_issuer_matches_to_the_byte(scene: Scene, added: str) -> None:
    scene.stub.metadata["issuer"] = scene.stub.url + added
    assert await sentence_of(scene) == "corp describes itself as another issuer than the configured one"


@pytest.mark.parametrize(
    "endpoint",
    [
        "jwks_uri",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "device_authorization_endpoint",
    ],
)
@pytest.mark.parametrize(
    "url", ["http://id.example.com/x", "file:///etc/passwd", "https://u:p@id.example.com/", 7]
)
async def test_addresses_that_are_not_sound(scene: Scene, endpoint: str, url: object) -> None:
    scene.stub.metadata[endpoint] = url
    assert (
        await sentence_of(scene) == f"corp gives an address as {endpoint} that is not a sound https address"
    )


async def test_a_provider_far_away_has_no_addresses_on_this_machine(certificates: Certificates) -> None:
    async with stub_provider(certificates.server) as stub:
        stub.metadata["jwks_uri"] = "http://127.0.0.1:1/keys"
        scene = Scene(stub, certificates)
        assert (
            await sentence_of(scene) == "corp gives an address as jwks_uri that is not a sound https address"
        )
        await scene.provider.aclose()


SOUND = [
    "https://id.example.com",
    "https://id.example.com:8443/a?b=c",
    "http://127.0.0.1:8080/x",
    "http://[::1]:1",
]
UNSOUND = [
    "",
    "id.example.com",
    "//id.example.com",
    "ftp://id.example.com",
    "http://id.example.com",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://169.254.169.254/",
    "https://",
    "https:///x",
    "https://user@id.example.com",
    "https://:p@id.example.com",
    "https://id.example.com#x",
    "https://id.example.com\\@evil.example.com",
    "https://id.example.com/\n",
    "https://id example.com",
    "https://idä.example.com",
    "https://id.example.com:99999",
    "https://id.example.com:x",
    "https://[::1",
    "https://id.example.com/" + "x" * 2048,
    "javascript:alert(1)",
    None,
    7,
]


@pytest.mark.parametrize("url", SOUND)
def test_sound_addresses(url: str) -> None:
    assert is_sound_url(url, loopback=True)
    assert is_sound_url(url, loopback=False) == url.startswith("https")


@pytest.mark.parametrize("url", UNSOUND)
def test_unsound_addresses(url: object) -> None:
    assert not is_sound_url(url, loopback=True)


@pytest.mark.parametrize(
    "url", ["https://id.example.com/?a", "https://id.example.com/#", "http://id.example.com"]
)
def test_settings_with_an_unsound_issuer(url: str) -> None:
    with pytest.raises(ValueError, match="the url of an issuer must be https"):
        Issuer("corp", url)


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("RS256", "none"), ("ES256K",), ("rs256",)])
def test_settings_can_not_allow_what_is_never_allowed(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="algorithms must be some of RS256"):
        Issuer("corp", "https://id.example.com", algorithms=algorithms)


async def test_a_slow_provider(scene: Scene) -> None:
    scene.stub.hold = asyncio.Event()
    provider = Provider(scene.issuer, scene.clock, seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Fault, match=r"^corp did not answer within 0.2 seconds$"):
        await provider.check()
    assert time.monotonic() - began < 5
    await provider.aclose()


async def test_a_provider_that_drips(certificates: Certificates) -> None:
    """Every single byte is in time; all of them together are not."""
    stop = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.is_set():
            writer.write(b" ")
            try:
                await asyncio.wait_for(stop.wait(), 0.05)
            except TimeoutError:
                continue
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = Provider(Issuer("corp", url, ca_file=certificates.ca_file), MovedClock(), seconds=0.5)
    with pytest.raises(Fault, match=r"^corp did not answer within 0.5 seconds$"):
        await provider.check()
    await provider.aclose()
    stop.set()
    server.close()
    await server.wait_closed()


async def test_nobody_is_there(certificates: Certificates) -> None:
    async with stub_provider() as stub:
        url = stub.url
    provider = Provider(Issuer("corp", url, ca_file=certificates.ca_file), MovedClock())
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await provider.check()
    await provider.aclose()


async def test_stopped_between_two_sign_ins(scene: Scene, certificates: Certificates) -> None:
    async with stub_provider() as stub:
        other = Scene(stub, certificates)
        await other.vouched()
        journey = await other.begun()
    with pytest.raises(Fault, match=r"^corp can not be reached$"):
        await other.back(journey)
    await other.provider.aclose()


class TestCertificates:
    """https is only as good as the certificate that is checked."""

    async def test_trusted(self, certificates: Certificates) -> None:
        async with stub_provider(certificates.server) as stub:
            scene = Scene(stub, certificates)
            assert (await scene.vouched()).issuer.startswith("https://127.0.0.1:")
            await scene.provider.aclose()

    async def test_not_trusted(self, certificates: Certificates) -> None:
        async with stub_provider(certificates.server) as stub:
            scene = Scene(stub, certificates, settings={"ca_file": None})
            assert await sentence_of(scene) == "corp showed a certificate that is not trusted"
            await scene.provider.aclose()

    async def test_for_another_name(self, certificates: Certificates) -> None:
        async with stub_provider(certificates.server) as stub:
            stub.url = stub.url.replace("127.0.0.1", "localhost")
            scene = Scene(stub, certificates)
            assert await sentence_of(scene) == "corp showed a certificate that is not trusted"
            await scene.provider.aclose()

    async def test_no_tls_at_all(self, scene: Scene) -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(Reply({}, 400).wire())
            writer.close()

        server = await asyncio.start_server(plain, "127.0.0.1", 0)
        scene.stub.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await sentence_of(scene) == "corp could not agree on an encrypted connection"
        server.close()
        await server.wait_closed()

    @pytest.mark.parametrize("content", [None, "no certificate"])
    async def test_ca_file_that_is_none(self, scene: Scene, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        scene.settings["ca_file"] = tmp_path / "ca.pem"
        assert await sentence_of(scene) == "the ca_file of corp can not be read"


async def test_a_proxy_in_the_environment_is_not_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await scene.vouched()).subject == "248289761001"


async def test_cookies_of_one_sign_in_do_not_reach_the_next(scene: Scene) -> None:
    scene.stub.replies["/userinfo"] = Reply(
        {"sub": "248289761001", "groups": []},
        headers=(("Set-Cookie", "who=alice; Path=/"), ("Content-Type", "application/json")),
    )
    await scene.vouched(groups=None)
    await scene.vouched(groups=None)
    assert not any("cookie" in request.headers for request in scene.stub.requests)


async def test_the_description_is_kept_for_an_hour(scene: Scene) -> None:
    for _ in range(3):
        await scene.begun()
    assert scene.stub.asked[DESCRIPTION] == 1
    scene.clock.wait(3600)
    scene.stub.metadata["token_endpoint"] = f"{scene.stub.url}/token2"
    scene.stub.replies["/token2"] = Reply({"error": "invalid_scope"}, 400)
    journey = await scene.begun()
    with pytest.raises(Fault, match="invalid_scope"):
        await scene.back(journey)


async def test_a_name_in_the_settings_is_shown_plainly(scene: Scene) -> None:
    provider = Provider(Issuer("c\x1b[1mörp", scene.stub.url, client_id="hoop"), scene.clock)
    scene.stub.metadata["jwks_uri"] = None
    with pytest.raises(Fault) as fault:
        await provider.begin(CALLBACK)
    assert str(fault.value) == "c<U+001B>[1m<U+00F6>rp does not say where its keys are"
    await provider.aclose()


def test_the_mint_makes_what_it_says() -> None:
    assert {key["kid"] for key in mint.published()} == {"rsa", "p256", "p384", "p521", "ed"}
