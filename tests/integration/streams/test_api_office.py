"""What the hook's API asks of a real Kafka and Redis: labels given, messages looked up."""

from uuid import uuid4

import msgspec
import pytest

from apps.hook.api.office import Office
from apps.labels.giving import Published
from apps.labels.intake import Candidate
from apps.labels.report import Returned
from models.label import Label
from streams.settings import load
from streams.wire import new_id

pytestmark = pytest.mark.integration

NOTHING = Returned((), "", None)


async def test_a_judged_message_is_known_and_a_label_of_it_is_published(installation):
    ident = new_id()
    installation.start_worker().wait_ready()
    await installation.send([installation.record(b"From: a@b.example\n\nHello.\n", ident)])
    await installation.verdicts([ident])
    office = Office(load(installation.config, {}))

    found = await office.message(ident, "")
    assert (found.id, found.verdict.id, found.bytes) == (ident, ident, 26)
    assert found.place == found.verdict.log
    assert found.labels == ()
    assert await office.message(ident, "another-tenant") is None
    assert await office.message(new_id(), "") is None
    assert await office.message(str(uuid4()), "") is None

    said = Candidate("id", "spam", "analyst", "", ident, NOTHING)
    (published,) = await office.give("default", lambda _: [said])
    assert isinstance(published, Published)
    (record,) = await installation.read("labels", lambda records: len(records) == 1)
    label = msgspec.json.decode(record.value, type=Label)
    assert (label.id, label.truth, label.source) == (published.label.id, "spam", "analyst")
