"""A browser for programs that open one: signs in at the demo's provider as somebody, and says yes.

`python -m tests.sign_in.browse alice@example.com URL`
"""

import asyncio
import sys

from tests.sign_in.visitor import Visitor


async def main(who: str, address: str) -> None:
    visitor = Visitor()
    try:
        await visitor.open(address)
        await visitor.press("Sign in with")
        await visitor.go_on()
        await visitor.press(who)
        await visitor.press("Yes")
    finally:
        await visitor.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
