"""The core in one piece: a verdict for every message, the same whatever else is in the batch."""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from detectors.catalogue import DETECTORS
from detectors.engine import engine_digest
from detectors.judging import STAGES, Judge
from detectors.policy_file import read_policy, shipped_policy
from detectors.record import decode, encode
from detectors.shadows import Shadow
from detectors.stack import shipped_stack
from detectors.verdict import ModelVersion
from detectors.weights import WeightsError
from features.context import Context, Limits
from features.envelope import Envelope, Incoming
from features.history import UNKNOWN, History
from features.vector import SCHEMA
from models.classifier import Classifier
from models.ensemble import VOTERS, Ensemble
from models.manifest import Manifest
from models.text import TextModel

ROOT = Path(__file__).parents[2]
CONTEXT = Context(hash_key=b"k")
FOLDERS = ("examples/inbound", "tests/corpus/nasty", "tests/corpus/signals/*")
PATHS = [path for folder in FOLDERS for path in sorted(ROOT.glob(f"{folder}/*.eml"))]
SAMPLES = [path.read_bytes() for path in PATHS[::7]]
SAMPLES += [b"", b"\n", b"\x00\xff" * 100, b"From: a@b.example\nX:" + b" y" * 5000]
INPUTS = tuple(SCHEMA.names[:64])


