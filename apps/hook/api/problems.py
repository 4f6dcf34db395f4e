"""Errors of the API as problem details (RFC 9457), and as rspamd's clients read them."""

from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

__all__ = ["Problem", "ProblemError", "as_problem", "as_rspamd"]

_TYPE: Final = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong with a request (RFC 9457). `header` is the one that can't be right."""

    title: str
    status: int
    detail: str
    header: str = ""


class ProblemError(Exception):
    """A request that can't be answered as asked."""

    def __init__(self, status: HTTPStatus, detail: str, header: str = "") -> None:
        self.status = status
        self.detail = detail
        self.header = header
        super().__init__(detail)


def as_problem(error: ProblemError) -> Response:
    """Return the answer of our own API."""
    status = error.status
    problem = Problem(status.phrase, status.value, error.detail, error.header)
    return Response(msgspec.json.encode(problem), status, _headers(status), _TYPE)


def as_rspamd(error: ProblemError) -> Response:
    """Return the answer to a client of rspamd: `error` and nothing else is how they tell one."""
    content = msgspec.json.encode({"error": error.detail})
    return Response(content, error.status, _headers(error.status), "application/json")


def _headers(status: HTTPStatus) -> dict[str, str]:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return {"WWW-Authenticate": "Bearer"}
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return {"Connection": "close"}  # what is left of the request isn't read
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return {"Retry-After": "10"}
        case _:
            return {}
