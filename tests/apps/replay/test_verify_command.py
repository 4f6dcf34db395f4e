"""Recorded verdicts come out the same again, and where they don't, it is told."""

import asyncio
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from click.testing import CliRunner
from msgspec.structs import replace as other

from apps.cli.main import weir
from apps.replay import topic_reading
from apps.replay.request import Request
from apps.replay.resuming import Checkpoint
from apps.replay.running import Run, run_through
from apps.replay.sources import TopicSource
from apps.replay.topic_reading import open_topic
from apps.replay.verify_command import run
from apps.replay.verify_result import VerifyResult
from apps.replay.verify_task import VerifyTask
from apps.subscriber.archive.expiring import expire
from apps.subscriber.archive.running import Archiver
from apps.subscriber.archive.storage import Storage
from detectors.record import decode, encode
from tests.apps.replay.installation import EXAMPLES, as_fallback

MAILS = [path.read_bytes() for path in EXAMPLES[:6]]
STRICT = """shadow = false
[thresholds.inbound]
add_header = 0.1
quarantine = 0.3
[[rules]]
name = "letters"
when = 'subject.contains("e")'
action = "add_header"
reason = "An e"
"""


async def replay(installation, *arguments, source="topic"):
    """Return the exit code and what --json says."""
    code, out = await told(installation, "--json", *arguments, source=source)
    return code, json.loads(out)


async def told(installation, *arguments, source="topic"):
    command = ["replay", source, "--mode", "verify", *arguments]

    def call():
        done = CliRunner().invoke(weir, command, env=installation.env, catch_exceptions=False)
        return done.exit_code, done.stdout

    return await asyncio.to_thread(call)


def timeless(found):
    return {**found, "seconds": 0, "per_second": 0}


async def a_run(installation):
    """Verdicts with nothing learned, then something, then under another policy; two partitions."""
    installation.receive(MAILS)
    installation.learn(3)
    installation.receive(MAILS, partition=1)
    pointer = installation.learner.snapshot()
    installation.publish(pointer)
    installation.judge.models.digest = pointer.digest[:12]
    installation.learn(2)
    await installation.policy(STRICT)
    installation.receive(MAILS)


async def test_every_verdict_of_a_run_comes_out_the_same_from_the_mail(installation):
    await a_run(installation)
    code, found = await replay(installation)
    assert (code, found["different"], found["untold"]["count"]) == (0, [], 0), found
    assert (found["verdicts"], found["same"]) == (18, {"raw": 18, "vector": 0})
    assert found["digest"] == found["recorded_digest"]


async def test_without_the_mail_vector_and_basis_give_the_same_and_are_counted_apart(installation):
    await a_run(installation)
    _, before = await replay(installation)
    installation.expire("messages")
    code, found = await replay(installation)
    assert (code, found["different"], found["untold"]["count"]) == (0, [], 0), found
    assert found["same"] == {"raw": 0, "vector": 18}
    assert found["digest"] == before["digest"]


async def test_several_processes_find_the_same_digest(installation, monkeypatch):
    monkeypatch.setattr(topic_reading, "BATCH", 4)
    await a_run(installation)
    _, alone = await replay(installation)
    code, together = await replay(installation, "--workers", "2")
    assert code == 0
    assert timeless(together) == timeless(alone)


async def test_what_differs_is_told_field_by_field_and_by_the_exit_code(installation):
    first, second = installation.receive(MAILS[:2])
    verdict = decode(first)
    signals = (other(verdict.signals[0], reason="Another reason"), *verdict.signals[1:])
    vector = bytearray(msgspec.to_builtins(verdict.features)["f32"].encode())
    vector[:4] = b"AACA"
    changed = other(
        verdict,
        signals=signals,
        action="discard",
        features=other(verdict.features, f32=vector.decode()),
    )
    # In another partition: of two in one, the first is in force.
    installation.verdict(encode(changed), partition=1)
    code, found = await replay(installation)
    assert code == 1
    assert found["same"] == {"raw": 2, "vector": 0}
    assert found["differing"] == {"raw": 1, "vector": 0}
    (example,) = found["different"]
    fields = {field: (recorded, now) for field, recorded, now in example["differences"]}
    name = verdict.signals[0].name
    assert fields["action"] == ('"discard"', f'"{verdict.action}"')
    assert fields[f"signals[{name}].reason"][0] == '"Another reason"'
    assert any(field.startswith("features[") for field in fields)
    assert found["digest"] != found["recorded_digest"]
    _, lines = await told(installation)
    assert "  action: &quot;discard&quot;".replace("&quot;", '"') in lines
    del second


