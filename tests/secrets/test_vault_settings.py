"""How places in a vault are written: what is let through goes nowhere else than it says."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.secrets.aws import read_aws
from gateway.secrets.vault.settings import (
    ByAppRole,
    ByToken,
    VaultSettings,
    read_field,
    read_mount,
    read_namespace,
    read_place,
    read_vault_address,
)

TRICKY = st.text(alphabet=st.sampled_from("ab1/.#?%\\:@&=+~ \n\r\0\x7fé-_"), max_size=24)
TEXT = st.one_of(TRICKY, st.text(max_size=40))


@settings(max_examples=300)
@given(TEXT)
def test_a_field_is_read_or_refused_and_reads_the_same_again(text: str) -> None:
    try:
        field = read_field(text)
    except ValueError:
        return
    assert str(field) == text
    assert read_field(str(field)) == field
    url = urlsplit(f"https://vault/v1/{field.place}")
    assert (url.path, url.query, url.fragment) == (f"/v1/{field.place}", "", "")
    assert not {"", ".", ".."} & set(field.place.split("/"))
    assert all("!" <= letter <= "~" for letter in field.place)


@settings(max_examples=200)
@given(TEXT)
def test_other_names_stay_what_they_are(text: str) -> None:
    for read in (read_mount, read_namespace):
        try:
            assert read(text) == text
        except ValueError:
            continue
        assert text.isascii()
        assert not set(text) & set(" \r\n\0?#%:@")
    try:
        address = read_vault_address(text)
    except ValueError:
        return
    assert urlsplit(address).scheme in ("http", "https")


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["aws", "field", "region", "x"]), st.one_of(TEXT, st.integers()), max_size=4
    )
)
def test_names_in_aws(reference: dict[str, str | int]) -> None:
    try:
        found = read_aws(reference)
    except ValueError:
        return
    given_here = {"aws": found.name, "field": found.field, "region": found.region}
    assert {key: value for key, value in given_here.items() if value} == reference


@pytest.mark.parametrize(
    "place", ["ssh/sign/deploy", "team-a/ssh/sign/deploy", "a/b", "database/creds/app@prod", "x/.../y"]
)
def test_places(place: str) -> None:
    assert read_place(place, "vault_ssh", "a/b") == place


@pytest.mark.parametrize(
    "place",
    [
        "",
        "ssh",
        "/a/b",
        "a/b/",
        "a//b",
        "a/./b",
        "a/../b",
        "v1/a",
        "sys/seal",
        "auth/x/login",
        "a/b?x",
        "a/%2e",
    ],
)
def test_no_places(place: str) -> None:
    with pytest.raises(ValueError, match="vault_ssh must be a path without /v1/, as in"):
        read_place(place, "vault_ssh", "a/b")


@pytest.mark.parametrize(
    ("address", "namespace", "mount"),
    [
        ("http://vault", "", "approle"),
        ("https://vault", "a\r\nX-Vault-Token: x", "approle"),
        ("https://vault", "", "../sys"),
    ],
)
def test_settings_check_themselves(address: str, namespace: str, mount: str) -> None:
    with pytest.raises(ValueError, match="must"):
        VaultSettings(address, ByAppRole({"env": "A"}, {"env": "B"}, mount), namespace=namespace)
    VaultSettings("http://127.0.0.1:8200", ByToken({"env": "A"}))
