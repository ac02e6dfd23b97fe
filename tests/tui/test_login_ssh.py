"""known_hosts, certificates, agents and files: what is put there, and what is not taken."""

import socket
import struct
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificateType
from hypothesis import given, settings
from hypothesis import strategies as st

from hoop_tui.errors import Garbled
from hoop_tui.login import ssh_files
from hoop_tui.login.known_hosts import add_lines, authority_lines, missing, own_names, usable_host
from hoop_tui.login.ssh_agent import Agent, NoAgent
from hoop_tui.login.ssh_key import certified, new_key, public_line
from hoop_tui.private_files import can_write, write_private
from tests.tui.sign_in_double import SignInDouble

GATEWAY = "https://hoop.example.com"


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
