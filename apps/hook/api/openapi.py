"""The API's description (OpenAPI 3.1), made of the types that its records are read into."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from apps.hook.api.envelope_headers import OURS
from apps.hook.api.problems import Problem
from apps.hook.api.records import CheckReply, CheckRequest, LabelReply, LabelRequest, MessageReply

__all__ = ["document"]

_TYPES: Final = (CheckRequest, CheckReply, LabelRequest, LabelReply, MessageReply, Problem)
_MESSAGE: Final = "message/rfc822"
_PROBLEMS: Final[Mapping[str, str]] = {
    "400": "A header or the body can't be right; `header` names the header",
    "401": "A token is needed, or isn't known",
    "403": "The token lacks the right",
    "404": "Nothing is known of it",
    "413": "The record is too long",
    "422": "The record can't be right, or the label is refused",
    "503": "Kafka or Redis can't be reached",
}
_ID: Final = "^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,319}$"
_EXACTLY_ONE: Final = ("id", "token", "message_id", "message")


@cache
def document() -> bytes:
    """Return the document as JSON."""
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    schemas["LabelRequest"] |= {
        "oneOf": [{"required": [name]} for name in _EXACTLY_ONE],
        "anyOf": [
            {"required": ["truth"]},
            {"required": ["retract"], "properties": {"retract": {"const": True}}},
        ],
    }
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Weir",
                "version": "1",
                "summary": "Verdicts on mail, labels, and what is known of a message.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "paths": _PATHS,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"token": []}, {}],
        }
    )


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _answers(what: str, name: str, *problems: str, status: str = "200") -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": what, "content": _json(name)},
        **{
            code: {
                "description": _PROBLEMS[code],
                "content": {"application/problem+json": schema},
            }
            for code in problems
        },
    }


_PATHS: Final[dict[str, Any]] = {
    "/v1/check": {
        "post": {
            "operationId": "check",
            "summary": "What is to be done with a message",
            "description": "The message as it is, with its envelope in headers, or both as JSON. "
            "A message over the limit is judged by its beginning.",
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": False,
                    "schema": {"type": "string", "maxLength": 1000}
                    | ({"format": "ipv4"} if part == "ip" else {}),
                }
                for part, name in OURS.items()
            ],
            "requestBody": {
                "required": True,
                "content": {
                    **_json("CheckRequest"),
                    _MESSAGE: {"schema": {"type": "string", "minLength": 1}},
                },
            },
            "responses": _answers("The outcome", "CheckReply", "400", "401", "403", "413", "422"),
        }
    },
    "/v1/labels": {
        "post": {
            "operationId": "label",
            "summary": "Say what a message was, or take it back",
            "requestBody": {"required": True, "content": _json("LabelRequest")},
            "responses": _answers(
                "Taken; the learner will hear it",
                "LabelReply",
                *("400", "401", "403", "413", "422", "503"),
                status="202",
            ),
        }
    },
    "/v1/messages/{id}": {
        "get": {
            "operationId": "message",
            "summary": "A message's verdict and its labels, by its id or its token (X-Weir-Id)",
            "parameters": [
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "schema": {
                        "type": "string",
                        "pattern": _ID,
                    },
                }
            ],
            "responses": _answers(
                "What is known", "MessageReply", "400", "401", "403", "404", "503"
            ),
        }
    },
}
