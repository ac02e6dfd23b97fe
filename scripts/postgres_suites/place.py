"""Where other people's sources and programs are kept between runs, and how they are brought there.

Everything comes by the ordinary clients of package registries, and nothing of it ends up in the checkout.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.postgres_suites.results import Unavailable

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def usual_place() -> Path:
    """Servers run as an unprivileged account, and have to get at it: as root it is not in root's home."""
    if os.geteuid() == 0:
        return Path("/var/cache/hoop-interop")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "hoop-interop"


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, made at the first use."""

    root: Path

    def directory(self, *names: str) -> Path:
        """One in it, there from now on."""
        path = self.root.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def source(self, package: str, release: str) -> Path:
        """A source package of Debian's as it comes from its authors, unpacked."""
        place = self.directory("sources", f"{package}-{release}")
        unpacked = [path for path in place.iterdir() if path.is_dir()]
        if not unpacked:
            archive = self._fetch_source(package, release, place)
            do("tar", "xf", archive.name, "--no-same-owner", cwd=place)
            unpacked = [path for path in place.iterdir() if path.is_dir()]
        return unpacked[0]

    def _fetch_source(self, package: str, release: str, place: Path) -> Path:
        """By apt with a list of sources of its own: the system's stays as it is."""
        if not shutil.which("apt-get") or not KEYRING.exists():
            raise Unavailable(f"the source of {package} comes from Debian's archive, by apt-get")
        lists = self.directory("apt", release, "partial").parent
        sources = lists.parent / f"{release}.list"
        sources.write_text(f"deb-src [signed-by={KEYRING}] {_archive()} {release} main\n")
        options = [f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=-", f"Dir::State::Lists={lists}"]
        options += ["Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=", "APT::Sandbox::User=root"]
        apt = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
        do(*apt, "update", cwd=place)
        do(*apt, "source", "--download-only", "--only-source", package, cwd=place)
        return next(iter(sorted(place.glob("*.orig.tar.*z*"))))

    def python(self, name: str, requirements: Sequence[str]) -> Path:
        """The interpreter of an environment with these packages."""
        made = self.directory("venvs") / name
        note = made / "made-of"
        if not note.exists() or note.read_text() != "\n".join(requirements):
            shutil.rmtree(made, ignore_errors=True)
            do(sys.executable, "-m", "venv", made)
            do(made / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *requirements)
            note.write_text("\n".join(requirements))
        return made / "bin" / "python"

    def sdist(self, project: str, version: str) -> Path:
        """What a project publishes as its source on Python's package index, unpacked."""
        place = self.directory("sources", f"{project}-{version}")
        unpacked = place / f"{project}-{version}"
        if not unpacked.exists():
            pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
            do(
                *pip,
                "--no-deps",
                "--no-binary",
                ":all:",
                f"{project}=={version}",
                cwd=place,
            )
            do("tar", "xf", next(place.glob("*.tar.gz")).name, "--no-same-owner", cwd=place)
        return unpacked


def _archive() -> str:
    """Where this machine gets Debian's packages from: sources are there, too."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    found = do(*asked).split()
    if not found:
        raise Unavailable("this machine knows no archive of Debian's: apt-get update")
    return found[0]


def do(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run a step of the preparation; what it printed. `Unavailable` with its last words where it fails."""
    program = Path(command[0]).name
    try:
        ran = subprocess.run(
            ["nice", "-n", "10", *command],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable(f"{program} is missing") from None
    if ran.returncode:
        raise Unavailable(f"{program} failed: {' '.join(ran.stdout.split())[-300:]}")
    return ran.stdout


def needs(**programs: str) -> None:
    """`make="make"`: programs, and the Debian packages that they are in. As root they are installed."""
    missing = sorted(
        {package for program, package in programs.items() if not shutil.which(program.replace("_", "-"))}
    )
    if not missing:
        return
    if os.geteuid() != 0:
        raise Unavailable(f"missing, install as root: apt-get install {' '.join(missing)}")
    do("apt-get", "-qq", "update")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    do("apt-get", "-qq", "install", "-y", "--no-install-recommends", *missing, environment=quiet)
