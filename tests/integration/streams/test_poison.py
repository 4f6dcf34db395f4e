"""A thousand accounts vote for a campaign on the real Kafka and Redis, and change nothing."""

from datetime import UTC, datetime

import pytest

from detectors.record import decode
from features.envelope import Client
from models.label import Target
from streams.label_records import label_record, new_label

pytestmark = pytest.mark.integration

ACCOUNTS = 1000
COPIES = 4  # of the campaign, that people label
LETTER = """From: Quarry Brook <news@quarrybrook.example.net>
To: someone@ours.example.org
Subject: The new season
Message-ID: <{number}@quarrybrook.example.net>
Content-Type: text/plain; charset=utf-8

Dear reader, the boats are out of the water and the shop has been painted twice this winter.
Come and look at what the carpenter has made of the old barn; there is soup on every Saturday.
More of it stands at https://barn.quarrybrook.example.net/season and on the board at the door.
"""


async def test_a_thousand_aged_accounts_change_no_action_and_three_analysts_free_the_campaign(
    installation, learner
):
    worker, teacher = installation.start_worker(), learner(WEIR_LEARNER__PUBLISH_SECONDS="60")
    worker.wait_ready()
    teacher.wait_ready()
    told = 0

    async def arrive(*numbers):
        """Let copies of the campaign arrive; return their ids and verdicts."""
        idents = await installation.send(
            [
                installation.record(
                    LETTER.format(number=number).encode(),
                    client=Client(ip="192.0.2.7"),
                    mail_from="news@quarrybrook.example.net",
                    rcpt_to=("someone@ours.example.org",),
                )
                for number in numbers
            ]
        )
        records = [
            each for found in (await installation.verdicts(idents)).values() for each in found
        ]
        verdicts = {verdict.id: verdict for verdict in (decode(it.value) for it in records)}
        return idents, [verdicts[ident] for ident in idents]

    async def say(truth, source, reporters):
        """Let each reporter label one of the first copies; wait until all is counted."""
        nonlocal told
        labels = [
            new_label(
                Target(id=idents[at % COPIES]),
                truth,
                source,
                reporter=reporter,
                given_at=datetime.now(UTC),
            )
            for at, reporter in enumerate(reporters)
        ]
        topic = installation.topic("labels")
        await installation.send([label_record(topic, it, source="/test") for it in labels])
        told += len(labels)
        teacher.wait_metric("weir_label_seconds_count", lambda count: count >= told)

    idents, verdicts = await arrive(*range(COPIES))
    assert {verdict.action for verdict in verdicts} == {"accept"}
    await say("spam", "report", ["1:aa", "1:bb", "1:cc"])
    _, (stopped,) = await arrive("stopped")
    assert stopped.action == "quarantine"
    await say("ham", "rescue", [f"1:{number:032x}" for number in range(ACCOUNTS)])
    _, (voted,) = await arrive("voted")
    assert (voted.action, voted.class_) == (stopped.action, stopped.class_)
    assert "reported_content" in {signal.name for signal in voted.signals}
    await say("ham", "analyst", ["1:dd", "1:ee", "1:ff"])
    _, (freed,) = await arrive("freed")
    assert freed.action == "accept"
    assert "vouched_for" in {signal.name for signal in freed.signals}
