"""A data directory is one process's home: nobody else gets in, and a killed one leaves it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.app.home import Home
from gateway.core.errors import Misconfigured

HOLD = """
import sys, time
from pathlib import Path
from gateway.app.home import Home
home = Home.take(Path(sys.argv[1]))
print(home.id, flush=True)
time.sleep(600)
"""


def test_it_is_the_same_home_each_time(tmp_path: Path) -> None:
    first = Home.take(tmp_path)
    first.leave()
    second = Home.take(tmp_path)
    second.leave()
    assert first.id == second.id
    assert len(first.id) == 16
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Home.take(elsewhere)
    assert other.id != first.id
    other.leave()
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o600


def test_another_process_has_it_until_it_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    id = holder.stdout.readline().strip()
    with pytest.raises(Misconfigured, match="another gateway is using the data directory"):
        Home.take(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(20)
    holder.stdout.close()
    home = Home.take(tmp_path)
    assert home.id == id
    home.leave()


def test_a_place_that_can_not_be_used(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="can not be used: no such file or directory"):
        Home.take(tmp_path / "missing")
    (tmp_path / "home").symlink_to("/etc/passwd")
    with pytest.raises(Misconfigured, match="can not be used"):
        Home.take(tmp_path)
