"""The online and evasion benchmarks measure every filter on one stream, and document their keys."""

import json
import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.bench import regimes
from apps.bench.dated_stream import read_dated_stream
from apps.bench.regimes import REGIMES
from apps.cli.main import weir
from apps.evaluation.attacks import ATTACKS
from features.context import Limits

ROOT = Path(__file__).parents[3]
DOCUMENTED = (ROOT / "docs" / "benchmarks.md").read_text() + (
    ROOT / "docs" / "evaluation.md"
).read_text()
FILTERS = {"text", "text and behaviour", "whole system", "bogofilter"}
NAMES = FILTERS | {"weir", "spamprobe", "immediate", "reports", "list"}
installed = pytest.mark.skipif(
    not (shutil.which("bogofilter") or os.environ.get("CI")), reason="bogofilter isn't installed"
)


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A corpus in the layout of the real one, of example messages that came ham by spam."""
    monkeypatch.chdir(tmp_path)
    mail = ROOT / "examples" / "inbound"
    for kind, found in (("spam-1", "corpus-spam-*"), ("easy-ham-1", "corpus-ham-*")):
        folder = tmp_path / "corpora" / "sa" / kind
        folder.mkdir(parents=True)
        for day, path in enumerate(sorted(mail.glob(found)), 1):
            trace = f"Received: from mx.example.org by us; {day} Aug 2002 00:00:00 +0000\n"
            (folder / path.name).write_bytes(trace.encode() + path.read_bytes())
    modern = tmp_path / "corpora" / "modern" / "spam"  # what the classifier is trained on
    modern.mkdir(parents=True)
    for number, path in enumerate(sorted(mail.glob("written-phish-*"))):
        (modern / f"strangers_{number}.eml").write_bytes(path.read_bytes())
    return tmp_path / "corpora"


def bench(name, corpora, *options):
    command = ["bench", name, "--corpora", str(corpora), "--json", *options]
    result = CliRunner().invoke(weir, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def words(value):
    """Yield the keys that name a figure: not those of filters, attacks and machines."""
    for key, item in value.items():
        if re.fullmatch(r"[a-z][a-z_0-9]+(_at_[0-9.]+%)?", key) and key not in NAMES:
            yield key
        if isinstance(item, dict) and key != "machine":
            yield from words(item)


def message(folder, name, received, extra=""):
    folder.mkdir(parents=True, exist_ok=True)
    trace = (
        f"Received: from mx.example.org (mx.example.org [192.0.2.7]) by us; {received} 00:00:00 "
        "+0000\n"
        if received
        else ""
    )
    (folder / name).write_text(f"{trace}{extra}Subject: x\n\ny\n")


def test_the_stream_is_in_order_of_date_without_what_tells_none(tmp_path):
    ham, spam = tmp_path / "sa" / "easy-ham-1", tmp_path / "sa" / "spam-2"
    message(ham, "b", "3 Aug 2002")
    message(spam, "a", "1 Aug 2002", "X-Spam-Status: Yes\n")
    message(spam, "forged", "1 Aug 2035")
    message(ham, "undated", "")
    stream = read_dated_stream(tmp_path, Limits())
    assert [it.entry.path for it in stream.items] == ["spam-2/a", "easy-ham-1/b"]
    assert (stream.spam, stream.undated) == (1, 2)
    assert b"X-Spam" not in stream.items[0].incoming.raw


def test_without_received_nothing_of_it_is_left(tmp_path):
    message(tmp_path / "sa" / "spam-2", "a", "1 Aug 2002")
    stream = read_dated_stream(tmp_path, Limits())
    (bare,) = stream.without_received().items
    assert stream.items[0].incoming.envelope.client.ip == "192.0.2.7"
    assert bare.incoming.raw == b"Subject: x\n\ny\n"
    assert bare.incoming.envelope.client.ip is None
    assert bare.incoming.envelope.received_at == stream.items[0].incoming.envelope.received_at


@installed
def test_online_compares_each_filter_with_the_peer_on_every_message(corpora):
    found = bench("online", corpora)
    count = found["stream"]["messages"]
    assert count > 15
    sides = found["as_delivered"]
    assert set(sides["filters"]) == FILTERS
    assert {row["messages"] for row in sides["filters"].values()} == {count}
    assert all(row["cpu_us"] > 0 for row in sides["filters"].values())
    assert set(sides["against_the_peer"]) == FILTERS - {"bogofilter"}
    assert found["classifier"] == "held out"
    assert [key for key in words(found) if f"`{key}`" not in DOCUMENTED] == []


@installed
def test_each_filter_is_measured_in_each_regime_and_against_the_frozen_one(corpora, monkeypatch):
    shutil.rmtree(corpora / "modern")  # too little to train a classifier on, which takes long
    monkeypatch.setattr(regimes, "FIRST", 10)
    chosen = ("reports", "list", "first 2,000")  # the others differ by what evaluate is asked
    short = {name: replace(REGIMES[name], first=10) for name in chosen}
    short["first 2,000"] = replace(short["first 2,000"], frozen_after=10)
    short["audit 200"] = replace(REGIMES["audit 200"], protocol="audit:5")
    monkeypatch.setattr(regimes, "REGIMES", short)
    found = bench("online", corpora, "--regimes")
    count = found["stream"]["messages"]
    assert found["benchmark"] == "regimes"
    assert found["regimes"].keys() == short.keys()
    for filters in found["regimes"].values():
        assert {"weir", "bogofilter"} <= filters.keys()
        assert {row["messages"] for row in filters.values()} == {count}
        assert {row["later"]["messages"] for row in filters.values()} == {count - 10}
    assert found["regimes"]["first 2,000"]["weir"]["labels"] == 10
    audited = [row["labels"] for row in found["regimes"]["audit 200"].values()]
    assert min(audited) >= 4, "nobody spends another filter's budget of five"
    held = found["against_frozen"]
    assert held.keys() == {"reports", "list"}
    for row in held["list"].values():
        assert {"one_minus_roca_pct", "missed_pct_at_0.1%", "ham_junked"} == row.keys()
    assert [key for key in words(found) if f"`{key}`" not in DOCUMENTED] == []


@installed
def test_evasion_tells_what_each_attack_does_to_each_filter(corpora):
    found = bench("evasion", corpora)
    for rate in ("0.1%", "1%"):
        rows = found["missed_pct_at"][rate]
        assert list(rows) == list(ATTACKS)
        assert all(set(row) == FILTERS - {"text and behaviour"} for row in rows.values())
    counts = Counter(found["later"])
    assert counts["messages"] == counts["spam"] + counts["ham"]
    assert [key for key in words(found) if f"`{key}`" not in DOCUMENTED] == []