def _artifact():
    """One stump a feature, with leaves that no float32 sum holds exactly."""
    rng = np.random.default_rng(3)
    trees = len(INPUTS)
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["vectors"],
        ["margin"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=np.repeat(np.arange(trees), 3).tolist(),
        nodes_nodeids=[0, 1, 2] * trees,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * trees,
        nodes_featureids=np.repeat(np.arange(trees), 3).tolist(),
        nodes_values=np.column_stack([rng.random((trees, 1)), np.zeros((trees, 2))])
        .ravel()
        .tolist(),
        nodes_truenodeids=[1, 0, 0] * trees,
        nodes_falsenodeids=[2, 0, 0] * trees,
        nodes_missing_value_tracks_true=[0, 0, 0] * trees,
        target_treeids=np.repeat(np.arange(trees), 2).tolist(),
        target_nodeids=[1, 2] * trees,
        target_ids=[0] * (2 * trees),
        target_weights=(rng.normal(size=2 * trees) / 3).tolist(),
    )
    graph = helper.make_graph(
        [node],
        "stumps",
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [None, trees])],
        [helper.make_tensor_value_info("margin", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def _classifier(name="classifier"):
    artifact = _artifact()
    manifest = Manifest(
        name=name,
        sha256=hashlib.sha256(artifact).hexdigest(),
        part="message",
        schema=SCHEMA.part("message").digest,
        inputs=INPUTS,
    )
    return Classifier.load(manifest.encode(), artifact)


CLASSIFIER = _classifier()


def _judge(classifier=CLASSIFIER, policies=None, **options):
    return Judge(
        CONTEXT, classifier, policies or shipped_policy(), shipped_stack(), "engine", **options
    )


def _incoming(number, raw, **fields):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Incoming(Envelope(id=f"{number:032x}", received_at=at, **fields), raw)


BATCH = [_incoming(number, raw) for number, raw in enumerate(SAMPLES)]
WHOLE = [encode(judged.verdict) for judged in _judge().judge(BATCH)]


class _Breaks:
    """A detector that breaks on some messages."""

    specs = DETECTORS[0].specs

    def __init__(self, error, size):
        self._error = error
        self._size = size

    def detect(self, evidence, context, brands):
        del context, brands
        if evidence.message.size == self._size:
            raise self._error
        return ()


class _Panic(BaseException):
    """What a panic in a Rust library raises: not an Exception."""


_Panic.__module__ = "pyo3_runtime"


def test_every_message_has_a_whole_verdict_in_order():
    judged = _judge().judge(BATCH)
    assert [each.verdict.id for each in judged] == [message.envelope.id for message in BATCH]
    assert [each.error for each in judged] == [None] * len(BATCH)
    for each in judged:
        verdict = each.verdict
        assert verdict.logit == verdict.bias + sum(s.contribution for s in verdict.signals)
        assert verdict.degraded == ()
        assert verdict.features.schema == SCHEMA.digest
        assert decode(encode(verdict)) == verdict


@settings(max_examples=15, derandomize=True, deadline=None)
@given(st.sets(st.integers(1, len(SAMPLES) - 1), max_size=6))
def test_the_same_messages_split_in_any_way_give_the_same_bytes(cuts):
    judge = _judge()
    edges = [0, *sorted(cuts), len(BATCH)]
    parts = [BATCH[low:high] for low, high in pairwise(edges)]
    assert [encode(each.verdict) for part in parts for each in judge.judge(part)] == WHOLE


def test_the_order_of_a_batch_does_not_matter():
    turned = [encode(each.verdict) for each in _judge().judge(BATCH[::-1])]
    assert turned[::-1] == WHOLE


def test_an_empty_batch_has_no_verdicts():
    assert _judge().judge([]) == []


def test_without_the_model_the_verdict_says_so():
    verdict = _judge(None).judge(BATCH[:1])[0].verdict
    assert verdict.degraded == ("model:classifier",)
    assert verdict.models == ()
    assert verdict.logit is not None


def test_a_model_without_a_weight_is_refused_at_the_start():
    with pytest.raises(WeightsError, match=r"learned\.stranger: missing"):
        _judge(_classifier("stranger"))


def test_a_model_that_fails_leaves_the_verdict_without_it():
    class Broken(Classifier):
        def predict(self, vectors):
            raise ValueError(f"private text of {len(vectors)}")

    broken = Broken(CLASSIFIER.manifest, "v", CLASSIFIER._session, [0])
    judged = _judge(broken).judge(BATCH[:2])
    assert [each.verdict.degraded for each in judged] == [("model:classifier",)] * 2
    assert judged[0].faults[0].startswith("model:classifier ValueError at test_judging.py:")
    assert "private" not in repr(judged[0].faults)


@pytest.mark.parametrize("error", [ValueError("private text"), _Panic("private text")])
def test_a_detector_that_fails_costs_its_own_findings_on_that_message_only(error):
    size = len(BATCH[0].raw)
    assert sum(len(message.raw) == size for message in BATCH) == 1
    judged = _judge(detectors=(*DETECTORS, _Breaks(error, size))).judge(BATCH)
    group = DETECTORS[0].specs[0].group
    assert judged[0].verdict.degraded == (f"detector:{group}",)
    assert judged[0].verdict.signals == decode(WHOLE[0]).signals
    assert judged[0].error is None
    assert "private" not in repr(judged[0].faults)
    assert [encode(each.verdict) for each in judged[1:]] == WHOLE[1:]


def test_an_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        _judge(detectors=(_Breaks(KeyboardInterrupt(), len(BATCH[0].raw)),)).judge(BATCH)


def test_a_message_that_breaks_the_pipeline_has_a_degraded_verdict_and_an_error():
    broken = BATCH[0]._replace(raw=None)
    judged = _judge().judge([broken, *BATCH[1:]])
    verdict = judged[0].verdict
    assert judged[0].error.startswith("parse: ")
    assert judged[0].evidence is None
    assert (verdict.logit, verdict.score, verdict.signals) == (None, None, ())
    assert (verdict.degraded, verdict.action) == (("pipeline",), "accept")
    assert (verdict.delivery_key, verdict.id) == (None, broken.envelope.id)
    assert decode(encode(verdict)) == verdict
    assert [encode(each.verdict) for each in judged[1:]] == WHOLE[1:]


@pytest.mark.parametrize(
    ("policy", "direction", "action", "shadow"),
    [
        ("on_failure = 'defer'", "inbound", "defer", ()),
        ("on_failure = 'defer'", "outbound", "accept", ()),
        ("on_failure = 'quarantine'", "outbound", "quarantine", ()),
        ("shadow = true\non_failure = 'defer'", "inbound", "add_header", ("action:defer",)),
        ("[tenant.t]\non_failure = 'add_header'", "inbound", "add_header", ()),
    ],
)
def test_on_failure_decides_what_happens_to_a_broken_message(policy, direction, action, shadow):
    judge = _judge(policies=read_policy(policy))
    message = _incoming(1, b"From: a@b.example\n\nx", direction=direction, tenant="t")
    verdict = judge.degraded(message)
    assert (verdict.action, verdict.shadow) == (action, shadow)
    assert verdict.degraded == ("pipeline",)
    assert judge.degraded(message, "store", "models").degraded == ("store", "models")


def test_stages_are_reported_once_a_batch_in_order():
    seen = []
    _judge(stage=seen.append).judge(BATCH[:3])
    assert tuple(seen) == STAGES


def test_a_new_policy_or_model_makes_a_new_judge_and_leaves_the_old_alone():
    old = _judge()
    strict = read_policy("[tenant.default.thresholds.inbound]\nadd_header = 0.0001\n")
    new = old.with_policies(strict)
    assert new.judge(BATCH[:1])[0].verdict.policy == strict.digest
    assert old.judge(BATCH[:1])[0].verdict.policy == shipped_policy().digest
    assert new.judge(BATCH[:1])[0].verdict.thresholds["add_header"] == 0.0001
    assert old.with_classifier(None).judge(BATCH[:1])[0].verdict.models == ()
    assert old.with_classifier(None).with_classifier(CLASSIFIER).judge(BATCH[:1])[0].verdict.models


def _models(**options):
    return Ensemble.fresh(shipped_stack().fresh_fusion(), **options)


def _taught():
    """Return a judge whose models were taught every message of the batch, twice."""
    judge = _judge(models=_models())
    for _ in range(2):
        for number, judged in enumerate(judge.judge(BATCH)):
            judge.models.learn(judged, abuse=number % 2 == 0)
    return judge


TAUGHT = _taught()
TAUGHT_WHOLE = [encode(judged.verdict) for judged in TAUGHT.judge(BATCH)]


def test_the_two_halves_make_one_core():
    judge = _judge()
    prepared = judge.prepare(BATCH)
    assert [one.incoming for one in prepared] == BATCH
    judged = judge.conclude(prepared, [UNKNOWN] * len(BATCH))
    assert [encode(each.verdict) for each in judged] == WHOLE


def test_a_senders_history_is_in_the_vector_and_before_the_detectors():
    judge = _judge()
    numbers = UNKNOWN.numbers.copy()
    numbers[:] = 7.0
    history = History(numbers, "known.example")
    (judged,) = judge.conclude(judge.prepare(BATCH[:1]), [history])
    sender = SCHEMA.part("sender")
    assert judged.evidence.history is history
    assert judged.evidence.vector[sender.slice].tolist() == [7.0] * len(sender.features)
    assert np.array_equal(judged.sample.vector, judged.evidence.vector, equal_nan=True)
    assert judged.verdict.degraded == ()


def test_a_history_that_could_not_be_read_is_said_and_nothing_else_changes():
    judge = _judge()
    judged = judge.conclude(judge.prepare(BATCH), [None, *[UNKNOWN] * (len(BATCH) - 1)])
    assert judged[0].verdict.degraded == ("sender",)
    assert judged[0].verdict.signals == decode(WHOLE[0]).signals
    assert [encode(each.verdict) for each in judged[1:]] == WHOLE[1:]


def test_a_history_too_few_is_refused():
    judge = _judge()
    with pytest.raises(ValueError, match="shorter"):
        judge.conclude(judge.prepare(BATCH[:2]), [UNKNOWN])


def test_stages_are_reported_by_their_half():
    seen = []
    judge = _judge(stage=seen.append)
    prepared = judge.prepare(BATCH[:3])
    assert tuple(seen) == STAGES[:2]
    judge.conclude(prepared, [UNKNOWN] * 3)
    assert tuple(seen) == STAGES


def test_models_without_labels_change_nothing_but_are_named():
    for whole, judged in zip(WHOLE, _judge(models=_models()).judge(BATCH), strict=True):
        verdict, before = judged.verdict, decode(whole)
        assert verdict.models[1:] == tuple(
            ModelVersion(name, f"{name}@new+0") for name in (*VOTERS, "fusion")
        )
        assert msgspec.structs.replace(verdict, models=before.models, basis=before.basis) == before


def test_what_models_have_learned_changes_the_verdict():
    before, after = decode(WHOLE[0]), decode(TAUGHT_WHOLE[0])
    assert after.logit > before.logit
    named = {signal.name: signal for signal in after.signals}
    assert named["learned_text"].contribution > 0
    assert after.models[-1].version == f"fusion@new+{2 * len(BATCH)}"
    assert after.logit == after.bias + sum(signal.contribution for signal in after.signals)


def test_what_models_have_learned_changes_nothing_of_a_verdict_that_names_none():
    assert TAUGHT.models.fusion.share > 0
    assert TAUGHT.degraded(BATCH[0]) == _judge().degraded(BATCH[0])


@settings(max_examples=15, derandomize=True, deadline=None)
@given(st.sets(st.integers(1, len(SAMPLES) - 1), max_size=6))
def test_with_models_too_any_split_gives_the_same_bytes(cuts):
    edges = [0, *sorted(cuts), len(BATCH)]
    parts = [BATCH[low:high] for low, high in pairwise(edges)]
    verdicts = [encode(each.verdict) for part in parts for each in TAUGHT.judge(part)]
    assert verdicts == TAUGHT_WHOLE


def test_what_learning_needs_comes_with_the_verdict():
    judged = TAUGHT.judge(BATCH)[0]
    assert judged.sample.tokens is not None
    assert {p.model for p in judged.predictions} == {"classifier", *VOTERS}
    fusion = TAUGHT.models.fusion
    weights = {signal.name for signal in judged.verdict.signals}
    assert weights <= set(judged.terms_seen)
    assert judged.terms_seen["learned_text"] != 0
    assert fusion.logit(judged.terms_seen) != fusion.bias


def test_tokens_are_worked_out_only_for_models_that_read_them():
    assert _judge().prepare(BATCH[:1])[0].tokens is None
    assert _judge(models=_models(names=("behaviour",))).prepare(BATCH[:1])[0].tokens is None
    assert _judge(models=_models()).prepare(BATCH[:1])[0].tokens is not None


def test_models_that_are_not_there_are_not_missed():
    judge = TAUGHT.with_models(None)
    assert [encode(each.verdict) for each in judge.judge(BATCH)] == WHOLE


def test_a_model_that_fails_on_one_message_is_missed_on_that_one_only(monkeypatch):
    size = len(TAUGHT.prepare(BATCH[:1])[0].tokens.slots)
    predict = TextModel.predict

    def broken(self, batch):
        if any(len(sample.tokens.slots) == size for sample in batch):
            raise ValueError("private text")
        return predict(self, batch)

    monkeypatch.setattr(TextModel, "predict", broken)
    judged = TAUGHT.judge(BATCH)
    hit = [len(each.sample.tokens.slots) == size for each in judged]
    assert hit.count(True) == 1
    assert judged[0].verdict.degraded == ("model:text", "model:bayes")
    assert judged[0].faults[0].startswith("model:text ValueError at test_judging.py:")
    assert "private" not in repr(judged[0].faults)
    assert [encode(each.verdict) for each in judged[1:]] == TAUGHT_WHOLE[1:]


def test_a_message_whose_tokens_break_lacks_the_text_models_vote_only(monkeypatch):
    def broken(*_):
        raise ValueError("private text")

    monkeypatch.setattr("detectors.judging.segments", broken)
    judged = TAUGHT.judge(BATCH[:1])[0]
    assert judged.error is None
    assert judged.verdict.degraded == ("model:text", "model:bayes")
    assert judged.faults[0].startswith("tokens ValueError")


def test_a_message_broken_before_goes_through_the_second_half_as_a_degraded_verdict():
    judge = TAUGHT
    prepared = judge.prepare([BATCH[0]._replace(raw=None), BATCH[1]])
    judged = judge.conclude(prepared, [None, UNKNOWN])
    assert judged[0].error.startswith("parse: ")
    assert (judged[0].verdict.degraded, judged[0].sample) == (("pipeline",), None)
    assert encode(judged[1].verdict) == TAUGHT_WHOLE[1]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.lists(
            st.sampled_from(
                [
                    b"From: ",
                    b'"PayPal" <x@paypal.com>',
                    b"\n",
                    b"\r\n",
                    b"\n\n",
                    b"Content-Type: ",
                    b"text/html",
                    b"multipart/mixed; boundary=b",
                    b"\n--b\n",
                    b"--b--",
                    b"=?utf-8?q?=ff?=",
                    b"<a href='http://[::1'>x</a>",
                    b"https://0x7f.1/",
                    b"Received: from x ([999.1.1.1])",
                    b"\xff\x00",
                    b'Content-Disposition: attachment; filename="a.pdf.exe"\n',
                    b"PK\x03\x04",
                    b"message/rfc822",
                ]
            ),
            max_size=25,
        ).map(b"".join),
    ),
    st.text(max_size=20),
)
def test_whatever_the_bytes_are_a_whole_verdict_comes(raw, sender):
    judged = _judge().judge([_incoming(1, raw, mail_from=sender, rcpt_to=(sender,))])[0]
    assert judged.error is None
    assert judged.faults == ()
    assert decode(encode(judged.verdict)).logit is not None


