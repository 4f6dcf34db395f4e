"""Invented mail: the same for the same seed, of every kind, and told apart by what it claims."""

import os
import re
import subprocess
import sys
from collections import Counter
from email import message_from_bytes
from email.policy import default as modern

import lightgbm
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from apps.synthesis.generate import invent
from apps.synthesis.scenarios import LANGUAGES, read_words, scenarios
from apps.training.dataset import evidence_of
from detectors.brands import BRANDS
from features.vector import SCHEMA

LABELS = ("fraud", "honest")
# What a builder chooses whatever the label: encodings, parts, lines, the look of the page.
STRUCTURE = (
    "message.parts", "message.base64_ascii", "message.charset_missing", "message.charset_wrong",
    "content.comment_chars", "content.style_junk", "content.nodes", "content.markup",
    "content.hidden_chars", "content.zero_width", "content.title_chars", "content.faint_chars",
)  # fmt: skip


@pytest.fixture(scope="module")
def mail():
    return {label: list(invent(label, 350, 5)) for label in LABELS}


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed_of_the_process():
    script = (
        "import hashlib, sys; from apps.synthesis.generate import invent; "
        "kinds, seed = ('fraud', 'honest'), int(sys.argv[1]); "
        "raws = b''.join(m.raw for kind in kinds for m in invent(kind, 80, seed)); "
        "print(hashlib.sha256(raws).hexdigest())"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", script, seed],
            env={**os.environ, "PYTHONHASHSEED": hashing},
            capture_output=True,
            check=True,
        ).stdout
        for seed, hashing in (("5", "1"), ("5", "2"), ("6", "1"))
    ]

    assert digests[0] == digests[1] != digests[2]


def test_a_longer_run_begins_with_a_shorter_one(mail):
    assert list(invent("honest", 50, 5)) == mail["honest"][:50]


@pytest.mark.parametrize(("label", "least"), [("fraud", 60), ("honest", 35)])
def test_there_are_many_scenarios_and_each_comes_equally_often(label, least, mail):
    counts = Counter(message.scenario for message in mail[label])

    assert len(counts) == len(scenarios(label)) >= least
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("label", LABELS)
def test_every_language_is_spoken_in_several_scenarios(label):
    told = Counter(language for scenario in scenarios(label) for language in scenario.tellings)

    assert set(told) == set(LANGUAGES)
    assert min(told.values()) >= 7
    assert all(read_words(language).people for language in LANGUAGES)


def test_every_brand_named_is_one_of_the_brand_table():
    known = {brand.name for brand in BRANDS}
    named = {name for label in LABELS for s in scenarios(label) for name in s.brands}

    assert named - known == set()
    assert all(s.brands for label in LABELS for s in scenarios(label) if s.speaker == "brand")


def test_scenarios_of_either_label_have_names_of_their_own():
    assert not {s.name for s in scenarios("fraud")} & {s.name for s in scenarios("honest")}


def test_no_gap_is_left_in_any_message(mail):
    gap = re.compile(r"\{[a-z]{2,9}\}")
    for message in mail["fraud"][:150] + mail["honest"][:150]:
        parsed = message_from_bytes(message.raw, policy=modern)
        text = parsed.get_body(("plain", "html")).get_content()
        assert not gap.search(f"{parsed['Subject']} {text}"), message.scenario


def test_messages_are_whole_mail_that_the_core_reads(mail):
    for message in mail["fraud"][:150] + mail["honest"][:150]:
        parsed = message_from_bytes(message.raw)
        assert {"From", "Date", "Subject", "To"} <= set(parsed.keys()), message.scenario
        assert parsed.get_content_type() != "text/plain" or parsed.get_payload()
        evidence = evidence_of(message.raw)
        assert evidence.vector.shape == (len(SCHEMA.names),)


def test_brand_mail_that_is_honest_comes_from_the_brand_and_fraud_mostly_does_not(mail):
    domains = {b.name: b.domains for b in BRANDS}
    own = Counter()
    for label in LABELS:
        by_name = {s.name: s for s in scenarios(label)}
        for message in mail[label]:
            brands = by_name[message.scenario].brands
            if not brands:
                continue
            sender = str(message_from_bytes(message.raw)["From"]).rpartition("@")[2].strip(" >")
            real = any(
                sender == d or sender.endswith("." + d) for name in brands for d in domains[name]
            )
            own[label, real] += 1

    assert own["honest", False] == 0
    assert own["fraud", True] < 0.2 * own["fraud", False]


def test_the_look_of_a_message_does_not_tell_its_label(mail):
    """Trees that see what the builders choose alone do little better than a coin."""
    rows = [evidence_of(m.raw).vector for label in LABELS for m in mail[label]]
    columns = [SCHEMA.names.index(name) for name in STRUCTURE]
    vectors = np.nan_to_num(np.array(rows)[:, columns])
    fraud = np.arange(len(vectors)) < len(mail["fraud"])
    held_out = np.arange(len(vectors)) % 2 == 0
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "num_leaves": 7},
        lightgbm.Dataset(vectors[~held_out], label=fraud[~held_out].astype(float)),
        num_boost_round=40,
    )

    assert roc_auc_score(fraud[held_out], booster.predict(vectors[held_out])) < 0.7
