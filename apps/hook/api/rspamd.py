"""rspamd's protocol: /checkv2, /learnspam, /learnham, /ping, and the older lines."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from apps.hook.api.body import Body
from apps.hook.api.callers import caller
from apps.hook.api.envelope_headers import RSPAMD, HeaderError, submission
from apps.hook.api.lines import Headers, failed, without_spool_lines
from apps.hook.api.office import Items, Office
from apps.hook.api.requests import read_message
from apps.hook.api.rspamd_reply import as_lines, reply
from apps.hook.api.tokens import ANALYST, Caller, Tokens
from apps.hook.submission import Check, Listener, Submission
from apps.hook.tenants import DEFAULT
from apps.labels.intake import Candidate, Refused, Wanted, candidates_of, reporter_hash
from apps.labels.reading import limits_of_reports
from apps.sources import Mail
from features.context import Context
from models.label import Source, Truth

__all__ = ["Rspamd"]


class Rspamd:
    """Answers rspamd's clients; `longest` is the most of a message that is judged, in bytes."""

    def __init__(self, check: Check, office: Office, tokens: Tokens, longest: int) -> None:
        self._check = check
        self._office = office
        self._tokens = tokens
        self._longest = longest

    async def check(self, request: Request) -> Response:
        """Judge a message; raises what `routes` makes an answer of."""
        caller(request, self._tokens, "check")
        body = await read_message(request, self._longest)
        given = _submission(request.scope["headers"], body, request.state.listener)
        return _json(await self._judged(given))

    async def lines(self, listener: Listener, headers: Headers, body: Body, *, unix: bool) -> bytes:
        """Judge a message for a client of the older protocol, which can't carry a token."""
        who = self._tokens.caller(None, unix=unix)
        if who is None:
            return failed("a token is needed here, which this protocol can't carry")
        if not body.size:
            return failed("the request has no message")
        try:
            given = _submission(headers, body, listener)
        except HeaderError as error:
            return failed(str(error))
        given = given._replace(raw=without_spool_lines(given.raw))
        return as_lines(await self._judged(given))

    async def learn(self, request: Request, truth: Truth) -> Response:
        """Take a message as spam or ham.

        It is the word of whoever `User`, `Deliver-To`, `Rcpt` or the token names. Where nobody is
        named and the caller may, it is an analyst's.
        """
        who = caller(request, self._tokens, "label")
        body = await read_message(request, self._longest)
        given = _submission(request.scope["headers"], body, request.state.listener)
        by = given.user or next(iter(given.rcpt_to), "")
        source: Source = "rescue" if truth == "ham" else "report"
        if not by and ANALYST in who.rights:
            source = "analyst"
        tenant = given.listener.tenant or DEFAULT
        (one,) = await self._office.give(tenant, _items(body, truth, source, by, who))
        if isinstance(one, Refused):
            return _json({"error": one.reason}, 422)
        said = {"success": True, "label": one.label.id, "message": one.message}
        return _json(said | ({"note": one.note} if one.note else {}))

    async def learn_spam(self, request: Request) -> Response:
        """Take a message as spam."""
        return await self.learn(request, "spam")

    async def learn_ham(self, request: Request) -> Response:
        """Take a message as ham."""
        return await self.learn(request, "ham")

    async def ping(self, request: Request) -> Response:
        """Say that somebody is there."""
        del request
        return PlainTextResponse("pong\r\n")

    async def _judged(self, given: Submission) -> dict[str, Any]:
        clock = asyncio.get_running_loop().time
        started = clock()
        outcome = await self._check(given)
        return reply(outcome, given.raw, clock() - started)


def _submission(headers: Headers, body: Body, listener: Listener) -> Submission:
    return submission(headers, RSPAMD, body.raw, listener=listener, truncated=body.truncated)


def _items(body: Body, truth: Truth, source: Source, by: str, who: Caller) -> Items:
    def items(context: Context) -> Iterator[Candidate | Refused]:
        reporter = reporter_hash(by or who.name or "rspamc", context)
        wanted = Wanted(truth, source, reporter, read_as="message")
        truncated = body.truncated
        mail = Mail("the message", body.raw, body.size, truncated.sha256 if truncated else "")
        return candidates_of(mail, wanted, context, limits_of_reports(context.limits))

    return items


def _json(said: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(said), status, media_type="application/json")
