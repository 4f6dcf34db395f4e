"""Records of a real run, by what the published AsyncAPI document and its schemas say of them."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from models.label import Target
from streams.label_records import label_record, new_label

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "topics"
DOCUMENT = orjson.loads((DOCS / "asyncapi.json").read_bytes())
EXAMPLES = sorted((ROOT / "examples").rglob("*.eml"))
SCHEMAS = Registry().with_resources(
    (path.name, Resource.from_contents(orjson.loads(path.read_bytes())))
    for path in DOCS.glob("*.schema.json")
)


FORMATS = FormatChecker()


@FORMATS.checks("date-time", ValueError)
def moment(value):
    """RFC 3339, as records have it: jsonschema checks it only with one more package."""
    return datetime.fromisoformat(value).tzinfo is not None


def validator(schema):
    return Draft202012Validator(schema, registry=SCHEMAS, format_checker=FORMATS)


def check(role, record):
    """Assert that a record is as its channel says; return what it is of."""
    messages = DOCUMENT["channels"][role]["messages"]
    headers = {name: value.decode() for name, value in record.headers}
    told = messages.get(headers["ce_type"]) or messages.get(role)
    assert told is not None, headers["ce_type"]
    assert headers.keys() <= told["headers"]["properties"].keys(), headers.keys()
    validator(told["headers"]).validate(headers)
    assert headers["content-type"] == told["contentType"]
    if told["contentType"] == "application/json":
        assert "$ref" in told["payload"]
        validator(told["payload"]).validate(orjson.loads(record.value))
    if "weir-envelope" in headers:
        validator({"$ref": "envelope.schema.json"}).validate(orjson.loads(headers["weir-envelope"]))
    return headers["ce_type"]


async def test_all_records_of_a_run_are_as_the_published_documents_say(installation, learner):
    installation.start_worker().wait_ready()
    learner(WEIR_LEARNER__BATCH_LABELS="8")
    asks = [("weir-request-id", b"r1"), ("weir-reply-partition", b"3"), ("weir-deadline", b"0")]
    sent = [
        installation.record(path.read_bytes(), mail_from="a@example.org", rcpt_to=["b@example.com"])
        for path in EXAMPLES
    ]
    sent.append(installation.record(EXAMPLES[0].read_bytes(), headers=asks))
    idents = await installation.send(sent)
    await installation.verdicts(idents)
    given = [
        new_label(Target(id=it), "spam", "analyst", reporter="r", given_at=datetime.now(UTC))
        for it in idents[:3]
    ]
    topic = installation.topic("labels")
    await installation.send([label_record(topic, each, source="/test") for each in given])
    wanted = {
        "messages": {"weir.message.received": len(idents)},
        "verdicts": {"weir.verdict.judged": len(idents)},
        "replies": {"weir.verdict.judged": 1},
        "labels": {"weir.label.given": 3},
        "models": {"weir.model.claim": 1, "weir.model.step": 3, "weir.model.publish": 1},
    }
    for role, counts in wanted.items():
        found = await installation.read(role, lambda records, c=counts: enough(records, c))
        checked = Counter(check(role, record) for record in found)
        assert checked >= Counter(counts), role


def enough(records, counts):
    return Counter(dict(it.headers)["ce_type"].decode() for it in records) >= Counter(counts)


def test_a_record_that_is_not_as_said_would_be_seen():
    verdict = orjson.loads((ROOT / "tests" / "detectors" / "golden" / "verdict.json").read_bytes())
    schema = validator({"$ref": "verdict.schema.json"})
    schema.validate(verdict)
    for field, value in (("action", "explode"), ("logit", "3"), ("signals", [{"name": 1}])):
        assert not schema.is_valid({**verdict, field: value})
    assert not schema.is_valid({**verdict, "received_at": "yesterday"})
