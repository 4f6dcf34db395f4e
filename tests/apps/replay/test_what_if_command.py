"""What would have been said is what the judge says under the terms that are asked for."""

import asyncio
import hashlib
import json
import shutil
import time
from datetime import UTC, datetime

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace as other

from apps.cli.main import weir
from apps.replay import topic_reading
from apps.replay.comparing import Comparing
from apps.replay.comparison import Comparison
from apps.replay.digest import RunDigest
from apps.replay.labels_read import write_labels
from apps.replay.request import Request, WhatIf
from apps.replay.resuming import Checkpoint
from apps.replay.running import Run, run_through
from apps.replay.what_if_task import LABELS, WhatIfTask
from apps.subscriber.archive.running import Archiver
from detectors.policy_file import read_policy
from detectors.record import decode, encode
from models.label import Target
from streams.label_records import label_record, new_label
from streams.topics import name
from tests.apps.replay.installation import EXAMPLES, KNOWN, as_fallback

MAILS = [path.read_bytes() for path in EXAMPLES[::6]][:8]
STRICT = """[thresholds.inbound]
add_header = 0.0001
quarantine = 0.001
reject = 0.1
[signals.learned_classifier]
mode = "draft"
"""


class Unhurried:
    """A task that takes its time, so that it can be stopped in the middle."""

    def __init__(self, task):
        self._task = task
        self.dump, self.load = task.dump, task.load

    def open(self):
        work = self._task.open()

        def later(block):
            found = work(block)
            time.sleep(0.1)
            return found

        return later


async def what_if(installation, *arguments, source="topic", code=0):
    """Return the comparison that --json prints."""
    done = await called(installation, "replay", source, *arguments, "--json")
    assert done.exit_code == code, done.output
    return msgspec.json.decode(done.stdout, type=Comparison)


async def called(installation, *command):
    def call():
        return CliRunner().invoke(weir, command, env=installation.env, catch_exceptions=False)

    return await asyncio.to_thread(call)


def digest(values, **fields):
    """Return the digest of verdicts with these fields."""
    found = RunDigest()
    for value in values:
        verdict = other(decode(value), **fields)
        found.add(f"{verdict.id}.judged", encode(verdict))
    return found.hex


def judged(installation, policy):
    """Return what the judge of the installation says of all its mail under another policy."""
    judge = installation.judge.with_policies(read_policy(policy))
    prepared = judge.prepare([arrival.incoming for arrival in installation.arrivals])
    opened = installation.sandbox.open_all(prepared)
    return [encode(it.verdict) for it in judge.conclude(opened, [KNOWN] * len(opened))]


def content_digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def label(installation, ident, truth):
    made = new_label(Target(id=ident), truth, "analyst", reporter="r", given_at=datetime.now(UTC))
    record = label_record(name(installation.settings, "labels"), made, source="/test")
    installation.append("labels", record.key, record.value, record.headers)


@pytest.mark.parametrize("kept", [True, False])
async def test_another_policy_gives_what_the_judge_says_under_it(installation, tmp_path, kept):
    recorded = installation.receive(MAILS)
    if not kept:
        installation.expire("messages")
    policy = tmp_path / "strict.toml"
    policy.write_text(STRICT)
    found = await what_if(installation, "--policy", str(policy))
    wanted = judged(installation, STRICT)
    assert (found.compared, found.by_mail, found.untold) == (8, 0, ())
    assert found.digest_before == digest(recorded)
    assert found.digest_after == digest(wanted)
    actions = [
        (decode(was).action, decode(now).action) for was, now in zip(recorded, wanted, strict=True)
    ]
    assert found.changed == sum(was != now for was, now in actions) > 0
    assert {(it.before, it.after) for it in found.flows} == set(actions)


async def test_the_models_of_then_weigh_although_they_have_learned_since(installation):
    installation.receive(MAILS[:4])
    installation.learn(3)
    installation.receive(MAILS[4:])
    installation.expire("messages")
    installation.learn(2)
    found = await what_if(installation, "--threshold", "discard=never")
    assert (found.compared, found.changed, found.scores_changed) == (8, 0, 0)


