"""`weir search` and `weir sql` as they are called."""

import asyncio
import json
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from aiokafka import TopicPartition
from click.testing import CliRunner
from msgspec.structs import replace

from apps.cli.main import weir
from apps.subscriber.archive.block import Block
from apps.subscriber.archive.manifest import ManifestFiles
from apps.subscriber.archive.storage import Storage
from apps.subscriber.once import Once
from apps.subscriber.received import Received
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from streams.local_log.log import LocalLog, Written
from streams.settings import load
from streams.topics import create

SAMPLES = sorted((Path(__file__).parents[2] / "corpus" / "signals").glob("*/fires.eml"))[:6]
START = datetime(2025, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def verdicts():
    context = Context(hash_key=b"k" * 32)
    core = Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))
    incoming = [
        Incoming(Envelope(id=f"m-{n}", received_at=START + timedelta(hours=n)), path.read_bytes())
        for n, path in enumerate(SAMPLES)
    ]
    return [judged.verdict for judged in core.judge(incoming)]


def write(folder, verdicts):
    """Write an archive of these verdicts; return its folder."""
    storage = Storage(str(folder))
    block = Block({"v": "verdicts"}, {}, Once(9))
    for number, verdict in enumerate(verdicts):
        headers = (("ce_id", f"{verdict.id}.judged".encode()),)
        record = Received("v", 0, number, 0, None, encode(verdict), headers)
        block.add([record], {TopicPartition("v", 0): number + 1})
    manifests = ManifestFiles(storage)
    assert manifests.publish(block.write(storage, START), manifests.read()) is not None
    return storage.url


@pytest.fixture
def archive(verdicts, tmp_path):
    """The folder of an archive of these verdicts but the last."""
    return write(tmp_path / "archive", verdicts[:-1])


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call a command of an installation with an archive; return the result."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments, archive="", **variables):
        environ = {"WEIR_ARCHIVE__URL": archive} | variables
        return CliRunner().invoke(weir, arguments, env=environ)

    return called


def test_sql_prints_a_grid(call, archive):
    result = call("sql", "SELECT count(*) AS messages FROM verdicts", archive=archive)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["messages", "--------", "       5"]


def test_sql_prints_json_for_programs_and_reads_a_file(call, archive, tmp_path):
    (tmp_path / "q.sql").write_text("SELECT id, date FROM verdicts ORDER BY id LIMIT 2")
    result = call("sql", "--file", "q.sql", "--json", "--source", f"archive:{archive}")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": "m-0", "date": "2025-11-20"},
        {"id": "m-1", "date": "2025-11-20"},
    ]


def test_sql_without_a_question_prints_the_views_with_their_columns(call, archive):
    result = call("sql", archive=archive)
    for word in ("verdicts", "labelled", "daily", "from_domain", "contribution"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["SELECT nothing FROM verdicts"], 2, "SQL: line 1, column 8: Referenced column"),
        (["DROP VIEW verdicts"], 2, "the archive is read only"),
        (["SELECT 1", "--source", "topic"], 2, "'topic' is no archive"),
        (["SELECT 1", "--source", "last:7d"], 2, "a question names its own times"),
        (["SELECT 1", "--source", "archive:/nowhere"], 3, "is no archive"),
        (["SELECT 1", "--memory", "much"], 2, "--memory"),
    ],
)
def test_sql_says_in_a_line_what_is_wrong(call, archive, arguments, code, said):
    result = call("sql", *arguments, archive=archive)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_sql_takes_no_more_memory_for_an_answer_of_great_rows(call, archive):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    question = "SELECT repeat('x', 1_000_000_000) FROM range(30)"
    result = call("sql", question, "--memory", "100MB", archive=archive)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "memory that it may take" in result.stderr
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_sql_names_a_damaged_file_and_asks_the_rest(call, archive):
    (file,) = Path(archive).rglob("*.parquet")
    file.write_bytes(b"PAR1 no more")
    result = call("sql", "SELECT count(score) AS n FROM verdicts", archive=archive)
    assert result.exit_code == 3
    assert result.stdout.split() == ["n", "-", "0"]
    assert f"passed over {file.relative_to(archive)}" in result.stderr


def test_search_prints_the_newest_first_a_line_each(call, archive):
    result = call("search", "--limit", "2", archive=archive)
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["m-4", "m-3"]
    assert "there are more than these 2" in result.stderr


