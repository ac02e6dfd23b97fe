"""The scripts that people and CI start: all of them are sound, and .venv is made whole or not at all."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix)

# A build backend of thirty lines, so that a checkout can be installed without a registry.
BACKEND = """
import pathlib, zipfile

def build_editable(directory, config_settings=None, metadata_directory=None):
    info = "tiny-1.dist-info"
    with zipfile.ZipFile(pathlib.Path(directory, "tiny-1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("tiny.pth", str(pathlib.Path.cwd()))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", f"tiny.pth,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return "tiny-1-py3-none-any.whl"

build_wheel = build_editable
"""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("script", SCRIPTS, ids=relative)
def test_a_script_can_be_started_and_says_what_it_does(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    first, second, *_ = script.read_text(encoding="utf-8").splitlines()
    assert first in ("#!/usr/bin/env bash", "#!/usr/bin/env python3")
    assert second.startswith(("# ", '"""'))


@pytest.mark.parametrize(
    "script", [*SCRIPTS, ROOT / ".ci" / "run", ROOT / "scripts" / "lib.sh"], ids=relative
)
def test_bash_can_read_it(script: Path) -> None:
    if "bash" not in script.read_text(encoding="utf-8").split("\n", 2)[0] and script.suffix != ".sh":
        return
    ran = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_what_is_missing_is_named_by_its_package(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "cat"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    (tmp_path / "tmux").write_text("#!/bin/sh\n")
    (tmp_path / "tmux").chmod(0o755)
    copy = tmp_path / "a checkout"
    (copy / "scripts").mkdir(parents=True)
    for name in ("lib.sh", "install-programs"):
        shutil.copy(ROOT / "scripts" / name, copy / "scripts")
    (copy / "scripts" / "programs.txt").write_text(
        "# a line for people\n\ntmux some-tmux\nno-such-a  first\nno-such-b  first\n"
        "/no/such/file second\n/dev/null third\n"
    )
    ran = subprocess.run(
        [str(copy / "scripts" / "install-programs"), "--dry-run"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout == "first\nsecond\n"


def checkout(directory: Path) -> Path:
    """A project that needs no package, with our way of making .venv."""
    for name in ("scripts", "gateway", "backend"):
        (directory / name).mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "make_venv.py", directory / "scripts")
    (directory / "gateway" / "__init__.py").touch()
    (directory / "backend" / "tiny_backend.py").write_text(BACKEND)
    (directory / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["backend"]\n'
        '[project]\nname = "tiny"\nversion = "1"\n'
    )
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (directory / lock).write_text("# nothing\n")
    return directory


def setup(directory: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", str(directory / "scripts" / "make_venv.py"), *options]
    return subprocess.Popen(
        command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def inode(directory: Path) -> int:
    """Of a file that is new whenever .venv is."""
    return (directory / ".venv" / "pyvenv.cfg").stat().st_ino


def imports(directory: Path) -> bool:
    command = [str(directory / ".venv" / "bin" / "python"), "-c", "import gateway"]
    return subprocess.run(command, cwd="/", check=False).returncode == 0


def stamp(directory: Path) -> Path:
    return directory / ".venv" / "hoop-stamp.json"


def test_venv_is_made_whole_and_once(tmp_path: Path) -> None:
    place = checkout(tmp_path / "a place")
    # Killed half-way: nothing says that what is there is good.
    killed = setup(place)
    deadline = time.monotonic() + 60
    while not (place / ".venv" / "bin").exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    finish(killed)
    assert not stamp(place).exists()

    # Two at once: one makes it from nothing, the other waits and finds it made.
    first, second = setup(place), setup(place)
    (first_status, first_words), (second_status, second_words) = finish(first), finish(second)
    assert (first_status, second_status) == (0, 0), first_words + second_words
    assert (first_words + second_words).count("Setting up .venv") == 1
    assert json.loads(stamp(place).read_text())["root"] == str(place)
    assert imports(place)
    made = inode(place)

    # Nothing to do; then the tools of a developer, which stay when only the project is wanted.
    assert finish(setup(place)) == (0, "")
    assert "Adding the tools" in finish(setup(place, "--dev"))[1]
    assert finish(setup(place)) == (0, "")
    assert inode(place) == made


def test_what_can_not_be_installed_is_said_and_not_stamped(tmp_path: Path) -> None:
    place = checkout(tmp_path)
    (place / ".venv").mkdir()
    stamp(place).write_text('{"root": ')
    (place / "requirements.lock").write_text("no-hash-for-this==1.0\n")
    status, words = finish(setup(place))
    assert status == 1
    assert words.splitlines()[0].startswith("Setting up .venv")
    assert words.splitlines()[-1] == "Could not install what requirements.lock names; pip's words are above."
    assert "Traceback" not in words
    assert not stamp(place).exists()
