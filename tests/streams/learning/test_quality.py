"""What the learner keeps of quality: verdicts against what stands, across restarts."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from detectors.asking import NOT_ASKED
from detectors.signals import Signal
from detectors.verdict import FeatureValues, ShadowModel, Verdict
from models.progress import VERDICT
from models.standing import NOTHING, Standing, change
from streams.labels.ledger import Outcome
from streams.labels.message import Found
from streams.learning.quality import Quality
from streams.settings import Settings


@pytest.fixture
def settings(tmp_path):
    plain = Settings()
    return replace(plain, models=replace(plain.models, snapshots=str(tmp_path / "snapshots")))


def found(*shadows):
    signals = (
        Signal("learned_text", "learned", 1_500_000, "The text model", {"logit": 1.5}),
        Signal("header_age", "headers", 500_000, "Old", {"logit": 9.0}),
    )
    verdict = Verdict(
        id="m",
        delivery_key=None,
        log=None,
        tenant="default",
        direction="inbound",
        received_at=datetime(2026, 11, 1, tzinfo=UTC),
        from_domain="example.org",
        mail_from_domain="example.org",
        sender="",
        client_net="",
        rcpt_count=1,
        fingerprint="",
        action="add_header",
        class_="spam",
        score=0.88,
        logit=2_000_000,
        thresholds={},
        bias=0,
        signals=signals,
        overrides=(),
        features=FeatureValues("", ""),
        models=(),
        policy="",
        engine="",
        facts={},
        shadow=(),
        degraded=(),
        flags=(),
        ask=NOT_ASKED,
        shadow_models=shadows,
    )
    return Found("m", verdict=verdict)


def outcome(abuse, source, message="m"):
    after = Standing(abuse=abuse, source=source)
    return Outcome(message, None, NOTHING, after, change(NOTHING, after))


def seen(quality):
    return {(model, source): found.abuse for model, source, found in quality.progress.figures()}


def test_what_stands_is_compared_with_the_whole_each_model_and_each_shadow(settings):
    quality = Quality(settings, CollectorRegistry())
    shadow = ShadowModel("online", "online@new+0", -1_000_000)
    quality.settled(found(shadow), outcome(abuse=True, source="analyst"))
    names = {"text", VERDICT, "shadow:online"}
    assert set(seen(quality)) == {(name, "analyst") for name in names}


def test_a_label_that_is_overruled_or_taken_back_leaves_nothing_of_itself(settings):
    quality = Quality(settings, CollectorRegistry())
    quality.settled(found(), outcome(abuse=True, source="report"))
    quality.settled(found(), outcome(abuse=False, source="analyst"))
    assert seen(quality) == {(VERDICT, "analyst"): 0, ("text", "analyst"): 0}
    quality.settled(found(), outcome(abuse=None, source=""))
    assert seen(quality) == {}


def test_a_message_without_a_verdict_says_nothing(settings):
    quality = Quality(settings, CollectorRegistry())
    quality.settled(Found("m"), outcome(abuse=True, source="analyst"))
    assert seen(quality) == {}


def test_it_is_kept_beside_the_snapshots_and_found_again(settings):
    first = Quality(settings, CollectorRegistry())
    first.settled(found(), outcome(abuse=True, source="analyst"))
    first.keep()
    assert seen(Quality(settings, CollectorRegistry())) == seen(first) != {}


def test_a_damaged_file_is_begun_anew_not_a_reason_to_stop(settings, tmp_path):
    quality = Quality(settings, CollectorRegistry())
    quality.keep()
    (tmp_path / "snapshots" / "quality.state").write_bytes(b"damaged")
    assert seen(Quality(settings, CollectorRegistry())) == {}


class Verdicts:
    """A topic of verdicts whose end is where the reader stands: nothing comes."""

    async def end_offsets(self, places):
        return dict.fromkeys(places, 0)


async def test_a_look_shows_figures_in_the_metrics(settings):
    registry = CollectorRegistry()
    quality = Quality(settings, registry)
    for number in range(12):
        quality.settled(found(), outcome(abuse=True, source="trap", message=f"m{number}"))
    await quality.look(Verdicts())
    text = generate_latest(registry).decode()
    assert 'weir_quality_labels{model="verdict",source="trap"} 12.0' in text
    assert 'weir_quality_log_loss{model="text",source="trap"}' in text
