import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.actions import MICRO
from detectors.policy import SignalSetting
from detectors.signals import Finding, Spec
from detectors.stack import Stack
from detectors.weights import WeightsError, read_weights
from models.classifier import Prediction

SIGNED = {"a1": 4.0, "a2": 3.0, "a3": 2.0, "a4": 1.0, "b1": 1.5, "b2": 0.25, "h1": -2.0, "h2": -1.0}
CLASSES = {"a": "phish", "b": "malware", "h": "ham"}
GROUPS = {"a": "links", "b": "attachments", "h": "links"}
SPECS = {
    name: Spec(name, GROUPS[name[0]], CLASSES[name[0]], "What it is.")  # type: ignore[arg-type]
    for name in SIGNED
}
TEXT = """
[stack]
bias = -3.0
calibration = {{ a = {a}, b = {b} }}
[learned.m1]
weight = 0.5
[learned.m2]
weight = 0.25
speaks_for = "phish"
[groups.links]
cap = 6.0
[groups.learned]
cap = 5.0
"""


def weights_text(a, b):
    signals = "".join(
        f'[signals.{name}]\nweight = {weight}\nmeasured = 2026-11-21\non = "x"\n'
        for name, weight in SIGNED.items()
    )
    return TEXT.format(a=a, b=b) + signals


def stack(a=1.0, b=0.0, **settings_):
    return Stack(read_weights(weights_text(a, b), SPECS), SPECS, settings_)


def fired(*names, strength=1.0):
    return [Finding(name, f"because {name}", strength) for name in names]


def margin(logit, model="m1"):
    return Prediction(model, "v1", logit)


def contributions(weighed):
    return {signal.name: signal.contribution for signal in weighed.signals}


findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(list(SIGNED)),
        st.just("why"),
        st.floats(0.0, 1.0, exclude_min=True),
    ),
    max_size=12,
)
predictions = st.lists(
    st.builds(Prediction, st.sampled_from(["m1", "m2"]), st.just("v"), st.floats(-1e9, 1e9)),
    max_size=2,
    unique_by=lambda prediction: prediction.model,
)


@settings(derandomize=True, max_examples=300)
@given(findings, predictions, st.floats(0.1, 3.0), st.floats(-5.0, 5.0))
def test_bias_and_contributions_add_up_to_the_logit_exactly(found, margins, a, b):
    weighed = stack(a, b).weigh(found, margins)
    assert weighed.logit == weighed.bias + sum(contributions(weighed).values())
    assert all(type(value) is int for value in contributions(weighed).values())


@settings(derandomize=True, max_examples=200)
@given(findings, predictions, st.integers(0, 1000))
def test_the_order_of_findings_does_not_matter(found, margins, seed):
    once = {finding.name: finding for finding in found}
    shuffled = list(once.values())
    random.Random(seed).shuffle(shuffled)
    ours = stack()
    assert ours.weigh(once.values(), margins) == ours.weigh(shuffled, list(reversed(margins)))


@settings(derandomize=True, max_examples=200)
@given(findings, predictions)
def test_no_signal_speaks_against_its_class_and_no_group_beyond_its_cap(found, margins):
    weighed = stack(a=2.0).weigh(found, margins)
    for signal in weighed.signals:
        if signal.name in SIGNED:
            assert signal.contribution * SIGNED[signal.name] >= 0
    for group, cap in (("links", 6.0), ("learned", 5.0)):
        for sign in (1, -1):
            total = sum(
                signal.contribution
                for signal in weighed.signals
                if signal.group == group and signal.contribution * sign > 0
            )
            assert abs(total) <= 2 * cap * MICRO


@settings(derandomize=True, max_examples=200)
@given(findings, st.sampled_from(sorted(SIGNED)))
def test_one_more_finding_never_moves_the_logit_against_its_sign(found, name):
    found = [finding for finding in found if finding.name != name]
    without = stack().weigh(found, []).logit
    with_it = stack().weigh([*found, Finding(name, "why")], []).logit
    # Shares of a capped sum are cut to whole millionths, one for each signal at most.
    assert (with_it - without) * SIGNED[name] >= -abs(SIGNED[name]) * len(SIGNED)


