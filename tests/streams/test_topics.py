import pytest

from streams.settings import load
from streams.topics import TopicError, TopicState, describe, table

SETTINGS = load(None, {"WEIR_TOPICS__PREFIX": "x.", "WEIR_TOPICS__PARTITIONS": "3"})


def test_the_table_has_the_contracts_topics():
    rows = {t.role: t for t in table(SETTINGS)}
    assert {t.name for t in rows.values()} == {
        "x.messages",
        "x.verdicts",
        "x.replies",
        "x.labels",
        "x.models",
        "x.deadletter",
    }
    assert rows["messages"].partitions == rows["verdicts"].partitions == 3
    assert rows["labels"].partitions == rows["models"].partitions == 1
    assert rows["replies"].config["retention.ms"] == "300000"
    assert {t.config["message.timestamp.type"] for t in rows.values()} == {"LogAppendTime"}


def test_a_dead_letter_has_room_for_the_largest_record_and_its_own_headers():
    rows = {t.role: int(t.config["max.message.bytes"]) for t in table(SETTINGS)}
    assert rows["deadletter"] > rows["messages"] > SETTINGS.topics.message_bytes


def test_differences_say_what_is_found_and_wanted():
    topic = table(SETTINGS)[0]
    assert TopicState(topic, 3, topic.config).differences == []
    assert TopicState(topic, 0, {}).differences == ["missing"]
    odd = TopicState(topic, 2, topic.config | {"retention.ms": "1"})
    assert odd.differences == [
        "retention.ms is 1, wanted 604800000",
        "partitions is 2, wanted 3",
    ]


async def test_brokers_that_do_not_answer_are_one_line():
    settings = load(None, {"WEIR_KAFKA__BROKERS": "127.0.0.1:1"})
    with pytest.raises(TopicError) as caught:
        await describe(settings)
    line = str(caught.value)
    assert "\n" not in line
    assert "kafka.brokers = 127.0.0.1:1" in line
