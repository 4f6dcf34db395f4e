"""A fresh installation, which has learned nothing, tells the written examples apart."""

from pathlib import Path

import pytest

from apps.cli.judging import judge_mail
from apps.installation import open_judge
from streams.settings import load

EXAMPLES = Path(__file__).parents[3] / "examples"
LABELS = {
    path: label
    for label, path in (line.split() for line in (EXAMPLES / "index").read_text().splitlines())
}
# One message alone shows nothing: it needs what was seen of its sender (`weir up` shows it).
NEEDS_HISTORY = {"burst/written-burst.eml"}
# And these need what people say of them (`weir up` shows that too).
NEEDS_LABELS = {
    "reported/written-reported-register.eml": "accept",
    "reported/written-rescued-treasurer.eml": "add_header",
}


@pytest.fixture(
    scope="module", name="verdicts", params=["as shipped", "with results of our server"]
)
def _verdicts(request):
    found = {}
    identity = {
        "WEIR_IDENTITY__AUTHSERV_IDS": "mx.upper-weir-trust.org",
        "WEIR_IDENTITY__UPSTREAM_VERIFIES": "true",
    }
    settings = load(None, {} if request.param == "as shipped" else identity)
    core = open_judge(settings)
    for path in LABELS:
        direction = "outbound" if path.startswith("outbound") else "inbound"
        [answer] = judge_mail(
            [core], settings, [str(EXAMPLES / path)], direction=direction, tenant="default"
        )
        found[path] = answer.judged[0].verdict
    return found


def test_every_example_is_labelled_and_judged_whole(verdicts):
    assert {str(p.relative_to(EXAMPLES)) for p in EXAMPLES.rglob("*.eml")} == LABELS.keys()
    assert {path for path, verdict in verdicts.items() if verdict.degraded} == set()


def test_all_written_abuse_is_tagged_or_worse_and_most_of_it_rejected(verdicts):
    abuse = {
        path: verdict.action
        for path, verdict in verdicts.items()
        if "written-" in path
        and LABELS[path] == "spam"
        and path not in NEEDS_HISTORY | NEEDS_LABELS.keys()
    }
    assert [path for path, action in abuse.items() if action == "accept"] == []
    rejected = [path for path, action in abuse.items() if action == "reject"]
    assert len(rejected) > 0.8 * len(abuse)


def test_no_honest_example_is_tagged(verdicts):
    """A user's report of a phish to the abuse desk is one of them."""
    honest = {
        path: v.action
        for path, v in verdicts.items()
        if LABELS[path] == "ham" and path not in NEEDS_LABELS
    }
    assert {path: action for path, action in honest.items() if action != "accept"} == {}


def test_what_labels_are_to_change_is_misjudged_without_them(verdicts):
    assert {path: verdicts[path].action for path in NEEDS_LABELS} == NEEDS_LABELS


def test_no_reason_names_a_local_part(verdicts):
    for path, verdict in verdicts.items():
        for signal in verdict.signals:
            assert "@" not in signal.reason, (path, signal.name, signal.reason)
            assert "anna" not in signal.reason.lower(), (path, signal.name, signal.reason)