def test_within_a_group_the_best_counts_full_the_second_half_the_rest_a_quarter():
    weighed = stack().weigh(fired("a4", "a2", "a3", "b1"), [])
    assert contributions(weighed) == {
        "a2": 3_000_000,
        "b1": 1_500_000,
        "a3": 1_000_000,
        "a4": 250_000,
    }
    assert [signal.name for signal in weighed.signals] == ["a2", "b1", "a3", "a4"]


def test_a_group_is_held_to_its_cap_in_proportion():
    weighed = stack().weigh(fired("a1", "a2", "a3"), [])
    assert contributions(weighed) == {"a1": 4_000_000, "a2": 1_500_000, "a3": 500_000}
    weighed = stack(a1=SignalSetting(8.0)).weigh(fired("a1", "a2"), [])
    assert sum(contributions(weighed).values()) in {5_999_999, 6_000_000}
    assert weighed.signals[0].contribution > 4 * weighed.signals[1].contribution


def test_signals_for_and_against_abuse_are_damped_apart():
    assert contributions(stack().weigh(fired("a1", "h1", "h2"), [])) == {
        "a1": 4_000_000,
        "h1": -2_000_000,
        "h2": -500_000,
    }


def test_a_model_contributes_its_clipped_margin_times_its_weight():
    ours = stack()
    assert contributions(ours.weigh([], [margin(2.0)])) == {"learned_m1": 1_000_000}
    assert contributions(ours.weigh([], [margin(-400.0)])) == {"learned_m1": -5_000_000}
    assert contributions(ours.weigh([], [margin(4.0), margin(4.0, "m2")])) == {
        "learned_m1": 2_000_000,
        "learned_m2": 1_000_000,
    }
    assert ours.weigh([], [margin(-400.0)]).signals[0].inputs == {"logit": -400.0}


def test_calibration_is_folded_into_bias_and_contributions():
    weighed = stack(2.0, 0.5).weigh(fired("a4"), [])
    assert weighed.bias == -5_500_000
    assert contributions(weighed) == {"a4": 2_000_000}


def test_strength_scales_a_signal_and_counts_at_most_fully():
    assert contributions(stack().weigh(fired("a1", strength=0.5), [])) == {"a1": 2_000_000}
    assert contributions(stack().weigh(fired("a1", strength=7.0), [])) == {"a1": 4_000_000}


def test_positive_contributions_are_summed_by_class_and_groups_counted_from_half_a_logit():
    weighed = stack().weigh(fired("a4", "b2", "h1"), [margin(4.0), margin(-1.0, "m2")])
    assert weighed.by_class == {"phish": 1_000_000, "malware": 250_000, "spam": 2_000_000}
    assert weighed.groups == 2  # links and learned; b2 says too little
    assert stack().weigh(fired("h1"), []).groups == 0


def test_a_policy_may_change_a_weight_hide_a_signal_or_only_note_it():
    ours = stack().adjusted(
        {
            "a1": SignalSetting(1.25),
            "a2": SignalSetting(mode="shadow"),
            "a3": SignalSetting(mode="draft"),
            "learned_m1": SignalSetting(mode="shadow"),
        }
    )
    weighed = ours.weigh(fired("a1", "a2", "a3"), [margin(3.0)])
    assert contributions(weighed) == {"a1": 1_250_000}
    assert weighed.shadow == ("a2", "learned_m1")
    assert ours.weight("a2") == 3.0


def test_an_unknown_or_repeated_finding_does_not_count():
    weighed = stack().weigh([*fired("a1", "nosuch"), Finding("a1", "again", 0.1)], [])
    assert contributions(weighed) == {"a1": 4_000_000}


def test_a_model_without_a_weight_is_refused():
    with pytest.raises(WeightsError, match=r"learned\.m3: missing"):
        stack().weigh([], [margin(1.0, "m3")])
    assert stack().models == ("m1", "m2")


def test_inputs_become_json_scalars_and_floats_are_rounded():
    import numpy as np

    finding = replace(
        fired("a1")[0],
        inputs={"f": np.float32(0.1), "nan": float("nan"), "big": 1 << 80, "b": True, "n": 3},
    )
    signal = stack().weigh([finding], []).signals[0]
    assert signal.inputs == {"f": 0.1, "nan": "nan", "big": str(1 << 80), "b": True, "n": 3}


