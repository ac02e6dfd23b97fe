"""Secrets from a vault's key-value engine: both versions, what is refused, and a server in every bad mood."""

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import Fault
from gateway.secrets.vault.keyvalue import VaultSecrets
from gateway.secrets.vault.server import MOST
from gateway.secrets.wrong import NotAllowed, NotAnswering, NothingThere, NotTaken
from tests.secrets.certificates import Certificates
from tests.secrets.conftest import CANARY, Connect, fault_of
from tests.secrets.vault_double import VaultDouble, error

APPDB = {"vault": "secret/data/appdb#password"}
FAILS = "the vault secret secret/data/appdb#password can not be fetched: "
Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def secrets(double: VaultDouble, connect: Connect) -> VaultSecrets:
    double.kv2["secret/data/appdb"] = [{"password": CANARY, "user": "app", "port": 5432, "empty": ""}]
    return VaultSecrets(connect())


async def test_both_versions_of_the_engine(double: VaultDouble, secrets: VaultSecrets) -> None:
    double.kv1["kv/appdb"] = {"password": "one", "data": "two"}
    double.kv1["kv/odd"] = {"data": "three", "metadata": "four"}
    assert (await secrets.fetch(APPDB)).expose() == CANARY.encode()
    assert (await secrets.fetch({"vault": "secret/data/appdb#user"})).expose() == b"app"
    assert (await secrets.fetch({"vault": "kv/appdb#password"})).expose() == b"one"
    assert (await secrets.fetch({"vault": "kv/appdb#data"})).expose() == b"two"
    assert (await secrets.fetch({"vault": "kv/odd#metadata"})).expose() == b"four"
    assert [asked.method for asked in double.asked] == ["GET"] * 5


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("pw\n", b"pw"),
        ("pw\r\n", b"pw"),
        ("pw\n\n", b"pw\n"),
        ("-----BEGIN X-----\n", b"-----BEGIN X-----\n"),
    ],
)
async def test_one_line_break_is_no_part_of_it(
    double: VaultDouble, secrets: VaultSecrets, stored: str, value: bytes
) -> None:
    double.kv1["kv/x"] = {"f": stored}
    assert (await secrets.fetch({"vault": "kv/x#f"})).expose() == value


async def test_a_new_version_is_what_counts(double: VaultDouble, secrets: VaultSecrets) -> None:
    await secrets.fetch(APPDB)
    double.kv2["secret/data/appdb"].append({"password": "rotated"})
    assert (await secrets.fetch(APPDB)).expose() == b"rotated"
    double.kv2["secret/data/appdb"].append({})
    assert await fault_of(secrets.fetch(APPDB)) == (
        f"{FAILS}the vault has nothing there (status 404) - check the path"
    )


async def test_fields_that_are_none(double: VaultDouble, secrets: VaultSecrets) -> None:
    for name in ("passwort", "port", "data"):
        told = await fault_of(secrets.fetch({"vault": f"secret/data/appdb#{name}"}), "5432")
        assert told.endswith(": it has no such field, or no text in it - check what stands after the #")
    assert (await fault_of(secrets.fetch({"vault": "secret/data/appdb#empty"}))).endswith(
        "that field is empty"
    )
    double.moods["secret/data/appdb"] = 200, {"data": {"data": CANARY, "metadata": {"version": 1}}}
    await fault_of(secrets.fetch(APPDB))
    double.moods["secret/data/appdb"] = 200, {"data": None}
    assert "the answer is not a secret" in await fault_of(secrets.fetch(APPDB))


@pytest.mark.parametrize(
    "reference",
    [
        {"vault": 1},
        {"vault": "secret/data/appdb"},
        {"vault": "appdb#password"},
        {"vault": "/secret/data/appdb#password"},
        {"vault": "v1/secret/data/appdb#password"},
        {"vault": "secret/../sys/seal#x"},
        {"vault": "sys/seal#x"},
        {"vault": "auth/token/lookup-self#id"},
        {"vault": "secret/data/app?version=1#password"},
        {"vault": "secret/data/a\nb#password"},
        {"vault": "secret/data/appdb#"},
        {"vault": "secret/data/appdb#a#b"},
        {"vault": "secret/data/appdb#password", "field": "x"},
    ],
)
async def test_references_that_are_wrong(
    double: VaultDouble, secrets: VaultSecrets, reference: dict[str, Any]
) -> None:
    assert "reference" in await fault_of(secrets.fetch(reference))
    assert double.asked == []


SEALED = 503, error("Vault is sealed", CANARY)


