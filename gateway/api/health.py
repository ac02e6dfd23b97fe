"""Health, for the admin listener: is the process alive, and would it do its work now?"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.api.problems import documented
from gateway.api.schema import Health
from gateway.core.errors import HoopError

Check = Callable[[], Awaitable[str | None]]
"""Raises one of the six errors when its organ would not work now. May return what is to be said of one that does."""

SECONDS_PER_CHECK = 5.0
OK = "ok"

router = APIRouter()
log = logging.getLogger("hoop")


@router.get("/livez", response_class=PlainTextResponse)
async def livez() -> str:
    """The process answers."""
    return OK


@router.get("/readyz", response_model=Health, responses=documented(503))
async def readyz(request: Request, verbose: Annotated[str | None, Query(max_length=5)] = None) -> Response:
    """Every organ is asked. Without `?verbose`, only those that fail are named."""
    checks: Mapping[str, Check] = request.app.state.checks
    answers = await asyncio.gather(*(_answer(name, check) for name, check in checks.items()))
    found = dict(zip(checks, answers, strict=True))
    ready = all(works for works, _ in answers)
    brief = verbose is None or verbose.lower() in ("0", "false", "no")
    shown = {name: text for name, (works, text) in found.items() if not (brief and works)}
    return JSONResponse(Health(ready=ready, checks=shown).model_dump(), 200 if ready else 503)


async def _answer(name: str, check: Check) -> tuple[bool, str]:
    """Whether it works, and what is said of it."""
    try:
        async with asyncio.timeout(SECONDS_PER_CHECK):
            more = await check()
    except HoopError as problem:
        return False, problem.sentence
    except TimeoutError:
        return False, f"no answer within {SECONDS_PER_CHECK:g} seconds"
    except Exception:  # whatever is wrong with an organ means "not ready"
        log.exception("the health check of %s crashed", name)
        return False, "its check crashed; the log says more"
    return True, f"{OK}: {more}" if more else OK
