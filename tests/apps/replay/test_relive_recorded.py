"""Re-live over recorded verdicts: topic and archive come to the same, labels are heard anew."""

import asyncio
import email
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.replay.relive import Relive
from apps.replay.request import Request
from apps.replay.running import Run, goes_on, run_through
from apps.subscriber.archive.running import Archiver
from detectors.record import decode
from models.label import Place, Target
from streams.label_records import new_label, retraction
from streams.settings import load, read_keys
from streams.tokens import sign_token
from tests.apps.replay.installation import EXAMPLES

MAILS = [path.read_bytes() for path in EXAMPLES[:6]]


async def relive(installation, *arguments, **env):
    """Return the exit code, what --json says, and what is said beside."""
    command = ["replay", *arguments, "--mode", "re-live", "--json"]

    def call():
        return CliRunner().invoke(
            weir, command, env={**installation.env, **env}, catch_exceptions=False
        )

    done = await asyncio.to_thread(call)
    return done.exit_code, json.loads(done.stdout), done.stderr


async def archive(installation, folder):
    section = msgspec.structs.replace(installation.settings.archive, url=str(folder), raw=True)
    await Archiver(msgspec.structs.replace(installation.settings, archive=section)).run(once=True)
    return str(folder)


def labelled(target, truth="spam", source="analyst"):
    return new_label(target, truth, source, given_at=datetime.now(UTC))


def message_id(raw):
    return email.message_from_bytes(raw)["Message-ID"].strip("<>")


async def test_a_topic_and_its_archive_come_to_the_same_digest(installation, tmp_path):
    installation.receive(MAILS)
    installation.receive(MAILS[:3], partition=1)
    folder = await archive(installation, tmp_path / "archive")
    page = tmp_path / "report.html"
    code, topic, _ = await relive(installation, "topic", "--report", str(page))
    assert code == 0
    assert topic["messages"] == 9
    assert topic["comparison"]["compared"] == 9
    assert sum(topic["recorded"].values()) == 9
    assert topic["comparison"]["digest_after"] == topic["digest"]
    assert topic["digest"] in page.read_text()
    for source in ("topic", folder):
        code, again, _ = await relive(installation, source)
        assert (code, again["digest"]) == (0, topic["digest"]), source


async def test_a_range_of_the_topic_is_read_alone_and_what_is_not_kept_is_counted(installation):
    installation.receive(MAILS)
    code, part, _ = await relive(installation, "topic:0@1..4")
    assert (code, part["messages"]) == (0, 3)
    installation.expire("messages")
    code, gone, _ = await relive(installation, "topic:0@1..4")
    assert (gone["messages"], gone["without_mail"]) == (0, 3)
    assert gone["comparison"]["untold"] == [{"what": "the message", "messages": 3}]


async def test_labels_are_heard_at_their_time_and_teach_what_comes_after(installation, tmp_path):
    first = [decode(value) for value in installation.receive(MAILS)]
    place = first[1].log
    key = read_keys(Path(installation.settings.privacy.keys_file)).token_key
    mistaken = labelled(Target(id=first[2].id), "ham")
    given = [
        labelled(Target(id=first[0].id)),
        labelled(Target(position=Place(place.epoch, place.partition, place.offset)), "ham"),
        labelled(Target(rfc5322_message_id=message_id(MAILS[4]))),
        labelled(Target(token=sign_token(key, first[5].id, None)), "ham"),
        mistaken,
        retraction(mistaken, datetime.now(UTC)),
        labelled(Target(id="nobody")),
        labelled(Target(token="v1.forged.-.-.-." + "0" * 24)),
    ]
    for label in given:
        installation.label(label)
    await asyncio.sleep(0.01)
    installation.receive(MAILS, age=0.0)
    installation.label(labelled(Target(id=first[3].id)))
    folder = await archive(installation, tmp_path / "archive")
    _, off, _ = await relive(installation, "topic")
    code, on, _ = await relive(installation, "topic", "--learning")
    assert (code, on["learned"]) == (0, 6)
    assert on["labels"] == {"refused": {"unknown": 1, "forged": 1}, "later": 1}
    assert on["digest"] != off["digest"]
    _, archived, _ = await relive(installation, folder, "--learning")
    assert archived["digest"] == on["digest"]
    assert on["comparison"]["labelled_abuse"] >= 2


async def test_an_archive_that_holds_nothing_yet_gives_way_to_the_topic(installation, tmp_path):
    installation.receive(MAILS[:2])
    url = str(tmp_path / "archive")
    command = ["replay", "--mode", "verify", "--json"]
    for source in ((), ("last:7d",)):
        code, found, said = await relive(installation, *source, WEIR_ARCHIVE__URL=url)
        assert (code, found["messages"]) == (0, 2)
        assert "looking in the topic" in said

    def verify():
        env = {**installation.env, "WEIR_ARCHIVE__URL": url}
        return CliRunner().invoke(weir, command, env=env, catch_exceptions=False)

    done = await asyncio.to_thread(verify)
    assert (done.exit_code, json.loads(done.stdout)["verdicts"]) == (0, 2)


def test_ctrl_c_leaves_what_was_judged_and_promises_nothing(monkeypatch, tmp_path):
    judge = Relive.judge

    def stop(self, batch):
        os.kill(os.getpid(), signal.SIGINT)
        return judge(self, batch)

    monkeypatch.setattr(Relive, "judge", stop)
    for number in range(40):
        path = Path(EXAMPLES[number % len(EXAMPLES)])
        (tmp_path / f"{number:02}.eml").write_bytes(path.read_bytes())
    done = CliRunner().invoke(weir, ["replay", str(tmp_path), "--mode", "re-live"])
    assert done.exit_code == 130
    assert "32 messages judged" in done.stdout
    assert "begins anew" in done.stdout
    assert "--resume" not in done.output


@pytest.mark.parametrize("mode", ["verify", "what-if"])
def test_closing_words_name_what_works(mode):
    settings = load(None, {})
    assert "--resume" in goes_on(Request(settings, mode=mode, out=Path("x")))
    for request in (
        Request(settings, mode=mode, out=Path("x"), engine="spark"),
        Request(settings, mode=mode),
    ):
        assert "--resume" not in goes_on(request)


async def test_what_was_begun_over_the_topic_does_not_go_on_over_an_archive(installation, tmp_path):
    installation.receive(MAILS[:1])
    folder = await archive(installation, tmp_path / "archive")
    request = Request(installation.settings, (folder,), out=tmp_path / "x.json", resume=True)
    with pytest.raises(click.UsageError, match="name the SOURCE"):
        await run_through(request, folder, None, Run(None, {"0": 3}), None)
