"""What looks the same has one key, and what doesn't has another."""

import pytest

from features.correspondents import name_key, sender_skeletons, skeleton


@pytest.mark.parametrize(
    "other",
    [
        "examp1e.net", "exarnple.net", "example.com", "exam-ple.net", "exxample.net",
        "examplle.co.uk", "\u0435\u0445\u0430m\u0440l\u0435.net",
        "xn--exmple-cua.net", "3xample.net",
    ],
)  # fmt: skip
def test_domains_that_a_reader_takes_for_one_share_a_skeleton(other):
    assert skeleton(other) == skeleton("example.net")


@pytest.mark.parametrize("other", ["sample.net", "examples.net", "exemplar.net", "ample.net"])
def test_other_words_have_other_skeletons(other):
    assert skeleton(other) != skeleton("example.net")


@pytest.mark.parametrize("domain", ["", "abc.de", "aaaa.de", "b-b.de", "a" * 300 + ".net"])
def test_a_name_that_is_short_or_longer_than_any_domain_is_like_no_other(domain):
    assert skeleton(domain) == ""


def test_a_label_that_is_no_punycode_is_read_as_it_stands():
    assert skeleton("xn--99999999999.net") == skeleton("xn99999999999.net")


def test_a_sender_may_be_taken_for_its_first_or_last_word():
    assert skeleton("example.net") in sender_skeletons("examp1e-net.top")
    assert skeleton("example.net") in sender_skeletons("secure-example.com")
    assert sender_skeletons("my-shop.de") == (skeleton("myshop.de"),)
    assert len(sender_skeletons("first-second-third-fourth.de")) == 3
    assert sender_skeletons("a" * 300) == ()


def test_a_name_is_the_same_in_any_order_and_spelling():
    assert (
        name_key("Erika Müller")
        == name_key("MÜLLER, Erika")
        == name_key("\u0415r\u0456k\u0430 Muller")
        != ""
    )


@pytest.mark.parametrize("display", ["", "Support", "erika@example.org", "x y" * 200, "?!"])
def test_what_is_no_full_name_is_nobodys(display):
    assert name_key(display) == ""
