"""A gateway's address: as people type it, made whole, and compared with what a gateway says of itself.

Standard library only, because commands that must start fast read it. It looks nothing up.
"""

import ipaddress
from urllib.parse import SplitResult, urlsplit

_USUAL_PORT = {"http": 80, "https": 443}


def base_url(text: str) -> str:
    """The gateway's address as a person typed it, made whole. Raises ValueError with one sentence."""
    url = text.strip()
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(letter <= " " for letter in url):
        raise ValueError(
            "The gateway's address looks like https://hoop.example.com or http://127.0.0.1:8443."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("The gateway's address has only a scheme, a name and a port.")
    return url.rstrip("/")


def private_url(text: str) -> str:
    """The same for an address that secrets are sent to: https, or this machine. Raises ValueError."""
    url = base_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("Signing in needs https: with http others on the way could read along.")
    return url


def is_loopback(host: str) -> bool:
    """Whether this name or address is the machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def same_address(one: str, other: str) -> bool:
    """Whether two addresses name the same gateway: scheme, name, port and path."""
    try:
        return _identity(urlsplit(one)) == _identity(urlsplit(other))
    except ValueError:
        return False


def belongs_to(page: str, gateway: str) -> bool:
    """Whether a page is one of this gateway's: nothing odd in its address, and the same scheme, name and port."""
    if not page.isascii() or any(not "!" <= letter <= "~" or letter in "\\<>\"'`" for letter in page):
        return False
    try:
        parts = urlsplit(page)
        if parts.username is not None or parts.password is not None:
            return False
        return _identity(parts)[:3] == _identity(urlsplit(gateway))[:3]
    except ValueError:
        return False


def _identity(parts: SplitResult) -> tuple[str, str, int, str]:
    scheme = parts.scheme.lower()
    port = parts.port or _USUAL_PORT.get(scheme, 0)
    return scheme, (parts.hostname or "").lower(), port, parts.path.rstrip("/")
