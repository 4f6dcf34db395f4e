# ruff: noqa: RUF001 - look-alike letters are what is tested
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.urls import find_urls, read_host, read_url


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://Example.COM:80/a", "http://example.com/a"),
        ("HTTPS://example.com:443", "https://example.com/"),
        ("https://example.com:8443/x?y#z", "https://example.com:8443/x?y#z"),
        ("https:\\\\example.com\\path", "https://example.com/path"),
        ("http:/example.com", "http://example.com/"),
        ("https:example.com", "https://example.com/"),
        ("http:////example.com/a", "http://example.com/a"),
        ("//example.com/a", "https://example.com/a"),
        ("\\/example.com/a", "https://example.com/a"),
        (" \tht\ntp://exa\r\nmple.com/ ", "http://example.com/"),
        ("http://%65xample.com./", "http://example.com/"),
        ("http://example.com?q", "http://example.com/?q"),
        ("www.example.com/a", "http://www.example.com/a"),
        ("http://user:pw@example.com/", "http://user:pw@example.com/"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://example。com/", "http://example.com/"),
        ("http://[::FFFF]/", "http://[::ffff]/"),
    ],
)
def test_an_address_is_read_as_a_browser_reads_it(written, read):
    assert read_url(written).text == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "#top",
        "page.html",
        "mailto:a@example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://",
        "http:",
        "https:///",
        "http://a b.example/",
        "http://[zz]/",
        "tel:1",
        "{{ url }}",
    ],
)
def test_what_leads_to_no_web_page_is_none(written):
    assert read_url(written) is None


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("3221225985", "192.0.2.1"),
        ("0xC0000201", "192.0.2.1"),
        ("0300.0.2.1", "192.0.2.1"),
        ("0xc0.0x00.0x02.0x01", "192.0.2.1"),
        ("192.0.513", "192.0.2.1"),
    ],
)
def test_an_ipv4_address_is_read_in_every_notation(written, address):
    host, faults = read_host(written)

    assert host == address
    assert "ip" in faults
    assert ("ip_obfuscated" in faults) == (written != address)


@pytest.mark.parametrize("host", ["1.2.3.4.5", "256.1.1.1", "99999999999", "1.2.3.x", "0xzz"])
def test_what_is_no_address_is_a_name(host):
    assert "ip" not in read_host(host)[1]


def test_the_host_is_behind_the_last_at_sign():
    url = read_url("http://www.paypal.com@evil@192.0.2.1:81/x")

    assert (url.host, url.port, url.path) == ("192.0.2.1", "81", "/x")
    assert url.faults == {"userinfo", "ip"}


def test_an_at_sign_in_the_path_is_no_userinfo():
    assert read_url("http://example.com/@user").faults == frozenset()


def test_wrong_slashes_are_a_fault():
    assert "slashes" in read_url("http:\\\\example.com").faults
    assert "slashes" not in read_url("//example.com").faults


def test_a_host_in_other_letters_is_a_fault():
    assert "punycode" in read_url("http://xn--80ak6aa92e.com/").faults
    assert "punycode" in read_url("http://аpple.com/").faults


@pytest.mark.parametrize(
    ("target", "read"),
    [
        ("page.html", "http://base.example/dir/page.html"),
        ("/page.html", "http://base.example/page.html"),
        ("//other.example/", "https://other.example/"),
        ("https://other.example/", "https://other.example/"),
    ],
)
def test_a_relative_target_starts_from_the_base(target, read):
    assert read_url(target, "http://base.example/dir/index.html").text == read


@pytest.mark.parametrize("base", ["javascript:x", "relative/", "mailto:a@b", ""])
def test_a_base_that_is_no_web_address_leads_nowhere(base):
    assert read_url("page.html", base) is None


def test_addresses_in_text_end_at_white_space_and_lose_the_stop_of_the_sentence():
    text = "See http://a.example/x, (HTTPS://b.example/y) or www.c.example. Not shttp:/ or http://x"

    assert find_urls(text) == ["http://a.example/x", "HTTPS://b.example/y", "www.c.example"]


def test_an_address_inside_another_is_not_found_twice():
    assert find_urls("http://a.example/?u=http://www.b.example/") == [
        "http://a.example/?u=http://www.b.example/"
    ]


def test_a_long_address_is_cut():
    assert len(read_url("http://example.com/" + "a" * 100_000).text) == 2_048


@given(st.text(), st.text(max_size=20))
@settings(derandomize=True)
def test_no_target_raises(text, base):
    for target in (text, "http://" + text, "https:\\" + text, "//" + text, "http://0x" + text):
        read_url(target, base)
        read_url(target, "http://" + base)
    find_urls("http://" + text + " www." + text)
    read_host(text)
