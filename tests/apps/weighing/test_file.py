"""Weights written come back as they were."""

from datetime import date

import msgspec

from apps.weighing.file import own, shipped
from detectors.catalogue import SPECS
from detectors.stack import shipped_weights_text
from detectors.weights import SignalWeight, Threshold, Weights, read_own_weights, read_weights

TEXT = shipped_weights_text()
SHIPPED = read_weights(TEXT, SPECS)


def test_the_shipped_file_written_anew_says_the_same():
    written = shipped(SHIPPED, TEXT)

    assert read_weights(written, SPECS) == SHIPPED
    assert written.startswith(TEXT.partition("\n[signals.")[0])


def test_sources_of_any_name_and_thresholds_come_back():
    signal = SignalWeight(
        weight=1.5, measured=date(2026, 1, 2), on='the "mail" of a\\b', fp={'o"dd näme/x': 0.25}
    )
    threshold = Threshold(share=0.001, sum=2.5, low=-1.0, high=3.0, ham=400, above=0)
    weights = Weights(SHIPPED.stack, signals={"high_priority": signal}, thresholds=(threshold,))

    found = read_own_weights(own(weights, ["for you"]), TEXT, SPECS)

    assert found.signals["high_priority"] == signal
    assert found.thresholds == (threshold,)


def test_other_tables_and_comments_stay_wherever_they_stand():
    added = (
        TEXT
        + "\n# A remark on a later table.\n[kinds.automatic_reply.groups]\nheaders = 0.5\n"
        + "\n[[thresholds]]\nshare = 0.5\nsum = 1\nlow = 1\nhigh = 1\nham = 2\nabove = 1\n"
    )
    remarked = added.replace("[signals.high_priority]", "# Loud.\n[signals.high_priority]")
    threshold = Threshold(share=0.01, sum=1.0, low=1.0, high=1.0, ham=3, above=0)
    weights = msgspec.structs.replace(SHIPPED, thresholds=(threshold,))

    written = shipped(weights, remarked)

    found = read_weights(written, SPECS)
    assert found.kinds["automatic_reply"].groups == {"headers": 0.5}
    assert found.thresholds == (threshold,)
    assert found.signals == SHIPPED.signals
    assert "# Loud.\n[signals.high_priority]\n" in written
    assert "# A remark on a later table.\n[kinds.automatic_reply.groups]\n" in written
    assert shipped(weights, written) == written
