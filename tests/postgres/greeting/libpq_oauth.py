"""A program that connects by OAuth with the libpq that psycopg brings, of version 18 or later.

It does the device's flow itself, where psql asks its plug-in: the code goes to standard output, and a line on
standard input says that it is confirmed. Arguments: the address of the pages, and how to connect.
"""

import ctypes
import json
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import psycopg
import psycopg_binary

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
BEARER_TOKEN = 1


class Request(ctypes.Structure):
    """PGoauthBearerRequest"""

    _fields_ = (
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("later", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    )


def post(url: str, **form: str) -> dict[str, str]:
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=20) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


def token_for(pages: str, scope: str) -> str:
    asked = post(f"{pages}/oauth/device_authorization", scope=scope, client_id="hoop")
    print(asked["user_code"], flush=True)
    sys.stdin.readline()
    code = asked["device_code"]
    return post(f"{pages}/oauth/token", grant_type=GRANT, device_code=code, client_id="hoop")["access_token"]


def main(pages: str, conninfo: str) -> None:
    kept: list[bytes] = []

    def give(kind: int, connection: int, data: int) -> int:
        if kind != BEARER_TOKEN:
            return 0
        request = Request.from_address(data)
        print(json.dumps([request.openid_configuration.decode(), request.scope.decode()]), flush=True)
        kept.append(token_for(pages, request.scope.decode()).encode())
        request.token = kept[-1]
        return 1

    hook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(give)
    (library,) = (Path(psycopg_binary.__file__).parent.parent / "psycopg_binary.libs").glob("libpq-*")
    ctypes.CDLL(str(library)).PQsetAuthDataHook(hook)
    with psycopg.connect(conninfo) as connection:
        print(connection.info.transaction_status.name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