def test_search_prints_the_records_as_they_lay_in_the_topic(call, archive, verdicts):
    result = call("search", "m-1", "--json", archive=archive)
    assert result.stdout_bytes == encode(verdicts[1]) + b"\n"


def test_search_finds_nothing_and_its_exit_code_says_so(call, archive):
    result = call("search", "--domain", "nowhere.example", archive=archive)
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--where", "score >"], "--where, line 1, column 8: "),
        (["--score", "0.5"], "allowed: LEAST..MOST"),
        (["--score", "5..9"], "allowed: LEAST..MOST"),
        (["--since", "yesterday"], "allowed: a time ago"),
        (["--source", "nowhere"], "allowed: archive:URL"),
    ],
)
def test_search_says_what_is_allowed(call, archive, arguments, said):
    result = call("search", *arguments, archive=archive)
    assert result.exit_code == 2
    assert said in result.stderr


def test_search_takes_all_its_conditions_at_once(call, archive, verdicts):
    like = verdicts[2]
    result = call(
        "search",
        *("--action", like.action, "--class", like.class_, "--signal", like.signals[0].name),
        *("--score", f"{like.score}..", "--since", "2025-11-20", "--until", "2025-11-20T10:30"),
        *("--where", f'id == "{like.id}"', "--fingerprint", like.fingerprint),
        archive=archive,
    )
    assert [line.split()[2] for line in result.stdout.splitlines()] == ["m-2"]


@pytest.fixture
def topic(verdicts, tmp_path):
    """The folder of an embedded installation whose topic has all of the verdicts."""
    folder = tmp_path / "weir"
    settings = load(None, {"WEIR_EMBEDDED__FOLDER": str(folder)})

    async def new_epoch(_topic, _epoch):
        pass

    asyncio.run(create(settings, new_epoch))
    log = LocalLog(str(folder))
    for verdict in verdicts:
        headers = (("ce_id", f"{verdict.id}.judged".encode()),)
        log.append([Written("mail.verdicts", 0, b"k", encode(verdict), headers)])
    log.close()
    return str(folder)


def test_an_id_that_the_archive_has_not_yet_is_found_in_the_topic(call, archive, topic, verdicts):
    found = call("search", "m-5", "--json", archive=archive, WEIR_EMBEDDED__FOLDER=topic)
    assert found.stdout_bytes == encode(verdicts[5]) + b"\n"


def test_without_an_archive_the_topic_is_searched(call, topic):
    for archive in ("", "missing"):
        found = call(
            "search", "--since", "2025-11-20T12:00", archive=archive, WEIR_EMBEDDED__FOLDER=topic
        )
        assert [line.split()[2] for line in found.stdout.splitlines()] == ["m-5", "m-4"]


def test_a_stretch_of_the_topic_can_be_searched(call, topic):
    found = call("search", "--source", "topic@1..3", WEIR_EMBEDDED__FOLDER=topic)
    assert [line.split()[2] for line in found.stdout.splitlines()] == ["m-2", "m-1"], found.stderr


@pytest.mark.parametrize("time", ["000000000000", "019a6b19fb18", "ffffffffffff"])
def test_an_id_that_tells_a_time_begins_there_whatever_it_is(call, topic, time):
    identifier = f"{time[:8]}-{time[8:]}-7000-8000-000000000000"
    found = call("search", identifier, WEIR_EMBEDDED__FOLDER=topic)
    assert (found.exit_code, found.stdout) == (1, "")
    assert "no verdict that is kept is so" in found.stderr


@pytest.mark.parametrize(
    "arguments",
    [["search"], ["sql", "FROM records"], ["explain", "m-1", "--source"], ["archive", "status"]],
)
def test_an_archive_of_somebody_else_moves_no_cursor(call, verdicts, tmp_path, arguments):
    evil = "x\x1b[2J\x07\u202e\u200b\x9b"
    known = next(it for it in verdicts if it.signals)
    signals = tuple(replace(it, name=it.name + evil, reason=evil) for it in known.signals)
    changes = {"from_domain": evil, "flags": (evil,), "policy": evil, "models": ()}
    odd = replace(known, id="m-1", signals=signals, fingerprint=evil, sender=evil, **changes)
    folder = write(tmp_path / "odd", [odd])
    more = [f"archive:{folder}"] if "--source" in arguments else []
    result = call(*arguments, *more, archive=folder, WEIR_EMBEDDED__FOLDER=str(tmp_path / "in"))
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output
    said = click.unstyle(result.output).replace("\n", "")
    assert said.isprintable()
