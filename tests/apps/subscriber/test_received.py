from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition
from msgspec.structs import replace

from apps.subscriber.received import received
from streams.topics import TopicError, name


async def _all(reception):
    """Take until nothing comes."""
    found = []
    while taken := await reception.take(wait_ms=0):
        found += taken
    return found


async def test_a_record_comes_with_its_bytes_and_headers_and_place(settings, append):
    (put,) = append(b"\x00raw\xff", role="messages", partition=1, headers=(("ce_id", b"1"),))
    async with received(settings, ["messages", "verdicts"]) as reception:
        (record,) = await _all(reception)
    assert (record.topic, record.partition, record.offset) == ("mail.messages", 1, 0)
    assert (record.key, record.value, record.headers) == (b"k", b"\x00raw\xff", (("ce_id", b"1"),))
    assert record.appended_ms == put.appended_ms


async def test_a_group_goes_on_behind_what_was_done_and_not_behind_what_was_taken(settings, append):
    append(b"a", b"b", b"c")
    async with received(settings, ["verdicts"], group="g") as reception:
        first, _, _ = await _all(reception)
        reception.done(first)
    async with received(settings, ["verdicts"], group="g") as reception:
        assert [record.value for record in await _all(reception)] == [b"b", b"c"]
    async with received(settings, ["verdicts"], group="other") as reception:
        assert len(await _all(reception)) == 3


async def test_what_is_done_is_kept_though_the_block_ends_in_an_error(settings, append):
    append(b"a", b"b")

    async def fail():
        async with received(settings, ["verdicts"], group="g") as reception:
            reception.done((await _all(reception))[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with received(settings, ["verdicts"], group="g") as reception:
        assert [record.value for record in await _all(reception)] == [b"b"]


async def test_without_a_group_all_comes_each_time(settings, append):
    append(b"a", b"b")
    for _ in range(2):
        async with received(settings, ["verdicts"]) as reception:
            found = await _all(reception)
            reception.done(found[-1])
            await reception.commit()
            assert len(found) == 2


async def test_reading_begins_at_the_time_asked_for(settings, append):
    append(b"a")
    later = datetime.now(UTC) + timedelta(hours=1)
    async with received(settings, ["verdicts"], since=later) as reception:
        assert await _all(reception) == []
        append(b"b")
        assert [record.value for record in await _all(reception)] == [b"b"]
    earlier = later - timedelta(hours=2)
    async with received(settings, ["verdicts"], since=earlier) as reception:
        assert len(await _all(reception)) == 2


async def test_where_a_group_is_known_its_offsets_go_before_the_time_asked_for(settings, append):
    append(b"a", b"b")
    async with received(settings, ["verdicts"], group="g") as reception:
        reception.done((await _all(reception))[0])
    later = datetime.now(UTC) + timedelta(hours=1)
    async with received(settings, ["verdicts"], group="g", since=later) as reception:
        assert [record.value for record in await _all(reception)] == [b"b"]


async def test_a_caller_that_knows_where_to_begin_begins_there(settings, append):
    append(b"a", b"b", b"c")
    append(b"d", partition=1)

    async def starts(places):
        assert {place.partition for place in places} == {0, 1}
        return {TopicPartition("mail.verdicts", 0): 2}

    async with received(settings, ["verdicts"], starts=starts) as reception:
        assert {record.value for record in await _all(reception)} == {b"c", b"d"}
        assert reception.following == await reception.ends()


async def test_records_that_have_expired_are_told_of_and_reading_goes_on(settings, append, expire):
    append(b"a", b"b", b"c")
    gaps = []
    async with received(settings, ["verdicts"], group="g") as reception:
        reception.done((await _all(reception))[0])
    expire()
    append(b"d")
    async with received(settings, ["verdicts"], group="g", told=gaps.append) as reception:
        assert [record.value for record in await _all(reception)] == [b"d"]
    assert gaps == [(TopicPartition("mail.verdicts", 0), 1, 3)]


async def test_records_that_expire_while_one_reads_are_told_of_too(settings, append, expire):
    gaps = []
    async with received(settings, ["verdicts"], told=gaps.append) as reception:
        assert await _all(reception) == []
        append(b"a", b"b")
        expire()
        append(b"c")
        assert await reception.take(wait_ms=0) == []
        assert [record.value for record in await _all(reception)] == [b"c"]
    assert gaps == [(TopicPartition("mail.verdicts", 0), 0, 2)]


async def test_a_group_that_is_further_than_its_topic_begins_anew_and_says_so(settings, append):
    append(b"a", b"b", b"c")
    gaps = []

    async def starts(places):
        return {TopicPartition("mail.verdicts", 0): 7}

    async with received(settings, ["verdicts"], starts=starts, told=gaps.append) as reception:
        assert len(await _all(reception)) == 3
    assert gaps == [(TopicPartition("mail.verdicts", 0), 7, 0)]


async def test_who_looks_back_is_shown_what_came_last_and_told_that_it_is_done(settings, append):
    append(b"a", b"b", b"c", b"d")
    async with received(settings, ["verdicts"], group="g") as reception:
        reception.done((await _all(reception))[2])
    async with received(settings, ["verdicts"], group="g", back=2) as reception:
        found = await _all(reception)
        assert [(it.value, reception.known(it)) for it in found] == [
            (b"b", True),
            (b"c", True),
            (b"d", False),
        ]
        reception.done(found[0])
    async with received(settings, ["verdicts"], group="g") as reception:
        assert [record.value for record in await _all(reception)] == [b"d"]


async def test_a_second_member_of_an_embedded_group_waits_for_the_end_of_the_first(
    settings, append
):
    append(b"a")
    async with received(settings, ["verdicts"], group="g") as first:
        reception = received(settings, ["verdicts"], group="g")
        second = await reception.__aenter__()
        first.done((await first.take())[0])
        assert await second.take() == []
        assert second.assigned == frozenset()
    append(b"b")
    assert [record.value for record in await second.take()] == [b"b"]
    await reception.__aexit__(None, None, None)


@pytest.mark.parametrize("group", ["../g", ".hidden", "a/b", "x" * 300])
async def test_a_group_that_is_no_files_name_is_refused_in_one_line(settings, group):
    with pytest.raises(TopicError, match="allowed: a file's name"):
        async with received(settings, ["verdicts"], group=group):
            pass


async def test_offsets_that_cannot_be_read_are_named_not_forgotten(settings, append, tmp_path):
    append(b"a")
    async with received(settings, ["verdicts"], group="g") as reception:
        reception.done((await _all(reception))[0])
    kept = tmp_path / "weir" / "groups" / "g.json"
    kept.write_text("{")
    with pytest.raises(TopicError, match=str(kept)):
        async with received(settings, ["verdicts"], group="g") as reception:
            await reception.take(wait_ms=0)


async def test_a_log_without_the_topics_is_said_to_be(settings, append):
    other = replace(settings, topics=replace(settings.topics, prefix="none."))
    with pytest.raises(TopicError, match=name(other, "verdicts")):
        async with received(other, ["verdicts"]):
            pass
