"""A right configuration: defaults, paths, the environment, where values came from, and back to TOML."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.ssh.door.settings import SshDoor
from gateway.app import wiring
from gateway.app.config_env import scalar_settings
from gateway.app.config_file import LoadedConfig, load_config
from gateway.app.config_problems import ConfigurationProblems
from gateway.app.config_show import as_toml, toml_text
from gateway.app.config_store import store_password
from gateway.app.config_values import Address
from gateway.core.secret import Secret
from gateway.secrets.references import ReferenceSecrets

Load = Callable[..., LoadedConfig]
LEAST = 'version = 1\n[listen]\nssh = "127.0.0.1:0"\n'


def test_the_least_configuration(load: Load) -> None:
    found = load(LEAST).settings
    assert found.gateway.data_dir == Path("/var/lib/hoop")
    assert found.store.url == "sqlite:////var/lib/hoop/hoop.db"
    assert found.store.recordings_directory == Path("/var/lib/hoop/recordings")
    assert found.store.reserve == 500 << 20
    assert found.ssh.host_key == Path("/var/lib/hoop/ssh_host_ed25519_key")
    assert found.ssh.login_grace == timedelta(seconds=30)
    assert found.known_hosts == Path("/var/lib/hoop/known_hosts")
    assert found.listen.api is None
    assert not found.person
    assert not found.target


def test_paths_start_at_the_file(load: Load, good: str, tmp_path: Path) -> None:
    load(good)
    found = load_config(tmp_path / "hoop.toml", look_at_secrets=False).settings
    assert found.gateway.data_dir == tmp_path / "data"
    assert found.store.url == f"sqlite:///{tmp_path}/data/hoop.db"
    assert found.store.recordings_directory == tmp_path / "data" / "recordings"
    assert found.target[1].to == Address("{name}.internal", 2200)


def test_a_directory_with_a_space_and_a_percent_sign(load: Load, good: str) -> None:
    found = load(good.replace('"data"', '"my %41 data"')).settings
    assert found.store.recordings_directory == Path.cwd() / "my %41 data" / "recordings"


@pytest.mark.parametrize("url", ["sqlite:///srv/h.db", "sqlite:////srv/h.db"])
def test_a_sqlite_path_starts_at_the_root(load: Load, url: str) -> None:
    assert load(f'{LEAST}[store]\nurl = "{url}"\n').settings.store.url == "sqlite:////srv/h.db"


def test_keys_from_a_file_are_the_persons_keys(load: Load, good: str, alice: str) -> None:
    Path("keys").write_text(f"# Alice's\n\n  {alice}\n")
    inline = load(good)
    filed = load(good.replace(f'keys = ["{alice}"]', 'keys_file = "keys"'))
    assert filed.settings.person[0].keys == inline.settings.person[0].keys
    assert filed.settings.person[0].keys[0].comment == "alice laptop"


def test_the_environment_wins_over_the_file(load: Load, good: str) -> None:
    found = load(
        good,
        HOOP_GATEWAY__DATA_DIR="/srv/hoop",
        HOOP_LISTEN__SSH="127.0.0.1:22",
        HOOP_SSH__MAX_SESSIONS="7",
        HOOP_STORE__RESERVE="1MiB",
        HOOP_CONFIG="x",
        OTHER__THING="x",
    )
    assert found.settings.gateway.data_dir == Path("/srv/hoop")
    assert found.settings.store.url == "sqlite:////srv/hoop/hoop.db"
    assert found.settings.listen.ssh == Address("127.0.0.1", 22)
    assert found.settings.ssh.max_sessions == 7
    assert found.settings.store.reserve == 1 << 20


def test_every_single_value_has_its_variable() -> None:
    assert {"HOOP_GATEWAY__NAME", "HOOP_TLS__KEY", "HOOP_STORE__URL"} <= set(scalar_settings())
    assert not {"HOOP_SSH__BANNER", "HOOP_STORE__PASSWORD", "HOOP_POLICY__FILES"} & set(scalar_settings())


def test_origins(load: Load, good: str) -> None:
    found = load(good, HOOP_LISTEN__SSH="127.0.0.1:22")
    assert found.origin(("gateway", "name")) == "hoop.toml:4"
    assert found.origin(("listen", "ssh")) == "env HOOP_LISTEN__SSH"
    assert found.origin(("store", "url")) == "default"
    assert found.origin(("tls", "key")) == "default"
    assert found.origin(("target", 1, "to")) == "hoop.toml:41"
    assert found.origin(("person", 1, "keys")) == "default"


def test_what_is_shown_reads_back_as_the_same(load: Load, good: str, alice: str) -> None:
    Path("keys").write_text(alice)
    first = load(good.replace(f'keys = ["{alice}"]', 'keys_file = "keys"'))
    again = load(as_toml(first))
    assert again.settings.model_copy(update={"person": ()}) == first.settings.model_copy(
        update={"person": ()}
    )
    assert [person.keys for person in again.settings.person] == [
        person.keys for person in first.settings.person
    ]


def test_what_is_shown_with_origins_reads_back_too(load: Load, good: str) -> None:
    first = load(good)
    text = as_toml(first, origins=True)
    assert load(text).settings == first.settings
    lines = text.split("\n")
    assert 'name = "gw-1"  # hoop.toml:4' in lines
    assert 'connect_timeout = "10s"  # default' in lines
    assert all("  # " in line for line in lines if " = " in line)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_can_be_written_as_toml(text: str) -> None:
    import tomllib

    written = toml_text(text)
    assert tomllib.loads(f"x = {written}") == {"x": text}
    assert written.isascii()
    assert written.isprintable()


def test_documents_are_the_rules_of_all_files_in_order(load: Load, good: str) -> None:
    Path("policies").mkdir()
    rule = '[[rule]]\nid = "{id}"\nmatch = {{ group = "dev" }}\ndo = "allow"\n'
    for name in ("b", "a"):
        Path("policies", f"{name}.toml").write_text(rule.format(id=name))
    Path("policies", "c.txt").write_text("no TOML")
    policy = '[policy]\nfiles = ["policies/b.toml", "policies/*.toml", "more/*.toml"]\n\n[[rule]]'
    found = load(good.replace("[[rule]]", policy))
    here = Path.cwd()
    assert [name for name, _ in found.documents] == [
        "hoop.toml",
        f"{here}/policies/b.toml",
        f"{here}/policies/a.toml",
    ]
    assert found.documents[0][1] == found.text
    without = re.sub(r"\[\[rule\]\].*", "", good, flags=re.DOTALL)
    assert load(without).documents == ()


def test_the_digest_changes_with_everything_that_counts(load: Load, good: str, alice: str) -> None:
    Path("keys").write_text("")
    Path("rules.toml").write_text("")
    text = good.replace('roles = ["person", "auditor"]', 'keys_file = "keys"')
    text = text.replace("[[rule]]", '[policy]\nfiles = ["rules.toml"]\n[[rule]]')
    seen = [load(text).sha256, load(text + "# \n").sha256, load(text, HOOP_GATEWAY__NAME="x").sha256]
    assert load(text).sha256 == seen[0]
    Path("rules.toml").write_text("# a comment")
    seen.append(load(text).sha256)
    Path("keys").write_text("")
    text = text.replace(f'keys = ["{alice}"]', "")
    seen.append(load(text).sha256)
    Path("keys").write_text(alice)
    seen.append(load(text).sha256)
    assert len(set(seen)) == len(seen)


TARGET = """
[[target]]
name = "bastion"
kind = "ssh"
to = "bastion.internal:22"
user = "jump"
password = {{ command = ["x"] }}
host_ca = ["{ca}"]

