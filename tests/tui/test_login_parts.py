"""The parts of signing in: what the listener takes, what of an answer is believed, what files become."""

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificateType
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hoop_tui.address import belongs_to, private_url, same_address
from hoop_tui.errors import Garbled, GatewayTrouble, NotSignedIn, ServerSaid, Unreachable
from hoop_tui.login import browser, device, ssh_files
from hoop_tui.login.answers import Reply, error_word, read_signed_in, refusal, said_in
from hoop_tui.login.desk import HttpDesk
from hoop_tui.login.door import Door
from hoop_tui.login.known_hosts import add_lines, authority_lines, missing, own_names, usable_host
from hoop_tui.login.loopback import Loopback
from hoop_tui.login.renewal import is_due, keep, usable_sign_in
from hoop_tui.login.ssh_agent import Agent, NoAgent
from hoop_tui.login.ssh_key import certified, new_key, public_line
from hoop_tui.private_files import can_write, write_private
from hoop_tui.sign_in import SignIn, Token, keep_sign_in, read_sign_in, sign_in_file
from tests.tui.sign_in_double import SignInDouble, always, problem

GATEWAY = "https://hoop.example.com"
STATE = "the-state"


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        await writer.wait_closed()


def back(port: int, path: str = "/done", method: str = "GET", host: str = "", **asked: str) -> bytes:
    query = f"?{urlencode(asked)}" if asked else ""
    return f"{method} {path}{query} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode()


async def test_the_listener_takes_one_good_answer_and_leaves_the_rest() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        port = loopback.port
        good = {"code": "c", "state": STATE, "iss": GATEWAY}
        twice = back(port, **good).replace(b"code=c", b"code=c&code=d")
        for request in (
            back(port, "/"),
            back(port, "/favicon.ico"),
            back(port, "/done/../done", **good),
            back(port, method="POST", **good),
            back(port, host="evil.example", **good),
            back(port, host=f"localhost:{port}", **good),
            back(port, **good).replace(b"Host:", b"X-Host:"),
            back(port),
            back(port, code="c"),
            back(port, code="c", state="wrong", iss=GATEWAY),
            back(port, code="c", state="ä", iss=GATEWAY),
            twice,
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"\xff\xfe\r\n\r\n",
            b"GET http://evil.example/done HTTP/1.1\r\n\r\n",
        ):
            answer = await ask(port, request)
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), request
            assert STATE.encode() not in answer
        assert await ask(port, b"GET /done?" + b"x" * 20_000) == b""
        waiting = asyncio.create_task(loopback.answer(10))
        page = asyncio.create_task(ask(port, back(port, **good)))
        assert await waiting == "c"
        await loopback.tell(True)
        shown = await page
        assert shown.startswith(b"HTTP/1.1 200")
        assert b"You are signed in - you can close this tab." in shown
        assert b"no-store" in shown
        with pytest.raises(OSError):
            await ask(port, back(port, **good))


async def test_an_answer_of_another_gateway_ends_it() -> None:
    for iss in ("", "https://evil.example", "http://hoop.example.com", "https://hoop.example.com:444"):
        async with Loopback(STATE, GATEWAY) as loopback:
            page = asyncio.create_task(
                ask(loopback.port, back(loopback.port, code="c", state=STATE, iss=iss))
            )
            with pytest.raises(Garbled, match="another gateway"):
                await loopback.answer(10)
            await loopback.tell(False)
            assert b"not signed in" in await page


async def test_a_no_and_nobody() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        said = {"error": "access_denied", "error_description": "not you", "state": STATE, "iss": GATEWAY}
        page = asyncio.create_task(ask(loopback.port, back(loopback.port, **said)))
        with pytest.raises(ServerSaid, match="not you") as no:
            await loopback.answer(10)
        assert no.value.exit_code == 4
        await loopback.tell(False)
        await page
    async with Loopback(STATE, GATEWAY) as loopback:
        with pytest.raises(NotSignedIn, match="did not come back"):
            await loopback.answer(0.05)


