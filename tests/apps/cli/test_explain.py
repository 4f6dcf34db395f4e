"""`weir explain` on verdicts of a run with learning, in the log of an embedded installation."""

import asyncio
import json

import click
import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from apps.cli.main import weir
from apps.subscriber.archive.running import Archiver
from models.label import Label, Target
from streams.settings import load
from streams.wire import hashed_id
from tests.apps.replay.installation import EXAMPLES, NOW, as_fallback

PHISH = next(path for path in EXAMPLES if path.stem == "written-phish-parcel-de").read_bytes()
HAM = next(path for path in EXAMPLES if path.stem == "written-newsletter-service").read_bytes()


@pytest.fixture
async def archived(installation, tmp_path):
    """Archive what the topics hold, and let it expire there."""
    installation.env["WEIR_ARCHIVE__URL"] = str(tmp_path / "archive")
    installation.env["WEIR_ARCHIVE__RAW"] = "true"

    async def run():
        await Archiver(load(None, installation.env)).run(once=True)
        for role in ("verdicts", "messages", "models"):
            installation.expire(role)

    return run


async def explain(installation, *arguments):
    def call():
        command = ["explain", *arguments]
        return CliRunner().invoke(weir, command, env=installation.env, catch_exceptions=False)

    return await asyncio.to_thread(call)


