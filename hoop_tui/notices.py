"""Calls somebody who looks elsewhere: the terminal's title, its bell, and a notice of the desktop.

What is written is a number and words of ours, never anybody's text. Terminals that do not know a notice ignore it;
tmux would hand it on garbled, so there is none in there.
"""

from collections.abc import Mapping

_BELL = "\x07"


def title(waiting: int) -> str:
    """The window's title: `(3) hoop`."""
    return f"\x1b]2;{f'({waiting}) ' if waiting else ''}hoop{_BELL}"


def desktop_notice(fresh: int, waiting: int, environ: Mapping[str, str]) -> str:
    """For terminals that show such (OSC 9 and OSC 777); empty where it would do harm."""
    if environ.get("TMUX") or environ.get("TERM", "").startswith(("screen", "linux", "dumb")):
        return ""
    said = f"{fresh} new, {waiting} waiting for you"
    return f"\x1b]9;hoop: {said}{_BELL}\x1b]777;notify;hoop;{said}{_BELL}"
