"""The settings of the SSH door, and the algorithms it offers. No behaviour but choosing from lists."""

from dataclasses import dataclass
from pathlib import Path

from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs

BANNER = "hoop: sessions are recorded and may be watched"

WINDOW = 2 << 20
"""Bytes that may be under way to us on one channel. Larger windows were measurably slower."""

PACKET = 32 << 10

VERSION_FOR_PEOPLE = "OpenSSH_hoop"
"""No version number, and not the whole truth: the OpenSSH client tells only servers whose name begins with OpenSSH
that its reader has gone. Called anything else, `ssh web-1@gateway yes | head` would never end."""

VERSION_FOR_TARGETS = "hoop"

_POST_QUANTUM = ("mlkem768x25519-sha256", "mlkem1024nistp384-sha384", "mlkem768nistp256-sha256")
_NTRU = ("sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com")
_CURVES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp521",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp256",
)

KEX_FOR_PEOPLE = (*_POST_QUANTUM, *_NTRU, *_CURVES, "diffie-hellman-group14-sha256")
"""Large finite-field groups are left out: before sign-in they would let anybody burn our processor."""

KEX_FOR_TARGETS = (
    *_POST_QUANTUM,
    *_NTRU,
    *_CURVES,
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)

CIPHERS_FOR_PEOPLE = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""The client's order wins and OpenSSH prefers chacha, which is several times slower here: so it is not offered."""

CIPHERS_WITHOUT_GCM = ("aes256-ctr", "aes128-ctr")
"""Offered too, by default, to clients that are not OpenSSH: dropbear has nothing else. OpenSSH always has GCM, but
would rather take these, which are slower here."""

CIPHERS_TO_CHOOSE_FROM = (
    *CIPHERS_FOR_PEOPLE,
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""What an operator may offer people. Nothing in CBC mode."""

CIPHERS_FOR_TARGETS = (*CIPHERS_FOR_PEOPLE, "aes256-ctr", "aes192-ctr", "aes128-ctr")

MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""No SHA-1, no DSA."""


@dataclass(frozen=True, slots=True)
class SshDoor:
    """How the SSH door behaves. Times are in seconds."""

    host_key_path: Path
    login_grace: float = 30.0
    """A connection that has not signed in by then is closed. A target has as long to let us in."""
    connect_timeout: float = 10.0
    keepalive: float = 60.0
    """Three silent intervals end a connection, toward people and toward targets."""
    max_connections_per_address: int = 100
    max_unauthenticated: int = 100
    """Connections in all that may be signing in at one time."""
    login_failures_per_address: int = 20
    """So many failed sign-ins within the window, and nobody from their address may try for the rest of it."""
    login_failures_per_name: int = 100
    """So many with one login name, and one unknown key is enough to be turned away."""
    login_failure_window: float = 60.0
    max_channels: int = 10
    """Sessions at one time over one connection."""
    max_forwards: int = 100
    """Forwarded connections, listeners and jumps at one time over one connection."""
    banner: tuple[str, ...] = ()
    """Lines shown before sign-in; without any, the notice that sessions are recorded."""
    ciphers: tuple[str, ...] = CIPHERS_FOR_PEOPLE
    names: tuple[str, ...] = ()
    """What people call the gateway: the names in its host certificate. Without any it has none."""

    @property
    def banner_lines(self) -> tuple[str, ...]:
        """What a person reads before they sign in; nothing where the banner is one empty line."""
        return () if self.banner == ("",) else self.banner or (BANNER,)


def available_kex(wanted: tuple[str, ...]) -> list[str]:
    """The key exchanges of `wanted` that this installation has: post-quantum ones depend on OpenSSL and liboqs."""
    known = {name.decode() for name in get_kex_algs()}
    return [name for name in wanted if name in known]


def available_ciphers(wanted: tuple[str, ...]) -> list[str]:
    """The ciphers of `wanted` that this installation has, and that need no padding packets: so none in CBC mode."""
    known = {name.decode() for name in get_encryption_algs() if b"-cbc" not in name}
    return [name for name in wanted if name in known]


def ciphers_for(client_version: bytes, offered: list[bytes]) -> list[bytes]:
    """What a client is offered that has said what it is. Ciphers that an operator chose stay as they are."""
    if client_version.startswith(b"SSH-2.0-OpenSSH") or offered != [
        name.encode() for name in available_ciphers(CIPHERS_FOR_PEOPLE)
    ]:
        return offered
    return [*offered, *(name.encode() for name in available_ciphers(CIPHERS_WITHOUT_GCM))]
