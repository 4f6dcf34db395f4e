"""`weir verdicts` over the local log of an embedded installation."""

import asyncio

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from apps.cli.main import weir
from detectors.record import decode, encode
from streams.local_log.log import LocalLog, Written
from streams.settings import load
from streams.topics import create
from tests.detectors.test_record import VERDICT


@pytest.fixture
def environment(tmp_path):
    return {"WEIR_EMBEDDED__FOLDER": str(tmp_path / "weir"), "WEIR_TOPICS__PARTITIONS": "2"}


@pytest.fixture
def publish(environment):
    """Append verdicts, in turn to two partitions."""

    async def new_epoch(topic, epoch):
        pass

    asyncio.run(create(load(None, environment), new_epoch))

    def append(*verdicts):
        log = LocalLog(environment["WEIR_EMBEDDED__FOLDER"])
        log.append(
            [
                Written("mail.verdicts", number % 2, it.id.encode(), encode(it))
                for number, it in enumerate(verdicts)
            ]
        )
        log.close()

    return append


@pytest.fixture
def run(environment):
    def invoke(*arguments):
        return CliRunner().invoke(weir, ["verdicts", *arguments], env=environment)

    return invoke


@pytest.fixture
def ids(run):
    def printed(*arguments):
        result = run("--json", *arguments)
        assert result.exit_code == 0, result.stderr
        return sorted(decode(line.encode()).id for line in result.stdout.splitlines())

    return printed


def verdict(number, **fields):
    return replace(VERDICT, id=f"m{number}", **fields)


def test_verdicts_are_chosen_by_each_of_their_fields(publish, ids):
    publish(
        verdict(0),
        verdict(1, action="reject"),
        verdict(2, class_="spam"),
        verdict(3, tenant="b"),
        verdict(4, direction="outbound"),
        verdict(5, kind="revised", revision=1),
    )
    assert ids("--action", "reject") == ["m1"]
    assert ids("--class", "spam") == ["m2"]
    assert ids("--tenant", "b") == ["m3"]
    assert ids("--direction", "outbound") == ["m4"]
    assert ids("--kind", "revised") == ["m5"]
    assert ids("--where", "revision == 0 && tenant != 'b' && class == 'spam'") == ["m2"]


def test_the_last_are_the_last_of_all_partitions(publish, ids):
    publish(verdict(0), verdict(1))
    publish(verdict(2))
    assert ids("--last", "1") == ["m2"]
    assert ids("--last", "0") == []
    assert ids("--from-beginning") == ids("--since", "1h") == ["m0", "m1", "m2"]
    assert ids("--since", "2999-01-01") == []


def test_a_group_is_given_each_verdict_once(publish, ids):
    publish(verdict(0), verdict(1))
    assert ids("--group", "siem") == ["m0", "m1"]
    publish(verdict(2), verdict(1))
    assert ids("--group", "siem") == ["m2"]


def test_an_error_in_a_condition_is_one_line_with_its_place(run):
    result = run("--where", "score > 0.5 &&\nsubject == 'x'")
    assert result.exit_code == 2
    assert result.stderr == "Error: --where, line 2, column 1: unknown variable 'subject'\n"


def test_a_condition_that_fails_on_verdicts_says_on_how_many(publish, run):
    publish(verdict(0), verdict(1, shadow=()))
    result = run("--where", "shadow[0] == 'rule:s'")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == "--where failed on 1 verdicts, which aren't printed\n"


def test_one_message_is_asked_for_alone(run):
    for beside in (("--follow",), ("--where", "true"), ("--group", "g"), ("--action", "reject")):
        assert run("--id", "m0", *beside).exit_code == 2


def test_one_messages_verdicts_are_printed_in_full(publish, run):
    publish(verdict(0), verdict(1), verdict(0, kind="revised", revision=1))
    result = run("--id", "m0", "--json")
    assert [decode(line.encode()).revision for line in result.stdout.splitlines()] == [0, 1]
    assert run("--id", "m7").exit_code == 1