def test_the_engines_digest_is_that_of_versions_and_data():
    assert len(engine_digest(Context())) == 16
    int(engine_digest(Context()), 16)


@pytest.mark.parametrize(
    "other",
    [
        Context(limits=Limits(links=7)),
        Context(authserv_ids=frozenset({"mx.example.com"})),
        Context(upstream_verifies=True),
        Context(trusted_relays=(ip_network("10.0.0.0/8"),)),
        Context(trusted_sealers=frozenset({"example.com"})),
    ],
)
def test_the_engine_is_another_where_mail_is_read_otherwise(other):
    assert engine_digest(other) != engine_digest(Context())


def test_keys_are_no_part_of_the_engine():
    """Replay with other keys gives other hashes of addresses, and nothing else."""
    assert engine_digest(Context(hash_key=b"k" * 32)) == engine_digest(Context())


@pytest.mark.parametrize("what", ["common-expression-language", "numpy", "unicode"])
def test_the_engine_is_another_where_its_rules_numbers_or_letters_may_be(what, monkeypatch):
    """CEL decides rules, numpy hashes fingerprints, and folding reads Python's Unicode tables."""
    shipped = engine_digest(Context())
    if what == "unicode":
        monkeypatch.setattr("detectors.engine.unidata_version", "1.1.5")
    else:
        monkeypatch.setattr(
            "detectors.engine.version", lambda name: "0" if name == what else version(name)
        )
    assert engine_digest.__wrapped__(Context()) != shipped