def test_a_margin_beyond_15_logits_says_no_more_even_without_a_cap():
    uncapped = Stack(read_weights("[stack]\nbias = 0.0\n[learned.m1]\nweight = 1.0\n", {}), {})
    assert uncapped.weigh([], [margin(400.0)]).logit == 15_000_000
    assert uncapped.weigh([], [margin(-400.0)]).logit == -15_000_000


def test_a_model_that_is_not_sure_does_not_sound_so():
    ours = stack()

    reasons = [ours.weigh([], [margin(logit)]).signals[0].reason for logit in (0.2, -0.2, 3.0)]

    assert ["leans to abuse" in reasons[0], "leans to legitimate mail" in reasons[1]] == [True] * 2
    assert "takes it for abuse" in reasons[2]


FUSION = """
[fusion]
bias = 0.5
cap = 15.0
carried = 0.25
patience = {patience}
[online.text]
weight = 1.0
"""


def fused(labels=0, patience=10.0, a=1.0, **settings_):
    """Return a stack and the fusion in force there, which has seen labels of either class."""
    text = weights_text(a, 0.0) + FUSION.format(patience=patience)
    ours = Stack(read_weights(text, SPECS), SPECS, settings_)
    fusion = ours.fresh_fusion()
    for _ in range(labels):
        fusion.learn({}, abuse=True)
        fusion.learn({}, abuse=False)
    return ours.fused(fusion), fusion


@settings(derandomize=True, max_examples=100)
@given(findings, predictions, st.floats(0.1, 3.0))
def test_online_models_without_labels_change_no_verdict(found, margins, a):
    """To the bit: their votes are noted for learning, and are no signals yet."""
    given_ = [*margins, margin(9.0, "text")]
    with_it, without = fused(a=a)[0].weigh(found, given_), stack(a).weigh(found, margins)
    assert replace(with_it, seen={}) == replace(without, seen={})
    assert with_it.seen == {**without.seen, "learned_text": 9.0}


def test_with_labels_weights_bias_and_cap_move_to_the_fusions_own():
    ours, fusion = fused(labels=10)
    assert fusion.share == 0.5
    weighed = ours.weigh(fired("a1"), [margin(1.0), margin(3.0, "text")])
    expected = {
        "a1": (4.0 + fusion.weight("a1")) / 2,
        "learned_m1": (0.5 + fusion.weight("learned_m1")) / 2,
        "learned_text": 3.0 * fusion.weight("learned_text") / 2,
    }
    assert contributions(weighed) == {
        name: pytest.approx(value * MICRO, abs=1) for name, value in expected.items()
    }
    assert weighed.bias == ours.bias == pytest.approx((-3.0 + fusion.bias) / 2 * MICRO, abs=1)
    (signal,) = ours.weigh([], [margin(15.0, "text")]).signals
    assert signal.contribution == pytest.approx(
        15 * fusion.weight("learned_text") / 2 * MICRO, abs=1
    )
    both = ours.weigh([], [margin(15.0, "text"), margin(15.0)])
    assert sum(contributions(both).values()) == pytest.approx((5.0 + 15.0) / 2 * MICRO, abs=2)


def test_the_fusions_own_logit_is_what_its_stack_says():
    ours, fusion = fused(patience=1e-9, labels=1)
    weighed = ours.weigh(fired("a1", "a2", "b1", "h1", strength=0.5), [margin(4.0, "text")])
    assert weighed.logit / MICRO == pytest.approx(fusion.logit(weighed.seen), abs=1e-5)


@settings(derandomize=True, max_examples=100)
@given(findings, predictions, st.integers(0, 40))
def test_with_a_fusion_bias_and_contributions_add_up_to_the_logit_exactly(found, margins, labels):
    weighed = fused(labels)[0].weigh(found, [*margins, margin(-7.3, "text")])
    assert weighed.logit == weighed.bias + sum(contributions(weighed).values())
    assert all(type(value) is int for value in contributions(weighed).values())


def test_what_was_measured_elsewhere_is_carried_in_part_and_keeps_its_sign():
    fusion = fused()[1]
    assert fusion.weight("a1") == pytest.approx(1.0)
    assert fusion.weight("h1") == pytest.approx(-0.5)
    assert fusion.weight("learned_m1") == pytest.approx(0.125)
    assert fusion.weight("learned_text") == 1.0
    for _ in range(3000):
        fusion.learn({"a1": 10.0, "learned_m1": 5.0}, abuse=False)
        fusion.learn({"h1": 10.0, "learned_text": -5.0}, abuse=True)
    assert (fusion.weight("a1"), fusion.weight("h1")) == (0, 0)
    assert fusion.weight("learned_m1") > 0
    assert fusion.weight("learned_text") > 0


