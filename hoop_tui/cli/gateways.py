"""`hoop-tui gateways ls|use`: one sign-in is kept for each gateway, one of them is in use. No token is shown."""

import os

from hoop_tui.address import base_url
from hoop_tui.cli.printing import complain, hint, print_json, print_table
from hoop_tui.gateways import called, named
from hoop_tui.private_files import my_turn
from hoop_tui.sign_in import all_kept, make_room, sign_in_file
from hoop_tui.wording import minute_time

_NOT_FOUND = 7


def list_gateways(output: str) -> int:
    in_use = sign_in_file(os.environ)
    names = {address: name for name, address in named(os.environ).items()}
    kept = {each.gateway: each for each in all_kept(in_use)}
    rows = []
    for address in dict.fromkeys([*kept, *names]):
        sign_in = kept.get(address)
        until = minute_time(sign_in.expires_at, "utc") if sign_in and sign_in.expires_at else ""
        rows.append(
            {
                "gateway": address,
                "name": names.get(address, ""),
                "signed_in": sign_in is not None,
                "until": until,
                "in_use": in_use.exists() and address == next(iter(kept), ""),
            }
        )
    if output == "table":
        words = [
            (
                "*" if row["in_use"] else "",
                str(row["name"]) or "-",
                str(row["gateway"]),
                str(row["until"]) or ("yes" if row["signed_in"] else "no"),
            )
            for row in rows
        ]
        print_table(("USE", "NAME", "GATEWAY", "SIGNED IN"), words)
    else:
        print_json(rows, lines=output == "jsonl")
    return 0


def use_gateway(name: str) -> int:
    in_use = sign_in_file(os.environ)
    try:
        gateway = base_url(called(os.environ, name))
        if gateway not in [each.gateway for each in all_kept(in_use)]:
            return complain(
                f"you are not signed in to {gateway}: hoop-tui login --gateway {name}", _NOT_FOUND
            )
        with my_turn(in_use.parent):
            make_room(in_use, gateway)
    except ValueError as problem:
        return complain(str(problem), 2)
    except OSError as problem:
        return complain(f"{problem.filename or in_use} can not be written.", 1)
    hint(f"commands go to {gateway} where none is named")
    return 0
