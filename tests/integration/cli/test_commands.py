"""The commands that talk to Kafka and Redis, on real ones, as a person types them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.installation import open_judge
from detectors.record import decode, encode
from features.envelope import LogPosition
from streams.settings import read_keys
from streams.tokens import sign_token
from streams.topics import name
from streams.wire import dead_letter, read_arrival, read_head, verdict_record

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
MAIL = ROOT / "examples" / "inbound"
PHISH = MAIL / "written-phish-brand-1.eml"
HAM = MAIL / "corpus-ham-list-1.eml"


def verdicts_of(settings, sent):
    """Return the verdicts that a worker would publish of what `send --json` printed."""
    judge = open_judge(settings)
    records = []
    for line in sent:
        arrival = read_arrival(
            epoch="test",
            partition=line["partition"],
            offset=line["offset"],
            timestamp_ms=int(datetime.now(UTC).timestamp() * 1000),
            key=line["id"].encode(),
            value=Path(line["name"]).read_bytes(),
            headers=[("weir-envelope", b'{"id":"%b"}' % line["id"].encode())],
        )
        (judged,) = judge.judge([arrival.incoming])
        records.append(
            verdict_record(
                name(settings, "verdicts"),
                read_head(encode(judged.verdict)),
                encode(judged.verdict),
                judged_at=datetime.now(UTC),
                timings={},
                worker="test",
            )
        )
    return records


def test_topics_are_created_once_and_described_as_set(run):
    missing = run("topics", "describe")
    first, second = run("topics", "create"), run("topics", "create")
    described = run("topics", "describe", "--json")
    assert missing.exit_code == 1
    assert missing.stdout.count("missing") == 6
    assert first.stdout.count("created") == 6
    assert second.stdout.count("exists") == 6
    assert described.exit_code == 0, described.stdout
    assert all(topic["differences"] == [] for topic in json.loads(described.stdout))


def test_a_topic_that_differs_from_the_settings_is_seen(run, topics, environment):
    environment["WEIR_TOPICS__MESSAGES_HOURS"] = "1"
    described, examined = run("topics", "describe"), run("doctor", "--json")
    assert described.exit_code == 1
    assert "retention.ms is 604800000, wanted 3600000" in described.stdout
    found = [f for f in json.loads(examined.stdout) if f["subject"] == "topics"]
    assert [finding["level"] for finding in found] == ["warning"], examined.stdout


def test_sent_mail_lies_in_the_log_with_its_envelope(run, topics, settings):
    result = run(
        "send", HAM, PHISH, "--json", "--direction", "outbound", "--user", "alice",
        "--tenant", "acme", "--client", "192.0.2.7",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    sent = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["name"] for line in sent] == [str(HAM), str(PHISH)]
    found = {arrival.incoming.envelope.id: arrival for arrival in arrivals(settings)}
    envelopes = [found[line["id"]].incoming.envelope for line in sent]
    assert {e.direction for e in envelopes} == {"outbound"}
    assert {(e.user, e.tenant, e.client.ip) for e in envelopes} == {("alice", "acme", "192.0.2.7")}
    assert found[sent[1]["id"]].incoming.raw == PHISH.read_bytes()
    assert found[sent[1]["id"]].incoming.flags == ()


def test_the_last_message_sent_is_received_now_and_distances_are_kept(run, topics, settings):
    paths = [MAIL / f"written-phish-brand-{n}.eml" for n in (1, 2)]
    before = datetime.now(UTC)
    assert run("send", *paths).exit_code == 0
    first, second = sorted(a.incoming.envelope.received_at for a in arrivals(settings))
    assert before <= second <= datetime.now(UTC)
    assert (second - first).total_seconds() == 60


def test_mail_is_sent_at_the_rate_asked_for(run, topics, settings):
    assert run("send", HAM, HAM, HAM, "--rate", "10").exit_code == 0
    times = sorted(arrival.appended_ms for arrival in arrivals(settings))
    assert times[-1] - times[0] >= 150


def test_send_goes_on_after_an_unreadable_file(run, topics, tmp_path):
    result = run("send", tmp_path / "none.eml", HAM)
    assert result.exit_code == 3
    assert "1 message, " in result.stdout
    assert "none.eml: No such file or directory" in result.stderr


def test_a_missing_topic_is_one_line(run):
    for command in (("send", HAM), ("verdicts",), ("deadletter", "list")):
        result = run(*command)
        assert result.exit_code == 4
        assert "weir topics create" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_verdicts_are_printed_and_picked_by_action(run, topics, settings, publish):
    sent = [json.loads(line) for line in run("send", HAM, PHISH, "--json").stdout.splitlines()]
    publish(*verdicts_of(settings, sent))
    everything = run("verdicts", "--from-beginning", "--json").stdout.splitlines()
    rejected = run("verdicts", "--action", "reject").stdout.splitlines()
    assert {decode(line.encode()).id for line in everything} == {line["id"] for line in sent}
    assert len(rejected) == 1
    assert "phish    example-mailing.top" in rejected[0]
    assert len(run("verdicts", "--last", "1").stdout.splitlines()) == 1


def test_one_messages_verdict_is_found_by_its_id_or_token_and_says_why(
    run, topics, settings, publish
):
    sent = [json.loads(line) for line in run("send", HAM, PHISH, "--json").stdout.splitlines()]
    publish(*verdicts_of(settings, sent))
    identifier = sent[1]["id"]
    token = sign_token(read_keys(Path(settings.privacy.keys_file)).token_key, identifier, None)
    found = [run("verdicts", "--id", said) for said in (identifier, f" {token} ")]
    assert found[0].stdout == found[1].stdout
    assert "reject  phish" in found[0].stdout
    assert "The name claims PayPal" in found[0].stdout
    (line,) = run("verdicts", "--json", "--id", identifier).stdout.splitlines()
    assert decode(line.encode()).id == identifier
    unknown = run("verdicts", "--id", identifier[:-1])
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.strip() == f"no verdict that is kept has the id {identifier[:-1]}"


def test_following_prints_what_comes_and_ends_with_ctrl_c(
    run, topics, environment, settings, publish
):
    command = [sys.executable, "-c", "from apps.cli.main import main; main()"]
    following = subprocess.Popen(
        [*command, "verdicts", "--follow", "--json"],
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        sent = [json.loads(line) for line in run("send", PHISH, "--json").stdout.splitlines()]
        publish(*verdicts_of(settings, sent))
        line = following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, complaints = following.communicate(timeout=30)
    finally:
        following.kill()
    assert decode(line).id == sent[0]["id"]
    assert following.returncode == 130
    assert b"Traceback" not in complaints


def test_a_record_that_is_no_verdict_is_passed_over(run, topics, settings, publish):
    sent = [json.loads(line) for line in run("send", HAM, "--json").stdout.splitlines()]
    broken = dead_letter(
        name(settings, "verdicts"), origin=("x", 0, 0), key=b"k", value=b"{", headers=[], error=""
    )
    publish(broken)
    publish(*verdicts_of(settings, sent))
    result = run("verdicts", "--from-beginning")
    assert len(result.stdout.splitlines()) == 1
    assert "not a verdict" in result.stderr


def test_dead_letters_are_listed_shown_and_requeued(run, topics, settings, publish):
    log = name(settings, "messages")
    letters = [
        dead_letter(
            name(settings, "deadletter"),
            origin=(log, 0, n),
            key=b"id-%d" % n,
            value=b"From: \x1b[31m\n\nbody %d" % n,
            headers=[("weir-envelope", b'{"id":"id-%d"}' % n)],
            error="features: ValueError: boom",
        )
        for n in range(3)
    ]
    publish(*letters)
    listed = run("deadletter", "list").stdout.splitlines()
    shown = run("deadletter", "show", "1")
    raw = run("deadletter", "show", "1", "--raw")
    absent = run("deadletter", "show", "7")
    requeued = run("deadletter", "requeue", "1")
    assert len(listed) == 3
    assert f"{log}:0:1" in listed[1]
    assert "ValueError: boom" in listed[1]
    assert "\x1b" not in shown.stdout
    assert raw.stdout_bytes == letters[1].value
    assert absent.exit_code == 1
    assert "held: 0 to 2" in absent.stderr
    assert requeued.exit_code == 0
    (arrival,) = arrivals(settings)
    assert arrival.requeued
    assert arrival.incoming.envelope.id == "id-1"
    assert arrival.incoming.raw == letters[1].value
    assert run("deadletter", "requeue").exit_code == 2
    assert run("deadletter", "requeue", "--all").stdout == "3 requeued\n"
    assert len(arrivals(settings)) == 4


def test_the_doctor_finds_missing_topics_and_says_how_to_make_them(run):
    result = run("doctor", "--json")
    found = [f for f in json.loads(result.stdout) if f["subject"] == "topics"]
    assert result.exit_code == 1
    assert len(found) == 6
    assert {finding["todo"] for finding in found} == {"run `weir topics create`"}


def test_the_doctor_finds_nothing_wrong_but_that_no_process_of_weir_runs(run, topics):
    assert run("send", HAM).exit_code == 0
    result = run("doctor", "--json")
    findings = json.loads(result.stdout)
    assert result.exit_code == 0, result.stdout
    said = {f["subject"]: f["said"] for f in findings}
    assert said["lag"].endswith("1 messages wait")
    assert "0 members" in said["workers"]
    assert "none runs. No learner has run here yet" in said["learner"]
    assert {f["subject"] for f in findings if f["level"] == "warning"} == {
        "workers",
        "learner",
        "hook",
        "redis persistence",
    }


def test_the_doctor_sees_an_eviction_policy_that_loses_records(run, topics, redis_url):
    from redis import Redis

    client = Redis.from_url(redis_url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        result = run("doctor", "--json")
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()
    found = [f for f in json.loads(result.stdout) if f["level"] == "fault"]
    assert result.exit_code == 1
    assert [finding["subject"] for finding in found] == ["redis memory"]


def arrivals(settings):
    """Read the whole mail log."""
    from apps.subscriber.flow import kept

    async def act():
        return [
            read_arrival(
                epoch="test",
                partition=record.partition,
                offset=record.offset,
                timestamp_ms=record.appended_ms,
                key=record.key,
                value=record.value,
                headers=record.headers,
            )
            async for record in kept(settings, "messages")
        ]

    found = asyncio.run(act())
    assert all(isinstance(arrival.position, LogPosition) for arrival in found)
    return found
