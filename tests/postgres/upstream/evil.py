"""What evil servers say, and the sentence that a person gets for it."""

import re
from typing import Any

import pytest

from gateway.core.errors import Unreachable
from gateway.wire.postgres.messages import (
    AuthenticationCleartextPassword,
    AuthenticationMD5Password,
    AuthenticationSASL,
    make_authentication,
)
from tests.postgres.upstream.dialling import PASSWORD, dial, leave, target
from tests.postgres.upstream.scripted import (
    Caller,
    Script,
    Scripted,
)

CANARY = "canary-7Hq2-password"
FOREIGN = "it does not speak PostgreSQL as the gateway does"


async def reach(served: Scripted, *, timeout: float = 5.0, **options: Any) -> str:
    """Dial it, and return the sentence that the person gets."""
    place = target(("127.0.0.1", served.port), password=PASSWORD, **options)
    with pytest.raises(Unreachable) as problem:
        await leave(await dial(place, "alice", password=CANARY, timeout=timeout))
    sentence = problem.value.sentence
    assert re.fullmatch(r"appdb can not be reached - [ -~]+", sentence)
    return sentence.removeprefix("appdb can not be reached - ")


def says(answer: bytes) -> Script:
    """A server that says this to the start-up packet, whatever it is."""

    async def script(caller: Caller) -> bytes:
        await caller.startup()
        caller.say(answer)
        return await caller.rest()

    return script


MD5 = make_authentication(AuthenticationMD5Password(b"salt"))
CLEARTEXT = make_authentication(AuthenticationCleartextPassword())
SCRAM = make_authentication(AuthenticationSASL(("SCRAM-SHA-256",)))
