"""`weir label` on a real Kafka and Redis: what it publishes is what is read back."""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.installation import open_judge
from apps.subscriber.flow import kept
from detectors.record import encode
from features.addresses import hash_address
from features.entities import Namer
from features.envelope import Envelope, Incoming, LogPosition
from features.sender import index_keys
from models.hearing import MessageFacts, Voice
from models.label import Given, Label, Target
from streams.label_records import label_id, read_record
from streams.labels.path import LabelPaths, Passed
from streams.settings import read_keys
from streams.stores.label_state import Heard, LabelChange, LabelRecord
from streams.stores.protocol import Keeping, Query
from streams.stores.redis_store import RedisStore, open_redis
from streams.tokens import read_token, sign_token
from streams.topics import name
from streams.wire import new_id, read_head, verdict_record

pytestmark = pytest.mark.integration

PLACE = LogPosition("e1", 1, 77)
NOTICE = b"From: a@sender.example\r\nMessage-ID: <known@sender.example>\r\n\r\nBuy now\r\n"
REPORT = b"""From: Anna <anna@our.example>
To: abuse@our.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is a report.
--b
Content-Type: message/feedback-report

Feedback-Type: fraud
Version: 1
--b
Content-Type: message/rfc822

X-Weir-Id: %b
From: thief@sender.example
Message-ID: <other@sender.example>

Your account
--b--
"""


class Installation:
    """Keys and one judged message of this test's own, on topics that the tests here share."""

    def __init__(self, environment, settings, run):
        self.environment, self.settings, self.run = environment, settings, run
        self.keys = read_keys(Path(settings.privacy.keys_file))
        self.context = settings.context(self.keys)
        self.known = new_id()
        self.judge("known@sender.example")
        self._earlier = len(self._all_labels())

    def judge(self, message_id, direction="inbound"):
        """Leave in Redis what a worker leaves of a message."""

        async def judge(store):
            await store.look_up([Query(PLACE, self.known, "key")])
            (key, _) = index_keys(Namer(self.context, "default"), message_id)
            await store.record([Keeping(PLACE, b"{}", key, self.known, direction)])

        self._with_store(judge)

    def count(self, label):
        """Leave in Redis what the learner leaves of a label that it has counted."""

        async def count(store):
            given = Given(0, label, "spam", "report", "1:ab", 1_770_000_000.0)
            heard = Heard(Voice(given, 0.5, "all", teaches=True))
            record = LabelRecord(
                self.known, "default", "inbound", 1.0, PLACE, (), MessageFacts(), (heard,)
            )
            applied = LogPosition("l", 0, 0)
            change = LabelChange(None, applied, [record], labels={label: self.known})
            assert await store.keep_labels(change)

        self._with_store(count)

    def dispute(self):
        """Leave in Redis what the learner leaves where two analysts disagree."""

        async def dispute(store):
            voices = [
                Voice(
                    Given(at, f"l{at}", truth, "analyst", who, 60.0 * at), 1.0, "all", teaches=True
                )
                for at, (truth, who) in enumerate([("spam", "a"), ("ham", "b")])
            ]
            heard = tuple([Heard(voice) for voice in voices])
            record = LabelRecord(
                self.known, "default", "inbound", 1.0, PLACE, (), MessageFacts(), heard
            )
            assert await store.keep_labels(LabelChange(None, LogPosition("l", 0, 1), [record]))

        self._with_store(dispute)

    def _with_store(self, work):
        async def act():
            store = RedisStore(self.settings)
            try:
                await work(store)
            finally:
                await store.close()

        asyncio.run(act())

    def labels(self):
        """Return what this test put on the topic of labels, read as the learner reads it."""
        return self._all_labels()[self._earlier :]

    def _all_labels(self):

        async def read():
            return [
                read_record(record.value, record.headers, datetime.now(UTC))
                async for record in kept(self.settings, "labels")
            ]

        return asyncio.run(read())

    def tell(self, *passed):
        async def tell():
            client = open_redis(self.settings)
            try:
                await LabelPaths(client, self.settings).tell(passed)
            finally:
                await client.aclose()

        asyncio.run(tell())


@pytest.fixture(scope="module")
def prefix(brokers, redis_url):
    """The prefix of topics that the tests here share."""
    own = secrets.token_hex(4)
    environment = {
        "WEIR_KAFKA__BROKERS": brokers,
        "WEIR_TOPICS__PREFIX": f"{own}.",
        "WEIR_REDIS__URL": redis_url,
        "WEIR_REDIS__KEY_PREFIX": f"{own}:",
    }
    assert CliRunner().invoke(weir, ["topics", "create"], env=environment).exit_code == 0
    return f"{own}."


@pytest.fixture
def environment(environment, prefix):
    return {**environment, "WEIR_TOPICS__PREFIX": prefix}


@pytest.fixture
def installed(environment, settings, run):
    return Installation(environment, settings, run)


