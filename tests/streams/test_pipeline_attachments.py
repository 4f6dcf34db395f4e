"""Attachments on their way through the pipeline, opened by the real reader."""

import base64
import zlib
from pathlib import Path

import msgspec
import pytest

from detectors.verdict import Verdict
from streams.sandbox.sandbox import Sandbox
from streams.sections import AttachmentsSection

SAMPLES = Path(__file__).parents[1] / "corpus" / "signals"
CODE = (SAMPLES / "attachment_code_only" / "fires.eml").read_bytes()
OPERATORS = b"(a)Tj " * 160_000  # seconds of work, within all bounds


def _slow():
    page = zlib.compress(b"BT /F 9 Tf " + OPERATORS + b"ET")
    pdf = (
        b"%%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Kids[3 0 R 3 0 R 3 0 R]/Count 3>> endobj\n"
        b"3 0 obj <</Type/Page/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj\n"
        b"4 0 obj <</Filter/FlateDecode/Length %d>> stream\n%s\nendstream endobj\n"
        b"5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n"
        b"trailer <</Root 1 0 R>>\n" % (len(page), page)
    )
    return (
        b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: application/pdf\n"
        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(pdf)
    )


@pytest.fixture
def sandbox(metrics):
    failed = metrics.attachments_failed
    sandbox = Sandbox(
        AttachmentsSection(deadline_ms=1_000),
        opened=metrics.opened,
        failed=lambda _: failed.inc(),
    )
    yield sandbox
    sandbox.close()


def _verdicts(broker):
    return [msgspec.json.decode(record.value, type=Verdict) for record in broker.of("verdicts")]


def _names(verdict):
    return {signal.name for signal in verdict.signals}


def _count(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_a_code_in_a_picture_speaks_in_the_verdict(build, broker, arrive, sandbox, metrics):
    await build(sandbox=sandbox).process([arrive(), arrive(CODE, offset=1)])

    plain, coded = _verdicts(broker)
    assert "attachment_code_only" in _names(coded)
    assert coded.degraded == plain.degraded
    assert _count(metrics, "weir_attachments_opened_total", kind="image") == 1
    assert _count(metrics, "weir_attachments_seconds_count") == 1
    assert _count(metrics, "weir_stage_seconds_count", stage="open") == 1


async def test_a_file_that_takes_too_long_costs_its_message_its_attachments_alone(
    build, broker, arrive, sandbox, metrics
):
    await build(sandbox=sandbox).process([arrive(_slow()), arrive(CODE, offset=1)])

    slow, coded = _verdicts(broker)
    assert "attachments" in slow.degraded
    assert "attachments" not in coded.degraded
    assert "attachment_code_only" in _names(coded)
    assert not broker.of("deadletter")
    assert _count(metrics, "weir_attachments_failed_total") == 1
    assert _count(metrics, "weir_degraded_total", part="attachments") == 1


async def test_a_flood_of_slow_files_is_left_closed_after_five_deadlines(
    build, broker, arrive, sandbox, metrics
):
    """What a batch waits for is bounded, so that its partition doesn't stall."""
    await build(sandbox=sandbox).process([arrive(_slow(), offset=at) for at in range(12)])

    assert all("attachments" in verdict.degraded for verdict in _verdicts(broker))
    assert _count(metrics, "weir_attachments_failed_total") < 12


async def test_a_redelivered_message_is_not_opened_again(build, broker, arrive, sandbox, metrics):
    pipeline = build(sandbox=sandbox)
    await pipeline.process([arrive(CODE)])
    await pipeline.process([arrive(CODE)])

    first, second = broker.of("verdicts")
    assert first.value == second.value
    assert _count(metrics, "weir_attachments_opened_total", kind="image") == 1


async def test_a_batch_that_wants_nothing_opened_starts_no_reader(build, arrive, sandbox, metrics):
    await build(sandbox=sandbox).process([arrive()])

    assert sandbox.pid is None
    assert _count(metrics, "weir_stage_seconds_count", stage="open") == 0


async def test_without_a_reader_attachments_stay_closed(build, broker, arrive):
    await build().process([arrive(CODE)])

    (verdict,) = _verdicts(broker)
    assert "attachment_code_only" not in _names(verdict)
    assert "attachments" not in verdict.degraded