async def test_its_port_can_not_be_stolen() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket() as thief:
                thief.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError):
                    thief.bind(("127.0.0.1", loopback.port))


async def test_idle_connections_do_not_keep_it_open() -> None:
    async with Loopback(STATE, GATEWAY) as loopback:
        idle = [await asyncio.open_connection("127.0.0.1", loopback.port) for _ in range(20)]
        await asyncio.sleep(0)
    for reader, writer in idle:
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


async def test_a_stolen_code_is_worth_nothing(sign_in_double: SignInDouble) -> None:
    """Whoever gets hold of what the browser carries lacks the verifier."""
    desk = HttpDesk(sign_in_double.url)
    shown: list[str] = []

    async def steal() -> None:
        while not shown:
            await asyncio.sleep(0.01)
        with pytest.raises(NotSignedIn, match="not begun here"):
            await desk.redeem(
                await asyncio.to_thread(_code_behind, shown[0]), "guessed", "http://127.0.0.1:1/done"
            )

    with pytest.raises(NotSignedIn, match="did not come back"):
        await asyncio.gather(browser.sign_in(desk, shown.append, 1.0), steal())
    assert sign_in_double.good == {}


def _code_behind(url: str) -> str:
    """The code that the gateway sends the browser back with."""
    gateway, _, query = url.partition("/login?")
    assert "code_challenge_method=S256" in query
    assert Door(gateway).ask("GET", f"/login?{query}").status == 302
    return "code-0"


async def test_wrong_issuer_end_to_end(sign_in_double: SignInDouble) -> None:
    sign_in_double.iss = "https://evil.example"

    def visit(url: str) -> None:
        def run() -> None:
            try:
                urllib.request.urlopen(url, timeout=10).read()
            except urllib.error.HTTPError as answer:
                answer.close()

        threading.Thread(target=run, daemon=True).start()

    with pytest.raises(Garbled, match="another gateway"):
        await browser.sign_in(HttpDesk(sign_in_double.url), visit)
    assert "POST /v1/login/token" not in sign_in_double.paths()


