"""`weir bench detection`: figures by thresholds fixed beforehand, and the pages of them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from apps.bench.check_cost import CheckCost, DetectStage
from apps.bench.corpora_seen import Read, campaigns
from apps.bench.detection import measure_detection
from apps.bench.detection_page import aims, detection_page
from apps.bench.detectors_page import WHY, detectors_page
from apps.bench.recall import Target, hits, paired, recall
from apps.bench.samples import reasons
from apps.cli.main import weir
from apps.weighing.mail import ABUSE
from apps.weighing.seen import Seen
from detectors.actions import ACTIONS
from detectors.catalogue import SPECS
from detectors.stack import shipped_weights_text
from detectors.weights import read_weights
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from streams.settings import load

ROOT = Path(__file__).parents[3]
WEIGHTS = read_weights(shipped_weights_text(), SPECS)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A measurement on example mail, a little of every corpus."""
    corpora = tmp_path_factory.mktemp("corpora")
    mail = sorted((ROOT / "examples" / "inbound").glob("*.eml"))
    honest = [path for path in mail if "ham" in path.name or "newsletter" in path.name]
    abusive = [path for path in mail if "spam" in path.name]
    phish = [path for path in mail if "phish" in path.name]
    for folder, paths in (
        ("sa/easy-ham-1", honest),
        ("sa/spam-1", abusive),
        ("phishing_pot_1", phish),
    ):
        (corpora / folder).mkdir(parents=True)
        for path in paths:
            shutil.copy(path, corpora / folder)
    (corpora / "modern" / "ham").mkdir(parents=True)
    (corpora / "modern" / "spam").mkdir()
    for number, path in enumerate(abusive):
        shutil.copy(path, corpora / "modern" / "spam" / f"strangers_{number}.eml")
    for number in range(12):
        (corpora / "modern" / "ham" / f"friends_{number}.eml").write_text(
            f"From: Ann <ann@lowfield-garden.net>\nTo: you@example.org\nSubject: {number}\n"
            f"Date: Sat, 01 Nov 2025 10:00:00 +0000\n\nBring {number} baskets of {'x' * number}\n"
        )
    said = []
    result = measure_detection(load(None, {}), corpora, say=said.append)
    assert said
    return result


def test_phishing_is_counted_against_thresholds_of_both_pools_of_ham(found):
    row = found["recall"]["phishing-pot: signals, 0.001 of all ham"]

    assert row["above"] == 0
    assert row["ham"] == sum(r["messages"] for r in found["mail"].values() if r["label"] == "ham")
    assert 0 < row["recall"] <= 1
    assert row["low"] <= row["recall"] + 1e-9
    assert found["recall"]["phishing-pot: both, 0.01 of modern and templates"]["ham"] == 12


def test_every_action_is_accounted_for(found):
    for table in ("ham", "ham_of_a_new_kind", "ham_by_signals_alone", "spam", "evaluation_only"):
        for row in found[table].values():
            assert sum(row.get(action, 0) for action in ACTIONS) == pytest.approx(1, abs=1e-3)


def test_both_pages_are_made_of_a_measurement_and_name_every_signal(found):
    page = detectors_page(found, WEIGHTS, dict.fromkeys(SPECS, "It | says so"))

    for spec in SPECS.values():
        (line,) = [line for line in page.splitlines() if f"| `{spec.name}` (" in line]
        assert line.count(" | ") == 4
    assert "{" not in detection_page(found)


def test_missed_aims_come_first(found):
    met = [aim.met for aim in aims(found)]

    assert met == sorted(met)


def test_every_group_says_why_it_is_looked_at():
    assert {spec.group for spec in SPECS.values()} <= set(WHY)


def test_every_signal_has_a_sample_that_shows_its_reason():
    shown = reasons()

    assert set(shown) == set(SPECS)
    assert all(shown.values())


def _scores(*values):
    return np.array([values], dtype=np.float64)


HAM = np.array([True] * 4 + [False] * 4)
TARGET = Target.of(~HAM, np.array([0, 1, 2, 3, 7, 7, 7, 9]))


def test_recall_is_of_what_lies_above_all_ham_that_must_not():
    row = recall(_scores(0, 1, 2, 3, 9, 9, 3, 1), HAM, TARGET, 0.001)

    assert (row.threshold, row.above, row.ham, row.recall) == (3.0, 0, 4, 0.5)
    assert row.by_campaign == pytest.approx((2 / 3 + 0) / 2, abs=1e-4)
    assert row.low <= row.recall <= row.high


def test_recall_is_the_mean_over_models():
    two = np.array([[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 0, 0]], dtype=np.float64)

    assert recall(two, HAM, TARGET, 0.001).recall == 0.75
    assert hits(two, 0.5, ~HAM).tolist() == [1, 1, 0.5, 0.5]


def test_a_ranking_is_no_better_than_itself_and_better_than_a_worse_one():
    good, bad = _scores(0, 0, 0, 0, 1, 1, 1, 1), _scores(0, 0, 0, 0, 0, 0, 0, 0)

    assert paired(good, good, HAM, TARGET, 0.001) == (0, 0, 0)
    assert paired(good, bad, HAM, TARGET, 0.001) == (1, 1, 1)


def _read(*keys, unit=ABUSE):
    return Read(Seen("s", unit, "", (), (), "accept"), "", 0, keys, (), ())


def test_a_campaign_shares_a_link_that_no_honest_mail_has():
    reads = [
        _read("link:bad.test", "subject:one"),
        _read("link:bad.test", "link:common.test"),
        _read("link:common.test"),
        _read("link:common.test", unit="friends"),
        _read("subject:one"),
    ]

    one, two, three, _, five = campaigns(reads)

    assert one == two == five != three


def test_every_check_is_timed_once_a_message():
    cost = CheckCost()
    raw = (ROOT / "examples" / "inbound" / "written-phish-parcel-de.eml").read_bytes()
    envelope = Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC))

    cost.add(extract(Incoming(envelope, raw), Context()), Context())
    signals, _ = cost.us()

    assert set(signals) == set(SPECS)
    assert cost.messages == 1


def test_a_stages_time_is_charged_to_the_batch_that_spent_it():
    stages = DetectStage()
    stages("predict")
    sum(range(200_000))
    stages("detect")
    stages.charge("sa")
    stages.charge("sa")
    stages("verdict")
    stages.charge("today")

    spent = stages.us()

    assert spent["sa"] > 0 == spent["today"]
    assert stages.messages == 3


def test_pages_are_refused_before_the_long_run_where_a_corpus_is_missing(tmp_path):
    (tmp_path / "sa").mkdir()

    result = CliRunner().invoke(weir, ["bench", "detection", "--corpora", str(tmp_path), "--write"])

    assert result.exit_code == 2
    assert "lacks modern/ham, transactional_templates, phishing_pot*" in result.stderr
