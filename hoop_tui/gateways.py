"""Names for gateways: `[gateways]` in tui.toml, or the first part of a host that one is signed in to."""

import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from hoop_tui.address import base_url, host_of
from hoop_tui.sign_in import all_kept, config_dir, sign_in_file


def named(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Name and address of each that `tui.toml` names; nothing where it can not be read."""
    try:
        told = tomllib.loads((config_dir(environ) / "tui.toml").read_text(encoding="utf-8"))
        return addresses(told.get("gateways", {}))
    except (OSError, ValueError):
        return {}


def addresses(told: object) -> dict[str, str]:
    """Raises ValueError, one sentence."""
    if not isinstance(told, Mapping) or not all(isinstance(each, str) for each in told.values()):
        raise ValueError('gateways are written below [gateways], such as: eu = "https://hoop.example.com"')
    return {str(name): base_url(each) for name, each in told.items()}


def called(environ: MutableMapping[str, str], name: str) -> str:
    """The address of the gateway of this name. The name itself where none is known: it may be a host."""
    known = named(environ)
    if name in known:
        return known[name]
    kept = [each.gateway for each in all_kept(sign_in_file(environ))]
    fitting = [each for each in kept if host_of(each).partition(".")[0] == name.lower()]
    return fitting[0] if len(fitting) == 1 else name


def choices(environ: MutableMapping[str, str], in_use: Path) -> dict[str, str]:
    """What the app offers to go to: those with names, and by their hosts those that one is signed in to."""
    known = named(environ)
    others = [each.gateway for each in all_kept(in_use) if each.gateway not in known.values()]
    return known | {each.partition("://")[2]: each for each in others}