@pytest.mark.parametrize(
    ("environ", "system", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0", "BROWSER": "true %s"}, "linux", True),
        ({"WAYLAND_DISPLAY": "w", "BROWSER": "true %s"}, "linux", True),
        ({"DISPLAY": ":0", "BROWSER": "true %s", "SSH_TTY": "/dev/pts/1"}, "linux", False),
        ({"DISPLAY": ":0", "BROWSER": "true %s", "SSH_CONNECTION": "1 2 3 4"}, "darwin", False),
    ],
)
def test_whether_there_is_a_browser(environ: dict[str, str], system: str, there: bool) -> None:
    code = (
        "import os, sys; from hoop_tui.login.browser import has_browser\n"
        "print(has_browser(os.environ, sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, system],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{there}\n"


async def test_slow_down_is_heeded(sign_in_double: SignInDouble) -> None:
    sign_in_double.device_said = ["slow_down", "authorization_pending", "slow_down"]
    sign_in_double.confirmed.set()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    desk = HttpDesk(sign_in_double.url)
    signed_in = await device.confirmed(desk, await device.ask(desk), pause)
    assert signed_in.person == "alice@example.com"
    assert pauses == [1.0, 6.0, 6.0, 11.0]


async def test_endless_pending_ends(sign_in_double: SignInDouble) -> None:
    sign_in_double.device_expires_in, sign_in_double.interval = 10**9, 10**6
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    desk = HttpDesk(sign_in_double.url)
    with pytest.raises(NotSignedIn, match="expired"):
        await device.confirmed(desk, await device.ask(desk), pause)
    assert sum(pauses) <= 900
    assert max(pauses) <= 30
    sign_in_double.interval = -5
    assert (await device.ask(desk)).interval == 1.0


def test_redirects_are_not_followed(sign_in_double: SignInDouble) -> None:
    sign_in_double.override["/v1/me"] = always(lambda: RedirectResponse(f"{sign_in_double.url}/stolen", 307))
    reply = Door(sign_in_double.url).ask("GET", "/v1/me", token=Token("t-canary"))
    assert reply.status == 307
    assert sign_in_double.paths() == ["GET /v1/me"]
    assert refusal(reply).sentence == "The gateway answered 307 and gave no reason."


def test_huge_answers_are_cut_short(sign_in_double: SignInDouble) -> None:
    async def huge() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    sign_in_double.override["/v1/me"] = always(lambda: StreamingResponse(huge()))
    with pytest.raises(Garbled, match="far too long"):
        Door(sign_in_double.url).ask("GET", "/v1/me")


@pytest.fixture
def rude() -> Iterator[Callable[[bytes], str]]:
    """A server that says these bytes to whoever comes, and hangs up."""
    open_ones: list[socket.socket] = []

    def serve(said: bytes) -> str:
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen()
        open_ones.append(server)

        def run() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(said)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for server in open_ones:
        server.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http(rude: Callable[[bytes], str], said: bytes) -> None:
    with pytest.raises(Unreachable):
        Door(rude(said)).ask("GET", "/v1/me")


def test_nobody_there_and_no_tls(rude: Callable[[bytes], str]) -> None:
    with pytest.raises(Unreachable, match="There is no gateway at 127"):
        Door("http://127.0.0.1:1").ask("GET", "/v1/me")
    with pytest.raises(Unreachable, match="TLS"):
        Door(rude(b"HTTP/1.1 200 OK\r\n\r\n").replace("http:", "https:")).ask("GET", "/v1/me")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["token", "id", "person", "roles", "expires_at", "note", "detail", "error"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
@settings(max_examples=150)
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    try:
        signed_in = read_signed_in(body)
        assert signed_in.expires_at.tzinfo is not None
    except Garbled:
        pass
    assert isinstance(said_in(body) + error_word(body), str)
    assert isinstance(refusal(Reply(418, body)), GatewayTrouble)
    assert len(said_in(body)) <= 400


def test_a_token_is_shown_nowhere() -> None:
    body = {
        "token": "t-canary", "id": "t", "person": "p", "roles": [], "expires_at": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    assert "canary" not in repr(read_signed_in(json.dumps(body).encode()))
    assert read_signed_in(json.dumps(body).encode()).token.expose() == "t-canary"
    deep = b"[" * 100_000
    with pytest.raises(Garbled):
        read_signed_in(deep)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (GATEWAY, "https://HOOP.example.com:443/", True),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443/", True),
        (GATEWAY, "http://hoop.example.com", False),
        (GATEWAY, "https://hoop.example.com/base", False),
        ("http://127.0.0.1:1", "http://localhost:1", False),
        (GATEWAY, "https://[x", False),
        (GATEWAY, "", False),
    ],
)
def test_same_addresses(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_no_odd_address_belongs_to_the_gateway(text: str) -> None:
    for page in (text, GATEWAY + text, f"https://{text}"):
        if belongs_to(page, GATEWAY):
            assert page.isascii()
            assert page.isprintable()
            assert (
                page.lower().startswith(
                    (
                        "https://hoop.example.com/",
                        "https://hoop.example.com:443",
                        "https://hoop.example.com?",
                        "https://hoop.example.com#",
                    )
                )
                or page.lower() == GATEWAY
            )


def test_https_or_this_computer() -> None:
    for good in ("https://h.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"):
        assert private_url(good) == good
    for bad in ("http://h.example", "http://10.0.0.1", "http://127.0.0.1.evil.example"):
        with pytest.raises(ValueError, match="https"):
            private_url(bad)


# --- known_hosts

KEY = (
    "ssh-ed25519 "
    + b64encode(struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + b"k" * 32).decode()
)


def test_a_line_is_added_once(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    lines = authority_lines([f"{KEY} their comment"], ["hoop.example.com", "gw"], 2222, f"hoop {GATEWAY}")
    assert lines == [f"@cert-authority [hoop.example.com]:2222,[gw]:2222 {KEY} hoop {GATEWAY}"]
    assert add_lines(path, lines) == lines
    assert path.stat().st_mode & 0o777 == 0o600
    assert add_lines(path, lines) == []
    assert path.read_text() == lines[0] + "\n"
    more = authority_lines([KEY], ["third"], 22, "x")
    assert add_lines(path, more) == [f"@cert-authority third {KEY} x"]
    assert path.read_text().splitlines() == [*lines, *more]


def test_lines_of_others_mode_and_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "known"
    real.parent.mkdir()
    before = (
        b"# mine\n|1|abc= ssh-rsa AAAA\n\xff\xfe not utf-8\r\n@revoked * ssh-rsa AAAA\nno newline at the end"
    )
    real.write_bytes(before)
    real.chmod(0o644)
    path = tmp_path / "known_hosts"
    path.symlink_to(real)
    lines = authority_lines([KEY], ["h"], 22, "c")
    add_lines(path, lines)
    assert path.is_symlink()
    assert real.read_bytes() == before + b"\n" + lines[0].encode() + b"\n"
    assert real.stat().st_mode & 0o777 == 0o644
    assert sorted(each.name for each in real.parent.iterdir()) == ["known"]


def test_stock_ssh_keygen_reads_the_line(tmp_path: Path, sign_in_double: SignInDouble) -> None:
    path = tmp_path / "known_hosts"
    add_lines(path, authority_lines([sign_in_double.authority_line()], ["hoop.example.com"], 2222, "c"))
    found = subprocess.run(
        ["ssh-keygen", "-F", "[hoop.example.com]:2222", "-f", str(path)], capture_output=True, text=True
    )
    assert found.returncode == 0
    assert "@cert-authority" in found.stdout


@given(st.lists(st.text(max_size=30)), st.lists(st.text(alphabet="abc.*?!,[] \n-", max_size=20), max_size=4))
@settings(max_examples=150)
def test_what_a_gateway_sends_becomes_whole_lines_or_nothing(
    authorities: list[str], names: list[str]
) -> None:
    own, others = own_names(names, GATEWAY)
    for line in authority_lines([*authorities, KEY], own, 2222, "c"):
        words = line.split(" ")
        assert line.isprintable()
        assert words[0] == "@cert-authority"
        assert not set(words[1]) & set("*?!\n ")
        assert missing([line], line) == []
    assert set(own) | set(others) >= set(names[:16])


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("hoop.example.com", True),
        ("HOOP.example.com", True),
        ("ssh.hoop.example.com", True),
        ("ssh.example.com", True),
        ("example.com", False),
        ("github.com", False),
        ("evilexample.com", False),
        ("*", False),
        ("*.example.com", False),
        ("hoop.example.com,github.com", False),
        ("!hoop.example.com", False),
        ("-oProxyCommand=x.example.com", False),
        ("hoop.example.com\n* ssh-rsa", False),
        ("", False),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
    ],
)
def test_whose_names(name: str, own: bool) -> None:
    assert own_names([name], GATEWAY) == (([name], []) if own else ([], [name]))


def test_names_of_small_places() -> None:
    assert own_names(["a.com", "10.0.0.2", "10.0.0.1"], "https://10.0.0.1") == (
        ["10.0.0.1"],
        ["a.com", "10.0.0.2"],
    )
    assert own_names(["localhost", "::1", "x.com"], "http://127.0.0.1:1") == (["localhost", "::1"], ["x.com"])
    assert own_names(["b.com"], "https://a.com") == ([], ["b.com"])
    assert own_names(["gw2"], "https://gw") == ([], ["gw2"])
    assert not usable_host("x" * 300)
    assert usable_host("fe80::1")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ????",
        "ssh-dss AAAAB3NzaC1kc3M=",
        KEY.replace("ed25519", "rsa", 1),
        "x y",
        "* " + KEY,
    ],
)
def test_keys_that_are_none(line: str) -> None:
    assert authority_lines([line], ["h"], 22, "c") == []


