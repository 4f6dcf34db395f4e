"""A classifier's files become bytes and come back whole, or are refused in one line."""

import hashlib

import pytest

from models.bundle import Bundle
from models.manifest import ArtifactError, Manifest, digest

ONNX = b"an artifact"
MANIFEST = Manifest(
    name="classifier", sha256=digest(ONNX), part="message", schema="0123", inputs=("a",)
).encode()
BUNDLE = Bundle(MANIFEST, ONNX, b"# Card\n", b"12345678")
CONTENT = BUNDLE.dump()


def refused(content):
    with pytest.raises(ArtifactError) as error:
        Bundle.load(content)
    assert "\n" not in str(error.value)
    return str(error.value)


def forged(body):
    return CONTENT[:9] + hashlib.sha256(body).digest() + body


def test_the_files_come_back_and_equal_files_give_equal_bytes():
    assert Bundle.load(CONTENT) == BUNDLE
    assert Bundle.of(dict(reversed(BUNDLE.files().items()))).dump() == CONTENT
    assert Bundle(MANIFEST, ONNX).files().keys() == {"manifest.json", "classifier.onnx"}


def test_its_version_is_that_of_the_manifest_as_verdicts_have_it():
    assert BUNDLE.version == digest(MANIFEST)[:12]


def test_every_damaged_byte_and_every_cut_is_refused():
    for at in range(0, len(CONTENT), 7):
        refused(CONTENT[:at])
        refused(CONTENT[:at] + bytes([CONTENT[at] ^ 1]) + CONTENT[at + 1 :])
    refused(CONTENT + b"\0")


@pytest.mark.parametrize(
    ("header", "content", "said"),
    [
        (b'[["classifier.onnx",11]]', ONNX, "manifest.json is missing"),
        (b'[["../evil",3]]', b"abc", "no classifier has"),
        (b'[["manifest.json",-3],["classifier.onnx",14]]', ONNX, "aren't as long"),
        (b'[["manifest.json",999]]', b"abc", "aren't as long"),
        (b'[["manifest.json",1],["manifest.json",2]]', b"abc", "twice"),
        (b"{}", b"", "isn't readable"),
        (b"\xff", b"", "isn't readable"),
    ],
)
def test_a_forged_header_with_a_fitting_digest_is_refused(header, content, said):
    assert said in refused(forged(len(header).to_bytes(4, "little") + header + content))


def test_a_header_that_claims_to_be_huge_is_refused():
    assert "header of" in refused(forged(b"\xff\xff\xff\x7f" + b"[]"))


def test_an_artifact_that_its_manifest_does_not_name_is_refused():
    assert "its manifest wants" in refused(Bundle(MANIFEST, b"another").dump())
