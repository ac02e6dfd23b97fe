"""Whatever is written into the file: it is a configuration, or its problems are told. Nothing else comes out."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.app.config_file import LoadedConfig
from gateway.app.config_problems import ConfigurationProblems
from gateway.app.config_show import as_toml

Load = Callable[..., LoadedConfig]

PIECES = (
    *("", "[", "]", "{", "}", '"', "'''", "=", ".", ",", "#", "*", ":", "\n", "\0", "\udcff", "\ufeff", "é"),
    *("-1", "1e9", "nan", "2020-01-01", "true", "9" * 5000, "{name}", "ssh", "..", "/dev/full"),
    *("[[person]]\n", "[person]\n", "[target.x]\n", "[[rule]]\n", "[policy]\n", "[tls]\n", "[[version]]\n"),
    *("files = ['*']\n", "key = 1\n", "to = []\n", "keys = [{}]\n", "password = []\n", "url = 'x://['\n"),
)


def spoiled(good: str, draw: Callable[[st.SearchStrategy[str]], str], cuts: list[tuple[int, int]]) -> str:
    text = good
    for start, length in cuts:
        start %= len(text) + 1
        text = text[:start] + draw(st.sampled_from(PIECES) | st.text(max_size=4)) + text[start + length :]
    return text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(), cuts=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 12)), min_size=1, max_size=4)
)
def test_only_problems_come_out(
    load: Load, good: str, data: st.DataObject, cuts: list[tuple[int, int]]
) -> None:
    caught = None
    try:
        loaded = load(spoiled(good, data.draw, cuts))
    except ConfigurationProblems as problems:
        caught = problems
    if caught is None:
        assert load(as_toml(loaded)).settings == loaded.settings
    else:
        assert caught.problems
        assert all(str(problem).startswith(("hoop.toml", "/")) for problem in caught.problems)
