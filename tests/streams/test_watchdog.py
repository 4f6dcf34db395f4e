from streams.watchdog import Watchdog


def test_waiting_messages_and_no_ack_for_the_time_is_a_stall():
    dog = Watchdog(60)
    assert not dog.stalled(waiting=5, acked=10, now=0)
    assert not dog.stalled(waiting=5, acked=10, now=1)
    assert not dog.stalled(waiting=9, acked=10, now=60)
    assert dog.stalled(waiting=9, acked=10, now=61)


def test_an_ack_starts_the_time_anew():
    dog = Watchdog(60)
    for now in range(0, 600, 30):
        assert not dog.stalled(waiting=5, acked=now, now=now)


def test_nothing_waiting_is_no_stall_however_long():
    dog = Watchdog(60)
    assert not dog.stalled(waiting=0, acked=0, now=0)
    assert not dog.stalled(waiting=0, acked=0, now=9999)
    assert not dog.stalled(waiting=1, acked=0, now=10_000)
    assert not dog.stalled(waiting=1, acked=0, now=10_059)
    assert dog.stalled(waiting=1, acked=0, now=10_060)
