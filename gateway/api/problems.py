"""Every error as problem+json (RFC 9457) with one plain sentence, and never anything of our insides."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from gateway.api.schema import Problem
from gateway.core.errors import Fault

MEDIA_TYPE = "application/problem+json"
_SENTENCES = {
    400: "this request can not be read",
    404: "there is nothing at this address",
    405: "this address does not take this method",
}


def not_found(detail: str) -> HTTPException:
    """The same for what does not exist and for what is not the caller's to know."""
    return HTTPException(404, detail)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    never_kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(
        body.model_dump_json(), status, headers={**never_kept, **(headers or {})}, media_type=MEDIA_TYPE
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These answers, as OpenAPI wants them described."""
    schema = Problem.model_json_schema()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every error of this app a problem."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Fault, _fault)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _crash)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    ours = isinstance(error, HTTPException)
    detail = str(error.detail) if ours else _SENTENCES.get(error.status_code, "")
    return problem(error.status_code, detail, error.headers)


def _validation(request: Request, error: Exception) -> Response:
    """Names the first wrong parameter. What was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return problem(422, f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}")


def _fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, Fault)
    return problem(503, error.sentence, {"Retry-After": "5"})


def _gone(request: Request, error: Exception) -> Response:
    """Nobody reads this: who asked has hung up before all was said. It is no mistake of the gateway."""
    return problem(400, _SENTENCES[400])


def _crash(request: Request, error: Exception) -> Response:
    """The server's log has the rest: the framework raises the error again for it."""
    return problem(500, "the gateway made a mistake; its log says more")
