"""`person`: passwords, phones, locks and the list, on a real store and in processes of their own where it matters."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.core.events import CertificateIssued, PersonKept, SessionOpened, TokenCreated
from gateway.core.ports import CertificateRow, PersonRow, TokenRow
from gateway.identity import totp
from gateway.identity.passwords import COST, cost_of
from tests.cli.signing_in import (
    ALICE,
    CAROL,
    ISSUER,
    MORE,
    OTTO,
    PASSWORD,
    VERA,
    Run,
    ledger_of,
    noted,
    set_password,
    signs_in,
)


@pytest.fixture
def config(config: Path) -> Path:
    """The usual one, with an identity provider and people of all kinds."""
    usual = config.read_text()
    target = usual[usual.index("[[target]]") :]
    config.write_text("version = 1\n" + MORE + target)
    return config


# Passwords.


async def test_a_password_is_set_and_taken_away(run: Run, config: Path) -> None:
    done = run("person", "password", ALICE, "-c", config, stdin=PASSWORD + "\n")
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        f"{ALICE} has a new password\n"
        f"to sign in they need codes from their phone, too: hoop-gateway person totp {ALICE}\n"
    )
    assert await signs_in(config, ALICE, PASSWORD, alone=True)
    assert not await signs_in(config, ALICE, PASSWORD)
    async with ledger_of(config) as ledger:
        row = await ledger.password(ALICE)
    assert row is not None
    assert cost_of(row.phc) == COST
    assert run("person", "password", ALICE, "--remove", "-c", config) == (
        0,
        "",
        f"{ALICE} has no password any more\n",
    )
    assert not await signs_in(config, ALICE, PASSWORD, alone=True)
    assert run("person", "password", ALICE, "--remove", "-c", config).code == 7
    kept = [body for name, actor, body in await noted(config) if name == "password.set"]
    assert kept == [
        {"person": ALICE, "totp": False, "removed": False},
        {"person": ALICE, "totp": False, "removed": True},
    ]
    assert all(actor.startswith("local:") for name, actor, _ in await noted(config) if name == "password.set")


async def test_nothing_of_a_password_is_left_anywhere(run: Run, config: Path) -> None:
    done = run("person", "password", ALICE, "-c", config, stdin="canary-of-a-password\n")
    assert done.code == 0
    assert "canary" not in done.out + done.err
    for file in (config.parent / "data").iterdir():
        assert b"canary" not in file.read_bytes()


@pytest.mark.parametrize(
    ("name", "given", "code", "told"),
    [
        (ALICE, "", 2, "no password was given; nothing changed"),
        (ALICE, "\n", 2, "no password was given; nothing changed"),
        (ALICE, "short\n", 2, "a password must have at least 12 characters; nothing changed"),
        (ALICE, "password1234\n", 2, "this password is one of the first that are tried; nothing changed"),
        (
            ALICE,
            "here is alice again\n",
            2,
            "a password may not have the person's name in it; nothing changed",
        ),
        (
            "alise@example.com",
            PASSWORD,
            7,
            'there is no person "alise@example.com" in the configuration; did',
        ),
        (VERA, PASSWORD, 7, f'there is no person "{VERA}" in the configuration'),
        ("machine:bot", PASSWORD, 7, 'there is no person "machine:bot" in the configuration'),
        ("dan@example.com", PASSWORD, 2, "dan@example.com is disabled"),
        (CAROL, PASSWORD, 2, f"{CAROL} signs in at corp; only break_glass = true lets them use a password"),
    ],
)
def test_who_gets_no_password(run: Run, config: Path, name: str, given: str, code: int, told: str) -> None:
    ended = run("person", "password", name, "-c", config, stdin=given)
    assert ended.code == code
    assert ended.err.startswith(f"hoop-gateway: {told}")


async def test_a_linked_person_with_break_glass(run: Run, config: Path) -> None:
    config.write_text(config.read_text().replace("[roles]", "[login]\npassword_alone = true\n\n[roles]"))
    set_password(run, config)
    ended = run("person", "password", OTTO, "-c", config, stdin=PASSWORD + "\n")
    assert ended.code == 0
    assert "codes from their phone" in ended.err, "break-glass is never with a password alone"
    assert not await signs_in(config, OTTO, PASSWORD, alone=True)


def typed(config: Path, arguments: list[str], answers: list[str]) -> tuple[int, str]:
    """Run the command at a terminal, give each answer when a question ends in a colon, and return all it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", *arguments, "-c", str(config)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "HOME": str(config.parent)},
    )
    os.close(theirs)
    shown, left = "", list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                read = os.read(ours, 4096)
            except OSError:
                break
            shown += read.decode()
            if left and re.search(r": ?$", shown):
                os.write(ours, left.pop(0).encode() + b"\n")
                shown += "\n"
        elif process.poll() is not None:
            break
    os.close(ours)
    return process.wait(30), shown


