"""Tests that pass directly and can not pass through a gateway, each with what it would take away if they did. Pure.

Whatever else differs is a fault. A test that is named here and passes after all is told as well, so that nothing
stays here for longer than it is so.
"""

import re
from dataclasses import dataclass

from scripts.postgres_suites.results import PASSED, Ran, worse

NAMED = "it asks the server how it is called there, and the server is told who it is for as well"
OWN_ROLE = "it signs in with the password of a role that it has made: a gateway lets people in, not roles"
NO_TLS = "it connects without TLS, which a gateway refuses"
OTHER_USER = "it must not get in as an unknown user: who somebody is says the token, whatever the user"


@dataclass(frozen=True, slots=True)
class Meant:
    """One test of one suite, or several that differ by their parameters."""

    suite: str
    test: str
    """A regular expression for the end of its name."""
    why: str

    def is_about(self, suite: str, test: str) -> bool:
        """Whether this is such a test."""
        return suite == self.suite and re.search(f"{self.test}$", test) is not None


MEANT = (
    Meant("psycopg", r"::test_get_config_rotates_connections(\[.*\])?", NAMED),
    Meant("psycopg", r"::test_change_password", OWN_ROLE),
    Meant("pgx", r"/pgconn::TestConnectWithRuntimeParams", NAMED),
    Meant("pgx", r"/pgxpool::TestPoolBeforeConnect", NAMED),
    Meant("pgjdbc", r"\.ScramTest::(invalidPasswords|passwordWithSpace)\{.*", OWN_ROLE),
    Meant(
        "pgjdbc",
        r"\.PasswordUtilTest::(encryptionTypeValueOf(On|Off)|scramSha256|customScramParams)",
        OWN_ROLE,
    ),
    Meant(
        "pgjdbc",
        r"\.PasswordUtilTest::(encodePasswordWithServersPasswordEncryption|alterUserPasswordSupportsNullEncoding)",
        OWN_ROLE,
    ),
    Meant("pgjdbc", r"\.AuthenticationPluginTest::authPluginSASL", OWN_ROLE),
    Meant("pgx", r"/pgconn::TestConnectInvalidUser", OTHER_USER),
    Meant("pgx", r"/pgconn::TestConnExecParamsContextCanceledAfterResponseBuffered(/.*)?", NO_TLS),
)


def why(suite: str, test: str, meant: tuple[Meant, ...] = MEANT) -> str:
    """Why this test can not pass; empty where it should."""
    return next((each.why for each in meant if each.is_about(suite, test)), "")


def unmeant(suite: str, direct: Ran, other: Ran) -> list[str]:
    """Tests that pass directly and do not pass here, and should."""
    return [test for test in worse(direct, other) if not why(suite, test)]


def reasons(suite: str, direct: Ran, other: Ran) -> dict[str, list[str]]:
    """Those that can not, by reason."""
    found: dict[str, list[str]] = {}
    for test in worse(direct, other):
        if reason := why(suite, test):
            found.setdefault(reason, []).append(test)
    return found


def outdated(suite: str, other: Ran) -> list[str]:
    """Those of which it is said that they can not, and which do."""
    return sorted(test for test, word in other.words.items() if word == PASSED and why(suite, test))
