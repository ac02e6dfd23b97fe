"""What `hoop-tui login` says on stderr: lines for people, and a picture of the page's address for their phones."""

import os
import sys
from datetime import datetime
from pathlib import Path

from hoop_tui.address import host_of
from hoop_tui.cli.printing import tell
from hoop_tui.login.answers import SignedIn
from hoop_tui.login.device import Code, this_computer
from hoop_tui.login.ssh_access import Access, home_ssh_config_reads
from hoop_tui.login.ssh_files import gateway_directory, shown_path

_SSH_PORT = 22
_SPARE_LINES = 5


def signed_in(signed_in: SignedIn) -> str:
    roles = f" (roles: {', '.join(signed_in.roles)})" if signed_in.roles else ""
    return f"signed in as {signed_in.person} until {until(signed_in.expires_at)}{roles}"


def until(moment: datetime, now: datetime | None = None) -> str:
    """`23:10` today, `Sun 02:10` within a week, else with its date; local time."""
    local, today = moment.astimezone(), (now or datetime.now().astimezone()).astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local:%a %H:%M}" if 0 < (local.date() - today.date()).days < 7 else f"{local:%Y-%m-%d %H:%M}"


def tell_code(code: Code) -> None:
    """The page, the code, and the QR code where the terminal has room for it."""
    tell(f"Open {code.page}")
    minutes = max(1, code.seconds // 60)
    host = f" on {this_computer()}" if this_computer() else ""
    tell(f"Check that the page shows: hoop-tui login{host}")
    tell(f"If it asks for the code: {code.shown} (good for {minutes} min, Ctrl-C withdraws it)")
    for line in _qr(code.page):
        sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _qr(text: str) -> list[str]:
    encoding = (sys.stderr.encoding or "").lower().replace("-", "")
    if not sys.stderr.isatty() or encoding != "utf8" or os.environ.get("TERM", "dumb") == "dumb":
        return []
    from hoop_tui.login.qr import inverted, qr_lines

    lines = qr_lines(text)
    window = os.get_terminal_size(sys.stderr.fileno())
    if not lines or len(lines[0]) > window.columns or len(lines) + _SPARE_LINES > window.lines:
        return []
    if os.environ.get("NO_COLOR"):
        return inverted(lines)
    return [f"\x1b[30;107m{line}\x1b[0m" for line in lines]


def access_lines(access: Access, gateway: str) -> list[str]:
    """What was put where, one line each."""
    home, place = Path.home(), access.place
    port = "" if place.port == _SSH_PORT else f"-p {place.port} "
    ends = until(access.until)
    if access.config is None:
        lines = [f"ssh: certificate in your agent until {ends} - try: ssh {port}TARGET@{place.host}"]
    else:
        kept = shown_path(home, gateway_directory(access.config.parent, gateway))
        lines = [f"ssh: certificate in {kept} until {ends} - try: hoop-tui ssh TARGET"]
        if not home_ssh_config_reads(access.config):
            shown = shown_path(home, access.config)
            lines.append(f"ssh: for stock ssh put this line first in ~/.ssh/config: Include {shown}")
    if access.known_added:
        hosts = access.known_added[0].split(" ")[1].replace(",", ", ")
        lines.append(f"ssh: ~/.ssh/known_hosts now knows {hosts} by the gateway's authority")
    if access.left_out:
        names = ", ".join(access.left_out)
        lines.append(f"ssh: not trusted for {names}: no names of {host_of(gateway)}")
    if access.trouble:
        lines.append(f"ssh: {access.trouble}")
    return lines
