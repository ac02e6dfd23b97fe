"""Targets of kind postgres and their door: what the file may say, what is told where it is wrong, what rooms get."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.postgres.greeting.door import PostgresDoor
from gateway.app import wiring
from gateway.app.config_file import LoadedConfig
from gateway.app.config_problems import ConfigurationProblems
from gateway.app.config_show import as_toml
from gateway.app.inventory import Targets

Load = Callable[..., LoadedConfig]

LEAST = """\
version = 1
[gateway]
data_dir = "data"
[listen]
postgres = "127.0.0.1:5432"
[[target]]
name = "appdb"
kind = "postgres"
to = "db-1.internal:5432"
user = "hoop"
database = "app"
password = { env = "WEB_KEY" }
"""


def options(load: Load, more: str = "", text: str = LEAST) -> dict[str, object]:
    (target,) = wiring.targets(load(text + more).settings)
    return dict(target.options)


def told(load: Load, text: str) -> list[str]:
    with pytest.raises(ConfigurationProblems) as caught:
        load(text)
    return caught.value.sentence.splitlines()


def test_the_defaults(load: Load) -> None:
    (target,) = wiring.targets(load(LEAST).settings)
    assert (target.kind, target.host, target.port, target.user) == (
        "postgres",
        "db-1.internal",
        5432,
        "hoop",
    )
    assert target.options == {
        "logins": (),
        "accounts": (),
        "password": {"env": "WEB_KEY"},
        "key": None,
        "certificate": None,
        "hosts": (("db-1.internal", 5432),),
        "database": "app",
        "tls": "verify-full",
        "ca_file": None,
        "server_name": None,
        "session_attrs": "any",
        "options": None,
        "keep_rows": 1000,
        "keep_result": 1 << 20,
        "each_statement": False,
        "masked_notice": True,
        "hold": "wait",
        "psql": True,
        "dry_run_lock_ms": 200,
        "dry_run_ms": 3000,
    }


def test_everything_else(load: Load, tmp_path: Path) -> None:
    more = """\