async def test_thresholds_signals_and_rules_are_put_on_the_policy_of_then(installation):
    recorded = installation.receive(MAILS)
    installation.expire("messages")
    found = await what_if(
        installation,
        *("--threshold", "add_header=0.0001", "--threshold", "quarantine=0.001"),
        *("--threshold", "reject=0.1", "--without", "classifier"),
    )
    for before, after in zip(recorded, judged(installation, STRICT), strict=True):
        change = next((it for it in found.changes if it.id == decode(before).id), None)
        assert (decode(before).action != decode(after).action) is (change is not None)
        if change is not None:
            assert (change.after, change.score_after) == (
                decode(after).action,
                decode(after).score,
            )
    ruled = await what_if(installation, "--rule", 'quarantine: tenant == "default"')
    assert {it.after for it in ruled.flows} == {"quarantine"}
    assert ruled.changes[0].gained == ("rule:what-if-1",)


async def test_a_rule_that_reads_the_subject_takes_the_mail_where_it_is_kept(installation):
    installation.receive(MAILS)
    rule = ("--rule", 'subject.contains("a")')
    found = await what_if(installation, *rule)
    policy = (
        '[[rules]]\nname = "what-if-1"\nwhen = \'subject.contains("a")\'\naction = "reject"\n'
        'reason = "tried by a what-if"\n'
    )
    assert (found.compared, found.by_mail) == (8, 8)
    assert found.digest_after == digest(judged(installation, policy))
    installation.expire("messages")
    found = await what_if(installation, *rule)
    assert (found.messages, found.compared) == (8, 0)
    assert [(it.what, it.messages) for it in found.untold] == [("the mail, for subject", 8)]


async def test_what_detectors_read_of_a_policy_takes_the_mail(installation, tmp_path):
    installation.receive(MAILS[:3])
    policy = tmp_path / "own.toml"
    policy.write_text('own_domains = ["example.com"]\n')
    found = await what_if(installation, "--policy", str(policy))
    assert found.by_mail == 3
    assert found.digest_after == digest(judged(installation, policy.read_text()))
    installation.expire("messages")
    found = await what_if(installation, "--policy", str(policy))
    assert [it.what for it in found.untold] == ["the mail, for policy section own_domains"]


async def test_another_classifier_is_asked_by_the_vector_alone(installation):
    installation.receive(MAILS[:3])
    installation.expire("messages")
    version = installation.judge.classifier.version
    found = await what_if(installation, "--model", f"classifier@{version}")
    assert (found.compared, found.scores_changed) == (3, 0)
    done = await called(installation, "replay", "topic", "--model", "classifier@ffffffffffff")
    assert done.exit_code == 2
    assert "classifier @ffffffffffff isn't kept" in done.output


async def test_other_online_models_take_the_mail(installation):
    installation.learn(1)
    recorded = installation.receive(MAILS[:3])
    installation.learn(3)
    found = await what_if(installation, "--model", "online@new+4")
    assert found.by_mail == 3
    before = digest(judged(installation, ""), ask=decode(recorded[0]).ask)
    assert found.digest_after == before != found.digest_before
    installation.expire("messages")
    found = await what_if(installation, "--model", "online@new+4")
    assert found.untold[0].what.startswith("the mail, for model text")


async def test_labels_say_what_the_change_is_good_for(installation):
    installation.receive(MAILS)
    label(installation, "m0", "ham")
    label(installation, "m1", "spam")
    found = await what_if(installation, "--rule", 'tenant == "default"')
    assert (found.labelled_ham, found.labelled_abuse) == (1, 1)
    assert (found.changes[0].id, found.changes[0].consequence) == ("m0", "ham now refused")
    refused = next(it for it in found.effects if it.what == "ham refused")
    assert (refused.after.hits, refused.after.total) == (1, 1)


