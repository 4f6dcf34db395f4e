"""The paths that the hook answers, and what an error looks like on each."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apps.hook.api.callers import caller
from apps.hook.api.envelope_headers import HeaderError
from apps.hook.api.openapi import document
from apps.hook.api.problems import ProblemError, as_problem, as_rspamd
from apps.hook.api.rest import Rest
from apps.hook.api.rspamd import Rspamd
from apps.hook.api.tokens import Tokens
from streams.health import Exposed

__all__ = ["application"]

log = structlog.get_logger(__name__)


def application(
    rest: Rest,
    rspamd: Rspamd,
    metrics: Exposed,
    ready: Callable[[], Mapping[str, bool]],
    tokens: Tokens,
) -> Starlette:
    """Return the ASGI application; `ready` has each condition of readiness.

    A request's state has `listener` (Listener) and `unix` (whether it came over a Unix socket).
    """

    async def described(_: Request) -> Response:
        """Return the OpenAPI document."""
        return Response(document(), media_type="application/json")

    async def alive(_: Request) -> Response:
        """Say that the loop turns."""
        return JSONResponse({"live": True})

    async def readiness(_: Request) -> Response:
        """Return each condition of readiness."""
        conditions = dict(ready())
        good = all(conditions.values())
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": good, **conditions}, status)

    async def exposition(request: Request) -> Response:
        """Return the metrics."""
        caller(request, tokens, "read")
        return Response(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[
            Route("/v1/check", rest.check, methods=["POST"]),
            Route("/v1/labels", rest.label, methods=["POST"]),
            Route("/v1/messages/{id}", rest.message, methods=["GET"]),
            Route("/openapi.json", described, methods=["GET"]),
            Route("/checkv2", rspamd.check, methods=["POST"]),
            Route("/learnspam", rspamd.learn_spam, methods=["POST"]),
            Route("/learnham", rspamd.learn_ham, methods=["POST"]),
            Route("/ping", rspamd.ping, methods=["GET", "POST"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/livez", alive, methods=["GET"]),
            Route("/readyz", readiness, methods=["GET"]),
            Route("/metrics", exposition, methods=["GET"]),
        ],
        exception_handlers={
            ProblemError: _problem,
            HeaderError: _header,
            HTTPException: _http,
            Exception: _defect,
        },
    )


def _answer(request: Request, error: ProblemError) -> Response:
    """Return an error as the client of that path reads it."""
    rspamds = request.url.path in {"/checkv2", "/learnspam", "/learnham"}
    return as_rspamd(error) if rspamds else as_problem(error)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return _answer(request, error)


async def _header(request: Request, error: Exception) -> Response:
    assert isinstance(error, HeaderError)
    return _answer(request, ProblemError(HTTPStatus.BAD_REQUEST, str(error), error.header))


async def _http(request: Request, error: Exception) -> Response:
    """Answer for Starlette: no such path, no such method."""
    assert isinstance(error, HTTPException)
    answer = _answer(request, ProblemError(HTTPStatus(error.status_code), error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _defect(request: Request, error: Exception) -> Response:
    """Answer for a defect of ours; Starlette raises it again, and uvicorn's log is off."""
    log.error("request_failed", path=request.url.path, exc_info=error)
    problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect of ours; the log has more")
    return _answer(request, problem)
