"""Finding targets by name: exact before pattern, and no name that could change a host name's meaning."""

import pytest

from gateway.app.inventory import Targets
from gateway.core.people import Target

WEB = Target("web-*", "ssh", "{name}.internal", 22, "deploy")
ONE = Target("web-1", "ssh", "10.0.0.1", 2200, "root")


def test_an_exact_name_wins() -> None:
    assert Targets([WEB, ONE]).find("web-1") == ONE


def test_a_pattern_is_filled_in() -> None:
    found = Targets([WEB, ONE]).find("web-7")
    assert found is not None
    assert (found.name, found.host, found.user) == ("web-7", "web-7.internal", "deploy")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "web-*",
        "web-../x",
        "web-1 ",
        "web-1\n",
        "web-@evil",
        "web-\u0430",
        "web-" + "x" * 200,
        "db-1",
        "-web",
        "web-A",
        "web-7.",
        "web-7..x",
        "web-",
    ],
)
def test_other_names_are_nobody(name: str) -> None:
    assert Targets([WEB, ONE]).find(name) is None


def test_a_reload_replaces_everything() -> None:
    targets = Targets([WEB])
    targets.replace([ONE])
    assert targets.find("web-2") is None
    assert targets.find("web-1") == ONE
