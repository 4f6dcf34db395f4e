"""Invented mail beside real mail: trained on, in no figure; sources apart are only judged."""

import numpy as np

from apps.training.corpora import Sample
from apps.training.dataset import read_dataset
from apps.training.evaluation import validate
from apps.training.inputs import inputs
from apps.training.recipe import SHIPPED, Recipe, evaluation_only, invented_mail
from apps.training.train import train
from apps.training.trees import Parameters, fit, margins
from features.vector import SCHEMA
from models.manifest import read_manifest

SMALL = Parameters(trees=12, leaves=4, min_messages=2)
COLUMNS = np.array([SCHEMA.names.index(name) for name in inputs()], dtype=np.intp)


def mail(count=30):
    """Real mail is invented too here, from another seed and under other names."""
    made = invented_mail(Recipe(invented=count, seed=77))
    renamed = np.where(made.spam, "mail-spam", "mail-ham")
    return type(made)(
        made.vectors,
        made.spam,
        renamed,
        np.arange(len(made)),
        made.sha256,
        made.measured,
    )


def test_a_recipe_without_invented_mail_changes_nothing():
    assert len(invented_mail(Recipe())) == 0
    known = mail()
    assert known.joined(invented_mail(Recipe())) is known


def test_invented_mail_of_one_scenario_is_one_cluster():
    made = invented_mail(Recipe(invented=140))
    fraud = made.where(made.spam)

    assert len(fraud) == 140
    assert len(np.unique(fraud.clusters)) <= 67
    assert set(made.sources.tolist()) == {"synthetic-fraud", "synthetic-honest"}


def test_the_phishing_set_and_the_sources_apart_are_for_evaluation_only():
    message = b"From: a@example.com\r\nSubject: %s\r\n\r\nText"
    samples = [
        Sample("phishing-pot", "phish", message % b"one"),
        Sample("sa-spam", "spam", message % b"two"),
        Sample("modern-x", "ham", message % b"three"),
    ]
    dataset = read_dataset(samples)

    assert evaluation_only(dataset, Recipe()).tolist() == [True, False, False]
    assert evaluation_only(dataset, Recipe(apart=("sa-spam",))).tolist() == [True, True, False]
    assert evaluation_only(dataset, SHIPPED)[0]


def test_invented_mail_is_in_the_model_and_in_no_figure():
    known, beside = mail(), invented_mail(Recipe(invented=40))
    none = known.where(np.zeros(len(known), dtype=np.bool_))
    with_it, without = (
        validate(known, none, COLUMNS, SMALL, 3, str, beside=extra) for extra in (beside, None)
    )
    release = train(known, none, inputs(), SMALL, folds=3, beside=beside)
    manifest = read_manifest(release.manifest)

    assert with_it.logits.shape == without.logits.shape == (len(known),)
    assert not np.allclose(with_it.logits, without.logits)
    assert {source.name for source in manifest.data} == {
        "mail-ham",
        "mail-spam",
        "synthetic-fraud",
        "synthetic-honest",
    }
    assert not any("synthetic" in name for name in manifest.metrics)
    assert len(release.trained_on) == 8 * (len(known) + len(beside))


def test_rising_trees_never_take_a_mark_of_abuse_for_a_sign_of_honest_mail():
    """Labels that say the contrary: a shortener only ever comes in ham."""
    known = mail(60)
    place = SCHEMA.names.index("links.shortener")
    known.vectors[:, place] = np.where(known.spam, 0.0, 1.0)
    more = known.vectors[:, COLUMNS].copy()
    column = COLUMNS.tolist().index(place)
    fewer = more.copy()
    more[:, column], fewer[:, column] = 1.0, 0.0

    free = fit(known, COLUMNS, SMALL)
    held = fit(known, COLUMNS, Parameters(trees=12, leaves=4, min_messages=2, rising=True))

    assert (margins(free, more) < margins(free, fewer)).any()
    assert (margins(held, more) >= margins(held, fewer) - 1e-12).all()


def test_the_card_says_how_much_was_invented_and_counts_none_of_it_as_todays_mail():
    known = mail()
    none = known.where(np.zeros(len(known), dtype=np.bool_))
    beside = invented_mail(Recipe(invented=40))
    card = train(known, none, inputs(), SMALL, folds=3, beside=beside).card
    without = train(known, none, inputs(), SMALL, folds=3).card

    assert "80 messages were invented" in card
    assert "invented" not in without
