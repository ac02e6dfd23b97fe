"""A labelled corpus: what each detector must find, byte for byte, and what it must leave alone."""

import re

import pytest

from gateway.masking.card import is_card, luhn
from tests.masking.conftest import EVERY, JWT, in_one, unsigned

SECRET = {
    # The part between « and » is secret. Each line is tried alone and with all detectors on.
    "card": [
        "«4111111111111111»",
        "pays with «4111 1111 1111 1111» today",
        "«4111-1111-1111-1111»,12/27,123",
        "pan=«5500005555555559»;",
        '{"pan":"«2223003122003222»"}',
        "«378282246310005»",
        "«3782 822463 10005»",
        "«3782-822463-10005».",
        "«30569309025904» and «3056 930902 5904»",
        "«6011111111111117»\t«3530111333300000»",
        "«6200000000000005»",
        "1 «4111111111111111» 12 27",
        "7 «4111 1111 1111 1111» 12 27",
        "row 12 «4111-1111-1111-1111» 3",
        "«41 1111 111 1111 111»",
        "«4222222222222»",
        "card:«4111111111111111».",
        "|«4111111111111111»|«5500005555555559»|",
    ],
    "email": [
        "«bob@example.com»",
        "To: Bob <«bob.builder+tag@mail.example.co.uk»>, «x_y-z%1@a-b.io»",
        "mail «bob@example.com».",
        'user="«bob@example.com»"',
        "(«bob@example.com»)",
        "«deploy@web-1.example.com»:/srv",
    ],
    "jwt": [
        "Authorization: Bearer «" + JWT.decode() + "»",
        '{"token":"«' + JWT.decode() + '»"}',
        "cut «" + JWT.decode()[:60] + "» here",
        "«" + unsigned(b'{"alg":"none"}').decode() + ".»",
        "x=«" + unsigned(b'{"typ":"JWE","alg":"dir"}').decode() + "..aaaa.bbbb»&y",
    ],
    "cloud-key": [
        "id «AKIAIOSFODNN7EXAMPLE» here",
        "«ASIAIOSFODNN7EXAMPLE»",
        "«AKIAIOSFODNN7EXAMPLE»,«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
        "aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
        '"SecretAccessKey": "«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",',
        "AWS_SESSION_TOKEN=«IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUC»",
        "key=«AIzaSyA1234567890abcdefghijklmnopqrstuv»",
        "remote: «ghp_abcdefghijklmnopqrstuvwxyz0123456789»",
        "«github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz»",
        "«xoxb-123456789012-abcdefABCDEF»",
        "STRIPE=«sk_live_abcdefghijklmnop0123»;",
    ],
    "password": [
        "password=«hunter2»",
        "Password: «hunter2»",
        "passwd: «s3cret!»",
        "PGPASSWORD=«hunter2» psql -h db",
        "MYSQL_PWD='«hunter2»' mysql",
        "mysql --password=«hunter2» -u root",
        "mysql --password «hunter2» -u root",
        "tool --db-password «hunter2»",
        '{"password": "«correct horse battery»", "user": "bob"}',
        "{'password': '«hunter2»'}",
        '"{\\"password\\":\\"«hunter2»\\",\\"user\\":\\"bob\\"}"',
        'spring.datasource.password="«a\\"b c»"',
        "postgres://bob:«hunter2»@db.internal:5432/shop",
        "git clone https://oauth2:«abc@def»@git.internal/x.git",
        "redis://:«hunter2»@cache:6379/0",
        "password => «hunter2,»",
        "the password:«pässwörd» and more",
        "--passphrase «hunter2»",
        'password="«open till the end of the line»',
    ],
}
HARMLESS = [
    "alice@web-1:~$ ls -l",
    "root@0123456789ab:/# ",
    "[alice@web-1 ~]$ ",
    "2026-11-21T04:07:00.123456789Z INFO started",
    "2026-11-21 04:07:00 1763700420 1763700420123",
    "4111111111111112 5500005555555558 378282246310006",
    "4111 1111 1111 1112",
    "1234567890123456 9999999999999999 0000000000000000",
    "550e8400-e29b-41d4-a716-446655440000 00000000-0000-4000-8000-000000000000",
    "commit 4111111111111111111111111111111111111111",
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "a4111111111111111 4111111111111111b 4111111111111111_x 0.4111111111111111 1.4111111111111111",
    "41111111111111111111111111",
    "10.0.0.1 192.168.100.200 255.255.255.255 fe80::1ff:fe23:4567:890a",
    "Python 3.11.2 (main, Sep 14 2026) [GCC 12.2.0] 1.2.3-rc.4+build.5678901234567",
    "meet @bob at 5 @ the place, ok@ @ok user@host foo@bar a@b",
    "npm install left-pad@1.3.0 @types/node@20.11.5",
    "getty@tty1.service user@1000.service logo@2x.png",
    "eyJust text, eyJhbGciOi not a token, eyJhbGciOiJIUzI1NiJ9 alone",
    "heyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    "eyJmb28iOiJiYXIifQ.eyJzdWIiOiIxMjM0In0.abc",
    "AKIA AKIAIOSFODNN7 XAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEX",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AIzaShort ghp_short xoxb-short sk_live_short sk_test_abcdefghijklmnop0123",
    "Password: ",
    "[sudo] password for alice: ",
    "alice@host's password: ",
    "passwd: password updated successfully",
    "password: ******** passwd=*** password=${DB_PASSWORD} password: $PGPASSWORD password=<password>",
    "/etc/passwd:root:x:0:0:root:/root:/bin/bash",
    "passwd:         files systemd",
    "PWD=/home/alice OLDPWD=/tmp",
    "usage: tool --password PASSWORD",
    "http://localhost:8080/path http://[::1]:8080/ https://example.com:443/@user/12345",
    "postgres://bob:***@db.internal/shop",
    "-----BEGIN CERTIFICATE----- MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa",
    "-----BEGIN PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice",
    "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlzIHNpbmd1bGFy",
    "\x00\x01\x02 h\u00e9llo w\u00f6rld \u2022 \udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
]


