"""What a model must show before it may act, in numbers."""

import numpy as np
import pytest

from apps.training.gates import later_mail, own_mail


def ham(total, rejected=0):
    logits = np.full(total, -3.0)
    logits[:rejected] = 9.0
    return logits


@pytest.mark.parametrize(
    ("total", "rejected", "holds"),
    [
        (0, 0, False),
        (7_499, 0, False),
        (7_500, 0, True),
        (7_500, 1, False),
        (14_500, 1, True),
        (100_000, 27, True),
        (100_000, 40, False),
    ],
)
def test_legitimate_mail_shows_the_rate_from_7500_messages_on(total, rejected, holds):
    gate = own_mail(ham(total, rejected))

    assert gate.holds is holds
    assert gate.acts, "a model that shows too little may still be watched"


def test_it_says_how_much_mail_could_show_it():
    assert "7,500" in own_mail(ham(200)).found
    assert "so at most 1.500%" in own_mail(ham(200)).found


@pytest.mark.parametrize(
    ("total", "rejected", "holds"), [(0, 0, True), (50, 0, True), (50, 1, False), (10_000, 3, True)]
)
def test_later_mail_stops_a_model_only_where_it_shows_that_it_is_worse(total, rejected, holds):
    assert later_mail(ham(total, rejected)).holds is holds


def test_the_reject_threshold_itself_counts_as_rejected():
    at = np.log(0.99 / 0.01) + 1e-12

    assert not own_mail(np.full(8_000, at)).holds
    assert own_mail(np.full(8_000, at - 1e-6)).holds