def test_what_is_said_of_an_id_is_read_back_and_taken_back(installed):
    said = installed.run("label", installed.known, "spam", "--reporter", "mara", "--json")
    back = installed.run("label", "--retract", installed.known, "--reporter", "mara")
    given, retracted = installed.labels()
    line = json.loads(said.stdout)
    assert said.exit_code == back.exit_code == 0, said.output + back.output
    assert isinstance(given, Label)
    assert (given.truth, given.source, line["truth"]) == ("spam", "analyst", "spam")
    assert given.reporter == hash_address("mara", installed.context)
    assert read_token(installed.keys.token_key, given.of.token) == (installed.known, PLACE)
    assert line["label"] == given.id == retracted.retracts
    assert retracted.truth is None


def test_an_abuse_report_leads_back_by_its_token_and_says_the_rest_itself(installed, tmp_path):
    token = installed.run("label", "--token", installed.known)
    value = token.stdout.removeprefix("X-Weir-Id: ").strip()
    (tmp_path / "report.eml").write_bytes(REPORT % value.encode())
    result = installed.run("label", "report.eml")
    (label,) = installed.labels()
    assert result.exit_code == 0, result.output
    assert (label.truth, label.source) == ("phish", "report")
    assert label.of == Target(token=value)
    assert label.reporter == hash_address("anna@our.example", installed.context)


def test_a_forged_token_and_one_of_another_installation_are_refused(installed):
    foreign = sign_token(b"another key", installed.known, PLACE)
    result = installed.run("label", foreign, "spam")
    assert result.exit_code == 1
    assert "forged, or of another installation" in result.stderr
    assert installed.labels() == []


BOUNCE = b"""From: mailer-daemon@there.example
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.there.example

Final-Recipient: rfc822; nobody@there.example
Action: failed
Status: 5.1.1
--b
Content-Type: text/rfc822-headers

Message-ID: <known@sender.example>
%b
--b--
"""


def test_a_bounce_counts_only_with_our_token(installed, tmp_path):
    forged = sign_token(b"another key", installed.known, PLACE)
    ours = sign_token(installed.keys.token_key, installed.known, PLACE)
    without = installed.run("label", "-", input=BOUNCE % b"X-Other: 1")
    false = installed.run("label", "-", input=BOUNCE % f"X-Weir-Id: {forged}".encode())
    true = installed.run("label", "-", input=BOUNCE % f"X-Weir-Id: {ours}".encode())
    assert (without.exit_code, false.exit_code, true.exit_code) == (1, 1, 0)
    assert "no token of ours" in without.stderr
    assert "forged" in false.stderr
    (label,) = installed.labels()
    assert (label.truth, label.source, label.of.token) == ("unwanted", "bounce", ours)


def test_a_report_of_outbound_mail_needs_our_token_too(installed):
    """Its Message-ID could be anybody's guess (RFC 6650)."""
    report = REPORT.replace(b"<other@", b"<sent@") % b"v1.forged"
    installed.judge("sent@sender.example", "outbound")
    result = installed.run("label", "-", input=report)
    assert result.exit_code == 1
    assert "about outbound mail" in result.stderr
    assert installed.labels() == []


def test_of_several_tokens_the_topmost_of_ours_is_taken(installed):
    """Whoever was there before us wrote theirs below."""
    other = sign_token(installed.keys.token_key, "m-0", PLACE)
    tokens = (
        sign_token(b"another key", "m-9", PLACE),
        sign_token(installed.keys.token_key, installed.known, PLACE),
        other,
    )
    report = REPORT % "\nX-Weir-Id: ".join(tokens).encode()
    assert installed.run("label", "-", input=report).exit_code == 0
    (label,) = installed.labels()
    assert read_token(installed.keys.token_key, label.of.token).id == installed.known


def test_what_somebody_else_said_is_not_retracted_by_mistake(installed):
    installed.count(label_id("default", Target(id=installed.known), "report", "1:ab"))
    mistaken = installed.run("label", "--retract", installed.known)
    assert mistaken.exit_code == 1
    assert "said nothing of it" in mistaken.stderr
    assert installed.labels() == []


def test_a_label_is_retracted_by_its_own_id(installed):
    label = label_id("default", Target(id=installed.known), "report", "1:ab")
    installed.count(label)
    foreign = installed.run("label", "--retract", label, "--tenant", "acme")
    result = installed.run("label", "--retract", label)
    (retracted,) = installed.labels()
    assert foreign.exit_code == 1
    assert result.exit_code == 0, result.output
    assert (retracted.retracts, retracted.source, retracted.reporter) == (label, "report", "1:ab")


def test_a_message_is_found_by_its_message_id_in_its_own_tenant_alone(installed):
    found = installed.run("label", "-", "spam", "--json", input=NOTICE)
    other = installed.run("label", "-", "spam", "--json", "--tenant", "acme", input=NOTICE)
    ours, theirs = installed.labels()
    assert json.loads(found.stdout)["message"] == installed.known
    assert json.loads(other.stdout)["message"] is None
    assert read_token(installed.keys.token_key, ours.of.token).id == installed.known
    assert theirs.of.raw == NOTICE


