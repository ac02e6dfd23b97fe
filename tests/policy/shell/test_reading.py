"""The facts of a line, its words, and that nobody's text makes the reading raise, wait or wander."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy import command_line
from gateway.policy.glob import matches
from gateway.policy.shell.documents import without_document
from gateway.policy.shell.facts import ANY, PART, may_be
from gateway.policy.shell.reader import Reading, read_shell
from gateway.policy.shell.simple import read_simple
from gateway.policy.shell.words import resolve

read = command_line.read.__wrapped__
_PIECES = """
    rm ls ; && | & ( ) { } ' " \\ $ $( ` # =
    x=( if_ then_ fi for_i_in_ do_ done case_x_in_ ;; [_ ] [[_ (( <<E^ E^ <<< $'
    \\x72 ${ * ~ <( > 2>&1 sudo_ xargs_ sh_-c_' eval_ ssh_h_ _ _ _ ^
    """
PIECES = [piece.replace("_", " ").replace("^", "\n") for piece in _PIECES.split()] + ["\x00", "\u202e"]


def facts(line: str) -> tuple[list[str], list[str], list[str]]:
    seen = read_shell(line).facts
    return [" ".join(command.argv) for command in seen.commands], list(seen.reads), list(seen.writes)


@pytest.mark.parametrize(
    ("line", "commands", "reads", "writes"),
    [
        ("a <in >out 2>>err", ["a"], ["in"], ["out", "err"]),
        (">x a b", ["a b"], [], ["x"]),
        ("a 2>&1 >&2 &>x", ["a"], [], ["x"]),
        ("a >|x b <y", ["a b"], ["y"], ["x"]),
        ("f() { a >x; }; f", ["a", "f"], [], ["x"]),
        ("{ a; b; } > x", ["a", "b"], [], ["x"]),
        ("while read l; do a; done < x", ["read l", "a"], ["x"], []),
        ("case $x in a) b;; *) c;; esac", ["b", "c"], [], []),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"], [], []),
        ("a $(b $(c)) `d` <(e)", ["a $() $() <(e)", "b $()", "c", "d", "e"], [], []),
        ("cat <<'E' >x\nrm $(y)\nE\nls", ["cat", "ls"], [], ["x"]),
        ("bash -c 'a; b'", ["bash -c a; b", "a", "b"], [], []),
        ("a 'b c' d\\ e \"f $g\"", ["a b c d e f $g"], [], []),
        ("A=1 B=$(c) d", ["d", "c"], [], []),
        ("a > $(b)/x", ["a", "b"], [], [f"{ANY}/x"]),
    ],
)
def test_facts(line: str, commands: list[str], reads: list[str], writes: list[str]) -> None:
    seen_commands, seen_reads, seen_writes = facts(line)
    assert (sorted(seen_commands), seen_reads, seen_writes) == (sorted(commands), reads, writes)


@pytest.mark.parametrize(
    ("line", "programs"),
    [
        ("sudo -u root /usr/bin/systemctl restart x", {"sudo", "systemctl"}),
        ("find . -name rm -exec grep a {} +", {"find", "grep"}),
        ("timeout 5 nice -n 3 env A=1 make", {"timeout", "nice", "env", "make"}),
        ("sh -c 'a | b'", {"sh", "a", "b"}),
    ],
)
def test_programs(line: str, programs: set[str]) -> None:
    assert set(read_shell(line).facts.programs) == programs


@pytest.mark.parametrize(
    ("raw", "text", "shape"),
    [
        ("a'b'\"c\"\\d", "abcd", "abcd"),
        ("$'\\x41\\102\\u0043\\n'", "ABC\n", "ABC\n"),
        ("$'\\xc3'", "?", ANY),
        ("~/x", "~/x", f"{ANY}/x"),
        ("a*b?c", "a*b?c", f"a{PART}b{PART}c"),
        ('"a*"', "a*", "a*"),
        ("a$", "a$", "a$"),
        ('$"a"', "$a", f"{ANY}a"),
    ],
)
def test_words(raw: str, text: str, shape: str) -> None:
    (word,) = resolve(raw).words
    assert (word.text, word.shape) == (text, shape)


def test_braces_become_words() -> None:
    assert [word.text for word in resolve("-r{f,}{1,2}").words] == ["-rf1", "-rf2", "-r1", "-r2"]
    assert [word.shape for word in resolve("{1..9}").words] == [ANY]
    assert [word.shape for word in resolve("{a,b}" * 9).words] == [ANY]


@pytest.mark.parametrize(
    ("pattern", "shape", "expected"),
    [
        ("systemctl restart *", f"systemctl {ANY} nginx", True),
        ("systemctl restart *", f"systemctl status {ANY}", False),
        ("* /etc/shadow*", f"cat {ANY}", True),
        ("* /etc/shadow*", f"cat /etc/sh{PART}", True),
        ("* /etc/shadow*", f"cat /etc/shado{PART}", True),
        ("* /etc/shadow*", f"cat {PART}", False),
        ("ls /srv/*", f"ls {PART}.py", False),
        ("rm -rf *", f"echo {ANY}", False),
        ("a?c", f"a{ANY}", True),
        ("a", f"{ANY}a{ANY}", True),
        ("", ANY, True),
        ("", "a", False),
    ],
)  # fmt: skip
def test_what_a_word_with_holes_may_be(pattern: str, shape: str, expected: bool) -> None:
    assert may_be(pattern, shape) is expected


@given(
    st.text("ab*?/ ", max_size=8),
    st.lists(st.sampled_from(["a", "b", "/", " ", ANY, PART]), max_size=6),
    st.data(),
)
def test_whatever_fills_the_holes_is_found(pattern: str, parts: list[str], data: st.DataObject) -> None:
    fill = {ANY: st.text("ab/ ", max_size=3), PART: st.text("ab", max_size=3)}
    filled = "".join(data.draw(fill[part]) if part in fill else part for part in parts)
    if matches(pattern, filled):
        assert may_be(pattern, "".join(parts))


def test_a_pattern_may_meet_what_the_target_makes() -> None:
    line = read("systemctl $A nginx")
    assert line.certain
    assert line.may_be(["rm *", "systemctl restart *"])
    assert not line.may_be(["rm *", "reboot*"])
    assert read("ls $A -l").may_be(["ls -l"]), "a variable may be nothing"


@pytest.mark.parametrize(
    "line",
    ["FOO=$(hostname); echo $FOO", "cat <<E > x\nit's $USER\nE", "diff <(ls a) <(ls b)", "cut a | awk '{print $1}'",
     "python3 -c 'import json,sys; print(len(sys.argv))'", "rsync -a -e ssh a b:c", "[ -f a ] && b", "less +F x",
     "git commit -m \"it's done\"", "grep $'\\t' x", "find . -exec ls -l {} \\;", "ssh -p 2 h 'systemctl status x'"],
)  # fmt: skip
def test_ordinary_lines_are_certain(line: str) -> None:
    assert read(line).why == ""


@pytest.mark.parametrize(
    ("line", "plain"),
    [("uptime", True), ("a 'b c' | d && e; f", True), ("sh -c 'a'", True), ("a $b", False), ("a > b", False),
     ("a *", False), ("a # b", True), ("(a)", False), ("f() { a; }", False), ("a\\\nb", False),
     ("a é", False), ("A=1 b", False),
     ("if a; then b; fi", False), ("! a", False), ("a {b,c}", False), ("a ~", False), ("a\x00", False)],
)  # fmt: skip
def test_what_a_rule_that_allows_may_look_at(line: str, plain: bool) -> None:
    assert read(line).plain is plain


def test_where_documents_end() -> None:
    assert without_document("a <<E; b\nx'\nE\nc") == "a ; b\nc"
    assert without_document("a <<-'E'\n\tx\n\tE\nc") == "a \nc"
    for untouched in (
        "a <<E\n$(b)\nE",
        "a <<E\nx",
        "a <<$E\nx\n$E",
        "a <<A <<B\nA\nB",
        "a <<<E\nE",
        'a <<"E\n"\nE',
    ):
        assert without_document(untouched) == untouched


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=300)
def test_any_line_of_a_shell(line: str) -> None:
    seen = read(line)
    assert seen.certain is (seen.why == "")
    assert not seen.plain or seen.certain
    assert read(line) == seen


@given(st.binary(max_size=200))
def test_any_bytes(line: bytes) -> None:
    seen = read(line.decode("utf-8", "surrogateescape"))
    assert not seen.plain or seen.certain


@given(
    st.lists(
        st.sampled_from(["a", "b-c", "'d e'", '"f g"', " ", "  ", "|", "&&", ";", "||", "'"]), max_size=9
    ).map("".join)
)
def test_the_short_way_is_the_same_as_the_long_one(line: str) -> None:
    """What needs no grammar reads the same with it: a comment at the end sends it there."""
    simple = read_simple(line)
    if simple is not None:
        long: Reading = read_shell(f"{line} # ")
        assert [command.argv for command in simple] == [command.argv for command in long.own]


WRAPPINGS = [
    "{}", "sudo {}", "env A=1 {}", "x; {}", "x && {}", "x | {}", "({})", "{{ {}; }}", "$({})", "echo \"$({})\"",
    "`{}`", "if {}; then x; fi", "while {}; do x; done", "f() {{ {}; }}; f", "nohup {} &", "{} > /dev/null 2>&1",
    "2>x {}",
    "timeout 5 {}", "find . -exec {} \\;", "! {}", "time {}", "xargs {}", "eval {}", "ssh h {}", "exec {}", "x\n{}",
    "case x in x) {};; esac", "for i in 1; do {}; done", "[ -f x ] || {}", "coproc {}", "A=$({})", "x <({})",
]  # fmt: skip
SPELLINGS = [
    "rm -rf /srv",
    "r\\m -rf /srv",
    "'rm' -rf /srv",
    "/bin/rm -rf /srv",
    "$'\\x72m' -rf /srv",
    "r\\\nm -rf /srv",
]


@given(st.lists(st.sampled_from(WRAPPINGS), max_size=4), st.sampled_from(SPELLINGS))
@settings(max_examples=400)
def test_no_wrapping_hides_a_command(wrappings: list[str], line: str) -> None:
    for wrapping in wrappings:
        line = wrapping.format(line)
    seen = read(line)
    assert not seen.certain or seen.may_be(["rm", "rm *"])
    assert not seen.plain or any("rm" in command for command in seen.commands)


@pytest.mark.parametrize(
    "unit",
    ["a|", "a=(", "<", "${a", "f() ", "$(", "(", "a;", "'a'", "sudo ", "ssh h test ", "eval ", "=~ fi ", "a <<E ",
     "xargs % ",     "sh -c 'a' ", "[[ a ", "\\", "{a,", "$((a?"],
)  # fmt: skip
@pytest.mark.parametrize("size", [8_000, 60_000, 1_000_000])
def test_hostile_lines_make_little_work(unit: str, size: int) -> None:
    started = time.thread_time()
    seen = read(unit * (size // len(unit)))
    assert time.thread_time() - started < 1
    assert sum(map(len, seen.forms)) < 2_000_000


def test_what_is_beyond_the_limits_is_not_certain() -> None:
    assert read("x" * 70_000).why == "it is too long"
    assert not read("a $(b); " * 3000).certain
    assert not read("eval " * 40 + "$x").certain
