import hashlib
import random

import pytest

from apps.replay.digest import RunDigest

VERDICTS = [(f"id-{at}.judged", b"value %d" % at) for at in range(50)]


def digest(verdicts):
    found = RunDigest()
    for verdict in verdicts:
        found.add(*verdict)
    return found


def test_it_depends_on_no_order():
    shuffled = random.Random(1).sample(VERDICTS, len(VERDICTS))
    assert digest(shuffled).hex == digest(VERDICTS).hex


@pytest.mark.parametrize("at", [0, 1, 25, 50])
def test_it_does_not_depend_on_how_the_work_was_divided(at):
    first, second = digest(VERDICTS[:at]), RunDigest(digest(VERDICTS[at:]).hex)
    first.merge(second)
    assert first.hex == digest(VERDICTS).hex


def test_it_is_the_sum_of_the_verdicts_hashes():
    wanted = sum(
        int.from_bytes(hashlib.sha256(event.encode() + b"\0" + value).digest())
        for event, value in VERDICTS
    )
    assert digest(VERDICTS).hex == f"{wanted % (1 << 256):064x}"


@pytest.mark.parametrize(
    "others",
    [VERDICTS[:-1], [*VERDICTS, VERDICTS[0]], [*VERDICTS[:-1], ("id-49.judged", b"value 50")]],
)
def test_a_verdict_less_more_or_another_gives_another(others):
    assert digest(others).hex != digest(VERDICTS).hex
