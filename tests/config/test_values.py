"""Durations, sizes, addresses and public keys: what is read, what is refused, and back again."""

from datetime import timedelta

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app.config_keys import read_public_key
from gateway.app.config_values import (
    Address,
    read_address,
    read_duration,
    read_secret,
    read_server,
    read_size,
    show_duration,
    show_size,
)


@given(st.integers(0, 10**9))
def test_a_duration_reads_back(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    assert read_duration(show_duration(value)) == value


@given(st.integers(0, 10**9))
def test_a_size_reads_back(size: int) -> None:
    assert read_size(show_size(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43200), ("1d2h3m4s", 93784)]
)
def test_durations(text: str, seconds: int) -> None:
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "1.5h", "-1s", "1m1h", "1s ", "5 m", "٣s", "99999999999s"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        read_duration(text)


@pytest.mark.parametrize(("text", "size"), [("0B", 0), ("500MiB", 500 << 20), ("2GB", 2 * 10**9)])
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "500", "MiB", "1.5GiB", "1 GiB", "1gib", "-1B"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("web-1.internal:22", "web-1.internal", 22),
        ("[::1]:2222", "::1", 2222),
        ("[0:0:0:0:0:0:0:1]:65535", "::1", 65535),
        ("{name}.internal:22", "{name}.internal", 22),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    address = read_address(text)
    assert address == Address(host, port)
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("web-1", "must be a host and a port"),
        (":22", "must be a host and a port"),
        ("web-1:", "the port must be a number"),
        ("web-1:ssh", "the port must be a number"),
        ("web-1:65536", "the port must be a number"),
        ("::1:22", "must be in brackets"),
        ("[web]:22", "must be an IPv6 address"),
        ("web 1:22", "only letters, digits"),
        ("-oProxyCommand=x:22", "only letters, digits"),
        ("user@web-1:22", "only letters, digits"),
    ],
)
def test_no_addresses(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_address(text)


def test_what_can_be_reached_from_where() -> None:
    loopback = [read_address(text).is_loopback for text in ("127.0.0.9:1", "[::1]:1", "localhost:1")]
    assert loopback == [True] * 3
    assert not read_address("10.0.0.1:1").is_loopback
    assert not read_address("example.com:1").is_loopback
    assert read_address("0.0.0.0:1").is_everywhere
    assert read_address("[::]:1").is_everywhere


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_public_keys(kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    line = key.export_public_key().decode().strip()
    read = read_public_key(f"  {line}  a comment of words ")
    assert (read.openssh, read.fingerprint) == (line, key.get_fingerprint())
    assert read.comment == "a comment of words"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "must be a public key"),
        ("hello", "must be a public key"),
        ("ssh-dss AAAA", "DSA keys are not accepted"),
        ("ssh-ed25519", "the part after its type is missing"),
        ("ssh-ed25519 AAAA", "not a whole public key"),
        ("ssh-ed25519 !!", "not a whole public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
    ],
)
def test_no_public_keys(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_public_key(line)


def test_public_keys_that_are_refused_for_a_reason() -> None:
    line = asyncssh.generate_private_key("ssh-rsa", key_size=1024).export_public_key().decode()
    with pytest.raises(ValueError, match="shorter than 2048 bits"):
        read_public_key(line)
    good = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    with pytest.raises(ValueError, match="options before a key"):
        read_public_key(f'from="10.0.0.0/8" {good}')
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().split()[1]
    with pytest.raises(ValueError, match="not a whole public key"):
        read_public_key(f"ssh-ed25519 {other}")


@pytest.mark.parametrize(
    "value",
    [
        "canary",
        ["canary"],
        {},
        {"vault": "canary"},
        {"vault": "secret/data/canary"},
        {"vault": "sys/canary#x"},
        {"vault": ["canary"]},
        {"vault": "secret/data/x#canary", "field": "canary"},
        {"vault_ssh": "ssh/sign/canary"},
        {"vault_db": "database/creds/canary"},
        {"aws": "canary canary"},
        {"aws": "", "field": "canary"},
        {"aws": ["canary"]},
        {"aws": "prod/x", "field": ["canary"]},
        {"aws": "prod/x", "region": "Canary canary"},
        {"aws": "prod/x", "canary": "canary"},
        {"aws": "prod/x", "env": "canary"},
        {"env": "canary!"},
        {"file": ""},
        {"command": "canary"},
        {"command": []},
        {"command": [1, "canary"]},
        {"env": "canary", "file": "canary"},
    ],
)
def test_what_is_no_reference_to_a_secret_is_not_repeated(value: object) -> None:
    with pytest.raises(ValueError) as caught:
        read_secret(value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("/var/run/postgresql:5432", Address("/var/run/postgresql", 5432)),
        ("/:1", Address("/", 1)),
        ("/run/{name}:5433", Address("/run/{name}", 5433)),
        ("db-1.internal:5432", Address("db-1.internal", 5432)),
        ("[::1]:5432", Address("::1", 5432)),
    ],
)
def test_servers(text: str, server: Address) -> None:
    assert read_server(text) == server
    assert read_server(str(server)) == server
    assert server.is_socket == text.startswith("/")


@given(st.text(max_size=40) | st.from_regex(r"/[a-z/.:]{0,30}:[0-9]{0,6}", fullmatch=True))
def test_a_server_reads_back_or_is_refused(text: str) -> None:
    try:
        found = read_server(text)
    except ValueError:
        return
    assert read_server(str(found)) == found
    assert 0 <= found.port <= 65535


@pytest.mark.parametrize(
    "text", ["/run", "/run:", "/run:x", "/run:65536", "/run dir:5432", f"/{'x' * 91}:5432"]
)
def test_no_servers(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_server(text)
