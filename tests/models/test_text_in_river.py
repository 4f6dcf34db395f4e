"""The text model is a River estimator: River's own checks hold, and its imports stay cheap."""

import subprocess
import sys

from river.base import Classifier

from models.text import TextModel


def test_rivers_own_checks_hold():
    """All that River yields for a binary classifier.

    It yields none for mini-batches (they are of pandas frames; `predict` takes samples), for
    `debug_one` (there is none) and for seeding (nothing is random).
    """
    from river.checks import yield_checks

    held = set()
    for check in yield_checks(TextModel()):
        check(TextModel())
        held.add(check.__name__)

    assert {
        "check_clone_is_independent",
        "check_learn_one",
        "check_pickling",
        "check_predict_proba_one_binary",
        "check_shuffle_features_no_impact",
    } <= held
    assert len(held) >= 25


def test_dictionaries_are_learned_as_river_has_them():
    model = TextModel()
    for _ in range(20):
        model.learn_one({"subject": "win", "links": 3}, y=True)
        model.learn_one({"subject": "minutes", "links": 0}, y=False)

    assert isinstance(model, Classifier)
    assert model.predict_proba_one({"subject": "win", "links": 3})[True] > 0.9
    assert model.predict_one({"subject": "minutes", "links": 0}) is False


def test_importing_it_loads_no_more_of_river_than_its_base_class():
    """River as a whole costs seconds to import, and a worker starts in less."""
    code = (
        "import sys, models.text; "
        "print(*sorted({m.split('.')[1] for m in sys.modules if m.startswith('river.')}), "
        "'scipy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.split() == ["__version__", "base", "False"]
