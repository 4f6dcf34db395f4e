"""What a story says of a verdict: in a sentence, by its readings, by what was missing."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import pytest
from msgspec.structs import replace

from apps.analysis.finding import Dossier
from apps.analysis.readings import missing, readings
from apps.analysis.story import summary_of, tell
from apps.cli.told_story import story_page
from apps.subscriber.recorded import Recorded
from detectors.actions import Override
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.record import decode, encode
from detectors.signals import Signal
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.history import known
from features.reported import Report, Reported

AT = datetime(2026, 11, 1, tzinfo=UTC)
PHISH = Path(__file__).parents[3] / "examples" / "inbound" / "written-phish-parcel-de.eml"
CORE = Judge(Context(hash_key=b"k" * 32), None, read_policy(""), shipped_stack(), "engine")
READ = known(
    {
        "sender.proven": 0.0,
        "sender.age": 7_200.0,
        "sender.messages": 4.0,
        "sender.spam": 2.0,
        "pair.received": 1.0,
        "pair.known": 0.0,
        "content.age": 0.0,
        "content.senders_1d": 3.2,
    },
    correspondent="example.net",
    watched=40 * 86_400.0,
    reported=(
        Reported(
            "content",
            "content",
            (Report("l1", b"12345678", "report", True, 1.0, AT.timestamp() - 7_200, b"1234"),),
        ),
    ),
)


def _message():
    envelope = Envelope(
        id="1",
        received_at=AT,
        mail_from="a@example.org",
        facts={"spf": Fact("fail", "edge", AT), "dnsbl.bl.example": Fact("127.0.0.2", "edge", AT)},
    )
    return Incoming(envelope, PHISH.read_bytes())


def _verdict(history=READ):
    judged = CORE.conclude(CORE.prepare([_message()]), [history])[0]
    return decode(encode(judged.verdict))


def _told(verdict, terms=None):
    dossier = Dossier("here", ((Recorded("1.judged", b"", 0), verdict),), None, None, None)
    return tell(dossier, terms or CORE.terms_of(_message()), policy_now=verdict.policy)


def _said(verdict):
    return {told.about: told.said for told in readings(verdict)}


def test_the_summary_names_the_threshold_that_the_score_reaches_and_what_weighed_most():
    said = summary_of(_verdict())
    assert said.startswith("Rejected as phish: its score of ")
    assert "reaches reject (from 0.99)" in said
    assert "Most against it: " in said
    accepted = replace(_verdict(), action="accept", class_="ham", score=0.1, signals=())
    said = summary_of(accepted)
    assert said == "Accepted: its score of 0.1 reaches no threshold (add_header begins at 0.5)."


def test_the_summary_names_the_rule_that_decided_and_what_shadow_mode_withheld():
    ruled = replace(
        _verdict(), overrides=(Override("rule:mine", "reject", "Not wanted"),), signals=()
    )
    assert "rule:mine decides, whatever the score: Not wanted." in summary_of(ruled)
    shadow = replace(_verdict(), action="add_header", shadow=("action:reject",))
    assert "the policy is in shadow mode, else it would be reject" in summary_of(shadow)


def test_a_message_that_broke_the_pipeline_has_a_story_without_findings():
    broken = replace(
        _verdict(), logit=None, score=None, basis=msgspec.UNSET, signals=(), degraded=("pipeline",)
    )
    story = _told(broken)
    assert "broke the pipeline" in story.summary
    assert (story.readings, story.explanation.signals) == ((), ())
    assert "on_failure" in click.unstyle(story_page(story, 100))


def test_readings_say_who_is_proven_what_was_known_and_what_was_reported():
    said = _said(_verdict())
    assert said["author"] == "From names example-parcels.click, the envelope example.org"
    assert said["proof"] == "SPF fail, no domain is proven"
    assert said["looked up"] == "dnsbl.bl.example 127.0.0.2"
    assert said["sender (unproven)"] == (
        "first seen 2 h before, 4 messages, labels: 2 abuse, 0 legitimate"
    )
    assert said["content"] == "never seen before, 3 senders since yesterday"
    assert said["correspondent"] == "it claims or resembles example.net"
    assert said["reports of the content"] == (
        "1 called it abuse, 0 legitimate; the last 2 h before"
    )
    assert said["state"] == "had been watching mail for 40 d"
    assert "network" not in said, "nothing was read of it"


def test_what_was_not_read_of_the_sender_is_said_not_left_out():
    assert _said(_verdict(None))["sender"] == "nothing was read of what is known of it"
    kept = _verdict()
    cut = replace(kept, features=replace(kept.features, f32=""))
    assert "aren't kept any more" in _said(cut)["sender"]
    assert _told(cut).replay.way == "none"
    unheard = {tried.unheard for tried in _told(cut).explanation.signals}
    assert "needs the sender's history" not in unheard


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("sender", "couldn't be read"),
        ("model:text", "the model text"),
        ("detector:links", "the detectors of links"),
        ("something", "another release"),
    ],
)
def test_each_part_that_was_missing_is_put_in_words(part, words):
    [told] = missing([part])
    assert words in told.said


def test_nothing_that_mail_brings_reaches_the_terminal_as_it_is():
    evil = "\x1b[2J\u202egnp.exe\x07"
    verdict = _verdict()
    verdict = replace(
        verdict,
        id=f"id{evil}",
        from_domain=f"evil{evil}.example",
        flags=(f"odd{evil}",),
        signals=(Signal("x", "links", 1, f"reason{evil}", {"host": evil}), *verdict.signals),
        facts={"dnsbl.x": Fact(evil, "edge", AT)},
    )
    for terms in (None, f"missing{evil}"):
        page = click.unstyle(story_page(_told(verdict, terms), 100))
        assert not set(page) & set("\x1b\x07\u202e")


def test_the_json_of_a_story_is_complete_and_the_same_twice():
    verdict = _verdict()
    once, again = (msgspec.json.decode(encode(_told(verdict))) for _ in range(2))
    assert once == again
    assert once["verdict"]["id"] == "1"
    assert {"milder", "harsher", "unknown"} <= once["counterfactual"].keys()
    assert once["replay"] == {"way": "vector", "why": "its mail isn't kept; vector and basis are"}
