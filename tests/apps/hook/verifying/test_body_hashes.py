import base64
import hashlib

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import example, given
from hypothesis import strategies as st

from apps.hook.verifying import body_hashes
from apps.hook.verifying.body_hashes import BodyHashes


def tags(canonical, form):
    digest = hashlib.sha256(canonical).digest()
    return {b"c": b"relaxed/" + form, b"bh": base64.b64encode(digest)}


# RFC 6376, 3.4.5 and the empty bodies of 3.4.3 and 3.4.4.
@pytest.mark.parametrize(
    ("body", "form", "canonical"),
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", b"relaxed", b" C\r\nD E\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b"simple", b" C \r\nD \t E\r\n"),
        (b"", b"simple", b"\r\n"),
        (b"\r\n\r\n", b"simple", b"\r\n"),
        (b"", b"relaxed", b""),
        (b" \r\n\t\r\n", b"relaxed", b""),
        (b"a\r", b"relaxed", b"a\r\r\n"),
        (b"a \r \r\n", b"relaxed", b"a \r\r\n"),
    ],
)
def test_the_canonical_forms_of_rfc_6376(body, form, canonical):
    assert BodyHashes(body).matches(tags(canonical, form))
    assert not BodyHashes(body + b"x").matches(tags(canonical, form))


@given(
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"  ", b"\xff"])).map(b"".join),
    st.integers(1, 5),
)
@example(b"a  \r\n b", 2)
def test_both_forms_are_dkimpy_s_wherever_the_pieces_are_cut(body, piece):
    whole = body + b"\r\n"  # as SMTP has it; without it dkimpy keeps a blank at the end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(body_hashes, "_PIECE", piece)
        hashes = BodyHashes(whole)
        assert hashes.matches(tags(Relaxed.canonicalize_body(whole), b"relaxed"))
        assert hashes.matches(tags(Simple.canonicalize_body(whole), b"simple"))


@pytest.mark.parametrize(
    "changed",
    [{b"c": b"relaxed/other"}, {b"l": b"1"}, {b"bh": b"="}, {b"bh": b""}, {b"bh": b"\xff" * 9}],
)
def test_what_names_no_hash_of_the_body_does_not_match(changed):
    assert BodyHashes(b"a\r\n").matches(tags(b"a\r\n", b"relaxed"))
    assert not BodyHashes(b"a\r\n").matches(tags(b"a\r\n", b"relaxed") | changed)


def test_a_signature_without_a_form_has_a_simple_body():
    for form in ({}, {b"c": b"relaxed"}):
        digest = base64.b64encode(hashlib.sha256(b"a \r\n").digest())
        assert BodyHashes(b"a \r\n").matches({b"bh": digest} | form)


@pytest.mark.parametrize("unit", [b" ", b"\r\n", b" x", b" \t\r", b"\r"])
def test_megabytes_of_anything_take_linear_time(unit):
    body = unit * (4_000_000 // len(unit)) + b"x"
    for form in (b"relaxed", b"simple"):
        assert not BodyHashes(body).matches(tags(b"", form))
