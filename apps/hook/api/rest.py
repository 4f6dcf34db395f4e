"""Our own API: /v1/check, /v1/labels, /v1/messages."""

from collections.abc import Iterator
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from apps.hook.api.callers import caller
from apps.hook.api.envelope_headers import OURS, HeaderError, address, submission
from apps.hook.api.office import Items, Office
from apps.hook.api.problems import ProblemError
from apps.hook.api.records import CheckRequest, LabelReply, LabelRequest, check_reply
from apps.hook.api.requests import is_json, read_json, read_message
from apps.hook.api.tokens import ANALYST, Caller, Tokens
from apps.hook.submission import Check, Listener, Submission
from apps.labels.intake import (
    Candidate,
    Refused,
    Wanted,
    candidates_of,
    checked,
    reporter_hash,
)
from apps.labels.reading import limits_of_reports
from apps.labels.report import Returned
from apps.sources import Mail
from features.context import Context
from features.envelope import Client
from models.label import Source
from streams.tokens import id_in

__all__ = ["Rest"]

_ROOM = 65_536  # bytes of a record beside the message in it
_NOTHING = Returned((), "", None)


class Rest:
    """Answers our own API; `longest` is the most of a message that is judged, in bytes."""

    def __init__(self, check: Check, office: Office, tokens: Tokens, longest: int) -> None:
        self._check = check
        self._office = office
        self._tokens = tokens
        self._longest = longest
        self._record = longest * 4 // 3 + _ROOM

    async def check(self, request: Request) -> Response:
        """Judge a message; raises ProblemError."""
        caller(request, self._tokens, "check")
        listener = request.state.listener
        if is_json(request):
            for name in OURS.values():
                if name in request.headers:
                    raise HeaderError(name, "goes with message/rfc822; a record says it itself")
            record = await read_json(request, CheckRequest, self._record + 12 * self._longest)
            given = _of_record(record, listener)
        else:
            body = await read_message(request, self._longest)
            given = submission(
                request.scope["headers"],
                OURS,
                body.raw,
                listener=listener,
                truncated=body.truncated,
            )
        return _json(check_reply(await self._check(given)))

    async def label(self, request: Request) -> Response:
        """Take a label, or a retraction; raises ProblemError."""
        who = caller(request, self._tokens, "label")
        said = await read_json(request, LabelRequest, self._record)
        source = said.source or ("analyst" if ANALYST in who.rights else "report")
        if source in {"analyst", "trap"} and ANALYST not in who.rights:
            raise ProblemError(
                HTTPStatus.FORBIDDEN, f"source {source}: this token has no right to {ANALYST}"
            )
        if said.truth is None and not said.retract:
            raise _wrong("truth: missing; only a retraction has none")
        tenant = request.state.listener.tenant or said.tenant
        told = await self._office.give(tenant, _items(said, source, who), retracts=said.retract)
        (one,) = told
        if isinstance(one, Refused):
            raise _wrong(one.reason.removeprefix("no such file, and "))  # that is the command's
        return _json(LabelReply(one.label.id, one.message, one.note), HTTPStatus.ACCEPTED)

    async def message(self, request: Request) -> Response:
        """Tell what is known of a message; raises ProblemError."""
        caller(request, self._tokens, "read")
        given = request.path_params["id"]
        identifier = id_in(given) or given
        found = None
        if len(identifier) <= 128 and identifier.isascii() and identifier.isprintable():
            found = await self._office.message(identifier, request.state.listener.tenant)
        if found is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no message of this id is known")
        return _json(found)


def _of_record(record: CheckRequest, listener: Listener) -> Submission:
    client = record.client
    try:
        ip = address("client.ip", client.ip or "")
    except HeaderError as error:
        raise _wrong(str(error)) from None
    return Submission(
        record.message,
        listener,
        Client(ip, client.helo, client.ptr),
        mail_from=record.mail_from,
        rcpt_to=record.rcpt_to,
        user=record.user,
        queue_id=record.queue_id,
        tls=record.tls,
    )


def _items(said: LabelRequest, source: Source, who: Caller) -> Items:
    """Return what makes a candidate of a request, once the keys of hashes are read."""
    named = [name for name in ("id", "token", "message_id", "message") if getattr(said, name)]
    if len(named) != 1:
        raise _wrong("wanted: exactly one of id, token, message_id, message")

    def items(context: Context) -> Iterator[Candidate | Refused]:
        by = reporter_hash(said.reporter or who.name, context)
        wanted = Wanted(said.truth, source, by, read_as="message", retracts=said.retract)
        if said.message:
            mail = Mail("the message", said.message, len(said.message), "")
            yield from candidates_of(mail, wanted, context, limits_of_reports(context.limits))
            return
        returned = _NOTHING._replace(
            tokens=(said.token,) if said.token else (),
            message_id=said.message_id.strip("<>") if said.message_id else "",
        )
        yield checked(Candidate(named[0], said.truth, source, by, said.id or "", returned))

    return items


def _wrong(why: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, why)


def _json(record: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(record), status, media_type="application/json")
