"""From numbers to a release: reproducible, gated, and honest in its manifest and card."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from apps.training.dataset import Dataset
from apps.training.train import train, write
from apps.training.trained_on import unpack
from apps.training.trees import Parameters, weigh
from features.schema import Feature, schema_of
from models.classifier import Classifier
from models.manifest import Manifest, digest

SCHEMA = schema_of(
    message=([Feature(f"g.{name}", "count", name) for name in "abcdefgh"], 0),
    sender=([Feature("sender.x", "count", "x")], 0),
)
INPUTS = ("g.b", "g.a", "g.d")
PARAMETERS = Parameters(trees=60, leaves=4)


def _dataset(sources, seed=0, shift=3.0):
    """Messages whose feature b tells spam from ham, a and d are noise, c is a perfect tell."""
    rng = np.random.default_rng(seed)
    names, labels = [], []
    for (source, label), count in sources.items():
        names += [source] * count
        labels += [label == "spam"] * count
    spam = np.array(labels)
    vectors = rng.normal(size=(len(spam), 8)).astype(np.float32)
    vectors[:, 1] += shift * spam
    vectors[:, 2] = spam
    vectors[rng.random(len(spam)) < 0.1, 3] = np.nan
    digests = tuple(f"{seed:032x}{index:032x}" for index in range(len(spam)))
    return Dataset(
        vectors, spam, np.array(names), np.arange(len(spam)), digests, np.zeros(len(spam))
    )


DATA = _dataset(
    {
        ("sa-ham", "ham"): 300,
        ("sa-spam", "spam"): 200,
        ("modern-x", "ham"): 40,
        ("modern-x", "spam"): 30,
        ("templates-plain", "ham"): 30,
    }
)
UNSEEN = _dataset({("phishing-pot", "spam"): 50}, seed=1, shift=1.5)


@pytest.fixture(scope="module")
def release():
    return train(DATA, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA, licenses={"sa": "CC0"})


def test_a_release_is_loaded_as_it_was_written(release, tmp_path):
    write(release, tmp_path / "model")

    loaded = Classifier.load(
        (tmp_path / "model" / "manifest.json").read_bytes(),
        (tmp_path / "model" / "classifier.onnx").read_bytes(),
        SCHEMA,
    )

    assert loaded.version == release.version
    assert release.version in (tmp_path / "model" / "MODEL_CARD.md").read_text()
    logits = loaded.predict(DATA.vectors)
    assert logits[DATA.spam].mean() > 1 > -1 > logits[~DATA.spam].mean()


def test_training_twice_gives_the_same_bytes(release):
    again = train(DATA, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA, licenses={"sa": "CC0"})

    assert (again.artifact, again.manifest, again.card) == (
        release.artifact,
        release.manifest,
        release.card,
    )


def test_the_manifest_says_what_it_was_made_of(release):
    manifest = msgspec.json.decode(release.manifest, type=Manifest)

    assert manifest.inputs == INPUTS
    assert (manifest.part, manifest.schema) == ("message", SCHEMA.part("message").digest)
    assert [(s.name, s.ham, s.spam, s.license) for s in manifest.data] == [
        ("modern-x", 40, 30, "the operator's own mail"),
        ("sa-ham", 300, 0, "CC0"),
        ("sa-spam", 0, 200, "CC0"),
        ("templates-plain", 30, 0, "the operator's own mail"),
    ]
    assert manifest.trained_on == digest(release.trained_on)
    assert unpack(release.trained_on) == {bytes.fromhex(it)[:8] for it in DATA.sha256}
    assert manifest.trainer["trees"] == 60
    assert "lightgbm" in manifest.trainer


def test_a_feature_that_is_no_input_is_not_read(release):
    """Feature c gives every label away; a model that read it would rank perfectly."""
    manifest = msgspec.json.decode(release.manifest, type=Manifest)

    assert 0.95 < manifest.metrics["all"]["auc"] < 0.9999


def test_figures_come_by_corpus_by_source_and_for_mail_that_was_never_trained_on(release):
    metrics = msgspec.json.decode(release.manifest, type=Manifest).metrics

    assert {"all", "corpus:sa", "corpus:modern"} <= set(metrics)
    assert "corpus:templates" not in metrics
    assert metrics["source:phishing-pot:spam"]["spam"] == 50
    assert metrics["source:modern-x:ham"]["ham"] == 40
    assert metrics["without:templates"]["ham"] == 30
    assert 0.6 < metrics["source:phishing-pot:spam"]["auc"] < metrics["all"]["auc"]
    recalls = [metrics["all"][key] for key in ("recall_at_fp_0.1pct", "recall_at_fp_1pct")]
    assert recalls == sorted(recalls)


def test_unlearnable_labels_are_not_dressed_up():
    """Cross-validation must report chance where there is nothing to learn."""
    noise = _dataset({("sa-ham", "ham"): 200, ("sa-spam", "spam"): 200}, seed=2, shift=0.0)

    release = train(noise, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA)

    metrics = msgspec.json.decode(release.manifest, type=Manifest).metrics
    assert 0.4 < metrics["all"]["auc"] < 0.6


def test_near_duplicates_do_not_leak_into_their_own_judgement():
    """Every message twice: split at random, noise would be ranked from memory."""
    noise = _dataset({("sa-ham", "ham"): 150, ("sa-spam", "spam"): 150}, seed=3, shift=0.0)
    twice = np.repeat(np.arange(300), 2)
    doubled = Dataset(
        noise.vectors[twice],
        noise.spam[twice],
        noise.sources[twice],
        noise.clusters[twice],
        tuple(f"{index:064x}" for index in range(600)),
        np.zeros(600),
    )
    parameters = replace(PARAMETERS, min_messages=1, leaves=31, learning_rate=0.3, ridge=0.0)

    apart = train(doubled, UNSEEN, INPUTS, parameters, schema=SCHEMA)
    leaky = train(
        replace(doubled, clusters=np.arange(600)), UNSEEN, INPUTS, parameters, schema=SCHEMA
    )

    def area(release):
        return msgspec.json.decode(release.manifest, type=Manifest).metrics["all"]["auc"]

    assert area(apart) < 0.6
    assert area(leaky) > 0.8


def test_a_template_that_would_be_rejected_stops_the_release():
    counts = {("sa-ham", "ham"): 400, ("sa-spam", "spam"): 400, ("templates-esp", "ham"): 2}
    data = _dataset(counts, shift=9.0)
    data.vectors[data.sources == "templates-esp", 1] = 9.0
    data.clusters[-2:] = 400

    release = train(data, UNSEEN, INPUTS, replace(PARAMETERS, temper=1.0), schema=SCHEMA)

    failed = [gate for gate in release.gates if not gate.holds]
    assert [gate.name for gate in failed] == ["templates"]
    assert not release.passes
    assert "**fails**" in release.card


def test_a_corpus_that_cannot_be_split_is_refused():
    few = _dataset({("sa-ham", "ham"): 50, ("sa-spam", "spam"): 3})

    with pytest.raises(ValueError, match="3 distinct spam messages given, at least 5 wanted"):
        train(few, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA)


def test_classes_weigh_the_same_and_small_corpora_more_than_their_numbers():
    weights = weigh(DATA, temper=0.5)
    modern = np.char.startswith(DATA.sources, "modern") & ~DATA.spam
    old = np.char.startswith(DATA.sources, "sa") & ~DATA.spam

    assert weights[DATA.spam].sum() == pytest.approx(weights[~DATA.spam].sum())
    assert weights.mean() == pytest.approx(1.0)
    ratio = weights[modern].sum() / weights[old].sum()
    assert ratio == pytest.approx((40 / 300) ** 0.5)


@pytest.fixture(scope="module")
def dated():
    """Own mail, a message a minute: of each kind half, alternating."""
    data = _dataset({("mail-ham", "ham"): 300, ("mail-spam", "spam"): 200}, shift=6.0)
    order = np.random.default_rng(5).permutation(len(data))
    return replace(data, times=order * 60.0)


def test_own_mail_of_a_few_hundred_becomes_a_shadow_that_says_why(dated):
    release = train(dated, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA, own=True)
    manifest = msgspec.json.decode(release.manifest, type=Manifest)

    assert release.passes
    assert not release.may_act
    assert manifest.stage == "shadow"
    assert [gate.name for gate in manifest.gates if not gate.holds] == ["legitimate mail"]
    assert any("7,500" in found for found in manifest.failed)
    assert "**A shadow only**" in release.card
    assert "Mail that came later" in release.card


def test_a_forced_model_of_own_mail_may_act_and_still_says_what_failed(dated):
    release = train(dated, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA, own=True, force=True)
    manifest = msgspec.json.decode(release.manifest, type=Manifest)

    assert manifest.stage == "live"
    assert manifest.failed


def test_mail_of_public_corpora_is_not_held_to_what_own_mail_must_show(release):
    manifest = msgspec.json.decode(release.manifest, type=Manifest)

    assert (manifest.stage, manifest.gates) == ("live", ())
    assert b'"stage"' not in release.manifest
    assert "shadow only" not in release.card
    assert release.may_act


def test_the_newest_fifth_is_judged_by_a_model_that_saw_none_of_it(dated):
    """Feature c, which gives labels away, does so in the older mail alone."""
    tells = replace(dated, vectors=dated.vectors.copy())
    new = tells.times > np.quantile(tells.times, 0.8)
    tells.vectors[:, 1] = np.where(new, np.random.default_rng(1).normal(size=len(new)), tells.spam)

    metrics = msgspec.json.decode(
        train(tells, UNSEEN, ("g.b", "g.a"), PARAMETERS, schema=SCHEMA, own=True).manifest,
        type=Manifest,
    ).metrics

    assert metrics["later"]["ham"] + metrics["later"]["spam"] == new.sum()
    assert metrics["later"]["auc"] < 0.7
    assert metrics["all"]["auc"] > 0.8


def test_mail_without_dates_has_no_later_mail(dated):
    undated = replace(dated, times=np.full(len(dated), np.nan))

    release = train(undated, UNSEEN, INPUTS, PARAMETERS, schema=SCHEMA, own=True)

    metrics = msgspec.json.decode(release.manifest, type=Manifest).metrics
    assert "later" not in metrics
    assert next(gate for gate in release.gates if gate.name == "later mail").holds
