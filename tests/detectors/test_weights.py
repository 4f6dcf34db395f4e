from datetime import date

import pytest

from detectors.signals import Spec
from detectors.weights import WeightsError, read_weights

SPECS = {
    "bad": Spec("bad", "links", "phish", "What it is."),
    "good": Spec("good", "headers", "ham", "What it is."),
}
STACK = "[stack]\nbias = -4.0\n"
MEASURED = 'measured = 2026-11-21\non = "some mail"\n'


def test_weights_come_with_their_measurement():
    weights = read_weights(
        STACK + f"[signals.bad]\nweight = 2.5\nrecall = 0.1\nfp = {{ modern = 0.01 }}\n{MEASURED}",
        SPECS,
    )
    bad = weights.signals["bad"]
    assert (bad.weight, bad.recall, bad.fp) == (2.5, 0.1, {"modern": 0.01})
    assert (bad.measured, bad.on) == (date(2026, 11, 21), "some mail")
    assert weights.stack.bias == -4.0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("bias = 1", "unknown field"),
        ("[stack]", "missing required field `bias`"),
        ("[stack]\nbias = nan", "stack.bias: a finite number"),
        ("[stack]\nbias = 1\ncalibration = { a = 0.0 }", "stack.calibration.a: .* above 0"),
        (STACK + "[learned.m]\nweight = -0.1", "learned.m.weight: a finite number, at least 0"),
        (STACK + "[groups.nosuch]\ncap = 1", "groups.nosuch: no such group in the catalogue"),
        (STACK + "[groups.links]\ncap = 0", "groups.links.cap: a number above 0"),
        (STACK + f"[signals.no]\nweight = 1\n{MEASURED}", "signals.no: no such signal"),
        (STACK + f"[signals.bad]\nweight = -1\n{MEASURED}", "signals.bad.weight: at least 0"),
        (STACK + f"[signals.good]\nweight = 1\n{MEASURED}", "signals.good.weight: at most 0"),
        (STACK + "[signals.bad]\nweight = 1", "missing required field"),
        (STACK + f"[signals.bad]\nweight = 1\nrecall = 2.0\n{MEASURED}", r"shares in \[0, 1\]"),
        (STACK + "[kinds.nosuch]\ngroups = {}", "kinds.nosuch: no such kind of mail"),
        (STACK + "[kinds.ordinary]\ngroups = {}", "kinds.ordinary: no such kind of mail"),
        (STACK + "[kinds.list.groups]\nnosuch = 0.5", "kinds.list.groups.nosuch: no such group"),
        (STACK + "[kinds.list.groups]\nlearned = 2", r"groups.learned: a factor in \[0, 1\]"),
        (STACK + "[kinds.list.groups]\nlinks = 1.5", r"groups.links: a factor in \[0, 1\]"),
        (STACK + "[kinds.list.groups]\nlinks = nan", r"groups.links: a factor in \[0, 1\]"),
        (STACK + "[kinds.list.signals]\nnosuch = 0.5", "kinds.list.signals.nosuch: no such signal"),
        (STACK + "[kinds.list.signals]\ngood = 0.5", "signals.good: only what speaks for abuse"),
        (STACK + "[kinds.list.signals]\nbad = -0.1", r"signals.bad: a factor in \[0, 1\]"),
        (STACK + "[kinds.list]\nweight = 0.5", "unknown field"),
        ("[stack", "weights: Expected"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(text, line):
    with pytest.raises(WeightsError, match=line) as caught:
        read_weights(text, SPECS)
    assert "\n" not in str(caught.value)


def test_a_signals_own_factor_holds_anywhere_its_groups_only_inside():
    text = f"[signals.bad]\nweight = 1\n{MEASURED}"
    grouped = read_weights(STACK + "[kinds.list.groups]\nlinks = 0.25\n" + text, SPECS)
    named = read_weights(
        STACK + "[kinds.list]\ngroups = { links = 0.25 }\nsignals = { bad = 0.5 }\n" + text, SPECS
    )

    for inside, by_group, by_name in ((True, 0.25, 0.5), (False, 1.0, 0.5)):
        assert grouped.kinds["list"].of("bad", "links", inside=inside) == by_group
        assert named.kinds["list"].of("bad", "links", inside=inside) == by_name
    assert grouped.kinds["list"].of("other", "content", inside=True) == 1.0
