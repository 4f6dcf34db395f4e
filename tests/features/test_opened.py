"""Links inside attachments are read as those of the body are."""

from datetime import UTC, datetime

import pytest

from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.opened import File

AT = datetime(2025, 11, 11, tzinfo=UTC)
MAIL = b"From: a@kestrel-metals.com\nTo: alex.morgan@brookvale.org\n\nhello\n"


def _inside(file):
    evidence = extract(Incoming(Envelope(id="x", received_at=AT), MAIL), Context())
    with_it = evidence.with_opened((file,))
    assert with_it.vector is evidence.vector, "no number of the frozen vector changes"
    (inside,) = with_it.opened
    return inside


def test_targets_and_addresses_in_the_text_are_links_each_once():
    inside = _inside(
        File("pdf", 0, text="Go to https://bit.ly/a now", targets=("https://bit.ly/a", "mailto:x"))
    )

    (link,) = inside.links
    assert link.host == "bit.ly"
    assert link.source == "pdf"
    assert "shortener" in link.traits


def test_a_link_that_carries_the_recipient_says_so():
    inside = _inside(File("pdf", 0, targets=("https://q.net/?u=alex.morgan@brookvale.org",)))

    assert "recipient_clear" in inside.links[0].traits


@pytest.mark.parametrize(
    ("code", "host"),
    [
        ("https://quarrybrook.net/x", "quarrybrook.net"),
        ("HTTPS://QUARRYBROOK.NET/X", "quarrybrook.net"),
        ("quarrybrook.net/x?y", "quarrybrook.net"),
        ("  https://quarrybrook.net ", "quarrybrook.net"),
    ],
)
def test_a_code_is_read_as_a_phone_reads_it(code, host):
    assert [link.host for link in _inside(File("image", 0, codes=(code,))).codes] == [host]


@pytest.mark.parametrize(
    "code",
    ["BCD\n002\n1\nSCT", "WIFI:S:guest;;", "tel:+18025550142", "12345678", "order.pdf", "a@b.com"],
)
def test_a_code_that_is_no_address_is_no_link(code):
    assert _inside(File("image", 0, codes=(code,))).codes == ()


def test_links_of_a_file_are_bounded():
    targets = tuple(f"https://q{number}.net" for number in range(500))

    assert len(_inside(File("pdf", 0, targets=targets)).links) == 100
