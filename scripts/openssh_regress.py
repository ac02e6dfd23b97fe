"""A copy of OpenSSH's regression scripts that can be pointed at a gateway, and one run of one of them.

It edits the copy by exact text, and fails where that text is not there, so that another version of the scripts is
noticed. docs/interop.md gives the reasons.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

REGRESS = Path("/usr/lib/openssh/regress")

SCRIPTS = (
    *("connect", "proxy-connect", "exit-status", "exit-status-signal", "stderr-data", "stderr-after-eof"),
    *(
        "broken-pipe",
        "yes-head",
        "transfer",
        "envpass",
        "connect-uri",
        "host-expand",
        "scp",
        "scp3",
        "scp-uri",
    ),
    *("sftp-uri", "forwarding", "dynamic-forward", "multiplex", "agent", "localcommand", "putty-transfer"),
)
"""What speaks of channels and streams, not of how an sshd is configured."""

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

PORTS = 100
"""How many one run may use; the number of the first ends with 00."""

Edits = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a script that is about something that the gateway deliberately does not do."""

    script: str
    part: str
    why: str
    old: str
    new: str


LEFT_OUT = (
    LeftOut(
        "proxy-connect",
        "a login name with a style",
        "login names have no colon here",
        'verbose "username with style"\n${SSH} -F $OBJ/ssh_proxy ${USER}:style@999.999.999.999 true || \\\n'
        '\tfail "ssh proxyconnect failed"\n',
        "",
    ),
    LeftOut(
        "agent",
        "sign-in with a DSA key",
        "the gateway takes no DSA keys",
        '\t\techo "PubkeyAcceptedAlgorithms +ssh-dss" >> $OBJ/ssh_proxy\n'
        '\t\techo "PubkeyAcceptedAlgorithms +ssh-dss" >> $OBJ/sshd_proxy\n',
        "\t\tcontinue\n",
    ),
    LeftOut(
        "agent",
        "sign-in with a certificate",
        "the gateway takes certificates of its own authority only",
        '    if [ "$t" != "ssh-dss" ]; then\n\ttrace "connect via agent using $t key"\n',
        '    if false; then\n\ttrace "connect via agent using $t key"\n',
    ),
)

_BY_SFTP_SERVER = 'scpopts="-s -D ${SFTPSERVER}"'
_BY_SSH = 'scpopts="-s -F $OBJ/ssh_proxy -S $SSH"'


@dataclass(frozen=True, slots=True)
class Prepared:
    """A directory with the scripts and keys of one run, and `first`, the first of its ports."""

    directory: Path
    script: str
    user: str
    first: int
    through: bool
    """Whether a gateway is between."""

    @property
    def objects(self) -> Path:
        """What the scripts call $OBJ."""
        return self.directory / "regress"

    @property
    def port(self) -> int:
        """Where clients connect: the script's own sshd, or the gateway. Some scripts use the next two as well."""
        return self.first + 80

    @property
    def sshd_port(self) -> int:
        """Where the script's own sshd listens."""
        return self.port + 3 if self.through else self.port

    @property
    def target_port(self) -> int:
        return self.port + 4

    @property
    def relay_port(self) -> int:
        return self.port + 5


@dataclass(frozen=True, slots=True)
class Result:
    """`word` is passed, failed, skipped or hung; `words` is the end of what it said."""

    word: str
    words: str = ""

    def with_more(self, words: str) -> "Result":
        """The same with the other side's words."""
        return replace(self, words=f"{self.words}\n{words}")


def prepare(prepared: Prepared) -> None:
    """Copy the scripts, make keys, and through a gateway replace the way to the server."""
    shutil.copytree(REGRESS, prepared.objects)
    (prepared.directory / "home").mkdir()
    for kind in (*KEY_TYPES, "gateway"):
        path = prepared.objects / kind
        real = "ssh-ed25519" if kind == "gateway" else kind
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", real, "-f", path], check=True)
    edit(prepared.objects, _in_every_mode(prepared))
    if prepared.through:
        edit(prepared.objects, _detour(prepared))
        for part in LEFT_OUT:
            edit(prepared.objects, {f"{part.script}.sh": [(part.old, part.new)]})


def account() -> str:
    """The name of whoever runs this."""
    return pwd.getpwuid(os.getuid()).pw_name


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


def _in_every_mode(prepared: Prepared) -> Edits:
    """What never uses a connection does, fixed ports become those of this run, and servers clear up."""
    base = prepared.first // PORTS
    over_ssh = f'exec $SSH -F {prepared.objects}/ssh_proxy somehost "$arg"'
    return {
        # What the machine's PAM does at a sign-in, such as a message of the day, would be told and written down.
        "test-exec.sh": [("\tUsePAM\t\t\tyes\n", "\tUsePAM\t\t\tno\n")],
        # A client ends its proxycommand with a signal. Not the sshd itself: it has a socket in /tmp to remove.
        "sshd-log-wrapper.sh": [('exec "$@" -E$log', '"$@" -E$log')],
        "scp-ssh-wrapper.sh": [('set -- $arg\n\tshift\n\texec $SCP "$@"', over_ssh)],
        # It names a file that is not there, and would only show that a client without one ends.
        "broken-pipe.sh": [("-F $OBJ/ssh_config_config", "-F $OBJ/ssh_proxy")],
        "scp.sh": [(_BY_SFTP_SERVER, _BY_SSH)],
        "scp-uri.sh": [(_BY_SFTP_SERVER, _BY_SSH)],
        "scp3.sh": [(_BY_SFTP_SERVER, 'scpopts="$scpopts -s"')],
        "forwarding.sh": [("base=33\n", f"base={base}\n")],
        "multiplex.sh": [("P=3301 ", f"P={base}01 ")],
    }


def _detour(prepared: Prepared) -> Edits:
    """The gateway takes the port that clients know. Its own key may sign in at the sshd."""
    in_proxy = '${SUDO} env SSH_SK_HELPER=\\"$SSH_SK_HELPER\\" sh ${SRC}/sshd-log-wrapper.sh '
    by_proxy = "${TEST_SSHD_LOGFILE} ${SSHD} -i -f $OBJ/sshd_proxy"
    relay = f"$NC 127.0.0.1 {prepared.relay_port}"
    listening = "\tStrictModes\t\tno\n\tPort\t\t\t"
    return {
        "test-exec.sh": [
            (f"echo proxycommand {in_proxy}{by_proxy}", f"echo proxycommand {relay}"),
            (f"sh ${{SRC}}/sshd-log-wrapper.sh {by_proxy}", relay),
            (f"{listening}$PORT\n", f"{listening}{prepared.sshd_port}\n"),
            ("$OBJ/authorized_keys_%u", "$OBJ/authorized_keys_%u $OBJ/gateway.pub"),
        ]
    }


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
    lines = (await asyncio.to_thread(log.read_text, "utf-8", "replace")).splitlines()
    skipped = [line for line in lines if line.lower().startswith("skipped")]
    if word == "passed" and skipped:
        return Result("skipped", skipped[0])
    return Result(word, "\n".join(lines[-15:]))


async def _end_of(process: asyncio.subprocess.Process, patience: float) -> str:
    """What is in the script's own process group does not outlive it."""
    try:
        async with asyncio.timeout(patience):
            return "passed" if await process.wait() == 0 else "failed"
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
        "PUTTYRANDOMSEED": str(prepared.directory / "randomseed"),
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