async def test_a_second_run_takes_the_place_of_what_was_recorded(installation, tmp_path):
    installation.receive(MAILS)
    policy = tmp_path / "strict.toml"
    policy.write_text(STRICT)
    first = await what_if(installation, "--policy", str(policy))
    second = await what_if(installation, "--threshold", "discard=never", "--against", str(policy))
    assert second.before == "strict.toml"
    assert second.digest_before == first.digest_after
    assert (second.harsher, second.milder) == (first.milder, first.harsher)


async def test_what_no_worker_judged_and_what_cannot_be_read_is_counted(installation):
    installation.receive(MAILS[:1])
    installation.receive(MAILS[1:2], change=as_fallback)
    installation.append("verdicts", b"k", b"not JSON")
    found = await what_if(installation, "--threshold", "discard=never", code=3)
    assert (found.messages, found.compared) == (2, 1)
    assert [it.what for it in found.untold] == ["a worker's verdict: it is a hook's own"]
    assert "not a verdict" in found.unread[0].what


@pytest.mark.parametrize("margin", [1.0, 1e308])
async def test_one_basis_that_cannot_be_weighed_takes_no_other_message_with_it(
    installation, margin
):
    def odd(verdict):
        if verdict.id != "m1":
            return verdict
        margins = {**verdict.basis.margins, "nobody's": margin}
        return other(verdict, basis=other(verdict.basis, margins=margins))

    installation.receive(MAILS[:4], change=odd)
    installation.expire("messages")
    found = await what_if(installation, "--threshold", "discard=never")
    assert (found.messages, found.compared) == (4, 3)
    assert "its basis isn't readable" in found.untold[0].what


async def test_a_checkpoint_under_another_content_of_the_same_file_is_not_gone_on_from(
    installation, tmp_path
):
    installation.receive(MAILS[:1])
    policy, out = tmp_path / "policy.toml", tmp_path / "found.json"
    policy.write_text(STRICT)
    given = ["--policy", str(policy), "-o", str(out)]
    words = f"what-if topic: policy policy.toml; policy.toml is {content_digest(policy)}"
    Checkpoint(out, words, Comparing).write({}, Comparing())
    assert (await what_if(installation, *given, "--resume")).compared == 1
    Checkpoint(out, words, Comparing).write({}, Comparing())
    policy.write_text(STRICT + "\n")
    done = await called(installation, "replay", "topic", *given, "--resume")
    assert (done.exit_code, "is of what-if topic" in done.stderr) == (2, True)


async def test_a_policy_that_is_not_kept_is_named_and_another_one_does_without(
    installation, tmp_path
):
    installation.receive(MAILS[:1])
    await installation.policy(STRICT)
    installation.receive(MAILS[1:2])
    digest_ = installation.judge.policies.digest
    (installation.folder / "policies" / f"{digest_}.json").unlink()
    found = await what_if(installation, "--threshold", "discard=never")
    assert found.compared == 1
    assert found.untold[0].what.startswith(f"policy {digest_} isn't kept")
    policy = tmp_path / "p.toml"
    policy.write_text("")
    assert (await what_if(installation, "--policy", str(policy))).compared == 2


async def test_several_processes_and_an_archive_come_to_the_same(
    installation, tmp_path, monkeypatch
):
    monkeypatch.setattr(topic_reading, "BATCH", 3)
    installation.receive(MAILS[:4])
    installation.learn(2)
    installation.receive(MAILS[4:], partition=1)
    label(installation, "m2", "ham")
    asked = ("--threshold", "add_header=0.01", "--without", "classifier")
    alone = await what_if(installation, *asked)
    assert alone.changed
    assert await what_if(installation, *asked, "--workers", "2") == alone
    archive = other(installation.settings.archive, url=str(tmp_path / "archive"), raw=True)
    await Archiver(other(installation.settings, archive=archive)).run(once=True)
    installation.expire("models")
    shutil.rmtree(installation.folder / "policies")
    assert await what_if(installation, *asked, source=archive.url) == alone