async def test_of_another_engine_action_and_logit_count_alone(installation):
    installation.receive(MAILS[:1], change=lambda it: other(it, engine="0" * 16, bias=it.bias))
    installation.receive(
        MAILS[1:2], change=lambda it: other(it, engine="0" * 16, logit=it.logit + 999)
    )
    installation.receive(
        MAILS[2:3], change=lambda it: other(it, engine="0" * 16, logit=it.logit + 1_001)
    )
    code, found = await replay(installation)
    assert code == 1
    assert (found["other_engine"], found["same"]["raw"], found["differing"]["raw"]) == (3, 2, 1)
    assert found["fields"] == {"logit": 2}


async def test_what_was_missing_then_is_missing_again(installation):
    installation.receive(MAILS, history=None)
    code, found = await replay(installation)
    assert (code, found["same"]["raw"]) == (0, 6), found["different"]
    installation.expire("messages")
    assert (await replay(installation))[1]["same"]["vector"] == 6


async def test_a_lack_of_the_store_a_revision_and_a_fallback_are_what_they_were(installation):
    def lacking(verdict):
        return other(verdict, degraded=(*verdict.degraded, "store"))

    def revised(verdict):
        return other(verdict, kind="revised", revision=2)

    installation.receive(MAILS[:1], change=lacking)
    installation.receive(MAILS[1:2], change=revised)
    installation.receive(MAILS[2:3], change=as_fallback)
    code, found = await replay(installation)
    assert (code, found["same"]["raw"], found["fallback"]) == (0, 2, 1), found["different"]


async def test_attachments_that_could_not_be_opened_are_not_opened_now(installation):
    (value,) = installation.receive(MAILS[:1], unopened=True)
    assert decode(value).degraded == ("attachments",)
    code, found = await replay(installation)
    assert (code, found["same"]["raw"]) == (0, 1), found["different"]


async def test_a_repeated_and_a_requeued_message_are_flagged_as_they_were(installation):
    (first,) = installation.receive(MAILS[:1], duplicate=True)
    (second,) = installation.receive(MAILS[1:2], requeued=True)
    assert decode(first).flags[-1] == "duplicate"
    assert "requeued" in decode(second).flags
    code, found = await replay(installation)
    assert (code, found["same"]["raw"]) == (0, 2), found["different"]


async def test_a_verdict_on_a_message_that_broke_the_pipeline_is_what_it_was(installation):
    def broken(verdict):
        message = installation.arrivals[-1].incoming
        return installation.judge.degraded(message, "pipeline")

    installation.receive(MAILS[:1], change=broken)
    code, found = await replay(installation)
    assert (code, found["same"]["raw"]) == (0, 1), found["different"]


async def test_a_verdict_that_lies_twice_in_the_topic_counts_once(installation):
    first, _ = installation.receive(MAILS[:2])
    before = await replay(installation)
    installation.verdict(first)
    installation.verdict(encode(other(decode(first), rcpt_count=9)))  # the first is in force
    assert timeless((await replay(installation))[1]) == timeless(before[1])


async def test_a_policy_that_is_not_kept_is_named_with_what_is_still_possible(installation):
    installation.receive(MAILS[:1])
    await installation.policy(STRICT)
    installation.receive(MAILS[1:2])
    digest = installation.judge.policies.digest
    (installation.folder / "policies" / f"{digest}.json").unlink()
    code, found = await replay(installation)
    ((reason, count),) = found["untold"]["reasons"].items()
    assert (code, count, found["same"]["raw"]) == (3, 1, 1)
    assert reason.startswith(f"policy {digest} isn't kept")
    assert "what-if --policy" in reason


async def test_models_that_are_not_kept_are_named_and_the_rest_is_judged(installation):
    installation.receive(MAILS[:1])
    installation.learn(2)
    installation.expire("models")
    installation.learn(1)
    installation.receive(MAILS[1:2])
    code, found = await replay(installation)
    assert (code, found["same"]["raw"]) == (3, 1)
    assert list(found["untold"]["reasons"]) == [
        "online models @new+3: no snapshot of it is kept, and step 1 isn't either"
    ]


async def test_a_schema_of_another_release_is_named(installation):
    installation.receive(
        MAILS[:1], change=lambda it: other(it, features=other(it.features, schema="f" * 64))
    )
    code, found = await replay(installation)
    (reason,) = found["untold"]["reasons"]
    assert code == 3
    assert reason.startswith("feature schema ffffffffffffffff, which this release doesn't have")


