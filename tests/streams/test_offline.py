"""Mail without a log is judged in order, with what came before it, and learns from labels."""

from datetime import UTC, datetime, timedelta

import pytest

from detectors.stack import shipped_stack
from features.envelope import Client, Envelope, Incoming
from models.ensemble import Ensemble
from streams.offline import Offline
from streams.stores.rolling_memory import RollingMemory

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def incoming(hours=0, raw=b"From: Ann <ann@shop.example>\nTo: bob@ours.example\n\nhello\n", **more):
    given = {
        "id": f"m{hours}",
        "received_at": NOW + timedelta(hours=hours),
        "client": Client(ip="192.0.2.7"),
        "mail_from": "ann@shop.example",
        "rcpt_to": ("bob@ours.example",),
        **more,
    }
    return Incoming(Envelope(**given), raw)


@pytest.fixture
def offline(judge):
    models = Ensemble.fresh(shipped_stack().fresh_fusion())
    return Offline(judge.with_models(models), RollingMemory())


def only(offline, mail):
    (judged,) = offline.judge([mail])
    return judged


def test_a_message_finds_those_that_came_before_it(offline):
    histories = [only(offline, incoming(hours)).evidence.history for hours in (0, 2, 3)]
    assert [it["sender.messages"] for it in histories] == [1, 2, 3]
    assert histories[1]["sender.age"] == 7_200
    assert [it["pair.received"] for it in histories] == [1, 2, 3]


def test_a_batch_finds_its_own_messages_in_order(offline):
    judged = offline.judge([incoming(0), incoming(1)])
    assert [it.evidence.history["sender.messages"] for it in judged] == [1, 2]


def test_what_became_of_a_message_is_known_to_the_next(offline):
    assert only(offline, incoming(0)).verdict.action in {"accept", "add_header"}
    assert only(offline, incoming(1)).evidence.history["sender.inbox_7d"] > 0.9


def test_an_answer_to_a_message_of_ours_is_told(offline):
    ours = incoming(
        0,
        b"From: bob@ours.example\nTo: ann@shop.example\nMessage-ID: <1@ours.example>\n\nhi\n",
        direction="outbound",
        mail_from="bob@ours.example",
        rcpt_to=("ann@shop.example",),
    )
    answer = b"From: ann@shop.example\nTo: bob@ours.example\nIn-Reply-To: <1@ours.example>\n\nok\n"
    only(offline, ours)
    history = only(offline, incoming(1, answer)).evidence.history
    assert history["thread.answers"] == 1
    assert history["pair.known"] == 1


def test_a_label_teaches_models_and_counts(offline):
    before = only(offline, incoming(0))
    offline.label(before, abuse=True)
    after = only(offline, incoming(1))
    assert after.evidence.history["pair.spam"] == 1
    said = {it.model: it.logit for it in after.predictions}
    assert said["text"] > next(it.logit for it in before.predictions if it.model == "text")
    assert offline.core.models.sequence == 1


def test_without_a_state_every_sender_is_unknown_and_models_still_learn(judge):
    models = Ensemble.fresh(shipped_stack().fresh_fusion(), ["text"])
    offline = Offline(judge.with_models(models))
    first = only(offline, incoming(0))
    offline.label(first, abuse=True)
    second = only(offline, incoming(1))
    assert second.verdict.degraded == first.verdict.degraded
    assert second.predictions[0].logit > first.predictions[0].logit


def test_without_models_labels_are_still_counted(judge):
    offline = Offline(judge, RollingMemory())
    offline.label(only(offline, incoming(0)), abuse=False)
    assert only(offline, incoming(1)).evidence.history["pair.ham"] == 1


def test_the_same_mail_and_labels_give_the_same_verdicts(judge):
    def run():
        models = Ensemble.fresh(shipped_stack().fresh_fusion())
        offline = Offline(judge.with_models(models), RollingMemory())
        logits = []
        for hours in range(6):
            judged = only(offline, incoming(hours))
            offline.label(judged, abuse=hours % 2 == 0)
            logits.append(judged.verdict.logit)
        return logits

    assert run() == run()


def test_a_message_that_breaks_the_core_costs_itself_only(judge, offline):
    class Breaking:
        models = offline.core.models

        def __getattr__(self, name):
            return getattr(offline.core, name)

        def prepare(self, batch):
            if any(b"poison" in it.raw for it in batch):
                raise RuntimeError("poisoned")
            return judge.prepare(batch)

    broken = Offline(Breaking(), RollingMemory())
    poisoned, well = broken.judge([incoming(0, b"From: x@y.example\n\npoison\n"), incoming(1)])
    broken.label(poisoned, abuse=True)
    assert poisoned.verdict.logit is None
    assert well.verdict.logit is not None
    assert offline.core.models.sequence == 0
