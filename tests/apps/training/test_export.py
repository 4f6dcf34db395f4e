"""The ONNX graph decides as LightGBM does, at every threshold and where values are missing."""

import re

import lightgbm
import numpy as np
import onnx
import pytest

from apps.training.export import to_onnx
from features.schema import Feature, schema_of
from models.classifier import Classifier
from models.manifest import Manifest, digest

WIDTH = 6


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(2_000, WIDTH)).astype(np.float32)
    vectors[:, 0] = np.round(vectors[:, 0] * 4)
    vectors[:, 1] = (np.round(vectors[:, 1] * 20) / 21).astype(np.float32)
    vectors[:, :4][rng.random((2_000, 4)) < 0.2] = np.nan
    wave = np.nan_to_num(vectors[:, 0] * vectors[:, 1], nan=1.5) + vectors[:, 4] - vectors[:, 5]
    settings = {"objective": "binary", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(vectors, wave > 0.5), 120)
    artifact = to_onnx(booster)
    names = tuple("abcdef")
    schema = schema_of(message=([Feature(name, "count", name) for name in names], 0))
    manifest = Manifest(
        name="m",
        sha256=digest(artifact),
        part="message",
        schema=schema.part("message").digest,
        inputs=names,
    )
    return booster, Classifier.load(manifest.encode(), artifact, schema), vectors


def _apart(booster, classifier, vectors):
    return np.abs(booster.predict(vectors, raw_score=True) - classifier.margins(vectors)).max()


def test_margins_are_lightgbms_within_a_hundred_thousandth(trained):
    assert _apart(*trained) < 1e-5


def test_a_value_that_was_never_missing_in_training_may_be_missing_later(trained):
    booster, classifier, vectors = trained
    holes = vectors.copy()
    holes[:, 4:] = np.nan

    assert _apart(booster, classifier, holes) < 1e-5


def test_float32_values_next_to_a_threshold_fall_on_the_same_side(trained):
    """A threshold between two neighbouring float32 must not be rounded up to the higher one."""
    booster, classifier, vectors = trained
    text = booster.model_to_string()
    columns = [line.split() for line in re.findall(r"^split_feature=(.*)$", text, re.MULTILINE)]
    values = [line.split() for line in re.findall(r"^threshold=(.*)$", text, re.MULTILINE)]
    rows = []
    for tree_columns, tree_values in zip(columns, values, strict=True):
        for column, value in zip(map(int, tree_columns), map(float, tree_values), strict=True):
            if abs(value) < 1e-30:  # LightGBM's own zero, read back with another last digit
                continue
            nearest = np.float32(value)
            for side in (nearest, *np.nextafter(nearest, np.float32([-np.inf, np.inf]))):
                row = vectors[len(rows) % len(vectors)].copy()
                row[column] = side
                rows.append(row)

    assert _apart(booster, classifier, np.array(rows)) < 1e-5


def test_the_same_trees_give_the_same_bytes(trained):
    booster, _, _ = trained

    assert to_onnx(booster) == to_onnx(booster)


def test_no_order_is_left_to_the_hash_seed_of_the_process(trained):
    """The converter writes its operator sets in a set's order: another one each run."""
    booster, _, _ = trained

    model = onnx.load_from_string(to_onnx(booster))

    assert [opset.domain for opset in model.opset_import] == ["", "ai.onnx.ml"]
