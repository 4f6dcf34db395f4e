"""Reports of quality: what is known is told, what isn't is said to be unknown."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import click
import msgspec
import pytest

from apps.quality.charts import charts
from apps.quality.figures import figures
from apps.quality.history import History
from apps.quality.telling import lines
from apps.quality.truths import Truths
from detectors.asking import Ask
from models.label import Label, Target

DAY = 86_400
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
START = SINCE.timestamp()


def verdict(number, logit, action, *, asked=True):
    return msgspec.json.encode(
        {
            "id": f"m{number}",
            "kind": "judged",
            "revision": 0,
            "log": None,
            "tenant": "default",
            "direction": "inbound",
            "from_domain": "example.org",
            "action": action,
            "score": 0.5,
            "logit": int(logit * 1e6),
            "signals": [],
            "features": {"schema": "", "f32": ""},
            "ask": Ask("t", 0.5, asked=asked),
        }
    )


def label(number, truth):
    return Label(
        id=f"l{number}",
        of=Target(id=f"m{number}"),
        truth=truth,
        source="analyst",
        reporter="a",
        given_at=SINCE,
    )


@pytest.fixture
def history():
    """Eight days: of 400 messages all accepted, a few wrongly; of 8 rejected none is labelled."""
    truths = Truths()
    for number in range(400):
        truths.add(label(number, "phish" if number % 50 == 0 else "ham"))
    history = History(truths)
    for number in range(400):
        history.add(verdict(number, number % 7 - 8, "accept"), START + number * DAY * 8 / 400)
    for number in range(400, 408):
        history.add(verdict(number, 9, "reject"), START + (number - 400) * DAY)
    return history


def text(found):
    return click.unstyle("\n".join(lines(found)))


def test_what_is_known_is_told_with_its_interval_and_what_is_not_is_said_to_be_open(history):
    told = text(figures(history, SINCE, UNTIL))
    assert "408 verdicts; 408 asked about, 400 of them labelled" in told
    assert "8 wait for a label" in told
    assert "about 8 of 400 (2.00 %)" in told
    assert "nothing can be said yet: no label for 8 messages" in told
    assert "verdict       audit" in told


def test_no_verdicts_at_all_are_no_fault():
    found = figures(History(Truths()), SINCE, UNTIL)
    assert "0 verdicts" in text(found)
    assert not found.misses.known
    ET.fromstring(charts(found))


def test_time_is_cut_into_as_many_points_as_labels_allow(history):
    days = figures(history, SINCE, UNTIL).days
    assert [(day.first.day, day.last.day) for day in days] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert sum(day.misses.messages for day in days) == 400


def test_the_charts_show_a_point_for_what_is_known_and_a_question_mark_for_what_is_not(history):
    drawing = ET.fromstring(charts(figures(history, SINCE, UNTIL)))
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("?") == 4  # false positives: nothing is labelled of what was rejected
    points = drawing.findall(
        ".//{http://www.w3.org/2000/svg}circle/{http://www.w3.org/2000/svg}title"
    )
    assert sum("of 100," in (point.text or "") for point in points) == 4
    assert "verdict (400 labels)" in texts


def test_memory_holds_what_was_asked_or_labelled_and_no_more(history):
    for number in range(1_000, 3_000):
        history.add(verdict(number, -3, "accept", asked=False), START)
    assert history.verdicts == 2_408
    assert len(history.asked) == 408


def test_revisions_and_verdicts_of_broken_messages_do_not_count(history):
    plain = msgspec.json.decode(verdict(9_000, 1, "accept"))
    history.add(msgspec.json.encode(plain | {"kind": "revised", "revision": 1}), START)
    history.add(msgspec.json.encode(plain | {"logit": None, "score": None}), START)
    history.add(b"no verdict", START)
    assert (history.verdicts, history.without_logit, history.unreadable) == (408, 1, 1)
