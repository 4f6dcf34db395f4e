"""Labels that mail gives by itself, from the real worker onto the real topic."""

from datetime import UTC, datetime

import msgspec
import pytest

from models.label import Label, Place, Target
from streams.label_records import read_record

pytestmark = pytest.mark.integration

HERE = "lena@ours.example"
THERE = "tom@partner.example"


FORWARDED = (
    "---------- Forwarded message ----------\r\nFrom: Tom <tom@partner.example>\r\n"
    "Date: Fri, 1 May 2026 12:00:00 +0000\r\nSubject: Lunch\r\nTo: lena@ours.example\r\n\r\nHi."
)


def letter(number, sender, to, *fields, subject="Lunch"):
    head = [
        f"From: <{sender}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        f"Message-ID: <m{number}@x.example>",
        *fields,
    ]
    body = FORWARDED if subject.startswith("Fwd") else f"Number {number}, see you on Friday."
    return ("\r\n".join(head) + f"\r\n\r\n{body}\r\n").encode()


def inbound(installation, number, to=HERE, mail_from=THERE, **fields):
    raw = letter(number, THERE, to)
    return installation.record(raw, mail_from=mail_from, rcpt_to=(to,), **fields)


def outbound(installation, number, *fields, to=THERE, subject="Re: Lunch"):
    return installation.record(
        letter(number, HERE, to, *fields, subject=subject),
        direction="outbound",
        mail_from=HERE,
        rcpt_to=(to,),
        user=HERE,
    )


async def test_a_reply_and_a_trap_give_one_label_each_that_is_the_same_under_redelivery(
    installation,
):
    installation.policy.write_text('shadow = false\n[labels]\ntraps = ["Old@ours.example"]\n')
    first = installation.start_worker().wait_ready()

    async def judged(*records):
        idents = await installation.send(records)
        return idents, await installation.verdicts(idents)

    (answered,), by_event = await judged(inbound(installation, 1))
    log = msgspec.json.decode(by_event[f"{answered}.judged"][0].value)["log"]
    (reply, correspondent, *_), _ = await judged(
        outbound(installation, 2, "In-Reply-To: <m1@x.example>"),
        outbound(installation, 3, subject="Another thing"),
        # These three say nothing: a program's answer, a message passed on, mail to a stranger.
        outbound(installation, 4, "In-Reply-To: <m1@x.example>", "Auto-Submitted: auto-replied"),
        outbound(installation, 5, "In-Reply-To: <m1@x.example>", subject="Fwd: Lunch"),
        outbound(installation, 6, to="new@elsewhere.example", subject="Hello"),
    )
    (trapped, *_), _ = await judged(
        inbound(installation, 7, to="old@OURS.example"),
        inbound(installation, 8, to="old@ours.example", mail_from=""),  # a stray bounce
    )
    first.wait_metric("weir_labels_given_total", lambda value: value == 3)

    # Another group is given all of it anew: the same labels, to the byte.
    again = installation.start_worker(WEIR_KAFKA__GROUP="again").wait_ready()
    again.wait_metric("weir_redelivered_total", lambda value: value == 8)
    records = await installation.read("labels", lambda found: len(found) >= 6)
    assert len(records) == 6
    assert len({record.value for record in records}) == 3
    now = datetime.now(UTC)
    labels = {}
    for record in records:
        label = read_record(record.value, record.headers, now)
        assert isinstance(label, Label)
        labels[label.id] = label
    by_target = {label.of: label for label in labels.values()}
    place = Place(log["epoch"], log["partition"], log["offset"])
    assert by_target.keys() == {
        Target(position=place),
        Target(id=correspondent),
        Target(id=trapped),
    }
    assert (by_target[Target(position=place)].truth, by_target[Target(position=place)].source) == (
        "ham",
        "reply",
    )
    assert by_target[Target(id=trapped)].source == "trap"
    assert reply != correspondent
    assert all(HERE not in record.value.decode() for record in records), "no address in clear"