@pytest.mark.parametrize(
    ("mood", "kind", "sentence"),
    [
        ((403, error(CANARY)), NotAllowed, "the vault does not allow it (status 403) - check the policies"),
        ((404, error(CANARY)), NothingThere, "the vault has nothing there (status 404)"),
        ((400, error(CANARY)), NotTaken, "the vault does not take this question (status 400)"),
        ((405, error(CANARY)), NotTaken, "the vault does not take this question (status 405)"),
        ((429, error(CANARY)), NotAnswering, "the vault is asked too often (status 429)"),
        ((473, error(CANARY)), NotAnswering, "the vault failed (status 473)"),
        ((500, error(CANARY)), NotAnswering, "the vault failed (status 500) - see its own log"),
        ((502, CANARY.encode()), NotAnswering, "the vault failed (status 502)"),
        ((503, error("maintenance")), NotAnswering, "the vault failed (status 503)"),
        (SEALED, Fault, "the vault is sealed - unseal it"),
        ((301, None), Fault, "the vault points elsewhere (status 301), which is not followed"),
        ((307, None), Fault, "the vault points elsewhere (status 307), which is not followed"),
        ((200, CANARY.encode()), Fault, "the answer is not that of a vault"),
        ((200, json.dumps([CANARY]).encode()), Fault, "the answer is not that of a vault"),
        ((200, b"[" * 100_000), Fault, "the answer is not that of a vault"),
        ((200, b"\xff"), Fault, "the answer is not that of a vault"),
        ((200, b""), Fault, "the answer is not a secret"),
        ((204, None), Fault, "the answer is not a secret"),
        ((200, {"data": "x" * MOST}), Fault, "the answer is longer than 1 MiB"),
    ],
)
async def test_answers_that_are_no_secret(
    double: VaultDouble, secrets: VaultSecrets, mood: Any, kind: type[Fault], sentence: str
) -> None:
    double.moods["secret/data/appdb"] = mood
    with pytest.raises(Fault) as caught:
        await secrets.fetch(APPDB)
    assert type(caught.value) is kind
    assert caught.value.sentence.startswith(FAILS + sentence)
    await fault_of(secrets.fetch(APPDB))
    assert double.count("elsewhere") == 0
    del double.moods["secret/data/appdb"]
    assert (await secrets.fetch(APPDB)).expose() == CANARY.encode()


def saying(*pieces: bytes, then: float = 0.0) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(then)
        writer.close()

    return talk


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("talk", "kind", "sentence"),
    [
        (saying(b""), NotAnswering, "the vault can not be reached"),
        (saying(b"SSH-2.0-OpenSSH\r\n"), NotAnswering, "the vault can not be reached"),
        (saying(HEAD + b"Content-Length: 100\r\n\r\n{"), NotAnswering, "the vault can not be reached"),
        (saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), Fault, "the answer is not"),
        (saying(HEAD + b"X: " + b"y" * (1 << 20)), NotAnswering, "the vault can not be reached"),
        (
            saying(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 20
            ),
            Fault,
            "the answer is longer than 1 MiB",
        ),
        (
            saying(HEAD + b"Content-Length: 99\r\n\r\n", *[b" "] * 50, then=0.02),
            NotAnswering,
            "the vault gave no answer in 0.3 seconds",
        ),
        (saying(HEAD, b"", then=5.0), NotAnswering, "the vault gave no answer in 0.3 seconds"),
    ],
    ids=["hangs-up", "no-http", "cut", "packed", "long-head", "endless", "drips", "silent"],
)
async def test_servers_that_are_none(
    double: VaultDouble, connect: Connect, talk: Talk, kind: type[Fault], sentence: str
) -> None:
    secrets = VaultSecrets(connect(timeout=0.3))
    double.moods["secret/data/appdb"] = talk
    with pytest.raises(Fault) as caught:
        await secrets.fetch(APPDB)
    assert (type(caught.value), caught.value.sentence[: len(FAILS + sentence)]) == (kind, FAILS + sentence)


async def test_a_server_that_is_down_and_comes_back(double: VaultDouble, secrets: VaultSecrets) -> None:
    await secrets.fetch(APPDB)
    await double.stop()
    told = await fault_of(secrets.fetch(APPDB))
    assert told == (
        f"{FAILS}the vault can not be reached - see that it runs, and check that address in [vault] is that of a "
        "Vault or OpenBao server"
    )
    await double.start()
    assert (await secrets.fetch(APPDB)).expose() == CANARY.encode()


async def test_many_at_once_and_some_that_go_away(double: VaultDouble, secrets: VaultSecrets) -> None:
    asking = [asyncio.create_task(secrets.fetch(APPDB)) for _ in range(60)]
    await asyncio.sleep(0)
    for task in asking[::3]:
        task.cancel()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert sum(isinstance(each, asyncio.CancelledError) for each in done) == 20
    assert (await secrets.fetch(APPDB)).expose() == CANARY.encode()


async def test_the_namespace_goes_along(double: VaultDouble, connect: Connect) -> None:
    double.namespace = "admin/team-a"
    double.kv1["kv/x"] = {"f": "v"}
    secrets = VaultSecrets(connect(namespace="admin/team-a"))
    assert (await secrets.fetch({"vault": "kv/x#f"})).expose() == b"v"


async def test_only_the_server_that_we_trust(
    double: VaultDouble, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the authority in ca_file and no other, whatever the environment says about proxies."""
    ours, other = Certificates(tmp_path / "ours"), Certificates(tmp_path / "other")
    double.kv1["kv/x"] = {"f": CANARY}
    double.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    double.tls.load_cert_chain(*ours.server("127.0.0.1"))
    await double.stop()
    await double.start()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        secrets = VaultSecrets(connect(ca_file=ours.file))
        assert (await secrets.fetch({"vault": "kv/x#f"})).expose() == CANARY.encode()
    for ca_file, sentence in (
        (other.file, "the vault's certificate is not one we trust - set ca_file in [vault]"),
        (None, "the vault's certificate is not one we trust - set ca_file in [vault]"),
        (tmp_path / "none", "ca_file in [vault] can not be read, or has no certificate in it"),
    ):
        told = VaultSecrets(connect(ca_file=ca_file)).fetch({"vault": "kv/x#f"})
        assert (await fault_of(told)).endswith(sentence)


async def test_nothing_of_it_is_logged(
    double: VaultDouble, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    double.kv1["kv/x"] = {"f": CANARY}
    token = double.token()
    secrets = VaultSecrets(connect(environ={"VAULT_TOKEN": token}))
    await secrets.fetch({"vault": "kv/x#f"})
    assert CANARY not in caplog.text
    assert token not in caplog.text
    assert "kv/x" not in caplog.text
