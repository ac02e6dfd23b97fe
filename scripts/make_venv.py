"""Makes .venv exactly what a lock file says, once. Called by scripts/setup, demo, test and check.

Standard library only: it runs before anything is installed. A stamp inside .venv, written last, says what is in
it; a .venv without one was interrupted, or made by somebody else, and is made anew.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "hoop-stamp.json"
RUN_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"

Stamp = dict[str, str]
"""`python` and `root`: where it works; `run`, `dev`: digests of what is in it; `project`: of what we are."""


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def stop(words: str, status: int = 1) -> NoReturn:
    say(words)
    sys.exit(status)


def digest(*files: Path) -> str:
    try:
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    except OSError as problem:
        stop(f"Can not read {problem.filename}: {problem.strerror}.")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One setup at a time. The lock is on the checkout's directory, and goes with the process."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another setup of .venv is running; waiting for it ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def python_of_venv() -> str:
    """The version of .venv's own interpreter, or "" when it does not run."""
    question = "import sys; print(sys.version)"
    try:
        answer = subprocess.run([PYTHON, "-ISc", question], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def read_stamp() -> Stamp:
    """What is in .venv; empty when that can not be relied on."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(stamp, dict) or stamp.get("root") != str(ROOT):
        return {}
    return stamp if stamp.get("python") == python_of_venv() != "" else {}


def environment() -> dict[str, str]:
    """The caller's, less what would send pip elsewhere, and with a HOME."""
    elsewhere = {
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_CONSTRAINT",
        "PYTHONPATH",
        "PYTHONHOME",
    }
    env = {name: value for name, value in os.environ.items() if name not in elsewhere}
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_ROOT_USER_ACTION="ignore", PIP_NO_INPUT="1")
    if not env.get("HOME"):
        try:
            env["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            env.update(HOME="/", PIP_NO_CACHE_DIR="1")
    return env


def run(*command: str | Path, problem: str) -> None:
    if subprocess.run(command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL).returncode != 0:
        stop(problem)


def make_empty() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        sudo = "" if os.getuid() == 0 else "sudo "
        stop(f"This Python can not make a virtual environment. On Debian: {sudo}apt-get install python3-venv")
    STAMP.unlink(missing_ok=True)
    run(sys.executable, "-m", "venv", "--clear", VENV, problem=f"Could not make {VENV}; the reason is above.")


def install(lock: Path) -> None:
    STAMP.unlink(missing_ok=True)
    run(
        *(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"),
        *("--only-binary", ":all:", "-r", lock),
        problem=f"Could not install what {lock.name} names; pip's words are above.",
    )


def install_project() -> None:
    run(
        *(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"),
        *("--editable", "."),
        problem="Could not install the project itself into .venv; pip's words are above.",
    )


def make(dev: bool) -> None:
    """Bring .venv to what is wanted, from whatever is there."""
    stamp = read_stamp()
    dev = dev or bool(stamp.get("dev"))
    want: Stamp = {
        "root": str(ROOT),
        "run": digest(RUN_LOCK),
        "dev": digest(DEV_LOCK) if dev else "",
        "project": digest(ROOT / "pyproject.toml", ROOT / "gateway" / "__init__.py"),
    }
    if stamp == want | {"python": stamp.get("python", "")}:
        return
    try:
        if stamp.get("run") != want["run"] or stamp.get("dev") not in ("", want["dev"]):
            say("Setting up .venv; the first time this takes about a minute ...")
            make_empty()
            install(DEV_LOCK if dev else RUN_LOCK)
        elif stamp.get("dev") != want["dev"]:
            say("Adding the tools for tests and checks to .venv ...")
            install(DEV_LOCK)
        install_project()
        STAMP.write_text(json.dumps(want | {"python": python_of_venv()}))
    except OSError as problem:
        stop(f"Could not write {problem.filename}: {problem.strerror}.")


def main(arguments: list[str]) -> None:
    if unknown := [argument for argument in arguments if argument != "--dev"]:
        stop(f"scripts/setup knows --dev only, not {unknown[0]}.", 2)
    try:
        with alone():
            make(dev="--dev" in arguments)
    except KeyboardInterrupt:
        stop("Interrupted; the next run starts the setup anew.", 130)


if __name__ == "__main__":
    main(sys.argv[1:])
