"""A dead letter goes back to where it came from."""

import pytest

from apps.deadletters import read_letter, requeued
from apps.subscriber.received import Received
from streams.settings import Settings
from streams.wire import dead_letter


@pytest.mark.parametrize(
    ("origin", "goes_to"),
    [
        ("mail.messages", "mail.messages"),
        ("mail.labels", "mail.labels"),
        ("mail.labels:1", "mail.messages"),
        ("", "mail.messages"),
    ],
)
def test_labels_go_to_the_topic_of_labels_and_all_else_is_mail(origin, goes_to):
    letter = dead_letter(
        "mail.deadletter",
        origin=(origin, 0, 7),
        key=b"k",
        value=b"{}",
        headers=[("ce_type", b"weir.label.given")],
        error="not JSON",
    )
    read = read_letter(
        Received(letter.topic, 0, 1, 0, letter.key, letter.value, tuple(letter.headers))
    )
    record = requeued(read, Settings())
    assert (record.topic, record.key, record.value) == (goes_to, b"k", b"{}")
    assert dict(record.headers)["ce_type"] == b"weir.label.given"
    assert "weir-error" not in dict(record.headers)
