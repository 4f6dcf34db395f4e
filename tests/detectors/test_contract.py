"""What holds for every detector of the catalogue, whoever wrote it."""

import copy
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from apps.bench.samples import history_beside
from detectors.catalogue import DETECTORS, SPECS, catalogue
from detectors.signals import Finding
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Client, Envelope, Incoming
from features.evidence import extract
from features.history import UNKNOWN

ROOT = Path(__file__).parents[2]
LOCAL = "zqxlocalpart"
BODY = "zqxbodypassage"
CONTEXT = Context(authserv_ids=frozenset({"mx.brookvale.org"}), upstream_verifies=True)
NAME = re.compile(r"[a-z][a-z0-9_]*")


def _evidence(raw):
    envelope = Envelope(
        id="x",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        client=Client(ip="192.0.2.7", helo="mail.example.com"),
        mail_from=f"{LOCAL}@example.net",
        rcpt_to=(f"{LOCAL}@example.org",),
    )
    return extract(Incoming(envelope, raw), CONTEXT)


def _messages():
    """Samples of every signal, with words of our own where they must not come out again."""
    folders = ("tests/corpus/signals/*", "tests/corpus/nasty", "examples/inbound")
    paths = [path for folder in folders for path in sorted(ROOT.glob(f"{folder}/*.eml"))]
    for path in paths:
        raw = path.read_bytes()
        yield f"{path.parent.name}/{path.stem}", raw
    yield "empty", b""


MESSAGES = dict(_messages())


def _history(name, evidence):
    beside = ROOT / "tests" / "corpus" / "signals" / f"{name}.toml"
    if not beside.exists():
        return UNKNOWN
    told = tomllib.loads(beside.read_text("utf-8"))
    return history_beside(told, evidence)


BARE = {name: _evidence(raw) for name, raw in MESSAGES.items()}
HISTORIES = {name: _history(name, evidence) for name, evidence in BARE.items()}
EVIDENCE = {name: evidence.with_history(HISTORIES[name]) for name, evidence in BARE.items()}
each_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.specs[0].group)


@each_detector
def test_the_same_evidence_gives_the_same_findings_and_stays_as_it_was(detector):
    for evidence in EVIDENCE.values():
        fields = [name for name in evidence.__dataclass_fields__ if name != "touches"]
        before = {name: copy.deepcopy(getattr(evidence, name)) for name in fields}
        first = list(detector.detect(evidence, CONTEXT))
        assert list(detector.detect(evidence, CONTEXT)) == first
        for field in fields:
            one, other = getattr(evidence, field), before[field]
            if field == "history":
                one, other = one.numbers, other.numbers
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, other)
            else:
                assert one == other


@each_detector
def test_only_declared_signals_fire_and_each_at_most_once(detector):
    declared = {spec.name for spec in detector.specs}
    for evidence in EVIDENCE.values():
        names = [finding.name for finding in detector.detect(evidence, CONTEXT)]
        assert len(names) == len(set(names))
        assert set(names) <= declared


@each_detector
def test_findings_have_a_strength_a_reason_and_plain_inputs(detector):
    for evidence in EVIDENCE.values():
        for finding in detector.detect(evidence, CONTEXT):
            assert isinstance(finding, Finding)
            assert 0 < finding.strength <= 1
            assert 10 <= len(finding.reason) <= 300, finding
            assert "\n" not in finding.reason
            assert all(type(value) in (str, int, float, bool) for value in finding.inputs.values())


@each_detector
def test_an_empty_message_is_no_error(detector):
    for raw in (b"", b"\n", b"\n\n", b"x"):
        list(detector.detect(_evidence(raw), CONTEXT))


def _marked(raw):
    """Put a word of our own before each @ and into the text, keeping what the signals look at."""
    head, blank, body = raw.partition(b"\n\n")
    head = re.sub(rb"[\w.+-]+@", LOCAL.encode() + b"@", head)
    body = re.sub(rb"(?i)(</p>|</div>|</td>|\.\s)", b" " + BODY.encode() + rb" \1", body)
    return head + blank + body


def test_no_finding_quotes_a_local_part_or_a_passage_of_the_body():
    fired = set()
    for name, raw in MESSAGES.items():
        marked = _evidence(_marked(raw.replace(b"\r\n", b"\n")))
        evidence = marked.with_history(HISTORIES[name])
        for detector in DETECTORS:
            for finding in detector.detect(evidence, CONTEXT):
                fired.add(finding.name)
                said = f"{finding.reason} {finding.inputs}".lower()
                assert LOCAL not in said, finding
                assert BODY not in said, finding
    assert len(fired) > len(SPECS) / 2  # else this test says little


def test_the_catalogue_is_complete_and_well_formed():
    for name, spec in SPECS.items():
        assert NAME.fullmatch(name)
        assert spec.name == name
        assert spec.what.endswith(".")
        assert spec.group
    assert set(SPECS) <= set(shipped_stack().speaks_for)


def test_every_signal_has_a_measured_weight_and_every_group_a_cap():
    weights = shipped_stack()._weights
    assert set(SPECS) == set(weights.signals)
    assert {spec.group for spec in SPECS.values()} | {"learned"} == set(weights.groups)


def test_two_detectors_cannot_claim_one_name():
    with pytest.raises(ValueError, match="two detectors claim this name"):
        catalogue([DETECTORS[0], DETECTORS[0]])


HTML = b"From: a@example.com\nContent-Type: text/html\n\n"
PROGRAM = b"Content-Transfer-Encoding: base64\n\nTVqQAAMAAAAE"


@pytest.mark.parametrize(
    ("raw", "fires"),
    [
        (b"From: <a@b.example zqxlocalpart at ours.example>\n\nx", "from_bad_character"),
        (b"From: <a@b.example:zqxlocalpart>\n\nx", "from_bad_tld"),
        (
            HTML + b"<a href='http://zqxlocalpart%40ours.example.web.app/'>x</a>",
            "link_free_host",
        ),
        (
            HTML + b"<a href='http://zqxlocalpart%40ours.web.app/'>x</a>",
            "link_cloud_only",
        ),
    ],
)
def test_what_is_quoted_of_a_host_is_a_host(raw, fires):
    """A text that only stands where a host should may be somebody's name."""
    findings = [f for d in DETECTORS for f in d.detect(_evidence(raw), CONTEXT)]
    assert fires in {finding.name for finding in findings}
    assert LOCAL not in repr(findings)


@pytest.mark.parametrize("name", [b"zqxlo", b"zqxlo.exe", b"report.zqxlo"])
def test_a_file_name_is_quoted_by_its_known_ending_only(name):
    """The name may be a person's, and so may what follows a dot in it."""
    raw = b'From: a@b.com\nContent-Type: application/x; name="%s"\n%s' % (name, PROGRAM)
    findings = [f for d in DETECTORS for f in d.detect(_evidence(raw), CONTEXT)]
    assert "attachment_executable" in {finding.name for finding in findings}
    assert "zqxlo" not in repr(findings)


_READING = re.compile(r"[\w-]*(?:\.[\w-]+)+")


def test_what_a_reason_quotes_is_among_its_inputs():
    """A replay starts from the readings, not from the sentence."""
    for evidence in EVIDENCE.values():
        for detector in DETECTORS:
            for finding in detector.detect(evidence, CONTEXT):
                given = " ".join(map(str, finding.inputs.values()))
                assert all(word in given for word in _READING.findall(finding.reason)), finding
