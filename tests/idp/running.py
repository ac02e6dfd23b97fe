"""Starts the provider of this directory, with its packages fetched once into the virtual environment.

What npm is told about registries and proxies by whoever runs the tests counts, although tests have a home of their
own; nothing is written to that person's home but npm's usual cache.
"""

import asyncio
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCES = ("package.json", "package-lock.json", ".npmrc", "provider.mjs")


def installed() -> Path:
    """The directory with the provider and its packages; made at the first call ever, which takes some seconds."""
    digest = hashlib.sha256(b"\0".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    ready = Path(sys.prefix) / f"hoop-tests-idp-{digest[:16]}"
    if ready.exists():
        return ready
    for old in ready.parent.glob("hoop-tests-idp-*"):
        shutil.rmtree(old, ignore_errors=True)
    making = Path(tempfile.mkdtemp(prefix=".hoop-tests-idp-", dir=ready.parent))
    try:
        for name in SOURCES:
            shutil.copy(HERE / name, making)
        home = pwd.getpwuid(os.getuid()).pw_dir
        ran = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
            cwd=making,
            env={**os.environ, "HOME": home},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, f"npm ci: {ran.stderr[-2000:]}"
        try:
            making.rename(ready)
        except OSError:  # another process was first
            assert ready.exists()
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return ready


@dataclass(slots=True)
class RunningIdp:
    """A provider that is there until it is stopped."""

    issuer: str
    process: subprocess.Popen[bytes]

    async def order(self, **orders: Any) -> None:
        """rotate=True, disable=NAME, enable=NAME, groups={NAME: [...]}; see provider.mjs."""
        assert await asyncio.to_thread(self._order, orders) == {"done": True}

    def stop(self) -> None:
        """Gone when this returns."""
        self.process.kill()
        self.process.communicate()

    def _order(self, orders: Mapping[str, Any]) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(orders).encode() + b"\n")
        self.process.stdin.flush()
        return self.line()

    def line(self) -> Any:
        """What it says next."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the provider has ended"
        return json.loads(line)


@contextmanager
def running_idp(settings: Mapping[str, Any]) -> Iterator[RunningIdp]:
    """A provider with these settings (see provider.mjs), stopped at the end."""
    process = subprocess.Popen(
        ["node", "provider.mjs", json.dumps(settings)],
        cwd=installed(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    idp = RunningIdp("", process)
    try:
        idp.issuer = idp.line()["issuer"]
        yield idp
    finally:
        if process.returncode is None:
            idp.stop()
