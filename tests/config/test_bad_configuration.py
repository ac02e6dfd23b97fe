"""Every mistake is told as `file:line: key: sentence`, all of them at once, and never with a secret in it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.app.config_file import LoadedConfig, load_config
from gateway.app.config_problems import ConfigurationProblems

Load = Callable[..., LoadedConfig]

NOT_A_WORD = "may have up to 64 letters, digits and . _ @ -"
SECRETS = (
    'use { env = "NAME" }, { file = "PATH" }, { command = ["PROGRAM", "ARGUMENT"] }, '
    '{ vault = "PATH#FIELD" } or { aws = "NAME" }'
)
ROLES = '"person", "approver", "auditor", "operator" or "admin"'
ADDRESS = 'must be a host and a port, as in "127.0.0.1:2222" or "[::1]:2222"'


def problems(load: Load, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigurationProblems) as caught:
        load(text, **environ)
    assert caught.value.sentence == "\n".join(str(problem) for problem in caught.value.problems)
    return caught.value.sentence.split("\n")


CIPHERS = "aes128-gcm@openssh.com, aes256-gcm@openssh.com, chacha20-poly1305@openssh.com"
NONE = 'shell = "none"\n'

TARGETS = [
    ('commands = ["uptime"]', 'commands: does nothing while the target has a shell; add shell = "none"'),
    ('shell = "nome"', 'shell: must be "full" or "none"; did you mean "none"?'),
    (
        NONE + 'commands = ["ls *.log"]',
        "commands: * stands for a whole word and ** for any number of them, never for a",
    ),
    (
        NONE + 'commands = ["* -x"]',
        "commands: must begin with the name or path of a program, and no word of a shell's",
    ),
    (NONE + 'commands = ["a;b"]', "commands: must begin with the name or path of a program"),
    (
        NONE + 'commands = ["ls $HOME"]',
        "commands: a word may have only letters, digits and _ - . / , : + @ =",
    ),
    (NONE + 'commands = "uptime"', "commands: must be a list, as in [ ... ]"),
    (
        NONE + "agent_forwarding = true",
        'agent_forwarding: can not go with shell = "none": nothing but commands and files reaches it',
    ),
    ('agent_forwarding = "yes"', "agent_forwarding: must be true or false"),
    ('via = "web-1"', "via: leads back to itself: web-1 - web-1"),
    ('via = "wbe-1"', 'via: there is no target "wbe-1"; did you mean "web-1"?'),
    ('via = "db-*"', 'via: must be the name of another target, without a "*"'),
    ("keep_files = 5", "keep_files: must be text in quotes"),
    ('keep_forwards = "5"', 'keep_forwards: must be a size, as in "500MiB" or "2GB"'),
    ('host_ca = ["ssh-ed25519 AAAA"]', "host_ca: this is not a whole public key; copy the line again"),
]
DOORS = [
    ("max_channels = 0", "max_channels: must be at least 1"),
    ("max_forwards = 99999", "max_forwards: must be at most 10000"),
    ("max_unauthenticated = 0", "max_unauthenticated: must be at least 1"),
    ("login_failures_per_name = 0", "login_failures_per_name: must be at least 1"),
    ("login_failures_per_address = 0", "login_failures_per_address: must be at least 1"),
    ('login_failure_window = "2d"', "login_failure_window: must be from 1s to 1d"),
    ("ciphers = []", "ciphers: must have at least one entry, and none twice"),
    ('ciphers = ["aes256-ctr", "aes256-ctr"]', "ciphers: must have at least one entry, and none twice"),
    (
        'ciphers = ["aes128-cbc"]',
        'ciphers: is no cipher that can be offered; did you mean "aes128-ctr"?',
    ),
    ('ciphers = ["3des"]', f"ciphers: is no cipher that can be offered; known: {CIPHERS}"),
]

# What is written instead of what, and the one line that is told.
SPOILED = [
    ("version = 1\n", "\n", "hoop.toml: version: is missing"),
    ("version = 1", "version = 2", "hoop.toml:1: version: must be 1"),
    ("[gateway]", "[gatewey]", 'hoop.toml:3: gatewey: there is no such setting; did you mean "gateway"?'),
    ("[[rule]]", "[[rules]]", 'hoop.toml:45: rules: there is no such setting; did you mean "rule"?'),
    (
        "data_dir",
        "datadir",
        'hoop.toml:5: gateway.datadir: there is no such setting; did you mean "data_dir"?',
    ),
    ('name = "gw-1"', 'name = "gw 1"', f"hoop.toml:4: gateway.name: {NOT_A_WORD}"),
    ('name = "gw-1"', "name = 1", "hoop.toml:4: gateway.name: must be text in quotes"),
    ('"data"', '"da?ta"', 'hoop.toml:5: gateway.data_dir: may not have a "?" in it'),
    ('"data"', '"hoop.toml"', "hoop.toml:5: gateway.data_dir: is not a directory"),
    (
        "[gateway]\n",
        "[gateway]\nlocation = Berlin\n",
        "hoop.toml:4: this is not TOML: invalid value",
    ),
    ('ssh = "127.0.0.1:2222"', 'ssh = "2222"', f"hoop.toml:8: listen.ssh: {ADDRESS}"),
    (
        'ssh = "127.0.0.1:2222"',
        'ssh = "127.0.0.1:8022"',
        'hoop.toml:9: listen.api: takes the same address as "ssh"',
    ),
    (
        'ssh = "127.0.0.1:2222"',
        'ssh = "0.0.0.0:9090"',
        'hoop.toml:10: listen.admin: takes the same address as "ssh"',
    ),
    (
        'api = "127.0.0.1:8022"',
        'api = "0.0.0.0:8022"',
        "hoop.toml:9: listen.api: can be reached from other machines, so it needs a [tls] table",
    ),
    ('"1GiB"', '"1 gig"', 'hoop.toml:13: store.reserve: must be a size, as in "500MiB" or "2GB"'),
    (
        'reserve = "1GiB"',
        'url = "mysql://x/y"',
        'hoop.toml:13: store.url: must start with "sqlite:///" or "postgresql://"',
    ),
    (
        'reserve = "1GiB"',
        'url = "sqlite:///"',
        'hoop.toml:13: store.url: must name a file, as in "sqlite:///var/lib/hoop/hoop.db"',
    ),
    (
        'reserve = "1GiB"',
        'url = "postgresql://hoop:canary@db/hoop"',
        "hoop.toml:13: store.url: holds a password; write it as password = { env = ... } beside the url",
    ),
    (
        'reserve = "1GiB"',
        'password = { env = "WEB_KEY" }',
        "hoop.toml:13: store.password: only a postgresql:// store takes a password",
    ),
    (
        'reserve = "1GiB"',
        'recordings = "s3://bucket"',
        'hoop.toml:13: store.recordings: must name a directory, as in "file:///var/lib/hoop/recordings"',
    ),
    (
        '"1m30s"',
        '"90"',
        'hoop.toml:16: ssh.login_grace: must be a duration, as in "10s", "5m", "12h" or "1h30m"',
    ),
    ('"1m30s"', '"1h"', "hoop.toml:16: ssh.login_grace: must be from 1s to 10m"),
    ('"1m30s"', "90", "hoop.toml:16: ssh.login_grace: must be text in quotes"),
    (
        '["sessions are recorded"]',
        '["naïve"]',
        "hoop.toml:17: ssh.banner: a line may have up to 79 printable ASCII characters",
    ),
    ("banner", "max_sessions = 0\nbanner", "hoop.toml:17: ssh.max_sessions: must be at least 1"),
    ("banner", "max_sessions = 1.5\nbanner", "hoop.toml:17: ssh.max_sessions: must be a whole number"),
    (
        '"carol@example.com"',
        '"Alice@example.com"',
        'hoop.toml:25: person.name: there are two people with the name "Alice@example.com"',
    ),
    (
        'roles = ["person", "auditor"]',
        'roles = ["audtor"]',
        f'hoop.toml:26: person.roles: must be {ROLES}; did you mean "auditor"?',
    ),
    (
        'roles = ["person", "auditor"]',
        'roles = "auditor"',
        "hoop.toml:26: person.roles: must be a list, as in [ ... ]",
    ),
    ('roles = ["person", "auditor"]', "disabled = 1", "hoop.toml:26: person.disabled: must be true or false"),
    (
        'roles = ["person", "auditor"]',
        "keys = [\n  'ssh-ed25519 AAAA'\n]",
        "hoop.toml:27: person.keys: this is not a whole public key; copy the line again",
    ),
    (
        'roles = ["person", "auditor"]',
        'keys_file = "carol.pub"',
        "hoop.toml:26: person.keys_file: {dir}/carol.pub: there is no such file",
    ),
    (
        '"db-*"',
        '"web-1"',
        'hoop.toml:39: target.name: there are two targets with the name "web-1"',
    ),
    (
        '"db-*"',
        '"console"',
        'hoop.toml:39: target.name: "console" is the console: give the target another name, or the console'
        " (name in [console])",
    ),
    (
        '"db-*"',
        '"db%1"',
        'hoop.toml:39: target.name: may have up to 128 letters, digits and . _ -, and a "*" where it is a pattern',
    ),
    ('kind = "ssh"\nto = "web', 'kind = "telnet"\nto = "web', 'hoop.toml:30: target.kind: must be "ssh"'),
    (
        '"{name}.internal:2200"',
        '"db.internal:2200"',
        'hoop.toml:41: target.to: must have {name} in it, because "db-*" is a pattern',
    ),
    (
        '"web-1.internal:22"',
        '"{name}.internal:22"',
        'hoop.toml:31: target.to: has {name} in it, but "web-1" is no pattern',
    ),
    ('"web-1.internal:22"', '"{host}.x:22"', "hoop.toml:31: target.to: only {name} may stand in braces"),
    (
        '"web-1.internal:22"',
        '"web-1.internal:0"',
        "hoop.toml:31: target.to: the port must be a number from 1 to 65535",
    ),
    ('{ env = "prod" }', "{ env = 1 }", "hoop.toml:32: target.labels.env: must be text in quotes"),
    ('user = "deploy"\nlogins', "logins", "hoop.toml:28: target.user: is missing"),
    (
        'key = { env = "WEB_KEY" }',
        'key = "canary"',
        f"hoop.toml:35: target.key: a secret is never written into the configuration: {SECRETS}",
    ),
    (
        'key = { env = "WEB_KEY" }',
        'key = { vault_db = "canary" }',
        f"hoop.toml:35: target.key: must be one reference to a secret: {SECRETS}",
    ),
    (
        'key = { env = "WEB_KEY" }\n',
        "",
        "hoop.toml:28: target: needs a key, a password or auth: the gateway signs in there for the person",
    ),
    (
        'env = "WEB_KEY"',
        'env = "NOT_SET"',
        "hoop.toml:35: target.key: the environment variable NOT_SET is not set",
    ),
    (
        'key = { env = "WEB_KEY" }',
        'key = { file = "/dev/null/key" }',
        "hoop.toml:35: target.key: the secret file /dev/null/key can not be read",
    ),
    (
        "host_keys",
        'known_hosts = "none"\nhost_keys',
        "hoop.toml:36: target.known_hosts: {dir}/none: there is no such file",
    ),
    *[
        (
            'logins = ["root"]',
            f'logins = ["root"]\n{more}',
            f"hoop.toml:{35 + more.count(chr(10))}: target.{told}",
        )
        for more, told in TARGETS
    ],
    *[("banner", f"{more}\nbanner", f"hoop.toml:17: ssh.{told}") for more, told in DOORS],
    (
        "[[rule]]",
        '[policy]\nfiles = ["none.toml"]\n[[rule]]',
        "hoop.toml:46: policy.files: {dir}/none.toml: there is no such file",
    ),
    (
        "[[rule]]",
        '[tls]\ncertificate = "none"\nkey = "none"\n[[rule]]',
        "hoop.toml:46: tls.certificate: {dir}/none: there is no such file",
    ),
    ("[[rule]]", "[tls]\n[[rule]]", "hoop.toml:45: tls.certificate: is missing"),
    (
        "version = 1\n",
        "version = 1\nversion = 1\n",
        "hoop.toml:2: this is not TOML: cannot overwrite a value",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), SPOILED)
def test_one_mistake(load: Load, good: str, old: str, new: str, told: str) -> None:
    assert old in good
    found = problems(load, good.replace(old, new, 1))
    assert any(line.startswith(told.replace("{dir}", str(Path.cwd()))) for line in found), found
    assert "canary" not in "".join(found)


def test_all_mistakes_at_once_in_the_order_of_their_lines(load: Load, good: str, alice: str) -> None:
    spoiled = (
        good.replace('name = "gw-1"', 'nome = "gw-1"')
        .replace(
            'roles = ["person", "auditor"]', f'roles = ["boss"]\n[[person]]\nname = "dan"\nkeys = ["{alice}"]'
        )
        .replace('"{name}.internal:2200"', '"db:2200"')
    )
    assert problems(load, spoiled, HOOP_LISTEN__SSHH="x", HOOP_SSH__KEEPALIVE="1", HOME="/root") == [
        "HOOP_LISTEN__SSHH: this variable names no setting that the environment can set; "
        'did you mean "HOOP_LISTEN__SSH"?',
        'HOOP_SSH__KEEPALIVE: ssh.keepalive: must be a duration, as in "10s", "5m", "12h" or "1h30m"',
        'hoop.toml:4: gateway.nome: there is no such setting; did you mean "name"?',
        f"hoop.toml:26: person.roles: must be {ROLES}",
    ]
    assert problems(load, spoiled) == [
        'hoop.toml:4: gateway.nome: there is no such setting; did you mean "name"?',
        f"hoop.toml:26: person.roles: must be {ROLES}",
        "hoop.toml:29: person.keys: this key is alice@example.com's already; a key stands for one person",
        'hoop.toml:44: target.to: must have {name} in it, because "db-*" is a pattern',
    ]


def test_targets_that_are_reached_through_each_other(load: Load, good: str) -> None:
    target = '[[target]]\nname = "{0}"\nkind = "ssh"\nto = "{0}.x:22"\nuser = "x"\n'
    target += 'password = {{ command = ["x"] }}\nvia = "{1}"\n'
    spoiled = good.replace(
        "[[rule]]", "".join(target.format(*pair) for pair in ("ab", "bc", "cb")) + "[[rule]]", 1
    )
    assert problems(load, spoiled) == [
        "hoop.toml:58: target.via: leads back to itself: b - c - b",
        "hoop.toml:65: target.via: leads back to itself: c - b - c",
    ]
    chain = "".join(target.format(*pair) for pair in ("ab", "bc", "cd", "de", "ef"))
    last = target.format("f", "").replace('via = ""\n', "")
    (told,) = problems(load, good.replace("[[rule]]", chain + last + "[[rule]]", 1))
    assert told == "hoop.toml:51: target.via: is behind more than 4 other targets: a - b - c - d - e - f"


def test_a_pattern_that_is_reached_through_itself(load: Load, good: str) -> None:
    spoiled = good.replace('name = "db-*"', 'name = "db-*"\nvia = "db-7"')
    assert problems(load, spoiled) == ["hoop.toml:40: target.via: leads back to itself: db-* - db-*"]


def test_no_door(load: Load, good: str) -> None:
    closed = "".join(
        line for line in good.splitlines(True) if not line.startswith(("ssh =", "api =", "admin ="))
    )
    assert problems(load, closed) == [
        'hoop.toml:7: listen: no door is open; name one, as in ssh = "127.0.0.1:2222"'
    ]


def test_files_that_can_not_be_read(load: Load, tmp_path: Path, good: str) -> None:
    assert problems(load, good.replace("data", "d\udcffata")) == ["hoop.toml: is not UTF-8 text (line 5)"]
    with pytest.raises(ConfigurationProblems, match=r"^none.toml: there is no such file$"):
        load_config(Path("none.toml"))
    with pytest.raises(ConfigurationProblems, match=r"^\.: is not an ordinary file$"):
        load_config(Path())
    assert problems(load, "x = " + "[" * 5000) == ["hoop.toml: is nested too deeply"]
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (5 << 20))
    with pytest.raises(ConfigurationProblems, match="larger than 4 MiB"):
        load_config(big)


def test_a_secret_that_others_can_read(load: Load, good: str) -> None:
    Path("key").write_text("canary")
    Path("key").chmod(0o644)
    (told,) = problems(load, good.replace('{ env = "WEB_KEY" }', '{ file = "key" }'))
    assert told == (
        f"hoop.toml:35: target.key: the secret file {Path.cwd()}/key can be read by everybody on this machine: "
        "run chmod 600 on it"
    )


def test_mistakes_in_a_file_of_keys(load: Load, good: str, alice: str) -> None:
    Path("keys").write_text(f"# old\nssh-dss AAAA\n\n{alice}\n")
    told = problems(load, good.replace('roles = ["person", "auditor"]', 'keys_file = "keys"'))
    keys = Path.cwd() / "keys"
    assert told == [
        f"{keys}:2: DSA keys are not accepted; make an ed25519 key",
        f"{keys}:4: person.keys: this key is alice@example.com's already; a key stands for one person",
    ]


def test_a_certificate_needs_its_own_key(load: Load, good: str) -> None:
    for name in ("cert.pem", "key.pem"):
        Path(name).write_text("-----BEGIN NOTHING-----\n")
        Path(name).chmod(0o600)
    tls = '[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n[[rule]]'
    assert problems(load, good.replace("[[rule]]", tls)) == [
        "hoop.toml:46: tls.certificate: certificate and key are not a pair in PEM form without a passphrase"
    ]


def test_a_host_key_that_is_none(load: Load, good: str) -> None:
    Path("host").write_text("canary")
    Path("host").chmod(0o600)
    assert problems(load, good.replace("banner", 'host_key = "host"\nbanner')) == [
        f"hoop.toml:17: ssh.host_key: {Path.cwd()}/host is not a private key without a passphrase"
    ]


def test_mistakes_in_rules_are_told_with_the_others(load: Load, good: str) -> None:
    Path("a.toml").write_text('[[rules]]\nid = "x"\n')
    Path("b.toml").write_text("[[rule]\n")
    Path("c.toml").write_text('[[rule]]\nid = "dev"\nmatch = { user = "*" }\ndo = "allow"\n')
    spoiled = good.replace('do = "allow"', 'do = "alow"\n[policy]\nfiles = ["?.toml"]\nfile = 1')
    here = Path.cwd()
    told = problems(load, spoiled)
    assert told[0] == f'{here}/a.toml:1: rules: a file with rules holds nothing else; did you mean "rule"?'
    assert told[1].startswith(f"{here}/b.toml:1: this is not TOML: ")
    assert told[2].startswith('hoop.toml:48: rule "dev": do must be')
    assert told[3] == 'hoop.toml:51: policy.file: there is no such setting; did you mean "files"?'
    assert len(told) == 4


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://t.example/{ticket}", "must be an https:// address"),
        ("javascript:{ticket}", "must be an https:// address"),
        ("https://{ticket}/x", "must have {ticket} once, in its path or behind its question mark"),
        ("https://bob@t.example/{ticket}", "must be an https:// address"),
        ("https://t.example/", "must have {ticket} once"),
        ("https://t.example/{ticket}/{ticket}", "must have {ticket} once"),
        ("https://t.example/a b{ticket}", "must be plain ASCII letters without blanks"),
    ],
)
def test_where_tickets_are(load: Load, good: str, url: str, told: str) -> None:
    (problem,) = problems(load, good + f'\n[approvals]\nticket_url = "{url}"\n')
    assert "approvals.ticket_url: " in problem
    assert told in problem
    right = "https://t.example/browse/{ticket}?a=b"
    assert load(good + f'\n[approvals]\nticket_url = "{right}"\n').settings.approvals.ticket_url == right
