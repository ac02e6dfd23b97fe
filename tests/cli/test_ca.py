"""`ca show`, `rotate` and `retire` on real files and a real store."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from cryptography import x509

from gateway.app.clock import SystemClock
from gateway.core.people import Principal
from gateway.identity.authority import Authority
from gateway.identity.signing import PersonSigner
from gateway.store.ledger import SqlLedger

Run = Callable[..., Any]
CAROL = Principal("carol@example.com", "carol@example.com")


def authority(config: Path, kind: Any) -> Authority:
    return Authority(config.parent / "data" / "ca", kind)


def ledger_says(config: Path) -> list[Any]:
    async def read() -> list[Any]:
        ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
        try:
            return [entry for entry in await ledger.entries() if entry.name == "authority.rotated"]
        finally:
            await ledger.close()

    return asyncio.run(read())


def issue(config: Path) -> None:
    """Somebody has a certificate."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    signed = PersonSigner(authority(config, "user"), SystemClock()).sign(CAROL, key, timedelta(hours=12))

    async def keep() -> None:
        ledger = await SqlLedger.open(f"sqlite:///{config.parent}/data/hoop.db")
        try:
            await ledger.add_certificate(signed.row, signed.event)
        finally:
            await ledger.close()

    asyncio.run(keep())


@pytest.mark.parametrize("kind", ["user", "host", "target", "database"])
def test_rotate_and_retire(run: Run, config: Path, kind: str) -> None:
    first = run("ca", "rotate", kind, "-c", config)
    assert first.code == 0
    assert first.err.startswith(f"0001 of the {kind} authority is made: SHA256:")
    assert "\nit signs from now on\n" in first.err
    second = run("ca", "rotate", kind, "-c", config)
    assert second.code == 0
    assert "until" in second.err.splitlines()[1]
    one, two = authority(config, kind).trusted()
    retired = run("ca", "retire", kind, "0001", "--yes", "-c", config)
    assert (retired.code, retired.out) == (0, "")
    assert f"0001 of the {kind} authority is trusted no longer: {one.fingerprint}" in retired.err
    assert authority(config, kind).trusted() == (two,)
    entries = ledger_says(config)
    assert [entry.body["fingerprint"] for entry in entries] == [
        one.fingerprint,
        two.fingerprint,
        one.fingerprint,
    ]
    assert [entry.body["retired"] for entry in entries] == [False, False, True]
    assert all(entry.actor.startswith("local:") for entry in entries)


def test_what_can_not_be_retired(run: Run, config: Path) -> None:
    nothing = run("ca", "retire", "user", "1", "--yes", "-c", config)
    assert (nothing.code, nothing.err) == (
        7,
        "hoop-gateway: there is no user authority yet - run: hoop-gateway ca rotate user\n",
    )
    run("ca", "rotate", "user", "-c", config)
    newest = run("ca", "retire", "user", "0001", "--yes", "-c", config)
    assert newest.code == 1
    assert "0001 is the newest and signs - run first: hoop-gateway ca rotate user" in newest.err
    unknown = run("ca", "retire", "user", "0009", "--yes", "-c", config)
    assert (unknown.code, unknown.err) == (7, "hoop-gateway: there is no user authority 0009\n")
    assert len(authority(config, "user").trusted()) == 1
    assert len(ledger_says(config)) == 1


def test_retiring_what_has_signed(run: Run, config: Path) -> None:
    run("ca", "rotate", "user", "-c", config)
    issue(config)
    issue(config)
    run("ca", "rotate", "user", "-c", config)
    issue(config)
    asked = run("ca", "retire", "user", "0001", "-c", config)
    assert asked.code == 2
    assert (
        "WARNING: 2 certificates that 0001 may have signed are still valid, the last of them until "
        in asked.err
    )
    assert "there is nobody to ask; run it again with --yes" in asked.err
    assert len(authority(config, "user").trusted()) == 2
    assert run("ca", "retire", "user", "0001", "--yes", "-c", config).code == 0


