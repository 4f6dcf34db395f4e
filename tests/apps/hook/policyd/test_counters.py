import random

import pytest

from apps.hook.policyd.counters import KNOWN_SECONDS, CountersError, Occasion, Tally
from apps.hook.policyd.memory_counters import MemoryCounters

HOUR = 3600.0
NOW = 1.8e9


def tally(kind, over=2, *, refuses=True, **others):
    return Tally(kind, f"key:{kind}", over, HOUR, refuses=refuses, **others)


def rcpt(instance, recipient, at=NOW):
    return Occasion(instance, at, recipient=recipient.encode())


def end(instance, recipients=1, at=NOW):
    return Occasion(instance, at, recipients=recipients)


async def test_what_exceeds_a_limit_is_told_and_not_counted(counters):
    asked = [tally("messages")]
    answers = [await counters.count(rcpt(f"i{n}", "a"), asked) for n in range(5)]
    assert answers == [(), (), (0,), (0,), (0,)]
    # Had refusals been counted, the window would never empty for one that tries again.
    assert await counters.count(rcpt("later", "a", NOW + 1.2 * HOUR), asked) == ()


async def test_what_is_only_held_counts(counters):
    asked = [tally("messages", refuses=False)]
    for n in range(5):
        await counters.count(rcpt(f"i{n}", "a"), asked)
    assert await counters.count(rcpt("x", "a"), [tally("messages", over=5)]) == (0,)
    assert await counters.count(rcpt("y", "a"), [tally("messages", over=6)]) == ()


async def test_requests_on_one_transaction_count_once(counters):
    asked = [tally("messages", 1), tally("recipients", 3)]
    for _ in range(3):  # the same restriction may stand in several lists
        assert await counters.count(rcpt("i", "a"), asked) == ()
    assert await counters.count(rcpt("i", "b"), asked) == ()
    assert await counters.count(end("i", recipients=2), asked) == ()
    assert await counters.count(end("i", recipients=2), asked) == ()
    assert await counters.count(rcpt("j", "c"), [tally("recipients", 3)]) == ()
    assert await counters.count(rcpt("k", "d"), [tally("recipients", 3)]) == (0,)


async def test_recipients_count_at_the_end_of_a_message_where_rcpt_does_not_ask(counters):
    asked = [tally("recipients", 5)]
    assert await counters.count(end("i", recipients=4), asked) == ()
    assert await counters.count(end("i", recipients=4), asked) == ()
    assert await counters.count(end("j", recipients=2), asked) == (0,)
    assert await counters.count(end("k", recipients=1), asked) == ()


async def test_a_refused_request_adds_to_no_counter(counters):
    asked = [tally("messages", 9), tally("recipients", 0)]
    assert await counters.count(rcpt("i", "a"), asked) == (1,)
    assert await counters.count(rcpt("j", "a"), [tally("messages", 0)]) == (0,)
    assert await counters.count(rcpt("j", "a"), [tally("messages", 1)]) == ()


async def test_new_recipients_are_those_not_written_to_in_thirty_days(counters):
    asked = [tally("new_recipients", 2, beside="known")]
    for n, name in enumerate(("a", "b", "a", "b")):
        assert await counters.count(rcpt(f"i{n}", name), asked) == ()
    assert await counters.count(rcpt("j", "c"), asked) == (0,)
    assert await counters.count(rcpt("k", "a", NOW + 60), asked) == ()
    late = NOW + KNOWN_SECONDS + 61
    none = [tally("new_recipients", 0, beside="known")]
    assert await counters.count(rcpt("l", "a", late), none) == (0,)


