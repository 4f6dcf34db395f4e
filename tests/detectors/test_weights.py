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
        ("[stack", "weights: Expected"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(text, line):
    with pytest.raises(WeightsError, match=line) as caught:
        read_weights(text, SPECS)
    assert "\n" not in str(caught.value)
