"""Who sent a request, and whether they may do what they ask."""

import base64
import binascii
from http import HTTPStatus

from starlette.requests import Request

from apps.hook.api.problems import ProblemError
from apps.hook.api.tokens import Caller, Right, Tokens

__all__ = ["caller", "token_of"]


def caller(request: Request, tokens: Tokens, right: Right) -> Caller:
    """Return who asks; raises ProblemError, 401 for nobody known, 403 without the right.

    A browser says which page a request comes from; without a token none may use a hook on the
    same host, whatever page its user has opened.
    """
    token = token_of(request)
    if token is None and "origin" in request.headers:
        raise ProblemError(HTTPStatus.FORBIDDEN, "Origin: a page needs a token", "Origin")
    found = tokens.caller(token, unix=request.state.unix)
    if found is None:
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Authorization: no token that is known; wanted: Bearer TOKEN (or Password: TOKEN)",
            "Authorization",
        )
    if right not in found.rights:
        raise ProblemError(HTTPStatus.FORBIDDEN, f"this token has no right to {right}")
    return found


def token_of(request: Request) -> str | None:
    """Return the token of a request: as Bearer, as the password of Basic, or as rspamc -P does."""
    kind, _, said = request.headers.get("authorization", "").partition(" ")
    match kind.lower():
        case "bearer":
            return said.strip()
        case "basic":
            try:
                return base64.b64decode(said, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        case "":
            return request.headers.get("password") or None
        case _:
            return ""
