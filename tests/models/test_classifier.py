"""The classifier gives each message its own number, and refuses artifacts that don't fit."""

import hashlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from features.schema import Feature, schema_of
from models.classifier import ArtifactError, Classifier
from models.manifest import Calibration, Manifest

NAMES = ("a", "b", "c")
FEATURES = tuple(Feature(name, "count", "a number") for name in NAMES)
SCHEMA = schema_of(message=(FEATURES, 0), sender=((Feature("d", "count", "another"),), 0))
DIGEST = SCHEMA.part("message").digest
TREES = 120


def _graph(width=2):
    """Stumps over two columns, with leaves that no float32 sum holds exactly."""
    rng = np.random.default_rng(7)
    nodes = [(tree, node) for tree in range(TREES) for node in range(3)]
    inner = [node == 0 for _, node in nodes]
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["vectors"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[tree for tree, _ in nodes],
        nodes_nodeids=[node for _, node in nodes],
        nodes_modes=["BRANCH_LEQ" if branch else "LEAF" for branch in inner],
        nodes_featureids=[tree % width if node == 0 else 0 for tree, node in nodes],
        nodes_values=[
            float(v) if b else 0.0 for v, b in zip(rng.normal(size=360), inner, strict=True)
        ],
        nodes_truenodeids=[1 if branch else 0 for branch in inner],
        nodes_falsenodeids=[2 if branch else 0 for branch in inner],
        nodes_missing_value_tracks_true=[0] * len(nodes),
        nodes_hitrates=[1.0] * len(nodes),
        target_treeids=[tree for tree, node in nodes if node],
        target_nodeids=[node for _, node in nodes if node],
        target_ids=[0] * (2 * TREES),
        target_weights=[float(v) / 3 for v in rng.normal(size=2 * TREES)],
    )
    graph = helper.make_graph(
        [node],
        "stumps",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("margin", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


ARTIFACT = _graph()


def _manifest(artifact=ARTIFACT, **changes):
    fields = {
        "name": "classifier",
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "part": "message",
        "schema": DIGEST,
        "inputs": ("c", "a"),
    }
    return Manifest(**(fields | changes)).encode()


def _load(artifact=ARTIFACT, **changes):
    return Classifier.load(_manifest(artifact, **changes), artifact, SCHEMA)


CLASSIFIER = _load()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_a_prediction_does_not_depend_on_the_batch_to_the_bit(seed, sizes):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(sum(sizes), 3)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan

    whole = CLASSIFIER.predict(rows)
    parts = [CLASSIFIER.predict(part) for part in np.split(rows, np.cumsum(sizes)[:-1])]
    single = [CLASSIFIER.predict(row[np.newaxis])[0] for row in rows]

    assert whole.tobytes() == np.concatenate(parts).tobytes() == np.array(single).tobytes()


def test_columns_are_picked_by_name_in_the_artifacts_own_order():
    rows = np.array([[0.3, 9.0, -0.7], [0.3, -9.0, -0.7], [-0.7, 0.0, 0.3]], dtype=np.float32)

    margins = CLASSIFIER.predict(rows)

    assert margins[0] == margins[1]
    assert margins[0] != margins[2]


def test_predictions_are_the_margins_under_the_manifests_calibration():
    rows = np.ones((2, 3), dtype=np.float32)

    calibrated = _load(calibration=Calibration(slope=0.5, intercept=-1.0))

    assert calibrated.predict(rows).tolist() == (0.5 * calibrated.margins(rows) - 1.0).tolist()


def test_no_messages_give_no_predictions():
    assert CLASSIFIER.predict(np.empty((0, 3), dtype=np.float32)).shape == (0,)


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 1\) given"):
        CLASSIFIER.predict(np.ones((2, 1), dtype=np.float32))


def test_the_version_stands_for_trees_and_calibration():
    other = _load(calibration=Calibration(slope=2.0))

    assert CLASSIFIER.version != other.version
    assert CLASSIFIER.version == _load().version


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "ab" * 32}, ["SHA-256", "abababababab wanted"]),
        ({"schema": "ffffffffffff"}, ["schema ffffffffffff", DIGEST]),
        ({"schema": SCHEMA.digest}, [f"schema {SCHEMA.digest}", DIGEST]),
        ({"part": "sender"}, [f"schema {DIGEST}", "in force for part sender"]),
        ({"part": "gone"}, ["part 'gone'", "message, sender"]),
        ({"inputs": ("c", "gone")}, ["'gone'"]),
        ({"inputs": ()}, ["names no inputs"]),
        ({"inputs": ("a", "b", "c")}, ["reads 2 numbers", "names 3"]),
        ({"format": 9}, ["format 9 given, 1 wanted"]),
    ],
)
def test_an_artifact_that_does_not_fit_is_refused_in_one_line_with_advice(changes, said):
    with pytest.raises(ArtifactError) as refused:
        _load(**changes)

    message = str(refused.value)
    assert all(words in message for words in said), message
    assert "weir train" in message
    assert "\n" not in message


def test_an_artifact_does_not_depend_on_the_parts_that_it_does_not_read():
    new = Feature("new", "count", "a third")
    longer = schema_of(message=(FEATURES, 0), sender=((new, new), 1))
    behind = schema_of(sender=((new, new), 0), message=(FEATURES, 0))
    vectors = np.random.default_rng(3).normal(size=(20, 3)).astype(np.float32)
    before = np.zeros((20, 2), dtype=np.float32)

    assert longer.digest != SCHEMA.digest
    assert np.array_equal(
        Classifier.load(_manifest(), ARTIFACT, longer).margins(vectors), CLASSIFIER.margins(vectors)
    )
    assert np.array_equal(
        Classifier.load(_manifest(), ARTIFACT, behind).margins(np.hstack([before, vectors])),
        CLASSIFIER.margins(vectors),
    )


def test_a_corrupted_artifact_is_refused():
    with pytest.raises(ArtifactError, match="SHA-256"):
        Classifier.load(_manifest(), ARTIFACT[:-1] + b"x", SCHEMA)


def test_bytes_that_are_no_onnx_are_refused_even_with_the_right_digest():
    with pytest.raises(ArtifactError, match="no ONNX model"):
        _load(b"not a graph")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": 1}', b"\xff\xfe", b'{"x": 1}'])
def test_a_manifest_that_is_none_is_refused(content):
    with pytest.raises(ArtifactError, match="manifest: not readable"):
        Classifier.load(content, ARTIFACT, SCHEMA)


def test_a_manifest_survives_its_encoding():
    manifest = msgspec.json.decode(_manifest(), type=Manifest)

    assert manifest.encode() == _manifest()