# --- keys, agents, files


def test_certificates_that_are_not_for_us(sign_in_double: SignInDouble) -> None:
    key = new_key()
    ours = sign_in_double.certify(public_line(key)).certificate
    assert certified(key, ours).blob
    assert "PRIVATE" not in repr(certified(key, ours))
    other = sign_in_double.certify(public_line(new_key())).certificate
    host = sign_in_double.certify(public_line(key), SSHCertificateType.HOST).certificate
    words = ours.split(" ")
    forged = words[0] + " " + words[1][:-8] + "AAAAAAA="
    for line in (
        other,
        host,
        forged,
        public_line(key),
        "",
        "x",
        words[0],
        "ssh-rsa-cert-v01@openssh.com " + words[1],
        "é é",
        "a " * 20_000,
    ):
        with pytest.raises(Garbled):
            certified(key, line)


@pytest.fixture
def odd_agent(tmp_path: Path) -> Iterator[Callable[[bytes], dict[str, str]]]:
    """An agent that answers everything with these bytes."""
    servers: list[socket.socket] = []

    def serve(said: bytes) -> dict[str, str]:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(tmp_path / "odd"))
        server.listen()
        servers.append(server)

        def run() -> None:
            line, _ = server.accept()
            with line:
                line.recv(4096)
                line.sendall(said)

        threading.Thread(target=run, daemon=True).start()
        return {"SSH_AUTH_SOCK": str(tmp_path / "odd")}

    yield serve
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x01\x05",
        b"\x00\x00\x00\x01\x0c",
        b"\x00\x00\x00\x05\x0c\xff\xff\xff\xff",
        b"\x00\x00\x00\x09\x0c\x00\x00\x00\x01\xff\xff\xff\xff",
        b"\x00\x00\x00\x05\x0c\x00",
    ],
)
def test_agents_that_make_no_sense(odd_agent: Callable[[bytes], dict[str, str]], said: bytes) -> None:
    with pytest.raises(NoAgent), Agent(odd_agent(said)) as agent:
        agent.held("x")


