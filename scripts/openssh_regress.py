"""A copy of OpenSSH's regression scripts that can be pointed at a gateway, and one run of one of them.

It edits the copy by exact text, and fails where that text is not there, so that another version of the scripts is
noticed. The same cuts are made in every mode; docs/interop.md gives their reasons.
"""

import asyncio
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

REGRESS = Path("/usr/lib/openssh/regress")

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

Edits = dict[str, list[tuple[str, str]]]

_STYLE = 'verbose "username with style"\n${SSH} -F $OBJ/ssh_proxy ${USER}:style@999.999.999.999 true || \\\n'
_BY_SFTP_SERVER = 'scpopts="-s -D ${SFTPSERVER}"'
_BY_SSH = 'scpopts="-s -F $OBJ/ssh_proxy -S $SSH"'


@dataclass(frozen=True, slots=True)
class Prepared:
    """A directory with the scripts, keys and free ports for one run."""

    directory: Path
    script: str
    user: str
    port: int
    """Where clients connect: the script's own sshd, or the gateway."""
    sshd_port: int
    """Where the script's own sshd listens."""
    target_port: int
    relay_port: int

    @property
    def objects(self) -> Path:
        """What the scripts call $OBJ."""
        return self.directory / "regress"


@dataclass(frozen=True, slots=True)
class Result:
    """`word` is ok, failed, skipped or hung; `words` is the end of what it said."""

    word: str
    words: str = ""

    def with_more(self, words: str) -> "Result":
        """The same with the other side's words."""
        return replace(self, words=f"{self.words}\n{words}")


def prepare(directory: Path, script: str, through: bool) -> Prepared:
    """Copy the scripts, make keys, find ports, and with `through` replace the way to the server."""
    user = pwd.getpwuid(os.getuid()).pw_name
    port, sshd_port, target_port, relay_port = free_ports()
    prepared = Prepared(
        directory, script, user, port, sshd_port if through else port, target_port, relay_port
    )
    shutil.copytree(REGRESS, prepared.objects)
    (directory / "home").mkdir()
    for kind in (*KEY_TYPES, "gateway"):
        path = prepared.objects / kind
        real = "ssh-ed25519" if kind == "gateway" else kind
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", real, "-f", path], check=True)
    edit(prepared.objects, _same_cuts(prepared))
    if through:
        edit(prepared.objects, _detour(prepared))
    return prepared


def edit(directory: Path, edits: Edits) -> None:
    """Each text must be there."""
    for name, changes in edits.items():
        path = directory / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            if old not in text:
                raise SystemExit(f"interop-ssh: this {name} is another one than was expected: no {old!r}")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def _same_cuts(prepared: Prepared) -> Edits:
    """What is left out or added directly, too."""
    keys = "`$SSH -Q key-plain | maybe_filter_sk`"
    over_ssh = f'exec $SSH -F {prepared.objects}/ssh_proxy somehost "$arg"'
    return {
        "test-exec.sh": [(keys, keys.replace("maybe_filter_sk", "maybe_filter_sk | grep -v ^ssh-dss"))],
        "proxy-connect.sh": [(_STYLE + '\tfail "ssh proxyconnect failed"\n', "")],
        "scp-ssh-wrapper.sh": [('set -- $arg\n\tshift\n\texec $SCP "$@"', over_ssh)],
        "scp.sh": [(_BY_SFTP_SERVER, _BY_SSH)],
        "scp-uri.sh": [(_BY_SFTP_SERVER, _BY_SSH)],
        "scp3.sh": [(_BY_SFTP_SERVER, 'scpopts="$scpopts -s"')],
    }


def _detour(prepared: Prepared) -> Edits:
    """The gateway takes the port that clients know. Its own key may sign in at the sshd."""
    in_proxy = '${SUDO} env SSH_SK_HELPER=\\"$SSH_SK_HELPER\\" sh ${SRC}/sshd-log-wrapper.sh '
    by_proxy = "${TEST_SSHD_LOGFILE} ${SSHD} -i -f $OBJ/sshd_proxy"
    relay = f"$NC 127.0.0.1 {prepared.relay_port}"
    return {
        "test-exec.sh": [
            (f"echo proxycommand {in_proxy}{by_proxy}", f"echo proxycommand {relay}"),
            (f"sh ${{SRC}}/sshd-log-wrapper.sh {by_proxy}", relay),
            (
                "\tStrictModes\t\tno\n\tPort\t\t\t$PORT\n",
                f"\tStrictModes\t\tno\n\tPort\t\t\t{prepared.sshd_port}\n",
            ),
            ("$OBJ/authorized_keys_%u", "$OBJ/authorized_keys_%u $OBJ/gateway.pub"),
        ]
    }


def free_ports() -> tuple[int, int, int, int]:
    """The first has two free neighbours, which some scripts use. Below the ports that systems give to connections: it
    takes a while until ours are used."""
    while True:
        first = random.randrange(20_000, 32_000)
        if all(_is_free(first + step) for step in range(6)):
            return first, first + 3, first + 4, first + 5


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def run(prepared: Prepared, patience: float) -> Result:
    """The script, as Debian's run-tests starts it: endless input, one shell."""
    log = prepared.directory / "output"
    with log.open("wb") as output, Path("/dev/zero").open("rb") as zeros:
        process = await asyncio.create_subprocess_exec(
            *("sh", prepared.objects / "test-exec.sh", prepared.objects),
            prepared.objects / f"{prepared.script}.sh",
            stdin=zeros,
            stdout=output,
            stderr=output,
            cwd=prepared.objects,
            env=_environment(prepared),
            start_new_session=True,
        )
        word = await _end_of(process, patience)
    words = await asyncio.to_thread(log.read_text, "utf-8", "replace")
    if word == "ok" and "SKIPPED:" in words:
        word = "skipped"
    return Result(word, "\n".join(words.splitlines()[-15:]))


async def _end_of(process: asyncio.subprocess.Process, patience: float) -> str:
    """Nothing that it started outlives it."""
    try:
        async with asyncio.timeout(patience):
            return "ok" if await process.wait() == 0 else "failed"
    except TimeoutError:
        return "hung"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        await process.wait()


def _environment(prepared: Prepared) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(prepared.directory / "home"),
        "LC_ALL": "C",
        "USER": prepared.user,
        "TMPDIR": str(prepared.directory),
        "BUILDDIR": str(prepared.objects),
        "TEST_SHELL": "sh",
        "TEST_SSH_PORT": str(prepared.port),
        "TEST_SSH_SSH": "ssh",
        "TEST_SSH_SSHD": "/usr/sbin/sshd",
        "TEST_SSH_SFTPSERVER": "/usr/lib/openssh/sftp-server",
        "TEST_SSH_PLINK": "plink",
        "TEST_SSH_PUTTYGEN": "puttygen",
        "TEST_SSH_UNSAFE_PERMISSIONS": "1",
    }
