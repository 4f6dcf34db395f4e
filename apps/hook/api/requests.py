"""Requests read within bounds: a message's bytes, or a JSON record."""

from http import HTTPStatus
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from apps.hook.api.body import Body
from apps.hook.api.problems import ProblemError

__all__ = ["is_json", "read_json", "read_message"]

_T = TypeVar("_T", bound=msgspec.Struct)

_UNSAID = "the client went away"


def is_json(request: Request) -> bool:
    """Tell whether a request's body is a JSON record; any other type is a message as it is."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json"


async def read_message(request: Request, keep: int) -> Body:
    """Read a message of any size, of which `keep` bytes are kept.

    Raises ProblemError, 400, for an empty one.
    """
    body = Body(keep)
    try:
        async for chunk in request.stream():
            body.feed(chunk)
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, _UNSAID) from None
    if not body.size:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is empty; wanted: a message")
    return body


async def read_json(request: Request, kind: type[_T], most: int) -> _T:
    """Read a JSON record; raises ProblemError, 413 for over `most` bytes, 422 for a wrong one."""
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > most:
                raise ProblemError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"a record has at most {most:,} bytes; a larger message goes as message/rfc822",
                )
    except ClientDisconnect:
        raise ProblemError(HTTPStatus.BAD_REQUEST, _UNSAID) from None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, why) from None
