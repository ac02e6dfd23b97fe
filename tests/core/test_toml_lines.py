"""Positions in TOML: every key that tomllib reads has a line, whatever the writing style."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.toml_lines import _Scan, line_of, line_of_error

SAMPLE = '''# a comment = "not a key"
version = 1
"quoted key" = 'x # not a comment'

[gateway]
name = "gw"   # trailing
listen.ssh = "127.0.0.1:2222"
text = """
[not.a.table]
fake = 1
"""
after = [
  1,   # one
  { a = 1, "b c" = [2,
    3] },
  """x
y""", 4,
]

[[rule]]
id = "one"
match = { user = "a", label = { env = "prod" } }

[[rule]]
id = "two"
[rule.match]
command = ["x",
  "y"]
[[rule.deep]]
k = 1
[[rule.deep]]
k = 2
[rule.deep.more]
z = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 2),
        (("quoted key",), 3),
        (("gateway",), 5),
        (("gateway", "listen", "ssh"), 7),
        (("gateway", "text"), 8),
        (("gateway", "after"), 12),
        (("gateway", "after", 0), 13),
        (("gateway", "after", 1, "a"), 14),
        (("gateway", "after", 1, "b c", 1), 15),
        (("gateway", "after", 2), 16),
        (("gateway", "after", 3), 17),
        (("rule",), 20),
        (("rule", 0, "match", "label", "env"), 22),
        (("rule", 1), 24),
        (("rule", 1, "id"), 25),
        (("rule", 1, "match"), 26),
        (("rule", 1, "match", "command", 1), 28),
        (("rule", 1, "deep", 0, "k"), 30),
        (("rule", 1, "deep", 1, "k"), 32),
        (("rule", 1, "deep", 1, "more", "z"), 34),
        (("rule", 1, "missing", "key"), 24),
        (("gateway", "fake"), 5),
        (("nothing",), None),
        ((), None),
    ],
)
def test_each_path_has_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(SAMPLE)
    assert line_of(SAMPLE, path) == line


def test_windows_line_ends_count_once() -> None:
    assert line_of(SAMPLE.replace("\n", "\r\n"), ("rule", 1, "id")) == 25


def test_what_stands_before_the_nonsense_is_still_found() -> None:
    assert line_of('a = 1\nb = "open\nc = 2\n', ("a",)) == 1
    assert line_of("x = " + "[" * 5000, ("x",)) == 1


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb = = 2\n", 2), ("a = [1,\n", 1), ("a = 'x\n\n", 2), ("x", 1)]
)
def test_a_syntax_error_has_a_line(text: str, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    assert line_of_error(text, caught.value) == line


_PIECES = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "a",
        "b.c",
        '"',
        "'",
        '"""',
        "'''",
        "=",
        ",",
        "#",
        "\n",
        "\r\n",
        " ",
        "\\",
        "1",
        ".",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES | st.text(max_size=3), max_size=40).map("".join))
def test_it_never_raises_and_stays_inside_the_text(text: str) -> None:
    for path in ((), ("a",), ("b", "c"), ("a", 0, "a"), ("a", 1)):
        line = line_of(text, path)
        assert line is None or 1 <= line <= text.count("\n") + 1


def _paths(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [above] + [path for key, inner in value.items() for path in _paths(inner, (*above, key))]
    if isinstance(value, list):
        return [above] + [path for i, inner in enumerate(value) for path in _paths(inner, (*above, i))]
    return [above]


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_whatever_tomllib_accepts_is_found_whole(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = _Scan(text).lines()
    assert all(path in lines for path in _paths(document) if path)


def test_every_path_of_the_sample_is_found() -> None:
    lines = _Scan(SAMPLE).lines()
    assert [path for path in _paths(tomllib.loads(SAMPLE)) if path and path not in lines] == []