def test_a_user_cannot_teach_by_a_message_that_nobody_judged(installed):
    unknown = NOTICE.replace(b"known@", b"unknown@")
    user = installed.run(
        "label", "-", "spam", "--source", "report", "--reporter", "a@our.example", input=unknown
    )
    assert user.exit_code == 1
    assert "no message judged in the last 3 days" in user.stderr
    assert installed.labels() == []


def test_an_id_that_redis_has_forgotten_is_found_by_its_verdict(installed, publish):
    old, place = new_id(), LogPosition("e0", 3, 5)
    envelope = Envelope(id=old, received_at=datetime.now(UTC))
    judged = open_judge(installed.settings).degraded(Incoming(envelope, b"", place))
    value = encode(judged)
    record = verdict_record(
        name(installed.settings, "verdicts"),
        read_head(value),
        value,
        judged_at=datetime.now(UTC),
        timings={},
        worker="w",
    )
    publish(record)
    result = installed.run("label", "--token", old, new_id())
    said = result.stdout.removeprefix("X-Weir-Id:")
    assert read_token(installed.keys.token_key, said) == (old, place)
    assert result.exit_code == 1
    assert "no message known under this id" in result.stderr


def test_an_unknown_id_is_refused_with_what_was_looked_at(installed):
    result = installed.run("label", new_id(), "spam")
    assert result.exit_code == 1
    assert "neither lately judged" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_status_tells_the_path_of_a_label_as_those_who_handle_it_told_it(installed):
    label = label_id("default", Target(id=installed.known), "trap", "")
    before = installed.run("label", "--status", label)
    installed.tell(
        Passed(label, "received", 1_770_000_000.0, "7"),
        Passed(label, "counted", 1_770_000_000.5),
        Passed(label, "learned", 1_770_000_001.0, "12"),
    )
    by_label = installed.run("label", "--status", label, "--json")
    by_message = installed.run("label", "--status", installed.known)
    assert before.exit_code == 1
    path = [(step["stage"], step["detail"]) for step in json.loads(by_label.stdout)["path"]]
    assert path == [("received", "7"), ("counted", ""), ("learned", "12")]
    assert label in by_message.stdout
    assert "learned" in by_message.stdout


def test_many_files_are_told_as_a_sum_and_what_could_not_be_read_is_named(installed, tmp_path):
    (tmp_path / "ham").mkdir()
    for number in range(30):
        text = NOTICE.replace(b"known@", b"m%d@" % number)
        (tmp_path / "ham" / f"{number}.eml").write_bytes(text)
    (tmp_path / "ham" / "README").write_bytes(b"what lies here isn't spam\n")
    result = installed.run("label", tmp_path / "ham", "ham")
    assert result.stdout.count("ham by analyst") == 20
    assert "30 labels published" in result.stdout
    assert "README: no header field" in result.stderr
    assert result.exit_code == 3
    assert len({label.id for label in installed.labels()}) == 30


def test_without_a_broker_it_is_one_line(installed):
    installed.environment["WEIR_KAFKA__BROKERS"] = "127.0.0.1:1"
    result = installed.run("label", installed.known, "spam")
    assert result.exit_code == 4
    assert "no broker answers" in result.stderr


def test_without_redis_it_is_one_line(installed):
    installed.environment["WEIR_REDIS__URL"] = "redis://127.0.0.1:1"
    result = installed.run("label", installed.known, "spam")
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1


def test_who_says_nothing_of_which_message_is_told_so():
    result = CliRunner().invoke(weir, ["label", "spam"])
    assert result.exit_code == 2
    assert "say of which" in result.output


@pytest.mark.parametrize("last", ["spma", "01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11", "x" * 5_000])
def test_a_misspelt_or_missing_truth_is_told_and_publishes_nothing(installed, last):
    result = installed.run("label", installed.known, last)
    assert result.exit_code == 2
    assert "no truth" in result.output
    assert "unwanted" in result.output
    assert installed.labels() == []


def test_a_label_that_the_learner_refuses_while_one_waits_is_a_refusal(installed):
    label = label_id("default", Target(id=installed.known), "trap", "")
    installed.tell(Passed(label, "refused", 1_770_000_000.0, "foreign: of another tenant"))
    given = ("label", installed.known, "spam", "--source", "trap")
    assert installed.run(*given).exit_code == 0
    waited = installed.run(*given, "--wait", 5)
    assert waited.exit_code == 1
    assert "another tenant" in waited.stdout


def test_messages_whose_labels_need_an_analyst_are_listed(installed):
    none = installed.run("label", "--disputed")
    installed.dispute()
    listed = installed.run("label", "--disputed")
    (line,) = installed.run("label", "--disputed", "--json").stdout.splitlines()
    wrong = installed.run("label", "--disputed", installed.known)
    assert (none.exit_code, none.stdout) == (0, "No labels are disputed.\n")
    assert f"{installed.known}  1970-01-01" in listed.stdout
    assert "1 say abuse, 1 ham: as much speaks for as against" in listed.stdout
    assert json.loads(line)["message"] == installed.known
    assert wrong.exit_code == 2
    assert "--disputed goes without a message" in wrong.stderr
    assert installed.run("label", "--disputed", "--tenant", "other", "--json").stdout == ""
    assert installed.run("label").exit_code == 2