def test_retiring_what_has_signed_nothing(run: Run, config: Path) -> None:
    run("ca", "rotate", "user", "-c", config)
    run("ca", "rotate", "user", "-c", config)
    retired = run("ca", "retire", "user", "1", "-c", config)
    assert retired.code == 0
    assert "WARNING" not in retired.err


def test_show(run: Run, config: Path) -> None:
    none = run("ca", "show", "host", "-c", config)
    assert (none.code, none.out) == (7, "")
    for kind in ("user", "host", "target", "target"):
        run("ca", "rotate", kind, "-c", config)
    (host,) = authority(config, "host").trusted()
    assert run("ca", "show", "host", "-c", config).out == f"@cert-authority * {host.openssh} hoop-host-0001\n"
    one, two = authority(config, "target").trusted()
    assert run("ca", "show", "target", "-c", config).out == (
        f"{one.openssh} hoop-target-0001\n{two.openssh} hoop-target-0002\n"
    )
    shown = json.loads(run("ca", "show", "target", "--form", "json", "-c", config).out)
    assert [(each["number"], each["state"], each["key"]) for each in shown] == [
        ("0001", "trusted", one.openssh),
        ("0002", "signs", two.openssh),
    ]
    assert shown[1]["fingerprint"] == two.fingerprint
    for kind, form in (("host", "trusted-user-ca-keys"), ("target", "known-hosts"), ("user", "known-hosts")):
        wrong = run("ca", "show", kind, "--form", form, "-c", config)
        assert (wrong.code, wrong.out) == (2, "")


def test_what_clients_of_databases_know_it_by(run: Run, config: Path) -> None:
    for _ in range(2):
        run("ca", "rotate", "database", "-c", config)
    shown = run("ca", "show", "database", "-c", config)
    assert (shown.code, shown.err) == (0, "")
    certificates = x509.load_pem_x509_certificates(shown.out.encode())
    assert [each.issuer for each in certificates] == [each.subject for each in certificates]
    assert run("ca", "show", "database", "--form", "pem", "-c", config).out == shown.out, "made once"
    keys = json.loads(run("ca", "show", "database", "--form", "json", "-c", config).out)
    assert [each["state"] for each in keys] == ["trusted", "signs"]
    assert run("ca", "show", "database", "--form", "known-hosts", "-c", config).code == 2
    run("ca", "retire", "database", "0001", "--yes", "-c", config)
    left = x509.load_pem_x509_certificates(run("ca", "show", "database", "-c", config).out.encode())
    assert left == certificates[1:]


def test_the_names_it_goes_by(run: Run, config: Path) -> None:
    text = config.read_text().replace("127.0.0.1:0", "127.0.0.1:2222")
    config.write_text(text.replace("[ssh]\n", '[ssh]\nnames = ["gw", "gw.example.com"]\n'))
    run("ca", "rotate", "host", "-c", config)
    (host,) = authority(config, "host").trusted()
    names = "gw,gw.example.com,[gw]:2222,[gw.example.com]:2222"
    line = run("ca", "show", "host", "-c", config).out
    assert line == f"@cert-authority {names} {host.openssh} hoop-host-0001\n"


def test_wrong_words(run: Run, config: Path) -> None:
    for words in (("show", "root"), ("rotate",), ("retire", "user"), ("rotate", "users")):
        ended = run("ca", *words, "-c", config)
        assert ended.code == 2
        assert "Traceback" not in ended.err


@pytest.mark.interop
@pytest.mark.needs("ssh-keygen")
def test_ssh_keygen_reads_what_is_shown(run: Run, config: Path, tmp_path: Path) -> None:
    run("ca", "rotate", "host", "-c", config)
    (tmp_path / "known").write_text(run("ca", "show", "host", "-c", config).out)
    command = ["ssh-keygen", "-l", "-F", "gw.example.com", "-f", str(tmp_path / "known")]
    told = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert "found: line 1 CA" in told
    assert authority(config, "host").trusted()[0].fingerprint in told