async def test_what_is_no_verdict_is_named_by_its_place(installation):
    installation.append("verdicts", b"k", b"not JSON", partition=1)
    code, found = await replay(installation)
    (place,) = found["unread"]
    assert code == 3
    assert "verdicts, partition 1, offset 0: not a verdict" in place


async def test_a_range_that_has_expired_is_named_and_the_rest_is_read(installation):
    installation.receive(MAILS[:3])
    installation.expire("verdicts")
    installation.receive(MAILS[3:5])
    code, found = await replay(installation, source="topic:0@1..5")
    assert (code, found["verdicts"]) == (3, 2)
    assert "partition 0, offsets 1 to 2: have expired" in next(iter(found["unread"]))
    assert (await replay(installation, source="topic:0@4..5"))[1]["verdicts"] == 1


async def test_a_run_that_was_stopped_goes_on_to_the_same_end(installation, monkeypatch, tmp_path):
    monkeypatch.setattr(topic_reading, "BATCH", 2)
    await a_run(installation)
    _, whole = await replay(installation)
    out = tmp_path / "found.json"
    request = Request(installation.settings, ("topic",), "verify", out, resume=True)
    work = Run(VerifyResult(), {})
    checkpoint = Checkpoint(out, "verify topic", VerifyResult)
    task = asyncio.create_task(
        run_through(
            request,
            "topic",
            lambda folder, archive: VerifyTask(request.settings, folder, archive),
            work,
            checkpoint,
        )
    )
    while not work.found.verdicts:  # noqa: ASYNC110 - a stretch is done when it is done
        await asyncio.sleep(0.01)
    task.cancel()
    await task
    assert work.stopped
    assert 0 < work.found.verdicts < 18
    assert checkpoint.read() == (work.mark, work.found)

    assert await asyncio.to_thread(run, replace(request, as_json=True)) == 0
    found = json.loads(out.read_bytes())
    assert timeless(found) == timeless(whole)
    assert checkpoint.read() is None


async def test_an_archive_gives_the_same_digest_from_mail_and_from_vectors(installation, tmp_path):
    await a_run(installation)
    _, live = await replay(installation)
    archive = msgspec.structs.replace(
        installation.settings.archive, url=str(tmp_path / "archive"), raw=True
    )
    await Archiver(other(installation.settings, archive=archive)).run(once=True)
    installation.expire("models")
    shutil.rmtree(installation.folder / "snapshots")
    shutil.rmtree(installation.folder / "policies")
    code, found = await replay(installation, source=archive.url)
    assert (code, found["same"]) == (0, {"raw": 18, "vector": 0}), found
    assert found["digest"] == live["digest"]


async def test_what_is_no_verdict_is_told_of_an_archive_too_when_vectors_have_gone_as_well(
    installation, tmp_path
):
    installation.receive(MAILS[:2])
    installation.append("verdicts", b"odd", b"{no verdict", [("ce_id", b"odd")])
    archive = other(installation.settings.archive, url=str(tmp_path / "archive"), vector_days=0)
    await Archiver(other(installation.settings, archive=archive)).run(once=True)
    code, found = await replay(installation, source=archive.url)
    assert (code, found["same"]["vector"], found["untold"]["count"]) == (3, 2, 1)
    expire(Storage(archive.url), archive, datetime.now(UTC) + timedelta(hours=1))
    code, found = await replay(installation, source=archive.url)
    assert (code, found["same"]["vector"], found["untold"]["count"]) == (3, 0, 3)


async def test_a_mark_behind_what_has_expired_lies_behind_all_that_was_read(installation):
    installation.receive(MAILS[:2])
    installation.receive(MAILS[:1], partition=1)
    installation.expire("verdicts")
    installation.receive(MAILS[:2])
    async with open_topic(
        installation.settings, TopicSource((0, 1), 0), mail=False, kept=None
    ) as reading:
        found = [each async for each in reading.stretches({"0": 2, "1": 0})]
    assert [len(each.recorded) for each in found] == [2, 0]
    assert (found[-1].after, found[-1].done) == ({"0": 4, "1": 1}, 2)
    assert "offsets 0 to 0" in found[-1].unread[0].place


async def test_the_report_is_a_page(installation, tmp_path):
    installation.receive(MAILS[:1])
    report = tmp_path / "report.html"
    assert (await replay(installation, "--report", str(report)))[0] == 0
    assert report.read_text().startswith("<!doctype html>")