[[target]]
name = "bare"
kind = "ssh"
to = "bare.internal:22"
user = "deploy"
password = {{ command = ["x"] }}
via = "bastion"
shell = "none"
commands = ["uptime", "tail -n * **"]
keep_files = "1MiB"
keep_forwards = "0B"
"""


def test_what_targets_and_the_door_are_given(load: Load, good: str, alice: str) -> None:
    chosen = 'ciphers = ["aes256-gcm@openssh.com", "aes256-ctr"]\nmax_channels = 3\nmax_forwards = 4\n'
    chosen += "max_unauthenticated = 5\nlogin_failures_per_address = 6\nlogin_failures_per_name = 7\n"
    chosen += 'login_failure_window = "8m"\n'
    text = good.replace("banner", chosen + "banner").replace("[[rule]]", TARGET.format(ca=alice) + "[[rule]]")
    found = load(text).settings
    inventory = {target.name: target.options for target in wiring.targets(found)}
    assert inventory["bastion"]["host_ca"] == [" ".join(alice.split()[:2])]
    ours = ("via", "shell", "commands", "agent_forwarding", "keep_files", "keep_forwards")
    assert {key: inventory["bare"][key] for key in ours} == {
        "via": "bastion",
        "shell": "none",
        "commands": ("uptime", "tail -n * **"),
        "agent_forwarding": False,
        "keep_files": 1 << 20,
        "keep_forwards": 0,
    }
    assert {key: inventory["web-1"][key] for key in ours} == {
        "via": None,
        "shell": "full",
        "commands": (),
        "agent_forwarding": False,
        "keep_files": 0,
        "keep_forwards": 16 << 20,
    }
    door = wiring.ssh_door(found, ("gw",))
    assert door.ciphers == ("aes256-gcm@openssh.com", "aes256-ctr")
    assert (door.max_channels, door.max_forwards, door.max_unauthenticated) == (3, 4, 5)
    assert (door.login_failures_per_address, door.login_failures_per_name) == (6, 7)
    assert door.login_failure_window == 480.0


def test_the_defaults_of_the_file_are_those_of_the_door(load: Load) -> None:
    found = load(LEAST).settings
    door = wiring.ssh_door(found, ())
    assert door == SshDoor(door.host_key_path)


async def test_the_stores_password_comes_last(load: Load) -> None:
    text = f'{LEAST}[store]\nurl = "postgresql://hoop@db:5432/hoop"\npassword = {{ env = "PW" }}\n'
    store = load_config_with(load, text).settings.store
    password = await store_password(store, ReferenceSecrets({"PW": "canary"}))
    assert password == Secret("canary")
    assert "canary" not in repr(store)
    assert await store_password(load(LEAST).settings.store, ReferenceSecrets({})) is None


def load_config_with(load: Load, text: str) -> LoadedConfig:
    """Load without a look at what secrets point at."""
    with pytest.raises(ConfigurationProblems, match="PW is not set"):
        load(text)
    return load_config(Path("hoop.toml"), environ={}, look_at_secrets=False)