async def test_a_what_if_that_was_stopped_goes_on_to_the_same_end(
    installation, tmp_path, monkeypatch
):
    monkeypatch.setattr(topic_reading, "BATCH", 2)
    installation.receive(MAILS)
    label(installation, "m1", "ham")
    rule = 'tenant == "default"'
    whole = await what_if(installation, "--rule", rule)
    out = tmp_path / "found.json"
    request = Request(installation.settings, ("topic",), "what-if", out)
    work = Run(Comparing(), {})
    asked = f"what-if topic: rule what-if-1: reject if {rule}"
    checkpoint = Checkpoint(out, asked, Comparing)

    async def gather(source, folder):
        await write_labels(installation.settings, source, folder / LABELS)

    running = asyncio.create_task(
        run_through(
            request,
            "topic",
            lambda folder, kept: Unhurried(
                WhatIfTask(installation.settings, WhatIf(rules=(rule,)), folder, kept)
            ),
            work,
            checkpoint,
            gather,
        )
    )
    while not work.found.messages:  # noqa: ASYNC110 - a stretch is done when it is done
        await asyncio.sleep(0.005)
    running.cancel()
    await running
    assert 0 < work.found.messages < 8
    assert work.found.comparison((), interrupted=work.stopped).interrupted
    found = await what_if(installation, "--rule", rule, "-o", str(out), "--resume")
    assert found == whole
    assert checkpoint.read() is None


async def test_the_result_the_report_and_the_words_of_one_run_agree(installation, tmp_path):
    installation.receive(MAILS)
    out, report = tmp_path / "found.json", tmp_path / "found.html"
    done = await called(
        installation,
        *("replay", "topic", "--rule", 'tenant == "default"'),
        *("-o", str(out), "--report", str(report)),
    )
    assert done.exit_code == 0
    found = msgspec.json.decode(out.read_bytes(), type=Comparison)
    assert f"{found.changed} with another action" in done.output
    assert found.digest_after in done.output
    assert 'what if: rule what-if-1: reject if tenant == "default"' in done.output
    assert report.read_text().startswith("<!doctype html>")
    assert not list(tmp_path.glob("*.checkpoint"))


async def test_policy_test_tries_a_rule_or_a_file_on_history(installation, tmp_path):
    installation.receive(MAILS)

    async def tried(given, *arguments):
        command = ("policy", "test", given, "--against", "topic@1d..", *arguments)
        return await called(installation, *command)

    done = await tried('quarantine: tenant == "default"')
    assert done.exit_code == 1
    assert "now held" in done.output
    by_json = msgspec.json.decode((await tried("false", "--json")).stdout, type=Comparison)
    assert (by_json.compared, by_json.changed) == (8, 0)
    policy = tmp_path / "strict.toml"
    policy.write_text(STRICT)
    assert "what if: policy strict.toml" in (await tried(str(policy))).output
    wrong = await tried("reject: scor > 1.0")
    assert wrong.exit_code == 2
    assert "line 1, column 9: unknown variable 'scor'" in wrong.output


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--rule", "score > 0.5 &&\n foo"), "rule, line 2, column 2: unknown variable 'foo'"),
        (("--rule", "reject: scor > 0.5"), "rule, line 1, column 9: unknown variable 'scor'"),
        (("--rule", "reject: score >"), "rule, line 1, column "),
        (("--threshold", "reject"), "allowed: [DIRECTION.][CLASS.]ACTION=SCORE"),
        (("--threshold", "reject=1.5"), "allowed: a score above 0 and below 1"),
        (("--threshold", "quarantine=0.999"), "doesn't lie below reject"),
        (
            ("--threshold", "reject=0.6"),
            "change that one too, as with --threshold quarantine=never",
        ),
        (("--without", "spf_fial"), "did you mean spf_fail?"),
        (("--model", "nothing"), "allowed: a file or folder of an artifact"),
        ((), "what if what?"),
    ],
)
async def test_what_cannot_be_asked_is_said_in_a_line_and_nothing_is_judged(
    installation, asked, said
):
    installation.receive(MAILS[:1])
    done = await called(installation, "replay", "topic", *asked)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert json.dumps("digest") not in done.output