async def story(installation, *arguments):
    done = await explain(installation, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_a_verdict_is_explained_by_the_models_and_the_policy_of_its_time(installation):
    installation.learn(3)
    installation.receive([PHISH, HAM])
    pointer = installation.learner.snapshot()
    installation.publish(pointer)
    installation.judge.models.digest = pointer.digest[:12]
    installation.learn(2)
    await installation.policy("[thresholds.inbound]\nadd_header = 0.2\n")
    installation.receive([PHISH], partition=1)
    for ident, in_force in (("m0", True), ("m2", False)):  # the settings name no policy file
        told = await story(installation, ident)
        assert told["unexplained"] == told["counterfactual"]["unknown"] == ""
        assert told["explanation"]["verdict"]["id"] == ident
        assert told["policy"]["in_force"] is in_force
        assert told["counterfactual"]["milder"]
        assert told["replay"]["way"] == "raw"


async def test_the_page_tells_decision_findings_readings_what_if_and_where_it_rests(installation):
    installation.learn(3)
    installation.receive([PHISH])
    done = await explain(installation, "m0")
    page = click.unstyle(done.stdout)
    assert done.exit_code == 0
    for title in (
        "How the action came about",
        "What was found, in logits",
        "What was known",
        "What would have changed it",
        "Had less spoken",
        "Had the policy been another",
        "What it rests on",
        "Since then",
    ):
        assert any(line.strip().startswith(title) for line in page.splitlines()), title
    assert page.splitlines()[1].startswith("reject  phish")
    assert "nobody said what it was" in page


async def test_an_event_or_a_token_names_the_message_too(installation):
    installation.receive([HAM])
    assert (await story(installation, "m0.judged"))["event"] == "m0.judged"
    token = f"X-Weir-Id: v1.m0.e.0.0.{'0' * 24}"
    assert (await story(installation, token))["event"] == "m0.judged"


async def test_the_highest_revision_is_told_and_the_earlier_ones_named(installation):
    installation.receive([HAM])
    ident = installation.arrivals[0].incoming.envelope.id
    again = {"id": ident, "kind": "revised", "revision": 1, "action": "reject"}
    installation.receive([HAM], change=lambda verdict: replace(verdict, **again))
    told = await story(installation, ident)
    assert told["event"] == "m0.revised.1"
    assert [each["event"] for each in told["given"]] == ["m0.judged", "m0.revised.1"]
    assert "isn't the same verdict" in told["counterfactual"]["unknown"]


async def test_where_models_of_that_time_are_gone_what_was_recorded_is_told(installation):
    installation.learn(3)
    installation.receive([PHISH])
    installation.expire("models")
    told = await story(installation, "m0")
    assert told["explanation"] is None
    assert "online models" in told["unexplained"]
    assert told["replay"]["way"] == "none"
    page = click.unstyle((await explain(installation, "m0")).stdout)
    assert "Weights aren't told" in page
    assert "display_name_brand" in page


async def test_a_hooks_own_verdict_is_told_and_a_workers_goes_before_it(installation):
    installation.receive([HAM], change=as_fallback)
    told = await story(installation, "m0")
    assert told["event"] == "m0.fallback"
    assert told["replay"]["way"] == "none"


async def test_mail_that_has_expired_leaves_a_story_by_vector_and_basis(installation):
    installation.receive([PHISH])
    installation.expire("messages")
    told = await story(installation, "m0")
    assert told["replay"]["way"] == "vector"
    assert told["counterfactual"]["milder"]


async def test_an_id_that_no_verdict_has_is_answered_no(installation):
    installation.receive([HAM])
    done = await explain(installation, hashed_id("nobody"))
    assert done.exit_code == 1
    assert "no verdict that is kept" in done.stderr


async def test_what_cannot_be_a_name_or_a_source_is_a_usage_error(installation, tmp_path):
    assert (await explain(installation, " ")).exit_code == 2
    done = await explain(installation, "m0", "--source", "nowhere")
    assert done.exit_code == 2
    mail = tmp_path / "mail.eml"
    mail.write_bytes(HAM)
    done = await explain(installation, "m0", "--source", str(mail))
    assert done.exit_code == 2
    assert "weir check --explain" in done.stderr


async def test_what_only_the_archive_has_is_explained_from_it_and_the_rest_from_the_topic(
    installation, archived
):
    installation.learn(2)
    installation.receive([PHISH])
    await archived()
    installation.receive([HAM])
    told = await story(installation, "m0")
    assert told["place"].startswith("archive ")
    assert told["counterfactual"]["milder"]
    assert told["replay"]["way"] == "raw"
    assert (await story(installation, "m1"))["place"].startswith("topic ")


async def test_labels_that_are_archived_are_told_with_those_that_were_taken_back(
    installation, archived
):
    installation.receive([PHISH])
    for number, retracts in ((1, ""), (2, "l1"), (3, "")):
        label = Label(
            id=f"l{number}",
            of=Target(id="m0"),
            truth=None if retracts else "phish",
            source="analyst",
            reporter="k:1",
            tenant="default",
            given_at=NOW,
            retracts=retracts,
        )
        installation.append("labels", b"m0", msgspec.json.encode(label))
    await archived()
    told = await story(installation, "m0")
    assert [(each["label"], each["stands"]) for each in told["labels"]] == [
        ("l1", False),
        ("l3", True),
    ]
    page = click.unstyle((await explain(installation, "m0")).stdout)
    assert "label phish by analyst, taken back (l1)" in page


async def test_a_message_whose_mail_is_archived_is_found_by_its_message_id(installation, archived):
    named = HAM.replace(b"Message-ID:", b"X-Was:").replace(b"Message-Id:", b"X-Was:")
    quoting = named.replace(b"\n\n", b"\n\nMessage-ID: <wanted@example.org>\n", 1)
    folded = b"Message-Id:\r\n <wanted@example.org>\r\n" + named
    installation.receive([quoting, folded, HAM])
    await archived()
    assert (await story(installation, "<wanted@example.org>"))["event"] == "m1.judged"
    assert (await explain(installation, "<other@example.org>")).exit_code == 1


async def test_an_archive_that_is_not_there_yet_leaves_the_topic(installation, tmp_path):
    installation.env["WEIR_ARCHIVE__URL"] = str(tmp_path / "archive")
    installation.receive([HAM])
    done = await explain(installation, "m0")
    assert done.exit_code == 0
    assert "is no archive" in done.stderr
    assert (await explain(installation, "m0", "--source", f"archive:{tmp_path}")).exit_code == 3


async def test_a_broken_file_of_the_archive_is_named_and_what_else_there_is_is_told(
    installation, archived, tmp_path
):
    installation.receive([PHISH])
    await archived()
    installation.receive([HAM])
    for path in (tmp_path / "archive").rglob("*.parquet"):
        if "verdicts" in path.parts:
            path.write_bytes(b"PAR1 no more")
    lost = await explain(installation, "m0")
    assert lost.exit_code == 3
    assert "passed over" in lost.stderr
    assert "parquet" in lost.stderr
    assert (await explain(installation, "m1")).exit_code == 0