def test_a_group_that_models_do_not_read_can_be_carried_whole():
    text = (
        "[stack]\nbias = -3.0\n[groups.links]\ncap = 6.0\ncarried = 1.0\n"
        '[signals.a1]\nweight = 4.0\nmeasured = 2026-11-21\non = "x"\n'
        '[signals.b1]\nweight = 4.0\nmeasured = 2026-11-21\non = "x"\n'
    )
    fusion = Stack(read_weights(text, SPECS), SPECS).fresh_fusion()
    assert (fusion.weight("a1"), fusion.weight("b1")) == (4.0, 1.0)


def test_a_policys_own_weight_is_in_force_whatever_is_learned_and_teaches_nothing():
    ours, _ = fused(labels=1000, a1=SignalSetting(2.0), learned_text=SignalSetting(0.5))
    weighed = ours.weigh(fired("a1", "b1"), [margin(2.0, "text")])
    assert contributions(weighed)["a1"] == 2_000_000
    assert contributions(weighed)["learned_text"] == 1_000_000
    assert set(weighed.seen) == {"b1"}


def test_an_online_model_in_shadow_is_noted_and_does_not_count():
    weighed = fused(labels=10, learned_text=SignalSetting(mode="shadow"))[0].weigh(
        [], [margin(9.0, "text")]
    )
    assert (weighed.signals, weighed.shadow, dict(weighed.seen)) == ((), ("learned_text",), {})


def test_what_is_learned_from_is_the_strength_that_the_weight_multiplied():
    """Damped by rank and held to the cap, as the contribution was."""
    weighed = stack().weigh(fired("a4", "a3", "b1"), [margin(40.0)])
    assert {name: round(value, 6) for name, value in weighed.seen.items()} == {
        "a3": 1.0,
        "a4": 0.5,
        "b1": 1.0,
        "learned_m1": 10.0,  # 15, clipped; 0.5 of it is over the cap of 5
    }


def test_each_model_says_what_it_is():
    signal = fused(labels=10)[0].weigh([], [margin(-4.0, "text")]).signals[0]
    assert signal.reason == "The text model takes it for legitimate mail (margin -4.00)"


KINDS = "[kinds.bounce]\ngroups = { links = 0.3 }\nsignals = { b1 = 0.1 }\n"


def kind_stack(a=1.0, **settings_):
    return Stack(read_weights(weights_text(a, 0.0) + KINDS, SPECS), SPECS, settings_)


def of_kind(name, *, inside, strength=1.0):
    return Finding(name, f"because {name}", strength, kind="bounce", inside=inside)


@pytest.mark.parametrize(
    ("name", "inside", "contribution"),
    [
        ("a1", True, 1_200_000),
        ("a1", False, 4_000_000),
        ("b1", True, 150_000),
        ("b1", False, 150_000),
        ("h1", True, -2_000_000),  # what speaks for a message counts in full
        ("h1", False, -2_000_000),
    ],
)
def test_a_kinds_factor_multiplies_the_contribution(name, inside, contribution):
    finding = of_kind(name, inside=inside)

    assert contributions(kind_stack().weigh([finding], [])) == {name: contribution}
    assert contributions(stack().weigh([finding], [])) == {name: round(SIGNED[name] * MICRO)}


def test_a_kinds_factor_goes_before_ranks_and_the_groups_cap():
    found = [of_kind("a1", inside=True), *fired("a2", "a3")]

    weighed = kind_stack().weigh(found, [])

    assert contributions(weighed) == {"a2": 3_000_000, "a3": 1_000_000, "a1": 300_000}


def test_a_kinds_factor_holds_for_a_policys_own_weight_too():
    ours = kind_stack(a1=SignalSetting(2.0))

    assert contributions(ours.weigh([of_kind("a1", inside=True)], [])) == {"a1": 600_000}


