"""The published schemas are those of the types, and every field is explained."""

import re
from pathlib import Path

import msgspec
import orjson
import pytest
from jsonschema import Draft202012Validator

from detectors.explanation import Explanation, Rehearsal, Tried, WeightInForce
from detectors.verdict import Verdict
from features.envelope import Envelope
from streams.schemas import documents
from streams.settings import Settings
from streams.topics import table

DOCS = Path(__file__).parents[2] / "docs" / "topics"


@pytest.mark.parametrize("page", documents())
def test_published_page_is_what_the_types_say(page):
    """After a wanted change: `python -m streams.schemas docs/topics`."""
    assert (DOCS / page).read_bytes() == documents()[page]


@pytest.mark.parametrize("page", [page for page in documents() if page.endswith(".schema.json")])
def test_schema_is_valid_json_schema(page):
    Draft202012Validator.check_schema(orjson.loads(documents()[page]))


@pytest.mark.parametrize(
    ("record", "page"),
    [
        (Verdict, "verdict.md"),
        (Envelope, "envelope.md"),
        (Explanation, "explanation.md"),
        (Tried, "explanation.md"),
        (WeightInForce, "explanation.md"),
        (Rehearsal, "explanation.md"),
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


def test_every_topic_is_explained():
    explained = (DOCS / "README.md").read_text()

    assert [topic.name for topic in table(Settings()) if f"`{topic.name}`" not in explained] == []