async def test_networks_are_counted_while_they_were_seen_in_the_window(counters):
    def asked(network):
        return [tally("networks", 2, refuses=False, item=network)]

    for n, network in enumerate((b"1", b"2", b"1")):
        assert await counters.count(rcpt(f"i{n}", "a"), asked(network)) == ()
    assert await counters.count(rcpt("j", "a"), asked(b"3")) == (0,)
    # An account that is used from too many networks is held wherever it comes from.
    assert await counters.count(rcpt("k", "a"), asked(b"1")) == (0,)
    assert await counters.count(rcpt("l", "a", NOW + 1.01 * HOUR), asked(b"1")) == ()


async def test_bounces_count_only_as_far_as_their_receiver_had_sent(counters):
    bounced = [Tally("bounced", "bounces", 0, HOUR)]
    sent = [Tally("bounces", "bounces", 2, HOUR, refuses=True, beside="sent")]
    for n in range(9):
        assert await counters.count(rcpt(f"forged{n}", "ann"), bounced) == ()
    for n in range(3):
        assert await counters.count(rcpt(f"i{n}", f"r{n}"), sent) == ()
    assert await counters.count(rcpt("j", "r"), sent) == (0,)


async def test_a_window_moves_on_by_twelfths(counters):
    asked = [tally("messages", 1)]
    start = NOW // HOUR * HOUR
    assert await counters.count(rcpt("i", "a", start), asked) == ()
    assert await counters.count(rcpt("j", "a", start + HOUR), asked) == (0,)
    assert await counters.count(rcpt("k", "a", start + HOUR * 13 / 12), asked) == ()


@pytest.mark.integration
async def test_both_homes_answer_alike(redis_counters):
    draw = random.Random(20)
    here, there = MemoryCounters(), redis_counters()
    kinds = ("messages", "recipients", "new_recipients", "networks", "bounces", "bounced")
    at = NOW
    for _ in range(400):
        at += draw.expovariate(1 / 200)
        window = draw.choice((600.0, HOUR))
        asked = [
            Tally(
                kind,
                f"{'bounces' if kind == 'bounced' else kind}:{draw.randrange(2)}:{window}",
                draw.randrange(8),
                window,
                draw.random() < 0.5,
                f"beside:{kind}:{window}",
                bytes([draw.randrange(4)]),
            )
            for kind in draw.sample(kinds, 3)
        ]
        instance = f"{at // 2000}:{draw.randrange(6)}"
        occasion = (
            rcpt(instance, draw.choice("abcdef"), at)
            if draw.random() < 0.7
            else end(instance, draw.randrange(5), at)
        )
        assert await here.count(occasion, asked) == await there.count(occasion, asked)
    await there.close()


@pytest.mark.integration
async def test_a_frozen_redis_is_an_error_in_time_and_then_spared(redis_counters, counting_redis):
    counters = redis_counters(seconds=0.05)
    counting_redis.pause()
    try:
        for _ in range(3):
            with pytest.raises(CountersError, match="redis"):
                await counters.count(rcpt("i", "a"), [tally("messages")])
        with pytest.raises(CountersError, match="spared after failures"):
            await counters.count(rcpt("i", "a"), [tally("messages")])
    finally:
        counting_redis.resume()
        await counters.close()


async def test_memory_holds_a_bounded_number_of_counters():
    counters = MemoryCounters(most=10)
    for n in range(100):
        await counters.count(rcpt(f"i{n}", "a"), [Tally("messages", f"k{n}", 1, HOUR)])
    assert await counters.count(rcpt("x", "a"), [Tally("messages", "k0", 0, HOUR)]) == (0,)
    assert len(counters) == 10


async def test_bounces_from_outside_push_no_users_counter_out_of_memory():
    counters = MemoryCounters(most=10)
    asked = [tally("messages", 1)]
    assert await counters.count(rcpt("mine", "a"), asked) == ()
    for number in range(50):
        bounced = Tally("bounced", f"bounced:{number}", 0, HOUR)
        await counters.count(rcpt(f"theirs{number}", "b"), [bounced])
    assert await counters.count(rcpt("again", "a"), asked) == (0,)
    assert len(counters) <= 20
