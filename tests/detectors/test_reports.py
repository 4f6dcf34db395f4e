"""Reports act at once on mail that shares something, and nobody is voted into an inbox."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors.hearsay import hearsay, within
from detectors.judging import Judge
from detectors.policy_file import read_policy, shipped_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming
from features.history import known
from features.reported import REPORTED, Hearing, Report, Reported, kept
from models.hearing import MessageFacts, hear
from models.label import Given
from models.standing import standing
from models.trust import Trust

ROOT = Path(__file__).parents[2]
CONTEXT = Context(hash_key=b"k")
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LETTER = b"""From: Quarry Brook <news@quarrybrook.net>
To: someone@ours.example.org
Subject: The new season
Content-Type: text/plain; charset=utf-8

Dear reader, the boats are out of the water and the shop has been painted twice this winter.
Come and look at what the carpenter has made of the old barn; there is soup on every Saturday.
More of it stands at https://barn.quarrybrook.net/season and on the board beside the door.
"""


class Campaign:
    """Messages that share all but their ids, and what was said of each."""

    def __init__(self, raw=LETTER, policy=None, *, proven=False):
        facts = {"dkim": Fact("pass", "mx"), "dkim.domains": Fact("quarrybrook.net", "mx")}
        self.envelope = Envelope(
            id="x",
            received_at=NOW,
            client=Client(ip="192.0.2.7"),
            mail_from="news@quarrybrook.net",
            rcpt_to=("someone@ours.example.org",),
            facts=facts if proven else {},
        )
        self.raw = raw
        self.judge = Judge(CONTEXT, None, policy or shipped_policy(), shipped_stack(), "an engine")
        self.trust = self.judge.policies.default.labels
        self.voices = {}
        self.said = 0

    def say(self, truth, source="report", reporter="anna", message="1", minutes_ago=10):
        """Label one message of the campaign."""
        voices = self.voices.setdefault(message, [])
        self.said += 1
        at = NOW.timestamp() - 60 * minutes_ago
        label = Given(self.said, f"{self.said:016x}", truth, source, reporter, at)
        voices.append(hear(label, MessageFacts(), self.trust, earlier=tuple(voices)))
        return self

    def sibling(self, raw=None, *, messages=4.0, age=3_600.0, readings=None):
        """Return the verdict on another message, by what stands now."""
        incoming = Incoming(self.envelope, raw or self.raw)
        (prepared,) = self.judge.prepare([incoming])
        own = {it.entity for it in self.judge.prepare([Incoming(self.envelope, self.raw)])[0]
               .evidence.touches.increments}  # fmt: skip
        reported = []
        for increment in prepared.evidence.touches.increments:
            kind, _, label = increment.entity
            if kind.name in REPORTED and increment.entity in own:
                stands = [standing(voices).reports_of(kind.name) for voices in self.voices.values()]
                reports = kept([report for each in stands for report in each], 0.0)
                reported += [Reported(kind.name, label, reports, messages, age)] if reports else []
        history = known(readings or {}, reported=tuple(reported))
        (judged,) = self.judge.conclude([prepared], [history])
        assert judged.faults == ()
        return judged.verdict


def signals(verdict):
    return {signal.name: signal for signal in verdict.signals}


def test_three_people_stop_the_siblings_of_what_all_else_accepts():
    campaign = Campaign()
    assert campaign.sibling().action == "accept"
    for at, who in enumerate(("anna", "bert")):
        assert campaign.say("spam", reporter=who, message=str(at)).sibling().action == "accept"
    verdict = campaign.say("phish", reporter="carl", message="2").sibling()
    assert verdict.action == "quarantine"
    reason = "Reported by 3 people in the last hour: mail with this content"
    assert signals(verdict)["reported_content"].reason == reason
    assert signals(verdict)["reported_content"].inputs["people"] == 3


@pytest.mark.parametrize("source", ["trap", "analyst"])
def test_one_trap_or_analyst_is_enough(source):
    verdict = Campaign().say("spam", source, "one").sibling()
    assert verdict.action == "quarantine"
    who = {"trap": "a trap", "analyst": "an analyst"}[source]
    assert signals(verdict)["reported_content"].reason.startswith(f"Reported by {who} in the last")


def test_one_person_on_many_messages_is_one():
    campaign = Campaign()
    for at in range(20):
        campaign.say("spam", message=str(at))
    assert campaign.sibling().action == "accept"


def test_reports_alone_never_reject():
    """The policy asks for two groups, and all reports are one."""
    campaign = Campaign()
    for at in range(50):
        campaign.say("phish", reporter=f"u{at}")
    campaign.say("phish", "analyst", "a").say("phish", "trap", "t")
    assert campaign.sibling().action == "quarantine"


def test_a_policy_says_how_many_people_it_takes():
    policy = read_policy("[labels]\nreporters = 5\nrecent_days = 0.01\n")
    campaign = Campaign(policy=policy)
    for at in range(4):
        campaign.say("spam", reporter=f"u{at}")
    assert campaign.sibling().action == "accept"
    assert campaign.say("spam", reporter="u4", minutes_ago=20).sibling().action == "accept"
    assert campaign.say("spam", reporter="u5").sibling().action == "quarantine"


def test_a_thousand_aged_accounts_change_nothing_and_three_analysts_free_the_campaign():
    campaign = Campaign()
    for at in range(3):
        campaign.say("spam", reporter=f"u{at}", message=str(at))
    stopped = encode(campaign.sibling())
    for at in range(1000):
        campaign.say("ham", "rescue", f"aged{at}", message=str(at % 7))
    assert encode(campaign.sibling()) == stopped
    assert campaign.sibling().action == "quarantine"
    for at in range(3):
        campaign.say("ham", "analyst", f"analyst{at}", message=str(at))
    verdict = campaign.sibling()
    assert verdict.action == "accept"
    assert not {name for name in signals(verdict) if name.startswith("reported")}
    reason = "3 analysts say that this sender's mail with this content is legitimate"
    assert signals(verdict)["vouched_for"].reason == reason


def test_a_thousand_votes_free_nothing_that_a_trap_stopped():
    campaign = Campaign().say("spam", "trap", "t")
    for at in range(1000):
        campaign.say("ham", "rescue", f"aged{at}")
    assert campaign.sibling().action == "quarantine"


@pytest.mark.parametrize("sample", sorted((ROOT / "examples" / "inbound").glob("*.eml")))
def test_three_analysts_free_what_its_content_stopped_and_a_thousand_users_do_not(sample):
    campaign = Campaign(sample.read_bytes())
    before = campaign.sibling()
    for at in range(1000):
        campaign.say("ham", "rescue", f"aged{at}", message=str(at % 7))
    assert encode(campaign.sibling()) == encode(before)
    for at in range(3):
        campaign.say("ham", "analyst", f"analyst{at}", message=str(at))
    assert campaign.sibling().action == "accept"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"https://barn.quarrybrook.net/season", b"https://barn.lowfield-garden.org/season"),
        (b"news@quarrybrook.net>", b"news@lowfield-garden.org>"),
    ],
)
def test_what_analysts_freed_cannot_be_copied_around_another_link_or_sender(old, new):
    campaign = Campaign()
    for at in range(3):
        campaign.say("ham", "analyst", f"analyst{at}", message=str(at))
    assert "vouched_for" in signals(campaign.sibling())
    copied = LETTER.replace(old, new)
    assert copied != LETTER
    assert "vouched_for" not in signals(campaign.sibling(copied))


def test_one_analyst_takes_reports_out_of_force():
    campaign = Campaign()
    for at in range(9):
        campaign.say("spam", reporter=f"u{at}", message=str(at))
    assert campaign.say("ham", "analyst", "a", message="99").sibling().action == "accept"


def test_a_link_that_much_honest_mail_has_does_not_fire():
    campaign = Campaign().say("spam", "trap", "t")
    other = LETTER.replace(b"boats", b"ships").replace(LETTER[150:330], b"Quite another letter. ")
    few, many = campaign.sibling(other), campaign.sibling(other, messages=500.0, age=9e6)
    assert "reported_link" in signals(few)
    assert "reported_link" not in signals(many)


def test_a_campaign_stays_stopped_though_nobody_reports_what_is_held():
    campaign = Campaign()
    for at in range(3):
        campaign.say("spam", reporter=f"u{at}", message=str(at), minutes_ago=5 * 24 * 60)
    assert campaign.sibling(messages=5_000.0, age=6 * 86_400).action == "quarantine"
    # What came in the same words for weeks before is a notice, and three people are few.
    assert campaign.sibling(messages=5_000.0, age=20 * 86_400).action == "accept"


def test_few_complaints_say_less_than_many_of_the_same_senders_mail():
    def contribution(delivered, people=4):
        campaign = Campaign(proven=True)
        for at in range(people):
            campaign.say("phish", reporter=f"u{at}", message=str(at))
        readings = {"sender.proven": 1, "sender.inbox_7d": delivered, "pair.known": 0}
        found = signals(campaign.sibling(readings=readings))
        return found["reported_sender"].contribution if "reported_sender" in found else 0

    assert contribution(2_000) == 0
    assert 0 < contribution(1_000) < contribution(100) < contribution(20)
    assert contribution(20, people=2) == 0


@pytest.mark.parametrize(("signal", "what"), [("reported_sender", "sender"),
                                              ("reported_network", "network")])  # fmt: skip
def test_people_alone_say_nothing_where_trusted_labels_call_more_mail_wanted(signal, what):
    campaign = Campaign(proven=True)
    for at in range(4):
        campaign.say("phish", reporter=f"u{at}", message=str(at))
    readings = {"sender.proven": 1, f"{what}.inbox_7d": 20, "pair.known": 0}
    wanted, mixed = ({f"{what}.ham": 9, f"{what}.spam": spam} for spam in (1, 9))
    assert signal in signals(campaign.sibling(readings=readings))
    assert signal in signals(campaign.sibling(readings=readings | mixed))
    assert signal not in signals(campaign.sibling(readings=readings | wanted))
    campaign.say("phish", "analyst", "a")
    assert signal in signals(campaign.sibling(readings=readings | wanted))


def test_complaints_of_enough_people_take_a_good_name_away():
    campaign = Campaign(proven=True)
    good = {"sender.proven": 1, "sender.age": 90 * 86_400, "sender.messages": 900,
            "sender.messages_7d": 501, "sender.inbox_7d": 500, "sender.bad_7d": 0,
            "sender.spam": 0, "sender.ham": 0, "pair.known": 0}  # fmt: skip
    for at, expected in enumerate((True, True, False)):
        campaign.say("phish", reporter=f"u{at}", message=str(at))
        assert ("good_record" in signals(campaign.sibling(readings=good))) is expected


def test_a_verdict_carries_what_the_strength_of_complaints_rests_on():
    campaign = Campaign(proven=True)
    for at in range(4):
        campaign.say("phish", reporter=f"u{at}", message=str(at))
    readings = {"sender.proven": 1, "sender.inbox_7d": 900, "pair.known": 0}
    inputs = signals(campaign.sibling(readings=readings))["reported_sender"].inputs
    rate = inputs["reported"] / inputs["delivered"]
    assert float(f"{100 * rate:.2g}") == inputs["percent"]
    assert 3.9 < inputs["reported"] < 4.0


def test_a_trap_subscribed_to_a_good_senders_mail_stops_none_of_it_and_an_analyst_does():
    good = {"sender.proven": 1, "sender.age": 90 * 86_400, "sender.messages": 900,
            "sender.messages_7d": 101, "sender.inbox_7d": 100, "sender.bad_7d": 0,
            "sender.spam": 0, "sender.ham": 0, "pair.known": 0}  # fmt: skip
    campaign = Campaign(proven=True).say("spam", "trap", "")
    assert campaign.sibling(readings=good).action == "accept"
    assert campaign.sibling().action == "quarantine"
    assert campaign.say("phish", reporter="anna").sibling(readings=good).action == "accept"
    assert campaign.say("phish", "analyst", "a").sibling(readings=good).action == "quarantine"


def report(who, at, source="report", *, abuse=True):
    return Report(f"{who}{at}", who.encode(), source, abuse, 0.4, at)


def test_reports_count_together_only_if_they_are_recent_and_trusted_ones_always():
    old = [report("a", 0.0), report("b", 50.0), report("t", 0.0, "trap")]
    history = known({}, reported=(Reported("link", "link:a.example", tuple(old)),))
    history = replace(history, hearing=Hearing(seconds=100.0))
    (heard,) = hearsay(history, "link", 120.0)
    assert (heard.people, heard.trusted, heard.since) == (1, 1, 120.0)


def test_bands_of_one_content_are_heard_as_one():
    ham = report("x", 1.0, "analyst", abuse=False)
    bands = [("content:0.a", [report("a", 1.0), report("b", 2.0)]),
             ("content:1.b", [report("b", 2.0), report("c", 3.0), ham])]  # fmt: skip
    history = known({}, reported=tuple(Reported("content", n, tuple(r)) for n, r in bands))
    (heard,) = hearsay(history, "content", 9.0, joined=True)
    assert (heard.people, heard.cleared, heard.enough) == (3, True, False)
    assert hearsay(history, "domain", 9.0, joined=True) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "minute"), (61, "hour"), (3600, "hour"), (3601, "2 hours"), (86401, "2 days")],
)
def test_a_span_is_told_in_whole_units_that_hold_it(seconds, words):
    assert within(seconds) == words


def test_what_the_policy_asks_is_what_detectors_hear():
    trust = Trust(reporters=4, recent_days=2, complaint_rate=0.01, freeing_analysts=2)
    assert trust.hearing == Hearing(4, 172_800.0, 0.01, 2)
    assert Trust().hearing == Hearing()
