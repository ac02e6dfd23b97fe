"""Which files a line runs: by every form that is known, never by guessing, and whatever anybody writes."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.attachments import PROGRAM, SHELL
from gateway.policy.shell.runs import DIRECTORY_NOT_KNOWN, ELSEWHERE, MOST, NAME_NOT_KNOWN, files_run

NAMES = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=["Cs"]),
    min_size=1,
    max_size=30,
)
SEEN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30)


def paths(line: str, directory: str | None = "") -> list[str]:
    return [each.path or each.why for each in files_run(line, directory)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sh x.sh", ["x.sh"]),
        ("bash -x -o pipefail ./x.sh a b", ["./x.sh"]),
        ("./x.sh", ["./x.sh"]),
        ("/opt/app/run --now", ["/opt/app/run"]),
        (". ./env; ./x.sh", ["./env", "./x.sh"]),
        ("source ~/f", ["f"]),
        ("sudo -u bob sh x.sh", ["x.sh"]),
        ("sudo /opt/x", ["/opt/x"]),
        ("env FOO=1 nice -n 5 sh x.sh", ["x.sh"]),
        ("nohup sh x.sh > log 2>&1 &", ["x.sh"]),
        ("python3.11 -W ignore x.py --x", ["x.py"]),
        ("perl -w -I lib x.pl", ["x.pl"]),
        ("psql -d a -f x.sql", ["x.sql"]),
        ("psql --file=/a/x.sql -fy.sql", ["/a/x.sql", "y.sql"]),
        ("mysql -u root db < x.sql", ["x.sql"]),
        ("sh < x.sh", ["x.sh"]),
        ("bash -s -- a < x.sh", ["x.sh"]),
        ("cat a b | sudo sh", ["a", "b"]),
        ("cd /opt && sh y.sh", ["/opt/y.sh"]),
        ("cd /opt; cd sub; ./y.sh", ["/opt/sub/./y.sh"]),
        ("sh a; cd /x; sh b", ["a", "/x/b"]),
        ("cd a; cd a; ./y", ["a/a/./y"]),
        ("bash -c 'cd /x; sh y.sh'; sh z", ["/x/y.sh", "z"]),
        ("find . -exec sh x.sh {} \\;", ["x.sh"]),
        ("for i in 1 2; do sh x.sh; done", ["x.sh"]),
        ("awk -f p.awk data", ["p.awk"]),
        ("ls; rm -rf x; /usr/bin/id; /bin/cat y", []),
        ("python3 -m http.server; python3 -c 'print(1)'; sh -c 'id'", []),
        ("cat x.sh; less x.py", []),
    ],
)
def test_what_is_named(line: str, found: list[str]) -> None:
    assert paths(line) == found


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("sh $X", NAME_NOT_KNOWN),
        ("sh *.sh", NAME_NOT_KNOWN),
        ("bash <(curl x)", NAME_NOT_KNOWN),
        ("sh ~bob/x", NAME_NOT_KNOWN),
        ("if true; then cd /x; fi; sh y.sh", DIRECTORY_NOT_KNOWN),
        ("cd /x | sh y.sh", DIRECTORY_NOT_KNOWN),
        ("cd /x || sh y.sh", DIRECTORY_NOT_KNOWN),
        ("cd $X; sh y.sh", DIRECTORY_NOT_KNOWN),
        ("cd -; sh y.sh", DIRECTORY_NOT_KNOWN),
        ("pushd /x; sh y.sh", DIRECTORY_NOT_KNOWN),
        ("env -C /opt sh x.sh", DIRECTORY_NOT_KNOWN),
        ("ssh other sh y.sh", ELSEWHERE),
        ("sudo chroot /x sh y.sh", ELSEWHERE),
    ],
)
def test_what_can_not_be_known_is_said(line: str, why: str) -> None:
    assert [each.why for each in files_run(line, "")] == [why]


def test_where_nobody_knows_where_the_shell_stands() -> None:
    assert paths("sh x.sh; sh /a/b; ./c; sh ~/d", None) == [
        DIRECTORY_NOT_KNOWN,
        "/a/b",
        DIRECTORY_NOT_KNOWN,
        "d",
    ]
    assert paths("sh x.sh", "/srv") == ["/srv/x.sh"]


def test_what_reads_a_file() -> None:
    line = "sh a; ./b; python3 c; cat d | bash"
    assert {(each.name, each.reader, each.by_path) for each in files_run(line, "")} == {
        ("a", SHELL, False),
        ("./b", PROGRAM, True),
        ("c", PROGRAM, False),
        ("d", SHELL, False),
    }


def test_a_script_that_is_too_long_for_the_grammar() -> None:
    text = "echo something harmless\n" * 400 + 'sh y.sh; ./z "$X"; . "$D/k.sh"\n'
    assert paths(text) == ["y.sh", "./z", NAME_NOT_KNOWN]


def test_no_more_than_so_many() -> None:
    assert len(files_run("; ".join(f"sh {each}" for each in range(500)), "")) == MOST + 1


@given(SEEN)
def test_a_quoted_name_is_that_name(name: str) -> None:
    """However it is written: the file that is shown is the one that the shell opens."""
    if name in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/fd/3"):
        return
    assert paths(f"sh -- {shlex.quote(name)}") == [name]
    assert paths(f"cd /srv && sh -- {shlex.quote('/' + name)}") == ["/" + name]


@given(NAMES)
def test_a_name_with_anything_in_it_is_that_name_or_not_known(name: str) -> None:
    (found,) = files_run(f"sh -- ./{shlex.quote(name)}", "") or (None,)
    if found is not None:
        assert found.path in (f"./{name}", "")
        assert bool(found.path) is not bool(found.why)


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    "sh",
                    "bash",
                    ".",
                    "source",
                    "sudo",
                    "env",
                    "A=1",
                    "cd",
                    "/opt",
                    "x.sh",
                    "./y",
                    "~/z",
                    "$X",
                    "*",
                ),
                *(
                    "<",
                    ">",
                    "|",
                    "||",
                    "&&",
                    ";",
                    "&",
                    "(",
                    ")",
                    "{",
                    "}",
                    "'",
                    '"',
                    "`",
                    "$(",
                    "\\",
                    "\n",
                    "-c",
                    "-",
                ),
                *(
                    "psql",
                    "-f",
                    "--file=q",
                    "python3",
                    "-m",
                    "cat",
                    "<<E",
                    "E",
                    "if",
                    "then",
                    "fi",
                    "find",
                    "-exec",
                ),
            ]
        ),
        max_size=14,
    ),
    st.sampled_from(["", "/srv", None]),
)
def test_whatever_comes(words: list[str], directory: str | None) -> None:
    found = files_run(" ".join(words), directory)
    assert len(found) <= MOST
    for each in found:
        assert bool(each.path) is not bool(each.why)
        assert "\0" not in each.path
        if directory is None and each.path and not each.name.startswith("~/"):
            assert each.path.startswith("/") or "cd" in words
