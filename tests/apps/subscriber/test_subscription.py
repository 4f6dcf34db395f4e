import asyncio
import os
import signal
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from apps.subscriber.subscription import deliveries, subscribe
from detectors.record import encode
from detectors.rules import ExpressionError
from tests.detectors.test_record import VERDICT


def verdict(number, **fields):
    return replace(VERDICT, id=f"m{number}", **fields)


@pytest.fixture
def publish(append):
    def verdicts(*verdicts, partition=0):
        append(*(encode(each) for each in verdicts), partition=partition)

    return verdicts


async def ids(settings, group="g", **wishes):
    """Return the ids of all that there is for a group."""
    return [it.id async for it in subscribe(settings, group=group, follow=False, **wishes)]


async def test_verdicts_come_typed_and_equal_to_what_was_published(settings, publish):
    publish(verdict(1), verdict(2))
    assert [it async for it in subscribe(settings, group="g", follow=False)] == [
        verdict(1),
        verdict(2),
    ]


async def test_what_is_nested_beyond_measure_is_passed_over(settings, publish, append):
    append(b'{"id":"x","deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    publish(verdict(1))
    with capture_logs() as logs:
        assert await ids(settings) == ["m1"]
    assert [it["event"] for it in logs] == ["not_a_verdict"]


async def test_a_group_goes_on_where_it_stopped_and_another_has_all(settings, publish):
    publish(verdict(1), verdict(2))
    assert await ids(settings) == ["m1", "m2"]
    publish(verdict(3))
    assert await ids(settings) == ["m3"]
    assert await ids(settings, "other") == ["m1", "m2", "m3"]


async def test_what_the_loop_was_left_in_comes_again_and_nothing_before_it(settings, publish):
    publish(*map(verdict, range(5)))
    async with aclosing(subscribe(settings, group="g")) as verdicts:
        async for it in verdicts:
            if it.id == "m2":
                break
    assert await ids(settings) == ["m2", "m3", "m4"]


async def test_what_a_body_failed_on_comes_again(settings, publish):
    publish(verdict(1), verdict(2))

    async def fail():
        async for it in subscribe(settings, group="g"):
            if it.id == "m2":
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await asyncio.sleep(0.1)  # asyncio closes what a loop has left behind
    assert await ids(settings) == ["m2"]


async def test_verdicts_that_are_not_wanted_are_done_with_too(settings, publish):
    publish(verdict(1), verdict(2, action="reject"), verdict(3))
    assert await ids(settings, action="reject") == ["m2"]
    assert await ids(settings) == []


async def test_a_condition_chooses(settings, publish):
    publish(verdict(1), verdict(2, rcpt_count=9))
    assert await ids(settings, where="rcpt_count > 5 && class == 'phish'") == ["m2"]


async def test_of_verdicts_with_one_identity_the_first_wins(settings, publish):
    revised = replace(verdict(1), kind="revised", revision=1)
    again = verdict(1, from_domain="second.example")
    publish(verdict(1), again, revised, verdict(1))
    found = [it async for it in subscribe(settings, group="g", follow=False)]
    assert found == [verdict(1), revised]


async def test_the_first_wins_across_restarts_too(settings, publish):
    publish(verdict(1), verdict(2))
    assert await ids(settings) == ["m1", "m2"]
    publish(verdict(1), verdict(3), verdict(2))
    assert await ids(settings) == ["m3"]


async def test_beyond_the_window_a_repetition_comes_again(settings, publish):
    publish(*map(verdict, range(4)))
    assert len(await ids(settings, window=2)) == 4
    publish(verdict(3), verdict(0))
    assert await ids(settings, window=2) == ["m0"]


async def test_what_is_no_verdict_is_told_of_with_its_place_and_passed_over(
    settings, publish, append
):
    publish(verdict(1))
    append(b"\xff{", encode(verdict(2)).replace(b'"schema":1', b'"schema":9', 1))
    publish(verdict(3))
    told = []
    found = deliveries(
        settings, follow=False, passed_over=lambda record, why: told.append((record.offset, why))
    )
    assert [it.verdict.id async for it in found] == ["m1", "m3"]
    assert [offset for offset, _ in told] == [1, 2]
    assert "schema 9; allowed: 1" in told[1][1]
    with capture_logs() as logs:
        assert await ids(settings) == ["m1", "m3"]
    assert [log["offset"] for log in logs if log["event"] == "not_a_verdict"] == [1, 2]


async def test_a_verdict_comes_with_the_record_it_lies_in(settings, publish):
    publish(verdict(1), partition=1)
    async with aclosing(deliveries(settings)) as found:
        delivered = await anext(found)
    assert delivered.record.value == encode(delivered.verdict)
    assert (delivered.record.partition, delivered.record.offset) == (1, 0)


async def test_a_new_group_begins_at_the_time_asked_for(settings, publish):
    publish(verdict(1))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await ids(settings, since=later) == []
    publish(verdict(2))
    assert await ids(settings) == ["m2"]


async def test_what_is_published_while_one_waits_comes(settings, publish):
    async with aclosing(subscribe(settings, group="g")) as verdicts:
        waiting = asyncio.create_task(anext(verdicts))
        await asyncio.sleep(0.1)
        publish(verdict(7))
        assert (await waiting).id == "m7"


async def test_sigterm_ends_the_loop_when_its_body_does_and_keeps_what_is_done(settings, publish):
    publish(*map(verdict, range(5)))
    seen = []
    async with asyncio.timeout(30):
        async for it in subscribe(settings, group="g"):
            if it.id == "m2":
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(0.01)
            seen.append(it.id)
    assert seen == ["m0", "m1", "m2"]
    assert await ids(settings) == ["m3", "m4"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_sigterm_ends_all_loops_of_a_program(settings, publish):
    publish(verdict(1))

    async def loop(group):
        return [it.id async for it in subscribe(settings, group=group)]

    tasks = [asyncio.create_task(loop(group)) for group in ("a", "b")]
    await asyncio.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await asyncio.gather(*tasks) == [["m1"], ["m1"]]


async def test_a_program_that_handles_sigterm_keeps_its_handler(settings, publish):
    publish(verdict(1))

    def own(*_):
        pass

    before = signal.signal(signal.SIGTERM, own)
    try:
        assert await ids(settings) == ["m1"]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        ({"group": ""}, ValueError),
        ({"group": "g", "action": "explode"}, ValueError),
        ({"group": "g", "where": "score >"}, ExpressionError),
    ],
)
async def test_what_cannot_be_asked_for_is_said_before_anything_is_read(settings, wishes, error):
    with pytest.raises(error):
        await anext(subscribe(settings, **wishes))


async def test_without_settings_they_are_read_as_the_command_line_reads_them(
    settings, publish, monkeypatch
):
    publish(verdict(1))
    monkeypatch.setenv("WEIR_EMBEDDED__FOLDER", settings.embedded.folder)
    monkeypatch.setenv("WEIR_TOPICS__PARTITIONS", "2")
    assert await ids(None) == ["m1"]
