"""Replies as workers send them, by hand."""

import msgspec
import pytest

from apps.hook.late import Delivery, LateVerdicts
from apps.hook.metrics import HookMetrics
from apps.hook.replies import Replies

DELIVERY = Delivery("default", "inbound", "key")


@pytest.fixture
def late():
    return LateVerdicts()


@pytest.fixture
def metrics():
    return HookMetrics()


@pytest.fixture
async def replies(late, metrics):
    return Replies(late, metrics)


def verdict(action="accept"):
    return msgspec.json.encode({"id": "1", "kind": "judged", "revision": 0, "action": action})


def outcomes(metrics):
    return {
        outcome: metrics.registry.get_sample_value("weir_hook_replies_total", {"outcome": outcome})
        for outcome in ("awaited", "late", "foreign")
    }


async def test_each_request_gets_its_own_reply_in_any_order(replies, metrics):
    asked = [replies.expect() for _ in range(10)]
    assert len({request for request, _ in asked}) == 10
    for request, _ in reversed(asked):
        replies.arrived(request, b"to " + request)
    assert [await answer for _, answer in asked] == [b"to " + request for request, _ in asked]
    assert outcomes(metrics) == {"awaited": 10, "late": 0, "foreign": 0}


async def test_a_reply_to_another_process_is_ignored(replies, metrics, late):
    replies.arrived(b"another-1", verdict())
    replies.arrived(None, verdict())
    replies.arrived(b"another-2", None)
    assert outcomes(metrics) == {"awaited": 0, "late": 0, "foreign": 3}
    assert len(late) == 0


async def test_a_reply_that_nobody_awaits_any_more_is_kept_for_the_retry(replies, metrics, late):
    request, _ = replies.expect()
    replies.give_up(request, "1", DELIVERY)
    replies.arrived(request, verdict())
    assert late.take(DELIVERY) == verdict()
    assert outcomes(metrics)["late"] == 1


async def test_a_late_verdict_on_another_message_is_kept_for_nobody(replies, late):
    request, _ = replies.expect()
    replies.give_up(request, "2", DELIVERY)
    replies.arrived(request, verdict())
    assert len(late) == 0


async def test_a_second_copy_of_a_reply_is_of_no_use(replies, late):
    request, answer = replies.expect()
    replies.arrived(request, b"first")
    replies.arrived(request, verdict())
    assert await answer == b"first"
    assert len(late) == 0


@pytest.mark.parametrize("value", [verdict("defer"), b"\xff no verdict", b"{}"])
async def test_a_late_verdict_that_asks_for_a_retry_or_none_at_all_is_not_kept(
    replies, late, value
):
    """After a policy's deferral the retry is judged anew."""
    request, _ = replies.expect()
    replies.give_up(request, "1", DELIVERY)
    replies.arrived(request, value)
    assert len(late) == 0


async def test_requests_given_up_are_remembered_within_bounds(replies, late, monkeypatch):
    monkeypatch.setattr("apps.hook.replies._REMEMBERED", 3)
    asked = [replies.expect()[0] for _ in range(5)]
    for number, request in enumerate(asked):
        replies.give_up(request, "1", DELIVERY._replace(key=str(number)))
    for request in asked:
        replies.arrived(request, verdict())
    assert [late.take(DELIVERY._replace(key=str(n))) is not None for n in range(5)] == [
        *(False, False),
        *(True, True, True),
    ]