@settings(derandomize=True, max_examples=200)
@given(findings, st.lists(st.booleans(), min_size=12, max_size=12), st.floats(0.1, 3.0))
def test_discounted_contributions_add_up_to_the_logit_and_never_grow(found, inside, a):
    marked = [replace(f, kind="bounce", inside=i) for f, i in zip(found, inside, strict=False)]

    weighed, without = kind_stack(a).weigh(marked, []), kind_stack(a).weigh(found, [])

    assert weighed.logit == weighed.bias + sum(contributions(weighed).values())
    # A rank that another takes, and shares of a capped sum cut to whole millionths.
    assert weighed.logit <= without.logit + len(SIGNED)


def test_what_is_learned_from_is_discounted_as_the_contribution_was():
    weighed = kind_stack().weigh([of_kind("a1", inside=True, strength=0.5)], [])

    assert weighed.seen == {"a1": pytest.approx(0.15)}


def test_the_fusions_own_logit_is_what_its_stack_says_of_discounted_findings():
    text = weights_text(1.0, 0.0) + FUSION.format(patience=1e-9) + KINDS
    ours = Stack(read_weights(text, SPECS), SPECS)
    fusion = ours.fresh_fusion()
    fusion.learn({}, abuse=True)
    fusion.learn({}, abuse=False)

    found = [of_kind("a1", inside=True), of_kind("b1", inside=False), *fired("a2", "h1")]
    weighed = ours.fused(fusion).weigh(found, [])

    assert weighed.logit / MICRO == pytest.approx(fusion.logit(weighed.seen), abs=1e-5)


def test_a_kind_that_says_so_discounts_what_models_say_against_a_message():
    text = weights_text(1.0, 0.0) + FUSION.format(patience=1.0)
    kinds = "[kinds.bounce]\ngroups = { learned = 0.5 }\n"
    ours = Stack(read_weights(text + kinds, SPECS), SPECS)
    fusion = ours.fresh_fusion()
    fusion.learn({}, abuse=True)
    fusion.learn({}, abuse=False)
    marked, plain = of_kind("h2", inside=False), Finding("h2", "why")

    for stack_ in (ours, ours.fused(fusion)):
        for logit, factor in ((2.0, 0.5), (-2.0, 1.0)):
            discounted = stack_.weigh([marked], [margin(logit)])
            full = contributions(stack_.weigh([plain], [margin(logit)]))["learned_m1"]
            assert contributions(discounted)["learned_m1"] == pytest.approx(factor * full, abs=1)
            assert discounted.seen["learned_m1"] == pytest.approx(factor * logit)


def enclosed(*within):
    return Finding("b1", "An attached message looks abusive", within=within)


@pytest.mark.parametrize(
    ("within", "strength"),
    [
        (fired("a4"), 0.0),  # -3 + 1: more likely honest than not
        (fired("a1"), 0.25),  # -3 + 4 of 4 logits
        (fired("a1", "b1", "a3"), 0.875),
        (fired("a1", "a2", "b1"), 1.0),
        (fired("a1", "h1"), 0.0),
    ],
)
def test_an_enclosed_message_speaks_as_strongly_as_its_own_logit(within, strength):
    ours, finding = stack(), enclosed(tuple(within))

    assert ours.strength(finding) == pytest.approx(strength)
    expected = {"b1": round(1.5 * strength * MICRO)} if strength else {}
    assert contributions(ours.weigh([finding], [])) == expected


def test_the_worst_of_several_enclosed_messages_counts_and_is_quoted():
    finding = enclosed(tuple(fired("a4")), tuple(fired("a1", "h2", "a2")), tuple(fired("a3")))

    (signal,) = stack().weigh([finding], []).signals

    assert signal.reason == "An attached message looks abusive: because a1; because a2"
    assert signal.inputs == {"logit": 1.5, "signals": "a1 a2"}


def test_the_reason_of_an_enclosed_message_is_no_longer_than_any_other():
    wordy = tuple(replace(finding, reason="why " * 90) for finding in fired("a1", "b1"))

    (signal,) = stack().weigh([enclosed(wordy)], []).signals

    assert len(signal.reason) == 300


def test_an_enclosed_message_is_judged_by_the_policy_in_force():
    finding = enclosed(tuple(fired("a1")))

    assert stack(a1=SignalSetting(mode="draft")).weigh([finding], []).signals == ()
    assert stack(a1=SignalSetting(7.0)).strength(finding) == 0.75
