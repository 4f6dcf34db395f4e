"""`weir replay --mode re-live` on files: what it says, what it refuses, and its exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.replay.in_order import Received
from apps.replay.relive_command import _received
from apps.replay.relive_result import ReliveResult
from apps.subscriber.recorded import KeptMail, Recorded, arrival_of
from detectors.record import decode, encode

EXAMPLES = "examples/inbound"
INDEX = "examples/index"


def relive(*arguments):
    return CliRunner().invoke(weir, ["replay", *arguments, "--mode", "re-live"])


def test_a_folder_is_judged_and_the_digest_is_that_of_every_run(tmp_path):
    out = tmp_path / "result.json"
    first = relive(EXAMPLES, "--json", "--out", str(out))
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told["messages"] == sum(told["actions"].values()) == len(list(Path(EXAMPLES).iterdir()))
    assert told["learning"] is False
    assert json.loads(out.read_text())["digest"] == told["digest"]
    assert json.loads(relive(EXAMPLES, "--json").stdout)["digest"] == told["digest"]


def test_an_index_teaches_only_where_it_is_asked_to():
    off, on = (json.loads(relive(INDEX, "--json", *more).stdout) for more in ((), ("--learning",)))
    lines = len(Path(INDEX).read_text().splitlines())
    assert (off["learning"], off["learned"]) == (False, 0)
    assert (on["learning"], on["learned"]) == (True, lines)
    assert off["messages"] == on["messages"] == lines
    assert off["digest"] != on["digest"]


def test_people_are_told_of_rate_learning_actions_and_digest():
    done = relive(INDEX)
    assert done.exit_code == 0
    first, *_, last = done.stdout.splitlines()
    assert "judged from nothing" in first
    assert "nothing learned" in first
    assert last.startswith("digest ")


def test_what_cannot_be_read_is_named_and_the_rest_is_judged(tmp_path):
    (tmp_path / "a.eml").write_bytes(b"\x1f\x8b\x08\0")
    (tmp_path / "b.eml").write_bytes(b"From: a@b.example\nSubject: x\n\nhello\n")
    done = relive(str(tmp_path))
    assert done.exit_code == 3
    assert "1 messages" in done.stdout
    assert "a.eml" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((EXAMPLES, "--learning"), "index"),
        ((EXAMPLES, "--resume", "--out", "x.json"), "can't be resumed"),
        ((EXAMPLES, "topic"), "not both"),
        ((EXAMPLES, "--report", "x.html"), "recorded verdicts"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, said):
    done = relive(*arguments)
    assert done.exit_code == 2
    assert said in done.output.splitlines()[-1]


def test_recorded_verdicts_bring_their_mail_and_are_counted_without_it():
    from apps.installation import open_judge
    from apps.replay.relive import Relive
    from detectors.verdict import LogPlace
    from streams.settings import load

    raw = b"From: a@b.example\nSubject: x\n\nhello\n"
    mail = KeptMail(raw, None, 1_767_225_600_000)
    judge = open_judge(load(None, {}))
    (judged,) = Relive(judge).judge([Received(arrival_of(mail, LogPlace("e", 0, 7)))])
    event = f"{judged.verdict.id}.judged"
    given = [
        Recorded(event, judged.value, 0, mail),
        Recorded(event, judged.value, 0),
        Recorded("bad", b"{", 0, mail),
    ]
    found = ReliveResult()
    (received,) = _received(given, found)
    (again,) = Relive(judge).judge([received])
    found.add(again)
    assert again.value == judged.value == encode(decode(judged.value))
    assert (found.without_mail, found.unreadable, found.same_action) == (1, 1, 1)
