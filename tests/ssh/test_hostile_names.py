"""Names that try to be a path, a template, another name or too much: none is looked up, none reaches a target."""

import asyncio
import logging
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import Boolean, String

from gateway.adapters.ssh.login_name import read_login_name
from gateway.core.errors import Malformed
from tests.ssh.client import PATIENCE
from tests.ssh.house import House
from tests.ssh.raw import is_well, resident, untouched_target
from tests.ssh.test_proof import Puppet, arguments

GOOD = "web-1"

BEFORE_AND_BEHIND = (
    *(
        " ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\x01",
        "\x1b",
        "\x7f",
        "\x80",
        "\x9b",
        "\u00a0",
        "\u00ad",
        "\u200b",
    ),
    *(
        "\u200d",
        "\u200e",
        "\u202e",
        "\u2028",
        "\ufeff",
        "\u0301",
        "\ufffd",
        "%",
        "%%",
        "@",
        "/",
        "\\",
        ":",
        ";",
    ),
    *(
        ",",
        "'",
        '"',
        "`",
        "$",
        "!",
        "*",
        "?",
        "#",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "~",
        "^",
        "=",
    ),
    *(
        "../",
        "/../",
        "..%2f",
        "%00",
        "%n",
        "%u",
        "%h",
        "%2e",
        "$(id)",
        "`id`",
        "${IFS}",
        "$USER",
        "{name}",
        "{0}",
    ),
    *("\x1b[2J", "\x1b]0;x\x07", "\n[root]", "';--", '"--', "\u0130", "\u212a", "\U0001f680", "\ud800"),
)

LOOK_ALIKES = (
    *("\uff57\uff45\uff42-1", "\uff57eb-1", "w\u0435b-1", "web\u20101", "web\u20131", "web\uff0d1", "\u2460"),
    *("\ufb01le-1", "web-1\u0301", "weB\u0307-1", "\u1e83-1", "\u2167", "\u00df", "\u212a", "\u017fsh"),
    *(
        "\u0661\u0662",
        "web-\uff11",
        "\uff05web-1",
        "root\uff05web-1",
        "root\ufe6aweb-1",
        "web-1\u00ad",
        "\u00aa",
    ),
)

WHOLE = (
    *("", "%", "%%", "a%", "%a", "a%b%c", "root%web-1%x", "root%%web-1", "web-1%root%web-1", "a@b", "a@b%c"),
    *(
        "a%b@c",
        "user:web-1",
        "user:web-1:22",
        "user+login@web-1",
        "web-1:22",
        "web-1/22",
        "//web-1",
        "ssh://web-1",
    ),
    *("-oProxyCommand=id", "--", "-", ".", "..", "...", "../../etc/passwd", "..\\..\\web-1", "/etc/passwd"),
    *("C:\\web-1", "~root", "::1", "[::1]", "fe80::1%eth0!", "127.0.0.1%", "%127.0.0.1", "web-*", "*", "?"),
    *("[a-z]*", "{web-1,web-2}", "web-1,web-2", "web-1 web-2", "web-1\nweb-2", "web-1\0web-2", *LOOK_ALIKES),
    *(
        "a" * 129,
        "a" * 10_000,
        "a%" + "b" * 10_000,
        "%" * 10_000,
        "../" * 5000,
        "\x1b[" * 5000,
        "a" * 200_000,
    ),
)

