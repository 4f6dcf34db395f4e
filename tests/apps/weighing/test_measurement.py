"""What a measurement shows is by weights that never saw the mail; recall is of what was asked."""

from functools import partial

import pytest

from apps.weighing.mail import ABUSE
from apps.weighing.measurement import measure
from apps.weighing.recipe import Kept, reweighed
from apps.weighing.seen import Seen
from detectors.catalogue import SPECS
from detectors.policy_file import shipped_policy
from detectors.signals import Finding
from detectors.stack import Stack, shipped_stack, shipped_weights_text
from detectors.terms import prepare
from detectors.weights import read_weights
from features.context import Context

SHIPPED = read_weights(shipped_weights_text(), SPECS)
NAMES = ("from_comma", "display_name_brand", "link_storage_page")  # of three groups
FIRED = tuple(Finding(name, "") for name in NAMES)


def mail(source, fired, count, unit=None):
    findings = FIRED if fired else ()
    return [Seen(source, source if unit is None else unit, "", findings, (), "accept")] * count


@pytest.fixture
def measured():
    policies = shipped_policy()
    terms = prepare(policies.default, policies.digest, shipped_stack(), Context(), "engine")
    recipe = partial(
        reweighed,
        SHIPPED.signals,
        SPECS,
        Kept(judgement=False, rates="none"),
        next(iter(SHIPPED.signals.values())).measured,
    )
    seen = [
        *mail("quiet", fired=False, count=3_000),
        *mail("still", fired=False, count=3_000),
        *mail("odd", fired=True, count=200),
        *mail("old", fired=False, count=10, unit=ABUSE),
        *mail("new", fired=True, count=10, unit=ABUSE),
    ]
    return partial(measure, seen, SHIPPED, recipe, terms)


def test_a_source_gets_the_action_of_weights_that_never_saw_it(measured):
    found = measured()

    assert Stack(found.weights, SPECS).weight(NAMES[0]) == 0.0  # all of one source fires it
    assert found.acting["odd"]["reject"] == 200
    assert found.acted["odd"]["accept"] == 200
    assert found.acting["new"]["accept"] == 10  # abuse gets the new weights


def test_recall_is_of_all_abuse_or_of_the_source_that_is_named(measured):
    assert measured().weights.signals[NAMES[0]].recall == 0.5
    assert measured(recall_of="new").weights.signals[NAMES[0]].recall == 1.0
    assert measured(recall_of="new").abuse == 10
