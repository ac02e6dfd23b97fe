"""What tests/conftest.py does with tests that can not run here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SUITE = """
import os
import shutil
from pathlib import Path

import pytest

@pytest.mark.needs("sh")
def test_runs():
    assert os.environ["HOME"] != "/the/callers/home"
    assert Path(os.environ["HOME"]).is_dir()
    assert "HOOP_TOKEN" not in os.environ

@pytest.mark.needs("sh", "no-such-program")
def test_marked():
    pass

@pytest.mark.skipif(shutil.which("no-such-server") is None, reason="there is no no-such-server here")
def test_by_hand():
    pass

@pytest.mark.interop
def test_with_stock_clients():
    pass

@pytest.mark.slow
def test_for_minutes():
    pass

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A project whose tests are the ones above."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "test_suite.py").write_text(SUITE)
    (tmp_path / "scripts" / "programs.txt").write_text(
        "sh dash\nno-such-program first-package\nno-such-server second-package\nno-such-other third-package\n"
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = tests\nmarkers =\n    interop: x\n    slow: x\n"
    )
    return tmp_path


def run(suite: Path, *options: str) -> tuple[int, list[str]]:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--strict-markers", "-p", "no:cacheprovider", *options],
        cwd=suite,
        env={"PATH": "/usr/bin:/bin", "HOME": "/the/callers/home", "HOOP_TOKEN": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout.splitlines()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_what_was_skipped_is_counted_and_named_with_the_command_that_fixes_it(
    suite: Path, processes: str
) -> None:
    status, lines = run(suite, "-ra", "-n", processes)
    assert status == 0, lines
    assert "2 passed, 2 skipped" in lines[-1]
    assert "1 xfailed" in lines[-1]
    assert any("- 2 skipped -" in line for line in lines)
    assert "   1  needs no-such-program" in lines
    assert lines[-2].endswith("apt-get install first-package second-package")


@pytest.mark.parametrize("processes", ["0", "2"])
def test_where_nothing_may_be_skipped_a_skip_is_a_failure_with_its_reason(
    suite: Path, processes: str
) -> None:
    status, lines = run(suite, "--no-skips", "-ra", "-n", processes)
    assert status == 1
    assert "2 passed" in lines[-1]
    assert "2 errors" in lines[-1]
    assert "skipped, and here nothing may be: needs no-such-program" in lines
    assert any(line.startswith("ERROR tests/test_suite.py::test_marked") for line in lines)


def test_a_module_that_skips_itself_is_a_failure_too(suite: Path) -> None:
    (suite / "tests" / "test_whole.py").write_text(
        "import pytest\npytest.skip('not here', allow_module_level=True)\n"
    )
    status, lines = run(suite, "--no-skips")
    assert status != 0
    assert any("test_whole.py" in line for line in lines)
    assert "1 error" in lines[-1]


def test_slow_and_fast_choose(suite: Path) -> None:
    assert "3 passed, 2 skipped, 1 xfailed" in run(suite, "--slow")[1][-1]
    assert "1 passed, 2 skipped, 2 deselected, 1 xfailed" in run(suite, "--fast")[1][-1]


def test_a_program_that_nobody_knows_where_to_get_is_a_mistake(suite: Path) -> None:
    (suite / "tests" / "test_suite.py").write_text(
        "import pytest\n\n@pytest.mark.needs('unheard-of')\ndef test_x():\n    pass\n"
    )
    status, lines = run(suite)
    assert status == 1
    assert any("scripts/programs.txt does not say where unheard-of comes from" in line for line in lines)


def test_the_home_of_the_tests_is_gone_afterwards(suite: Path) -> None:
    (suite / "tests" / "test_suite.py").write_text(
        "import os\n\ndef test_x():\n    open('home.txt', 'w').write(os.environ['HOME'])\n"
    )
    assert run(suite)[0] == 0
    assert not Path((suite / "home.txt").read_text()).exists()