logins = ["reporting"]
accounts = [{ group = "sre", user = "admin" }]
tls = "require"
server_name = "db.example.com"
session_attrs = "read-write"
options = ["statement_timeout", "app.tenant"]
keep_rows = 0
keep_result = "0B"
each_statement = true
psql = false
"""
    to = '["db-1.internal:5432", "[::1]:5433", "/var/run/postgresql:5434"]'
    found = options(load, more, LEAST.replace('"db-1.internal:5432"', to))
    assert found["hosts"] == (("db-1.internal", 5432), ("::1", 5433), ("/var/run/postgresql", 5434))
    assert found["accounts"] == ({"group": "sre", "user": "admin"},)
    assert (found["tls"], found["server_name"]) == ("require", "db.example.com")
    assert (found["session_attrs"], found["options"]) == ("read-write", ("statement_timeout", "app.tenant"))
    assert (found["keep_rows"], found["keep_result"]) == (0, 0)
    assert (found["each_statement"], found["psql"]) == (True, False)
    assert options(load, "options = []\n")["options"] == ()


def test_a_server_on_this_machine_may_know_the_gateway_by_its_account(load: Load) -> None:
    text = LEAST.replace('"db-1.internal:5432"', '"/var/run/postgresql:5432"')
    assert options(load, text=text.replace('password = { env = "WEB_KEY" }\n', ""))["password"] is None


def test_a_pattern_fills_in_every_server(load: Load) -> None:
    text = LEAST.replace('"appdb"', '"db-*"')
    text = text.replace('"db-1.internal:5432"', '["{name}.a:5432", "/run/{name}:5433"]')
    found = Targets(wiring.targets(load(text).settings)).find("db-7")
    assert found is not None
    assert found.host == "db-7.a"
    assert found.options["hosts"] == (("db-7.a", 5432), ("/run/db-7", 5433))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('host_keys = ["x"]\n', "13: target.host_keys: only targets of kind ssh have it"),
        ('databse = "x"\n', '13: target.databse: there is no such setting; did you mean "database"?'),
        (
            'tls = "verify_full"\n',
            '13: target.tls: must be "verify-full", "verify-ca", "require", "prefer" or "disable"; '
            'did you mean "verify-full"?',
        ),
        ('session_attrs = "rw"\n', "13: target.session_attrs: must be "),
        ("keep_rows = -1\n", "13: target.keep_rows: must be at least 0"),
        ("dry_run_ms = 60000\n", "13: target.dry_run_ms: must be at most 15000"),
        ('keep_result = "lots"\n', '13: target.keep_result: must be a size, as in "500MiB" or "2GB"'),
        ('options = ["role=x"]\n', "13: target.options: must be names of settings, as in"),
        ('options = ["a", "a"]\n', "13: target.options: must have at least one entry, and none twice"),
        ('options = "a"\n', "13: target.options: must be a list, as in [ ... ]"),
        ('psql = "yes"\n', "13: target.psql: must be true or false"),
        (
            'key = { env = "WEB_KEY" }\n',
            "6: target.certificate: is missing: a client certificate and its key",
        ),
        ('certificate = "none.pem"\n', "6: target.key: is missing: a client certificate and its key belong"),
        ('ca_file = "none.pem"\n', "13: target.ca_file: {dir}/none.pem: there is no such file"),
        (
            'tls = "prefer"\nca_file = "none.pem"\n',
            '14: target.ca_file: does nothing with tls = "prefer"',
        ),
        ('tls = "disable"\nserver_name = "x"\n', '14: target.server_name: does nothing with tls = "disable"'),
        ('server_name = "x y"\n', "13: target.server_name: must be the name of a machine"),
        ("[postgres]\nmax_statement = 5\n", "14: postgres.max_statement: must be text in quotes"),
        ('[postgres]\nmax_statement = "5B"\n', "14: postgres.max_statement: must be at least 1024"),
        (
            '[postgres]\nkey = "k"\n',
            "13: postgres.certificate: is missing: certificate and key belong together",
        ),
        (
            '[postgres]\ncertificate = "c"\n',
            "13: postgres.key: is missing: certificate and key belong together",
        ),
        (
            '[postgres]\ncertificate = "c"\nkey = "k"\n',
            "14: postgres.certificate: {dir}/c: there is no such file",
        ),
    ],
)
def test_what_is_wrong(load: Load, tmp_path: Path, more: str, sentence: str) -> None:
    (said,) = [line for line in told(load, LEAST + more) if "none.pem: " not in line or "{dir}" in sentence]
    assert said.startswith(f"hoop.toml:{sentence.replace('{dir}', str(tmp_path))}")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('kind = "postgres"\n', "", "6: target.kind: is missing"),
        (
            '"postgres"\n',
            '"postgress"\n',
            '8: target.kind: must be "ssh" or "postgres"; did you mean "postgres"?',
        ),
        ('kind = "postgres"', 'kind = "ssh"', "11: target.database: only targets of kind postgres have it"),
        ('database = "app"\n', "", "6: target.database: is missing"),
        ('database = "app"', 'database = "a\\nb"', "11: target.database: may have up to 63 letters, none of"),
        (
            'password = { env = "WEB_KEY" }\n',
            "",
            "6: target: needs a password, or a certificate with its key",
        ),
        (
            'password = { env = "WEB_KEY" }',
            'password = "x"',
            "12: target.password: a secret is never written",
        ),
        ('"db-1.internal:5432"', "5432", "9: target.to: must be an address, or a list of up to 16"),
        ('"db-1.internal:5432"', "[]", "9: target.to: must be an address, or a list of up to 16"),
        ('"db-1.internal:5432"', "[5432]", "9: target.to: must be text in quotes"),
        ('"db-1.internal:5432"', '"/run"', '9: target.to: must be a directory and a port, as in "/var/run/'),
        ('"db-1.internal:5432"', '"/run:0"', "9: target.to: the port must be a number from 1 to 65535"),
        ('"db-1.internal:5432"', '"db-1.internal"', "9: target.to: must be a host and a port"),
        ('"db-1.internal:5432"', '["a:1", "a:1"]', "9: target.to: names a server twice"),
        ('"db-1.internal:5432"', '"{name}:1"', '9: target.to: has {name} in it, but "appdb" is no pattern'),
        (
            'name = "appdb"',
            'name = "db-*"',
            '9: target.to: must have {name} in it, because "db-*" is a pattern',
        ),
        ('"127.0.0.1:5432"', '"127.0.0.1:2222"\nssh = "0.0.0.0:2222"', "5: listen.postgres: takes the same"),
    ],
)
def test_what_is_wrong_in_place_of_something_right(load: Load, old: str, new: str, sentence: str) -> None:
    assert any(line.startswith(f"hoop.toml:{sentence}") for line in told(load, LEAST.replace(old, new, 1)))


def test_a_database_is_no_jump_host(load: Load) -> None:
    more = '[[target]]\nname = "web"\nkind = "ssh"\nto = "web:22"\nuser = "x"\nvia = "appdb"\n'
    (said,) = told(load, LEAST + more + 'password = { env = "WEB_KEY" }\n')
    assert said == 'hoop.toml:18: target.via: "appdb" is not reached by SSH'


def test_several_problems_of_several_kinds_at_once(load: Load) -> None:
    more = '[[target]]\nname = "web"\nkind = "ssh"\nto = "web:22"\nuser = "x"\nkeep_rows = 5\n'
    said = told(load, LEAST.replace("password", "passwort") + more)
    assert said == [
        'hoop.toml:12: target.passwort: there is no such setting; did you mean "password"?',
        "hoop.toml:18: target.keep_rows: only targets of kind postgres have it",
    ]


def test_shown_and_read_again(load: Load) -> None:
    to = '["db-1.internal:5432", "/run/postgresql:5433"]'
    before = load(LEAST.replace('"db-1.internal:5432"', to) + 'options = ["work_mem"]\n')
    shown = as_toml(before)
    assert f"to = {to}" in shown
    assert 'keep_result = "1MiB"' in shown
    again = load(shown)
    assert again.settings == before.settings


def test_the_defaults_of_the_file_are_those_of_the_door(load: Load) -> None:
    settings = load(LEAST).settings
    assert wiring.postgres_door(settings, ()) == PostgresDoor()


def test_what_the_door_is_given(load: Load) -> None:
    chosen = """\
[postgres]
login_grace = "1s"
connect_timeout = "2s"
keepalive = "3s"
max_statement = "4MiB"
max_connections = 5
max_connections_per_address = 6
max_unauthenticated = 7
login_failures_per_address = 8
login_failures_per_name = 9
login_failure_window = "10s"
"""
    loaded = load(LEAST + chosen, HOOP_POSTGRES__MAX_CONNECTIONS="50")
    assert wiring.postgres_door(loaded.settings, ("gw",)) == PostgresDoor(
        names=("gw",),
        login_grace=1.0,
        connect_timeout=2.0,
        keepalive=3.0,
        max_statement=4 << 20,
        max_connections=50,
        max_connections_per_address=6,
        max_unauthenticated=7,
        login_failures_per_address=8,
        login_failures_per_name=9,
        login_failure_window=10.0,
    )
    assert wiring.needs_restart(load(LEAST).settings, loaded.settings)
