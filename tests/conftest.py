"""What every test runs in: a home of its own, no settings of the caller's, and a report of what was skipped.

Options (scripts/test passes them on): --slow, --fast, --no-skips. A test that drives a stock program says so with
`@pytest.mark.needs("sshd", "tmux")` and is skipped where one is missing; which package a program comes from is
in scripts/programs.txt. With --no-skips a skipped test is a failed one.
"""

import gc
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")
CALLERS_OWN = re.compile(
    r"HOOP_|XDG_|SSH_|GIT_|PG|PYTHON|TMUX|(NO_COLOR|FORCE_COLOR|COLORTERM|COLUMNS|LINES|EDITOR|VISUAL)$"
)

_home = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_skipped = pytest.StashKey[list[tuple[str, str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hoop-tui")
    group.addoption("--slow", action="store_true", help="also run the tests that take minutes")
    group.addoption("--fast", action="store_true", help="leave out what drives stock clients and servers")
    group.addoption("--no-skips", action="store_true", help="a skipped test is a failed one")


def pytest_configure(config: pytest.Config) -> None:
    # The same examples in every run, so that a change is judged by what it changed; --slow looks for new ones.
    hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
    if not config.getoption("--slow"):
        hypothesis.settings.load_profile("same")
    config.addinivalue_line("markers", "needs(program, ...): skipped where one of these programs is missing")
    config.stash[_skipped] = []
    config.pluginmanager.register(SkipNotes(config.stash[_skipped]))
    home = config.stash[_home] = tempfile.TemporaryDirectory(prefix="hoop-test-home-")
    for name in [name for name in os.environ if CALLERS_OWN.match(name)]:
        del os.environ[name]
    os.environ.update(HOME=home.name, TERM="xterm-256color", LC_ALL="C.UTF-8")
    # Servers live where only root's PATH looks.
    servers = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys([*path, *SYSTEM_DIRECTORIES, *servers]))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _home in config.stash:
        config.stash[_home].cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()  # nothing of what is found goes away, and to look for what does takes a tenth of the time
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = {"slow"} if not config.getoption("--slow") else set()
    if config.getoption("--fast"):
        left_out |= {"slow", "interop"}
    dropped = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]
    if "PYTEST_XDIST_WORKER" in os.environ:
        put_dear_files_first(items)


def put_dear_files_first(items: list[pytest.Item]) -> None:
    """Files that drive stock programs, then those of few tests: one that takes a minute is not begun last, while
    the other processes have nothing left to do. The many cases at the end fill what gaps there are."""
    count = Counter(item.path for item in items)
    drives = {item.path for item in items if item.get_closest_marker("interop")}
    items.sort(key=lambda item: (item.path not in drives, count[item.path]))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # thousands of tests and all modules stay: each full collection would go through them again


def is_there(probe: str) -> bool:
    """Whether a program is on PATH, or a file at its place."""
    return Path(probe).exists() if probe.startswith("/") else shutil.which(probe) is not None


def packages() -> dict[str, str]:
    """Program or file, and the Debian package that it comes from."""
    lines = (ROOT / "scripts" / "programs.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if line.strip() and not line.startswith("#"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [str(name) for marker in item.iter_markers("needs") for name in marker.args]
    if unknown := [name for name in wanted if name not in packages()]:
        pytest.fail(f"scripts/programs.txt does not say where {', '.join(unknown)} comes from", pytrace=False)
    if missing := [name for name in wanted if not is_there(name)]:
        pytest.skip(f"needs {', '.join(missing)}")


def why_skipped(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def take_note(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    """Write the reason of a skip into its report; where none is allowed, make it a failure that names it."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.__dict__["why_skipped"] = why_skipped(report)  # pytest-xdist carries it over
    if config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and here nothing may be: {reason}"


class SkipNotes:
    """Collects the reasons where reports come together, also from the processes that share the tests."""

    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        self._reasons = reasons

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        reason = getattr(report, "why_skipped", "")
        if reason:
            self._reasons.append((report.nodeid, reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    take_note(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    take_note(collector.config, report)
    return report


def wanted_packages(reason: str) -> set[str]:
    """The missing packages that a reason names, by themselves or by their programs."""
    words = set(re.findall(r"[\w./-]*\w", reason))
    return {
        package for probe, package in packages().items() if words & {probe, package} and not is_there(probe)
    }


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    yield  # pytest's own summaries: what was missed comes last, right above the closing line
    if config.stash[_skipped]:
        tell_what_was_skipped(terminalreporter, config.stash[_skipped])


def tell_what_was_skipped(terminalreporter: pytest.TerminalReporter, skipped: list[tuple[str, str]]) -> None:
    """How many for which reason, and the command that fixes it."""
    counts: dict[str, int] = {}
    fixes: set[str] = set()
    for _, reason in skipped:
        counts[reason] = counts.get(reason, 0) + 1
        fixes |= wanted_packages(reason)
    terminalreporter.section(f"{len(skipped)} skipped", sep="-")
    for reason, count in sorted(counts.items()):
        terminalreporter.write_line(f"{count:4}  {reason}")
    if fixes:
        sudo = "" if os.getuid() == 0 else "sudo "
        terminalreporter.write_line(f"To run them too: {sudo}apt-get install {' '.join(sorted(fixes))}")