class _Theta(NamedTuple):
    version: str = "t1"
    edges: tuple[float, ...] = (0.0,)
    chances: tuple[float, ...] = (0.0, 1.0)


def test_a_verdict_asks_for_a_label_by_the_chance_of_its_logit():
    for judged in _judge(theta=_Theta()).judge(BATCH):
        verdict = judged.verdict
        chance = 0.0 if verdict.logit is None or verdict.logit < 0 else 1.0
        theta = "" if verdict.logit is None else "t1"
        assert (verdict.ask.theta, verdict.ask.p, verdict.ask.asked) == (theta, chance, chance > 0)


def test_the_shadow_that_is_the_live_model_says_what_the_live_model_says():
    online = Ensemble.fresh(shipped_stack().fresh_fusion())
    shadows = [Shadow.of(CLASSIFIER), Shadow.of(online)]
    for judged in _judge(shadows=shadows).judge(BATCH):
        verdict = judged.verdict
        if verdict.logit is None:
            assert verdict.shadow_models is msgspec.UNSET
            continue
        said = {it.name: (it.version, it.logit) for it in verdict.shadow_models}
        # Models that have learned nothing have no say.
        assert said == {
            "classifier": (CLASSIFIER.version, verdict.logit),
            "online": ("online@new+0", verdict.logit),
        }


