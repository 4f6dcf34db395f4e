from base64 import b64encode
from urllib.parse import quote

import pytest

from features.recipient_marks import recipient_marks

ADDRESS = "erika.mustermann+list@example.org"


def traits(url, shown="Confirm", address=ADDRESS):
    marks = recipient_marks((address,))
    assert marks.occur_in(url) or not marks.traits(url, shown)
    return marks.traits(url, shown)


@pytest.mark.parametrize(
    "written", [ADDRESS, ADDRESS.upper(), ADDRESS.replace("@", "%40"), quote(ADDRESS, safe="")]
)
def test_the_address_in_clear_is_seen(written):
    assert traits(f"https://example.com/?e={written}") == {"recipient_clear"}


@pytest.mark.parametrize("before", ["", "x", "xy", "id=7&mail="])
@pytest.mark.parametrize("after", ["", "\r\n", ",more"])
def test_the_address_in_base64_is_seen_whatever_is_around_it(before, after):
    coded = b64encode(f"{before}{ADDRESS}{after}".encode()).decode()

    assert traits(f"https://example.com/#{coded}") == {"recipient_encoded"}


def test_the_address_in_hex_is_seen():
    assert traits(f"https://example.com/{ADDRESS.encode().hex().upper()}") == {"recipient_encoded"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://example.com/unsubscribe?e={ADDRESS}", "here"),
        (f"https://example.com/x?e={ADDRESS}", "Abmelden"),
        (f"https://example.com/x?e={ADDRESS}", "View in browser"),
    ],
)
def test_links_to_unsubscribe_or_to_view_may_carry_it(url, shown):
    assert traits(url, shown) == set()


def test_another_address_is_not_the_recipients():
    assert traits("https://example.com/?e=max@example.org") == set()


def test_very_short_addresses_would_match_by_chance_and_are_left_out():
    assert traits("https://example.com/?a@b.de", address="a@b.de") == set()


def test_no_recipient_no_mark():
    assert not recipient_marks(()).occur_in("https://example.com/")
