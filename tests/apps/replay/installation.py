"""An embedded installation with a run in its log, judged as a worker judges, without a worker."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace as other

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.envelope import Client, Envelope, Fact
from features.history import known
from features.tokens import layout
from models.classifier import Classifier
from streams.cases import NOTHING_FOUND, Case, incoming, numbered, settled
from streams.keys import write_keys
from streams.label_records import label_record
from streams.local_log.log import LocalLog, Written
from streams.model_records import model_record
from streams.policies import keep
from streams.sandbox.sandbox import Sandbox
from streams.settings import load
from streams.topics import create, name
from streams.wire import read_arrival, read_head
from tests.streams.following.learner_by_hand import THETA, LearnerByHand

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "inbound").glob("*.eml"))
KNOWN = known({"sender.age": 86_400.0, "sender.messages": 5.0, "pair.received": 3.0})
EPOCH = "e"


class NoKeeper:
    """The folder of the settings keeps policies: there is no Redis here."""

    async def keep_policy(self, digest, text):
        pass


class Installation:
    """What a run leaves behind: topics in a local log, snapshots, policies, keys."""

    def __init__(self, folder):
        self.folder = folder
        self.env = {
            "WEIR_EMBEDDED__FOLDER": str(folder / "weir"),
            "WEIR_TOPICS__PARTITIONS": "2",
            "WEIR_PRIVACY__KEYS_FILE": str(folder / "keys.toml"),
            "WEIR_MODELS__SNAPSHOTS": str(folder / "snapshots"),
            "WEIR_POLICY__ARCHIVE": str(folder / "policies"),
        }
        self.settings = load(None, self.env)
        self.arrivals = []
        self.context = self.settings.context(write_keys(folder / "keys.toml"))
        self.learner = LearnerByHand(folder / "snapshots", layout(self.context))
        stack = shipped_stack()
        self.judge = Judge(
            self.context,
            Classifier.shipped(),
            read_policy(""),
            stack,
            engine_digest(self.context),
            models=self.learner.models,
        )
        self.sandbox = Sandbox(self.settings.attachments)

    async def begin(self):
        async def new_epoch(topic, epoch):
            pass

        await create(self.settings, new_epoch)
        await self.policy("")

    async def policy(self, text):
        """Put a policy in force, and keep it as a worker does."""
        policies = read_policy(text)
        await keep(policies, text, self.settings.policy, NoKeeper())
        self.judge = self.judge.with_policies(policies)

    def append(self, role, key, value, headers=(), partition=0):
        log = LocalLog(self.settings.embedded.folder)
        written = Written(name(self.settings, role), partition, key, value, headers)
        (place,) = log.append([written])
        log.close()
        return place

    def learn(self, count):
        """Let the learner publish so many steps; the judge's models take them at once."""
        for record in [*(self.learner.step() for _ in range(count)), self.learner.marker()]:
            self.publish(record)
        self.judge = self.judge.with_theta(THETA)

    def publish(self, record):
        made = model_record(name(self.settings, "models"), record, NOW)
        self.append("models", None, made.value, made.headers)

    def receive(
        self,
        mails,
        *,
        partition=0,
        history=KNOWN,
        change=lambda verdict: verdict,
        duplicate=False,
        requeued=False,
        unopened=False,
        age=1.0,
    ):
        """Judge mail as it lies in the log, and publish the verdicts; return their values.

        It was received `age` seconds before the log takes it.
        """
        cases = []
        for raw in mails:
            arrival = self._log(raw, partition, requeued=requeued, age=age)
            found = NOTHING_FOUND._replace(revision=int(duplicate))
            cases.append(Case(arrival, found=found))
        prepared = self.judge.prepare(
            [incoming(replace(case, found=NOTHING_FOUND)) for case in cases]
        )
        for case, one in zip(cases, self.sandbox.open_all(prepared), strict=True):
            case.prepared = replace(one, opened=None) if unopened else one
        judged = self.judge.conclude([settled(it) for it in cases], [history] * len(mails))
        values = []
        for case, one in zip(cases, judged, strict=True):
            values.append(encode(change(numbered(case, one.verdict))))
            self.verdict(values[-1], partition)
        return values

    def verdict(self, value, partition=0):
        head = read_head(value)
        headers = [("ce_id", head.event_id.encode())]
        self.append("verdicts", head.id.encode(), value, headers, partition)

    def close(self):
        self.sandbox.close()

    def expire(self, role):
        """Give up the records of a topic that were appended so far, as retention does."""
        log = LocalLog(self.settings.embedded.folder)
        row = log.topics()[name(self.settings, role)]
        log.create([row._replace(retention_ms=0)])
        while log.retire(int(time.time() * 1000) + 10):
            pass
        log.create([row])
        log.close()

    def label(self, label):
        """Give a label, as whoever reads mail does."""
        record = label_record(name(self.settings, "labels"), label, source="test")
        self.append("labels", record.key, record.value, record.headers)

    def _log(self, raw, partition, *, requeued, age):
        envelope = Envelope(
            id=f"m{len(self.arrivals)}",
            received_at=datetime.now(UTC) - timedelta(seconds=age),
            client=Client("192.0.2.77", "mail.example.org", "mail.example.org"),
            mail_from="carol@mail.example.org",
            rcpt_to=("dave@example.com",),
            facts={"dmarc.policy": Fact("reject", "edge", None)},
        )
        headers = [("weir-envelope", msgspec.json.encode(envelope))]
        if requeued:
            headers.append(("weir-requeued", b"1"))
        place = self.append("messages", envelope.id.encode(), raw, headers, partition)
        arrival = read_arrival(
            epoch=EPOCH,
            partition=partition,
            offset=place.offset,
            timestamp_ms=place.appended_ms,
            key=None,
            value=raw,
            headers=headers,
        )
        self.arrivals.append(arrival)
        return arrival


def as_fallback(verdict):
    """Return a verdict as a hook makes it by itself."""
    return other(verdict, kind="fallback", log=None)