def test_shadows_change_no_verdict_but_for_what_they_say():
    shadows = [Shadow.of(Ensemble.fresh(shipped_stack().fresh_fusion()))]
    judged = _judge(shadows=shadows).judge(BATCH)
    bare = [msgspec.structs.replace(it.verdict, shadow_models=msgspec.UNSET) for it in judged]
    assert [encode(verdict) for verdict in bare] == WHOLE


def test_a_shadow_online_model_is_summed_with_its_own_fusion():
    taught = Ensemble.fresh(shipped_stack().fresh_fusion())
    for judged in _judge(models=taught).judge(BATCH[:12]) * 3:
        taught.learn(judged, abuse=True)
        taught.learn(judged, abuse=False)
    live = _judge(models=taught).judge(BATCH)
    shadowed = _judge(shadows=[Shadow.of(taught)]).judge(BATCH)
    assert any(a.verdict.logit != b.verdict.logit for a, b in zip(live, shadowed, strict=True))
    for acting, scoring in zip(live, shadowed, strict=True):
        if acting.verdict.logit is not None:
            (said,) = scoring.verdict.shadow_models
            assert said.logit == acting.verdict.logit


def test_a_shadow_that_breaks_costs_its_own_word_alone():
    class Broken(TextModel):
        def predict(self, batch):
            raise RuntimeError(f"broken on {len(batch)}")

    shadow = Ensemble.fresh(shipped_stack().fresh_fusion(), ["text"])
    shadow.text = Broken()
    judged = _judge(shadows=[Shadow.of(shadow)]).judge(BATCH)
    assert [encode(it.verdict) for it in judged] == WHOLE


def test_a_verdict_with_what_shadows_say_is_read_back():
    (judged, *_) = _judge(shadows=[Shadow.of(CLASSIFIER)]).judge(BATCH)
    assert decode(encode(judged.verdict)) == judged.verdict


def test_a_new_judge_keeps_shadows_and_theta():
    judge = _judge().with_shadows([Shadow.of(CLASSIFIER)]).with_theta(_Theta())
    other = judge.with_policies(shipped_policy()).with_models(None).with_classifier(CLASSIFIER)
    assert (other.shadows, other.theta) == (judge.shadows, judge.theta)