NAMES = [
    *WHOLE,
    *(bad + GOOD for bad in BEFORE_AND_BEHIND),
    *(GOOD + bad for bad in BEFORE_AND_BEHIND),
    *(GOOD[:3] + bad + GOOD[3:] for bad in BEFORE_AND_BEHIND),
    *("root%" + bad + GOOD for bad in BEFORE_AND_BEHIND),
    *(bad + "root%" + GOOD for bad in BEFORE_AND_BEHIND),
    *("root" + bad + "%" + GOOD for bad in BEFORE_AND_BEHIND),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Fails of thousands of names must not have us sent away."""
    house = await House.open(
        tmp_path / "gateway", login_failures_per_address=10**6, login_failures_per_name=10**6
    )
    yield house
    await house.close()


def reading(name: str) -> str:
    """How a name is read, written down again; empty where it has none."""
    try:
        return str(read_login_name(name))
    except Malformed:
        return ""


def test_hundreds_of_names() -> None:
    """No reading at all; or, where one of ours came out by putting pieces together, exactly what was sent."""
    assert len(NAMES) >= 500
    harmless = set(string.ascii_letters + string.digits + "._-%")
    read = {name: reading(name) for name in NAMES if reading(name)}
    assert {name for name, again in read.items() if name != again or set(name) - harmless} == set()
    assert not set(read) & {*WHOLE}
    assert len(read) < 15, read


def test_what_is_said_of_a_bad_name() -> None:
    """Always the same, and nothing of the name in it."""
    with pytest.raises(
        Malformed, match=r"^the user name must be TARGET or USER%TARGET, as in: ssh web-1@gateway$"
    ):
        read_login_name("../../etc/passwd")


async def whole_puppet(house: House) -> Puppet:
    options = asyncssh.SSHClientConnectionOptions(
        **{**arguments(house), "client_keys": None, "x509_trusted_certs": []}
    )
    loop = asyncio.get_running_loop()
    options.waiter = loop.create_future()
    options.waiter.add_done_callback(lambda waiter: waiter.exception())
    _, puppet = await loop.create_connection(
        lambda: Puppet(loop, options, wait="auth"), "127.0.0.1", house.port
    )
    async with asyncio.timeout(PATIENCE):
        await puppet.ready.wait()
    return puppet


ON_THE_WIRE = [
    *(name.encode() for name in WHOLE),
    *(bad.encode() + b"web-1" for bad in BEFORE_AND_BEHIND[:20]),
    *(b"web-1" + bad.encode() for bad in BEFORE_AND_BEHIND[:20]),
    *(b"\xff", b"web-1\xff", b"\xc0\xae\xc0\xae/web-1", b"\xed\xa0\x80", b"web-1\xe2\x80", b"\0" * 1000),
]


async def test_names_on_the_wire(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """With a good key that is offered and proved: nobody is asked whose it is, and nothing is written down."""
    caplog.set_level(logging.INFO)
    asked: list[str] = []
    by_key = house.known.by_ssh_key

    async def note(openssh: str, fingerprint: str) -> Any:
        asked.append(openssh)
        return await by_key(openssh, fingerprint)

    house.known.by_ssh_key = note  # type: ignore[method-assign]
    key = house.person_key

    async def offer(name: bytes) -> None:
        puppet = await whole_puppet(house)
        puppet.request(
            b"publickey", Boolean(False), String(key.algorithm), String(key.public_data), name=name
        )
        async with asyncio.timeout(PATIENCE):
            await puppet.wait_closed()

    async with untouched_target(house):
        for begin in range(0, len(ON_THE_WIRE), 8):
            await asyncio.gather(*map(offer, ON_THE_WIRE[begin : begin + 8]))
    assert asked == []
    assert await house.entries() == []
    assert all(line.isprintable() and len(line) < 300 for line in caplog.messages)
    assert not [record for record in caplog.records if record.exc_info]
    house.known.by_ssh_key = by_key  # type: ignore[method-assign]
    assert await is_well(house)


@pytest.mark.parametrize("name", ["a" * 10_000, "a" * 1001, "../", "root%web-1%x"])
async def test_what_a_client_shows_of_a_bad_name(house: House, name: str) -> None:
    """Words of ours, however the name is wrong."""
    with pytest.raises(asyncssh.IllegalUserName, match=r"^hoop: the user name (must be TARGET|is too long)"):
        await asyncssh.connect(**arguments(house, username=name))
    assert await house.entries() == []


async def test_a_name_of_a_megabyte(house: House) -> None:
    """More than a packet may hold: the connection is over before all of it has come."""
    before = resident()
    for _ in range(5):
        puppet = await whole_puppet(house)
        puppet.request(b"none", name=b"a" * (1 << 20))
        async with asyncio.timeout(PATIENCE):
            await puppet.wait_closed()
    assert resident() - before < 24 << 20
    assert await house.entries() == []
    assert await is_well(house)


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ("web-9", b'hoop: there is no target "web-9" for you'),
        ("WEB-1", b'hoop: there is no target "WEB-1" for you'),
        ("web-1.", None),
        ("0x7f000001", b'hoop: there is no target "0x7f000001" for you'),
        ("127.0.0.1", b'hoop: there is no target "127.0.0.1" for you'),
        ("localhost", b'hoop: there is no target "localhost" for you'),
        ("toor%web-1", None),
        ("con", b'hoop: there is no target "con" for you'),
    ],
)
async def test_names_of_nothing(house: House, login: str, said: bytes | None) -> None:
    """A name that could be one, and is not: nobody is connected anywhere else because of it."""
    async with untouched_target(house):
        try:
            async with asyncssh.connect(**arguments(house, username=login)) as connection:
                result = await connection.run("id", encoding=None)
        except asyncssh.Error:
            assert said is None
            return
        assert result.exit_status == 126
        assert isinstance(result.stderr, bytes)
        assert said is None or result.stderr.startswith(said)
        assert not await house.entries("operation.admitted")