async def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(config: Path) -> None:
    code, shown = typed(config, ["person", "password", ALICE], [PASSWORD, PASSWORD])
    assert code == 0, shown
    assert "New password of alice@example.com:" in shown
    assert "Once more:" in shown
    assert PASSWORD not in shown
    assert await signs_in(config, ALICE, PASSWORD, alone=True)


async def test_two_that_differ_change_nothing(config: Path) -> None:
    code, shown = typed(config, ["person", "password", ALICE], [PASSWORD, PASSWORD + "x"])
    assert code == 2
    assert "the two are not the same; nothing changed" in shown
    assert not await signs_in(config, ALICE, PASSWORD, alone=True)


# Phones.


def enrol(config: Path, *more: str, wrong: int = 0) -> tuple[int, str, bytes]:
    """Run `person totp` and answer with the code for the address that it prints, after so many wrong ones."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "person", "totp", ALICE, *more, "-c", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(config.parent)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        return process.wait(30), process.communicate()[1], b""
    secret = secret_in(address)
    answers = ["000000" if code_now(secret) != "000000" else "111111"] * wrong + [code_now(secret)]
    out, err = process.communicate("\n".join(answers) + "\n", timeout=60)
    assert out == "", "the address is the only thing on standard output"
    return process.returncode, err, secret


def secret_in(address: str) -> bytes:
    import base64

    (text,) = parse_qs(urlsplit(address).query)["secret"]
    return base64.b32decode(text)


def code_now(secret: bytes, steps: int = 0) -> str:
    return totp.code_for(secret, totp.step_at(time.time()) + steps)


async def test_a_phone_is_set_up_with_one_right_code(run: Run, config: Path) -> None:
    set_password(run, config)
    code, told, secret = enrol(config, wrong=2)
    assert code == 0, told
    assert told.count("that is not the code; this machine's clock says ") == 2
    assert told.endswith(f"{ALICE} signs in with a password and a code from now on\n")
    assert not await signs_in(config, ALICE, PASSWORD, alone=True)
    assert not await signs_in(config, ALICE, PASSWORD, code_now(secret, -1)), "older than the one just given"
    assert await signs_in(config, ALICE, PASSWORD, code_now(secret, 1))
    database = (config.parent / "data" / "hoop.db").read_bytes()
    assert secret not in database
    assert (config.parent / "data" / "sealing.key").stat().st_mode & 0o777 == 0o600
    code, told, _ = enrol(config)
    assert (code, told) == (
        2,
        f"hoop-gateway: {ALICE} has an app set up already; --replace sets up another one in its place\n",
    )
    code, told, new = enrol(config, "--replace")
    assert code == 0, told
    assert not await signs_in(config, ALICE, PASSWORD, code_now(secret, 1))
    assert await signs_in(config, ALICE, PASSWORD, code_now(new, 1))


async def test_without_a_right_code_nothing_changes(run: Run, config: Path) -> None:
    set_password(run, config)
    code, told, _ = enrol(config, wrong=3)
    assert code == 2
    assert told.endswith("hoop-gateway: no right code was given; nothing changed\n")
    ended = run("person", "totp", ALICE, "-c", config)
    assert ended.code == 2
    async with ledger_of(config) as ledger:
        row = await ledger.password(ALICE)
    assert row is not None
    assert row.totp == b""


def test_a_phone_needs_a_password_first(run: Run, config: Path) -> None:
    ended = run("person", "totp", ALICE, "-c", config)
    assert ended == (
        7,
        "",
        f"hoop-gateway: {ALICE} has no password yet: hoop-gateway person password {ALICE}\n",
    )


def test_at_a_terminal_there_is_a_qr_code(run: Run, config: Path) -> None:
    set_password(run, config)
    code, shown = typed(config, ["person", "totp", ALICE], ["", "", ""])
    assert code == 2
    assert re.search(r"otpauth://totp/gw-1:alice%40example\.com\?\S+", shown)
    picture = [line for line in shown.splitlines() if "█" in line]
    assert len(picture) >= 20
    assert max(map(len, picture)) <= 79


async def test_a_new_password_leaves_the_phone_and_no_code_open(run: Run, config: Path) -> None:
    set_password(run, config)
    _, _, secret = enrol(config)
    set_password(run, config)
    assert not await signs_in(config, ALICE, PASSWORD, code_now(secret, -1))
    assert await signs_in(config, ALICE, PASSWORD, code_now(secret, 1))
    assert run("person", "password", ALICE, "--remove", "-c", config).code == 0
    set_password(run, config)
    assert await signs_in(config, ALICE, PASSWORD, alone=True), "the phone went with the password"


# The list.


async def fill(config: Path) -> None:
    """Two people of a provider, one of them linked and gone, and traces of Alice."""
    now = datetime(2026, 11, 1, tzinfo=UTC)
    async with ledger_of(config) as ledger:
        for subject, name, gone in (("1", VERA, False), ("42", f"{ISSUER}#42", True), ("3", ALICE, False)):
            id = f"{ISSUER}#{subject}"
            row = PersonRow(id, ISSUER, subject, name, frozenset({"sec", "x"}), now, now, gone=gone)
            event = PersonKept(person=name, issuer=ISSUER, subject=subject, groups=["sec", "x"])
            assert await ledger.keep_person(row, event)
        made = TokenRow("t-AAAAAA", "a" * 64, ALICE, frozenset(), now, None, kind="login")
        await ledger.add_token(made, TokenCreated(token=made.id, person=ALICE, roles=[]))
        await ledger.token_used(made.id, now + timedelta(days=2))
        certificate = CertificateRow(1, f"{ISSUER}#1", "SHA256:x", now, now + timedelta(days=3000), "", "")
        issued = CertificateIssued(serial="1", person=VERA, fingerprint="SHA256:x", expires_at="")
        await ledger.add_certificate(certificate, issued)
        await ledger.append(
            SessionOpened(
                session="s-1",
                actor=OTTO,
                person=OTTO,
                groups=[],
                target="web-1",
                kind="ssh",
                login="deploy",
                address="192.0.2.7",
                client="x",
            )
        )


def listed(run: Run, config: Path) -> dict[str, dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("person", "ls", "-o", "json", "-c", config).out)
    assert [row["name"].casefold() for row in found] == sorted(row["name"].casefold() for row in found)
    return {row["id"]: row for row in found}


async def test_everybody_is_listed_with_roles_and_why(run: Run, config: Path) -> None:
    await fill(config)
    found = listed(run, config)
    assert set(found) == {ALICE, CAROL, OTTO, "dan@example.com", f"{ISSUER}#1", f"{ISSUER}#3"}
    assert {id: row["state"] for id, row in found.items()} == {
        ALICE: "active",
        CAROL: "gone",
        OTTO: "active",
        "dan@example.com": "disabled",
        f"{ISSUER}#1": "active",
        f"{ISSUER}#3": "name taken",
    }
    assert found[ALICE]["roles"] == {
        "person": "configuration",
        "approver": "group sre",
        "auditor": "group sec",
    }
    assert found[CAROL]["roles"] == {"person": "configuration", "auditor": "configuration"}
    assert found[f"{ISSUER}#1"]["roles"] == {"person": "everybody", "auditor": "group sec"}
    assert (found[ALICE]["from"], found[CAROL]["from"]) == ("configuration", "configuration, corp")
    assert found[f"{ISSUER}#1"]["from"] == "corp"
    assert found[ALICE]["last_seen"] == "2026-11-03 00:00:00Z"
    assert found[f"{ISSUER}#1"]["last_seen"] == "2026-11-01 00:00:00Z"
    assert found[CAROL]["last_seen"] is None
    assert found[OTTO]["last_seen"] is not None
    table = run("person", "ls", "-c", config).out.splitlines()
    assert re.split(r"\s{2,}", table[0]) == [
        "NAME",
        "STATE",
        "FROM",
        "GROUPS",
        "ROLES",
        "LAST SEEN",
        "REASON",
    ]
    assert "auditor=group sec,person=everybody" in next(line for line in table if line.startswith(VERA))


# Locks.


@pytest.mark.parametrize("name", [VERA, VERA.upper(), f"{ISSUER}#1"])
async def test_a_lock_ends_everything_until_it_is_taken_off(run: Run, config: Path, name: str) -> None:
    await fill(config)
    id = f"{ISSUER}#1"
    done = run("person", "lock", name, "--reason", "lost laptop", "-c", config)
    assert done == (
        0,
        "",
        f"{VERA} is locked: tokens and certificates have ended; a running gateway ends their sessions now\n",
    )
    row = listed(run, config)[id]
    assert (row["state"], row["reason"]) == ("locked", "lost laptop")
    assert row["locked_by"].startswith("local:")
    async with ledger_of(config) as ledger:
        assert [each.revoked for each in await ledger.certificates(id)] == [True]
    again = run("person", "lock", name, "--reason", "really", "-c", config)
    assert again == (0, "", f"{VERA} was locked already; nothing changed\n")
    assert run("person", "unlock", name, "-c", config) == (0, "", f"{VERA} may sign in again\n")
    assert listed(run, config)[id]["state"] == "active"
    assert run("person", "unlock", name, "-c", config) == (7, "", f"hoop-gateway: {VERA} is not locked\n")
    kept = [
        (name, body) for name, _, body in await noted(config) if name.startswith(("person.l", "person.u"))
    ]
    assert kept == [
        ("person.locked", {"person": id, "reason": "lost laptop"}),
        ("person.unlocked", {"person": id}),
    ]


async def test_of_two_with_one_name_the_one_who_counts_is_meant(run: Run, config: Path) -> None:
    await fill(config)
    assert run("person", "lock", ALICE, "--reason", "x", "-c", config).code == 0
    found = listed(run, config)
    assert (found[ALICE]["state"], found[f"{ISSUER}#3"]["state"]) == ("locked", "name taken")
    async with ledger_of(config) as ledger:
        assert [each.revoked for each in await ledger.tokens()] == [True]


def test_a_machine_can_be_locked(run: Run, config: Path) -> None:
    run("machine", "secret", "bot", "-c", config)
    assert run("person", "lock", "machine:bot", "--reason", "x", "-c", config).code == 0
    (row,) = json.loads(run("machine", "ls", "-o", "json", "-c", config).out)
    assert (row["state"], row["secrets"]) == ("locked", [])
    assert run("person", "unlock", "machine:bot", "-c", config).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ["lock", "alise@example.com", "--reason", "x"],
            7,
            'there is nobody called "alise@example.com"; did you',
        ),
        (["lock", "machine:bod", "--reason", "x"], 7, 'there is nobody called "machine:bod"; did you mean'),
        (["lock", ALICE, "--reason", " "], 2, "--reason: say why"),
        (["lock", ALICE, "--reason", "x\ny"], 2, "--reason: must be one line of at most 200 characters"),
        (["lock", ALICE, "--reason", "x" * 201], 2, "--reason: must be one line of at most 200 characters"),
        (["lock", ALICE], 2, ""),
        (["unlock", ALICE], 7, f"{ALICE} is not locked"),
        (["unlock", "nobody"], 7, 'there is nobody called "nobody"'),
    ],
)
async def test_what_is_refused(run: Run, config: Path, arguments: list[str], code: int, told: str) -> None:
    ended = run("person", *arguments, "-c", config)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"hoop-gateway: {told}")
    assert [name for name, _, _ in await noted(config)] == []