def test_no_agent(tmp_path: Path) -> None:
    for environ in (
        {},
        {"SSH_AUTH_SOCK": str(tmp_path / "none")},
        {"SSH_AUTH_SOCK": str(tmp_path)},
        {"SSH_AUTH_SOCK": "x" * 300},
    ):
        with pytest.raises(NoAgent), Agent(environ):
            pass


def test_the_config_has_a_block_for_each_gateway(tmp_path: Path) -> None:
    config = tmp_path / "with blank 100%"
    for gateway, host in (
        (GATEWAY, "hoop.example.com"),
        ("https://b.example", "b.example"),
        (GATEWAY, "new.example.com"),
    ):
        path = ssh_files.write_config(config, gateway, [host, "alias"], host, 2222)
    assert path.read_text().count("Host ") == 2
    assert path.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        ["ssh", "-F", str(path), "-G", "new.example.com"], capture_output=True, text=True, check=True
    ).stdout
    assert f"identityfile {config}/ssh/hoop.example.com/id_ed25519\n".replace("%", "%%") in shown
    ssh_files.remove_config(config, GATEWAY)
    assert path.read_text().count("Host ") == 1
    ssh_files.remove_config(config, "https://b.example")
    assert not path.exists()
    ssh_files.remove_config(config, GATEWAY)


def test_private_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_private(path, b"one")
    write_private(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (tmp_path / "dir").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "dir", b"x")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["deep", "dir"]
    assert not can_write(Path("/proc/self/none"))


# --- renewal


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