def _expected(line: str, name: str) -> bytes:
    def hidden(found: re.Match[bytes]) -> bytes:
        length = len(found[1])
        label = f"[{name}]".encode()
        spare = length - len(label)
        return b"*" * length if spare < 0 else label[:-1] + b"*" * spare + b"]"

    return re.sub(rb"\xc2\xab(.*?)\xc2\xbb", hidden, line.encode())


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in SECRET for line in SECRET[name]])
def test_secrets_are_painted_over_and_nothing_else(name: str, line: str) -> None:
    data = line.replace("«", "").replace("»", "").encode()
    for text in (data, data + b"\n", b"\n" + data + b"\r\n"):
        shown, counts = in_one(text, frozenset({name}))
        assert shown.strip() == _expected(line, name).strip()
        assert counts == {name: line.count("«")}


@pytest.mark.parametrize("line", [line for lines in SECRET.values() for line in lines])
def test_nothing_of_a_secret_is_left_when_all_detectors_look(line: str) -> None:
    data = line.replace("«", "").replace("»", "").encode()
    shown, _ = in_one(data)
    assert len(shown) == len(data)
    assert shown != data
    for secret in re.findall("«(.*?)»", line):
        assert secret.encode() not in shown


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_comes_out_unchanged(line: str) -> None:
    data = line.encode("latin-1", "replace")
    assert in_one(data) == (data, {})
    assert in_one(b"x " + data + b"\nx") == (b"x " + data + b"\nx", {})


def test_only_the_named_detectors_look() -> None:
    text = b"bob@example.com 4111111111111111 password=hunter2\n"
    assert in_one(text, frozenset()) == (text, {})
    assert in_one(text, frozenset({"email"}))[0] == b"[email********] 4111111111111111 password=hunter2\n"
    assert in_one(text, EVERY)[1] == {"email": 1, "card": 1, "password": 1}


@pytest.mark.parametrize("digits", [b"4111111111111111", b"378282246310005", b"6759649826438453"])
def test_one_wrong_digit_is_noticed(digits: bytes) -> None:
    assert is_card(digits)
    for place in range(len(digits)):
        for digit in b"0123456789":
            changed = digits[:place] + bytes([digit]) + digits[place + 1 :]
            assert luhn(changed) is (changed == digits)


def test_impossible_prefixes_are_no_cards() -> None:
    assert luhn(b"0000000000000000")
    assert not is_card(b"0000000000000000")
    assert not is_card(b"1000000000000008")
