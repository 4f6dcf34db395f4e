"""JSON Schemas (2020-12) of the records and an AsyncAPI document of the topics, from the types.

`docs/topics/` holds what `documents()` returns, so that a subscriber in any language can validate
what it reads; a test fails when the two differ. `python -m streams.schemas docs/topics` renews.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from detectors.explanation import Explanation
from detectors.verdict import Verdict
from features.envelope import Envelope
from models.command import Command
from models.label import Label
from streams.label_records import COMMAND, GIVEN, RETRACTED
from streams.model_records import Claim, Executed, Marker, Pointer
from streams.settings import Settings
from streams.topics import table

__all__ = ["documents"]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_RECORDS: dict[str, type] = {
    "claim": Claim,
    "command": Command,
    "envelope": Envelope,
    "executed": Executed,
    "explanation": Explanation,  # of no topic: `weir check --explain --json` writes it
    "label": Label,
    "marker": Marker,
    "pointer": Pointer,
    "verdict": Verdict,
}
_FORMATS = {"received_at": "date-time", "at": "date-time", "given_at": "date-time"}

_CLOUD_EVENTS = {
    "ce_specversion": "CloudEvents version, always 1.0",
    "ce_id": "identity of the event; deduplicate on it, the first wins",
    "ce_type": "type of the event",
    "ce_source": "what produced the event",
    "ce_time": "RFC 3339, UTC, microseconds",
    "content-type": "media type of the value",
}
_HEADERS: dict[str, dict[str, str]] = {
    "messages": {
        "weir-envelope": "the SMTP envelope, JSON (envelope.schema.json)",
        "weir-request-id": "asks for a reply under this key",
        "weir-reply-partition": "decimal; the partition of mail.replies to reply on",
        "weir-deadline": "epoch milliseconds after which nobody waits for the reply",
    },
    "verdicts": {
        "weir-judged-at": "RFC 3339; when the verdict was made",
        "weir-timings": "JSON; milliseconds by stage",
        "weir-worker": "which worker made it",
    },
    "deadletter": {
        "weir-error": "what failed, one line",
        "weir-topic": "where the record was read",
        "weir-partition": "decimal",
        "weir-offset": "decimal",
    },
}
_HEADERS["replies"] = {
    **_HEADERS["verdicts"],
    "weir-request-id": "which request it answers; the key too",
}
_JSON = "application/json"


def _json(schema: str) -> dict[str, Any]:
    return {"contentType": _JSON, "payload": {"$ref": f"{schema}.schema.json"}}


# The messages of a topic by name: by ce_type where there is more than one sort.
_MESSAGES: dict[str, dict[str, dict[str, Any]]] = {
    "messages": {"messages": {"contentType": "message/rfc822", "payload": {"type": "string"}}},
    "verdicts": {"verdicts": _json("verdict")},
    "replies": {"replies": _json("verdict")},
    "labels": {GIVEN: _json("label"), RETRACTED: _json("label"), COMMAND: _json("command")},
    "models": {
        "weir.model.step": {
            "contentType": "application/msgpack",
            "payload": {"type": "string", "description": "a learning step (models.md)"},
        },
        "weir.model.publish": _json("marker"),
        "weir.model.claim": _json("claim"),
        "weir.model.snapshot": _json("pointer"),
        "weir.model.executed": _json("executed"),
    },
    "deadletter": {
        "deadletter": {"contentType": "application/octet-stream", "payload": {"type": "string"}}
    },
}
_RECEIVED = {"messages", "labels"}  # topics that Weir reads from others; it writes the rest


def documents() -> dict[str, bytes]:
    """Return the generated pages by file name: `NAME.schema.json` each, and `asyncapi.json`."""
    pages = {f"{name}.schema.json": _schema(name, record) for name, record in _RECORDS.items()}
    pages["asyncapi.json"] = _asyncapi()
    return {
        name: orjson.dumps(page, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        for name, page in pages.items()
    }


def _schema(name: str, record: type) -> dict[str, Any]:
    (_,), definitions = msgspec.json.schema_components((record,), ref_template="#/$defs/{name}")
    for definition in definitions.values():
        _tidy(definition)
    root = definitions.pop(record.__name__)
    return {"$schema": _DRAFT, "$id": f"weir:{name}:1", **root, "$defs": definitions}


def _tidy(definition: dict[str, Any]) -> None:
    """Fold docstrings into one line; name the formats that JSON has no type for."""
    if "description" in definition:
        definition["description"] = " ".join(definition["description"].split())
    for field, schema in definition.get("properties", {}).items():
        if field in _FORMATS:
            for alternative in schema.get("anyOf", [schema]):
                if alternative.get("type") == "string":
                    alternative["format"] = _FORMATS[field]


def _asyncapi() -> dict[str, Any]:
    channels = {}
    operations = {}
    for topic in table(Settings()):
        action = "receive" if topic.role in _RECEIVED else "send"
        headers = {
            name: {"type": "string", "description": what}
            for name, what in {**_CLOUD_EVENTS, **_HEADERS.get(topic.role, {})}.items()
        }
        channels[topic.role] = {
            "address": topic.name,
            "description": topic.value,
            "messages": {
                message: {
                    **payload,
                    "headers": {"type": "object", "properties": headers},
                    "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
                }
                for message, payload in _MESSAGES[topic.role].items()
            },
            "bindings": {"kafka": {"partitions": topic.partitions}},
        }
        operations[f"{action}-{topic.role}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.role}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Weir",
            "version": "1",
            "description": "Mail and labels in, verdicts out. Names are those of the default "
            "topic prefix.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


if __name__ == "__main__":
    for page, text in documents().items():
        Path(sys.argv[1], page).write_bytes(text)
