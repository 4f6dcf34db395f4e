"""`weir archive` over the local log of an embedded installation."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from apps.cli.failures import explain
from apps.cli.main import weir
from detectors.record import encode
from streams.local_log.log import LocalLog, Written
from streams.settings import load
from streams.topics import create
from tests.detectors.test_record import VERDICT


@pytest.fixture
def environment(tmp_path):
    return {
        "WEIR_EMBEDDED__FOLDER": str(tmp_path / "weir"),
        "WEIR_TOPICS__PARTITIONS": "2",
        "WEIR_ARCHIVE__URL": str(tmp_path / "archive"),
    }


@pytest.fixture
def command(environment):
    def run(*arguments, **more):
        return CliRunner().invoke(weir, ["archive", *arguments], env=environment | more)

    return run


@pytest.fixture
def archived(environment, command):
    """Three verdicts, archived."""

    async def new_epoch(topic, epoch):
        pass

    asyncio.run(create(load(None, environment), new_epoch))
    log = LocalLog(environment["WEIR_EMBEDDED__FOLDER"])
    verdicts = [replace(VERDICT, id=f"v-{number}") for number in range(3)]
    log.append(
        [
            Written("mail.verdicts", number % 2, b"k", encode(it), (("ce_id", it.id.encode()),))
            for number, it in enumerate(verdicts)
        ]
    )
    log.close()
    done = command("run", "--once")
    assert done.exit_code == 0, done.output
    return done


def test_a_run_says_how_much_it_archived(archived):
    assert "3 records in 1 blocks" in archived.stderr


def test_status_says_what_is_there(archived, command):
    said = command("status")
    assert said.exit_code == 0
    assert "mail.verdicts:0 up to offset 2" in said.stdout
    found = json.loads(command("status", "--json").stdout)
    assert found["kinds"]["verdicts"]["rows"] == 3


def test_a_check_fails_for_a_damaged_file_and_names_it(archived, command, environment):
    for path in Path(environment["WEIR_ARCHIVE__URL"]).glob("verdicts/**/*.parquet"):
        path.write_bytes(b"nothing")
    said = command("check")
    assert said.exit_code == 1
    assert "verdicts/v1/date=" in said.stdout


def test_a_verdict_is_forgotten_and_a_second_time_there_is_none(archived, command):
    assert command("forget", "--verdicts", "v-1").exit_code == 0
    assert command("forget", "--verdicts", "v-1").exit_code == 1
    assert json.loads(command("status", "--json").stdout)["kinds"]["verdicts"]["rows"] == 2


def test_upkeep_says_what_it_did(archived, command):
    assert command("compact").stdout == "0 fewer files\n"
    assert command("expire").stdout == "0 files went, 1 without what had its time\n"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"WEIR_ARCHIVE__URL": ""}, 2, "archive.url is empty; allowed: a folder, or s3://"),
        ({"WEIR_ARCHIVE__URL": "ftp://x/y"}, 2, "archive.url = 'ftp://x/y'; allowed: a folder"),
        ({"WEIR_ARCHIVE__RAW_DAYS": "500"}, 2, "archive.raw_days = 500; allowed: at most"),
        ({}, 3, "is no archive, or none yet: it has no manifest"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(command, change, code, said):
    done = command("status", **change)
    failure = explain(done.exception)
    found = (failure.exit_code, failure.message) if failure else (done.exit_code, done.stderr)
    assert found[0] == code
    assert said in found[1]
    assert "\n" not in found[1].removeprefix("Error: ").strip()
