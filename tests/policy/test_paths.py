"""Rules about paths: every disguise is seen where a rule restricts, and only resolved paths count where it allows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.operation import Effect, Operation
from gateway.core.verdict import Allow, Deny
from gateway.policy.decide import decide
from gateway.policy.glob import can_begin, matches
from gateway.policy.paths import tidy
from gateway.policy.verbs import FILE_VERBS, TWO_PATHS
from tests.policy.conftest import EVERYTHING, SHELL, file, forward, policy, rule, run, session, typed

NO_ETC = policy(EVERYTHING + rule("etc", "block", 'path = "/etc/*"'))
NO_UPLOAD_TO_ETC = policy(EVERYTHING + rule("etc", "block", 'path = "/etc/*", verb = ["upload"]'))
ONLY_SRV = policy(rule("srv", "allow", 'path = ["/srv", "/srv/*"]'))


def passes(rules: object, operation: Operation) -> bool:
    return isinstance(decide(rules, operation, session()), Allow)  # type: ignore[arg-type]  # policies of this module


@pytest.mark.parametrize(
    "operation",
    [
        file("upload", "/etc/app.conf", "/etc/app.conf"),
        file("upload", "app.conf", "/etc/app.conf"),
        file("upload", "/etc/app.conf", "/srv/etc/app.conf"),
        file("upload", "/etc//app.conf", "/x"),
        file("upload", "/./etc/app.conf", "/x"),
        file("upload", "//etc/app.conf", "/x"),
        file("upload", "/srv/../etc/app.conf", "/x"),
        file("upload", "/etc/", "/x"),
        file("list", "/etc", "/etc"),
        file("stat", "/etc/shadow", "/etc/shadow"),
        file("upload", "anything"),
        file("download", "/srv/ok"),
        file("rename", "/tmp/x", "/tmp/x", "/etc/x"),
        file("rename", "/", "/", "/old"),
        file("link", "/tmp/x", "/tmp/x", "/etc/x"),
        file("rename", "/tmp/x", "/tmp/x"),
        file("chmod", "/etc/a/b/c", "/etc/a/b/c"),
        file("upload", "/", "/", tree=True),
        file("upload", "tree", "/etc", tree=True),
        file("upload", "/etc/x\udcff", "/etc/x\udcff"),
        Operation("upload", "upload ?", frozenset({Effect.WRITE})),
    ],
)
def test_a_block_sees_every_form(operation: Operation) -> None:
    assert not passes(NO_ETC, operation)


@pytest.mark.parametrize(
    "operation",
    [
        file("upload", "/srv/app.conf", "/srv/app.conf"),
        file("upload", "etc/app.conf", "/srv/etc/app.conf"),
        file("upload", "/etcetera", "/etcetera"),
        file("upload", "/srv", "/srv", tree=True),
        file("list", "/", "/"),
        file("rename", "/srv/a", "/srv/a", "/srv/b", tree=True),
        file("rename", "/srv/a", "/srv/a", "/srv/b"),
        run("cat /etc/passwd"),
        SHELL,
        typed("cat /etc/passwd"),
    ],
)
def test_a_block_leaves_the_rest_alone(operation: Operation) -> None:
    assert passes(NO_ETC, operation)


def test_a_block_by_verb_can_not_be_walked_round() -> None:
    """Who may not upload there may not move or link a file there either, nor what must not be read to elsewhere."""
    assert not passes(NO_UPLOAD_TO_ETC, file("upload", "/etc/x", "/etc/x"))
    assert not passes(NO_UPLOAD_TO_ETC, file("rename", "/tmp/x", "/tmp/x", "/etc/cron.d/x"))
    assert not passes(NO_UPLOAD_TO_ETC, file("link", "/etc/passwd", "/etc/passwd", "/tmp/x"))
    assert passes(NO_UPLOAD_TO_ETC, file("download", "/etc/x", "/etc/x"))
    assert passes(NO_UPLOAD_TO_ETC, file("mkdir", "/etc/x", "/etc/x"))
    anywhere = policy(EVERYTHING + rule("up", "block", 'verb = "upload"'))
    assert passes(anywhere, file("rename", "/a", "/a", "/b"))


def test_a_renamed_directory_takes_what_is_in_it_along() -> None:
    secrets = policy(EVERYTHING + rule("s", "block", 'path = "/srv/app/secrets/*"'))
    moved = ("/srv/app", "/tmp/app")
    assert not passes(secrets, file("rename", "/srv/app", *moved))
    assert not passes(secrets, file("rename", "/srv/app", *moved, tree=True))
    assert passes(secrets, file("rename", "/srv/app", *moved, tree=False))


@pytest.mark.parametrize(
    ("operation", "allowed"),
    [
        (file("upload", "/srv/a", "/srv/a"), True),
        (file("list", "/srv", "/srv"), True),
        (file("upload", "a", "/srv/a"), True),
        (file("upload", "/srv/a", "/etc/a"), False),
        (file("upload", "/srv/a"), False),
        (file("upload", "/srv/../etc/a", "/srv/../etc/a"), False),
        (file("upload", "/srv/a", "srv/a"), False),
        (file("upload", "/srv/a", ""), False),
        (file("rename", "/srv/a", "/srv/a", "/srv/b"), True),
        (file("rename", "/srv/a", "/srv/a", "/etc/b"), False),
        (file("rename", "/srv/a", "/etc/a", "/srv/b"), False),
        (file("rename", "/srv/a", "/srv/a"), False),
        (file("link", "/srv/a", "/srv/a", ""), False),
        (file("upload", "t", "/srv/t", tree=True), True),
        (run("cat /srv/a"), False),
        (SHELL, False),
        (forward("db:5432"), False),
    ],
)
def test_an_allow_wants_every_path_resolved(operation: Operation, allowed: bool) -> None:
    assert passes(ONLY_SRV, operation) is allowed


@pytest.mark.parametrize("verb", sorted(FILE_VERBS))
@pytest.mark.parametrize("shell", ["none", "nonee", None])
def test_without_a_shell_files_pass_only_by_their_path(verb: str, shell: str | None) -> None:
    """Whoever may write `.ssh/rc` runs what they like, so a rule that allows everything must not mean that, too."""
    here = session()
    bare = replace(here, target=replace(here.target, options={"shell": shell}))
    operation = file(verb, "/srv/a", *(["/srv/a", "/srv/b"] if verb in TWO_PATHS else ["/srv/a"]))
    general, exact = policy(EVERYTHING), policy(EVERYTHING + rule("srv", "allow", 'path = "/srv/*"'))
    assert isinstance(decide(general, operation, here), Allow)
    assert isinstance(decide(general, operation, bare), Deny)
    assert isinstance(decide(exact, operation, bare), Allow)
    assert isinstance(decide(general, run("uptime"), bare), Allow), "single commands have their own list"


def test_an_allowed_tree_needs_a_pattern_for_what_is_in_it() -> None:
    exact = policy(rule("one", "allow", 'path = "/srv/site"'))
    assert passes(exact, file("upload", "site", "/srv/site"))
    assert not passes(exact, file("upload", "site", "/srv/site", tree=True))
    below = policy(rule("one", "allow", 'path = "/srv/site/*"'))
    assert not passes(below, file("upload", "site", "/srv/site", tree=True))
    both = policy(rule("one", "allow", 'path = ["/srv/site", "/srv/site/*"]'))
    assert passes(both, file("upload", "site", "/srv/site", tree=True))
    assert not passes(both, file("upload", "site-2", "/srv/site-2", tree=True))
    assert not passes(both, file("upload", "srv", "/srv", tree=True))


def test_an_exception_lifts_only_what_is_sure() -> None:
    rules = policy(EVERYTHING + rule("etc", "block", 'path = "/etc/*"', 'unless = { path = "/etc/motd" }'))
    assert passes(rules, file("upload", "motd", "/etc/motd"))
    assert not passes(rules, file("upload", "/etc/motd", "/etc/shadow"))
    assert not passes(rules, file("upload", "/etc/motd"))
    but = policy(rule("srv", "allow", 'path = "/srv/*"', 'unless = { path = "/srv/keys/*" }'))
    assert passes(but, file("upload", "x", "/srv/x"))
    assert not passes(but, file("upload", "/srv/keys/x", "/srv/x"))


def test_it_is_said_when_the_target_could_not_resolve_a_path() -> None:
    verdict = decide(NO_ETC, file("upload", "x"), session())
    assert verdict == Deny("etc", "the target does not say what this path really is")


paths = st.lists(st.sampled_from(["srv", "etc", "a", ".", "..", "", "x*"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
patterns = st.sampled_from(["/srv/*", "/etc/*", "/srv", "*/a", "*", "/srv/*/a", "/?tc/*"])


@given(st.sampled_from(FILE_VERBS), paths, paths, paths, patterns)
def test_allowing_never_depends_on_the_given_path(
    verb: str, first: str, second: str, resolved: str, pattern: str
) -> None:
    rules = policy(rule("p", "allow", f'path = "{pattern}"'))
    both = (resolved, resolved)
    assert passes(rules, file(verb, first, *both)) == passes(rules, file(verb, second, *both))
    assert not passes(rules, file(verb, first))
    if passes(rules, file(verb, first, *both)):
        assert matches(pattern, resolved)


@given(st.sampled_from(FILE_VERBS), paths, paths, patterns)
def test_what_an_allow_covers_a_block_catches(
    verb: str, given_path: str, resolved: str, pattern: str
) -> None:
    operation = file(verb, given_path, resolved, resolved)
    allows = policy(rule("p", "allow", f'path = "{pattern}"'))
    blocks = policy(EVERYTHING + rule("p", "block", f'path = "{pattern}"'))
    if passes(allows, operation):
        assert not passes(blocks, operation)


@given(patterns, paths, st.text("/abcsrvet", max_size=6))
def test_a_pattern_that_describes_more_can_begin_so(pattern: str, text: str, rest: str) -> None:
    if matches(pattern, text + rest):
        assert can_begin(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("/etc/*", "/", True), ("/etc/*", "/etc/x/", True), ("/etc/*", "/srv/", False), ("/etc/passwd", "/etc/", True),
     ("/etc", "/etc/", False), ("*.key", "/srv/", True), ("/?tc/x", "/etc/", True), ("/etc/*", "/e", True)],
)  # fmt: skip
def test_beginnings(pattern: str, text: str, expected: bool) -> None:
    assert can_begin(pattern, text) is expected


@given(paths)
def test_tidy_paths_stay_as_they_are(path: str) -> None:
    plain = tidy(path)
    assert tidy(plain) == plain
    assert "//" not in plain
    assert ".." not in plain.split("/")
