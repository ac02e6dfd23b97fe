"""What runs first in the process that the consoles are forked from: `main`.

It gives up whatever a console does not need (root, every file of the gateway's, writing at all) and becomes the
program that has the app loaded. Where that can not be done it says so and ends. Standard library and two neighbours
only.
"""

import glob
import os
import resource
import sys
from pathlib import Path

from gateway.adapters.postgres.cage import landlock
from gateway.adapters.postgres.cage.launch import be_the_first_to_go, become_nobody
from gateway.adapters.postgres.cage.program import READS

PROGRAM = "hoop_tui.console.zygote"
NICE = 5
_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 256,
}
_LOADERS = ("/lib64/ld-*", "/lib/ld-*", "/usr/lib/ld-*", "/lib/*-linux-gnu*/ld-*", "/opt/*/lib/ld-*")


def main(control: int) -> None:
    """Takes the number of the socket that orders come by. Returns only where it fails."""
    interpreter = os.path.realpath(sys.executable)
    packages = Path(__file__).parents[3]
    ours = [str(packages / name) for name in ("gateway", "hoop_tui")]
    be_the_first_to_go()
    os.nice(NICE)
    for kind, most in _LIMITS.items():
        resource.setrlimit(kind, (most, most))
    os.umask(0o777)
    os.chdir("/")
    if os.geteuid() == 0:
        become_nobody()
        if not os.access(interpreter, os.X_OK) or not all(
            os.access(each, os.R_OK | os.X_OK) for each in ours
        ):
            sys.exit(
                "consoles can not run as the account nobody: it may not read where the gateway is installed"
            )
    if landlock.abi():
        libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"]
        reads = [*READS, *libraries, *ours, sys.prefix, sys.base_prefix, *_site_packages(), "/dev/urandom"]
        loaders = [path for pattern in _LOADERS for path in glob.glob(pattern)]  # noqa: PTH207 - as the loader names them
        landlock.restrict(reads, [interpreter, sys.executable, *loaders], ["/dev/null"], [str(packages)])
    os.set_inheritable(control, True)
    os.execve(  # noqa: S606 - that is the point
        sys.executable, [sys.executable, "-I", "-m", PROGRAM, str(control)], {"LANG": "C.UTF-8"}
    )


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
