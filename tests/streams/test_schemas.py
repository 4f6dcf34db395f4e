"""The published schemas are those of the types, and every field is explained."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from detectors.explanation import Explanation, Rehearsal, Tried, WeightInForce
from detectors.verdict import Verdict
from features.envelope import Envelope
from models.command import Command
from models.label import Label, Place, Target
from models.step import Lesson, Step
from streams.label_records import command_record, label_record, new_label, retraction
from streams.model_records import Claim, Executed, Marker, Pointer, StepRecord, Theta
from streams.schemas import documents
from streams.settings import Settings
from streams.topics import table

DOCS = Path(__file__).parents[2] / "docs" / "topics"
ASYNCAPI = Path(__file__).parent / "asyncapi" / "3.0.0.schema.json.gz"  # official, draft 7


@pytest.mark.parametrize("page", documents())
def test_published_page_is_what_the_types_say(page):
    """After a wanted change: `python -m streams.schemas docs/topics`."""
    assert (DOCS / page).read_bytes() == documents()[page]


@pytest.mark.parametrize("page", [page for page in documents() if page.endswith(".schema.json")])
def test_schema_is_valid_json_schema(page):
    Draft202012Validator.check_schema(orjson.loads(documents()[page]))


def test_the_asyncapi_document_is_valid_by_the_official_schema_of_its_version():
    schema = orjson.loads(gzip.decompress(ASYNCAPI.read_bytes()))
    document = orjson.loads(documents()["asyncapi.json"])
    assert schema["properties"]["asyncapi"]["const"] == document["asyncapi"]
    Draft7Validator(schema).validate(document)
    broken = {**document, "channels": {"x": {"adress": "mail.x"}}}
    assert not Draft7Validator(schema).is_valid(broken)


@pytest.mark.parametrize(
    ("record", "page"),
    [
        (Verdict, "verdict.md"),
        (Envelope, "envelope.md"),
        (Explanation, "explanation.md"),
        (Tried, "explanation.md"),
        (WeightInForce, "explanation.md"),
        (Rehearsal, "explanation.md"),
        (Label, "label.md"),
        (Target, "label.md"),
        (Place, "label.md"),
        (Command, "label.md"),
        (Claim, "models.md"),
        (Marker, "models.md"),
        (Theta, "models.md"),
        (Pointer, "models.md"),
        (Executed, "models.md"),
        (StepRecord, "models.md"),
        (Step, "models.md"),
        (Lesson, "models.md"),
    ],
)
def test_every_field_of_a_record_is_explained(record, page):
    explained = set(re.findall(r"`(\w+)`", (DOCS / page).read_text()))

    assert {field.encode_name for field in msgspec.structs.fields(record)} - explained == set()


def test_asyncapi_names_the_topics_and_their_headers():
    api = orjson.loads(documents()["asyncapi.json"])
    headers = api["channels"]["messages"]["messages"]["messages"]["headers"]["properties"]

    assert api["channels"]["verdicts"]["address"] == "mail.verdicts"
    assert {"ce_id", "ce_type", "weir-envelope", "weir-reply-partition"} <= set(headers)


def test_asyncapi_names_every_topic_and_its_records_have_their_schemas():
    api = orjson.loads(documents()["asyncapi.json"])
    named = {
        message["payload"]["$ref"]
        for channel in api["channels"].values()
        for message in channel["messages"].values()
        if "$ref" in message["payload"]
    }

    assert {channel["address"] for channel in api["channels"].values()} == {
        topic.name for topic in table(Settings())
    }
    assert named - set(documents()) == set()


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABEL = new_label(Target(raw=b"\xff"), "spam", "report", reporter="1:ab", given_at=NOW)


@pytest.mark.parametrize(
    ("schema", "record"),
    [
        ("label", label_record("t", LABEL, source="/test")),
        ("label", label_record("t", retraction(LABEL, NOW), source="/test")),
        (
            "command",
            command_record("t", Command(id="c", act="freeze", given_at=NOW), source="/test"),
        ),
    ],
)
def test_a_published_record_is_as_its_schema_says(schema, record):
    Draft202012Validator(orjson.loads(documents()[f"{schema}.schema.json"])).validate(
        orjson.loads(record.value)
    )


def test_every_topic_is_explained():
    explained = (DOCS / "README.md").read_text()

    assert [topic.name for topic in table(Settings()) if f"`{topic.name}`" not in explained] == []
