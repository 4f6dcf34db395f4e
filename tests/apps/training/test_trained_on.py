"""The list beside a classifier knows each message it was trained on, however it is stored."""

import hashlib
from importlib import resources

from apps.training.corpora import strip_artefacts
from apps.training.trained_on import FILE, mark_of, pack, unpack
from models.classifier import Classifier
from models.manifest import digest

RAW = b"From: a@example.org\nSubject: x\n\nhello\n"


def test_what_was_packed_is_found_and_nothing_else():
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(100)]
    marks = unpack(pack(digests))
    assert marks == {bytes.fromhex(it)[:8] for it in digests}


def test_the_order_of_messages_and_copies_dont_matter():
    digests = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(9)]
    assert pack(digests) == pack([*reversed(digests), digests[0]])


def test_a_message_is_found_as_training_reads_it():
    trained = hashlib.sha256(strip_artefacts(RAW)).hexdigest()
    assert mark_of(RAW) in unpack(pack([trained]))
    assert mark_of(b"From x Sun Apr  8 13:07:32 2007\nX-Spam-Status: No\n" + RAW) == mark_of(RAW)
    assert mark_of(RAW + b".") != mark_of(RAW)


def test_the_shipped_list_is_the_one_that_the_manifest_names_and_has_all_training_mail():
    content = (resources.files("models") / "artifacts" / FILE).read_bytes()
    manifest = Classifier.shipped().manifest
    assert digest(content) == manifest.trained_on
    assert len(unpack(content)) == sum(source.ham + source.spam for source in manifest.data)
