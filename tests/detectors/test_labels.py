"""Labels drawn by machines are told from words."""

import pytest

from detectors.labels import looks_random


@pytest.mark.parametrize("label", ["xk7q2m9zr4", "qwrtzpsdfg", "a1b2c3d4"])
def test_random_labels(label):
    assert looks_random(label)


@pytest.mark.parametrize(
    "label",
    [
        "kestrel-metals",
        "birthdays",
        "4imprint",
        "xyz",
        "",
        "xn--bcher-kva",
        "web2print",
        "bks-msgs",
    ],
)
def test_words_and_short_labels(label):
    assert not looks_random(label)
