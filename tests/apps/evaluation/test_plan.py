"""What is written on the command line becomes a plan, or one line that says what is wrong."""

import pytest

from apps.evaluation.plan import Asked, plan
from apps.evaluation.regimes import Audit, Delayed, Partial, Reports

SPAM = [True, False] * 50


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        ("immediate", Delayed),
        ("delayed:1000", Delayed),
        ("partial:10", Partial),
        ("partial:0.5", Partial),
        ("audit:200", Audit),
        ("reports", Reports),
    ],
)
def test_each_protocol_has_its_regime(protocol, kind):
    assert isinstance(plan(Asked(protocol), SPAM).regime, kind)


def test_reports_are_taught_by_the_learners_recipe_after_a_seed_that_is_to_last():
    planned = plan(Asked("reports", first=40), SPAM)
    assert (planned.settled, planned.until, planned.lasting) == (40, None, True)
    assert planned.recipe is not None
    assert plan(Asked("reports", first=40, frozen_after=10), SPAM).settled == 10


def test_what_is_frozen_is_to_last_and_nothing_else_is():
    frozen = plan(Asked(frozen_after=30), SPAM)
    assert (frozen.settled, frozen.until, frozen.lasting, frozen.recipe) == (30, 30, True, None)
    open_ended = plan(Asked("delayed:5"), SPAM)
    assert (open_ended.settled, open_ended.until, open_ended.lasting) == (None, None, False)


def test_noise_about_a_list_is_about_the_busiest():
    planned = plan(Asked(noise="list:40"), SPAM, ["a"] * 20 + [""] * 80)
    assert planned.listed == 10


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked("later"), "'later' given, wanted is one of immediate, delayed:N"),
        (Asked("delayed:-1"), "'delayed:-1' given, a number of messages wanted"),
        (Asked("delayed"), "'delayed' given, wanted is one of"),
        (Asked("partial:101"), "'partial:101' given, a share in %, from 0 to 100"),
        (Asked("partial:nan"), "'partial:nan' given, a share in %"),
        (Asked("audit:x"), "'audit:x' given, a number of messages wanted"),
        (Asked(noise="many"), "'many' given, a share in %"),
        (Asked(noise="list:x"), "'list:x' given, a share in %"),
        (Asked(noise="list:40"), "no ham of the stream came by a mailing list"),
    ],
)
def test_what_is_written_wrong_is_said_in_one_line(asked, said):
    with pytest.raises(ValueError, match="given") as error:
        plan(asked, SPAM, [""] * len(SPAM))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
