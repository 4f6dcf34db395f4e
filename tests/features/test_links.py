from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.content import read_content
from features.context import Context, Limits
from features.envelope import Envelope
from features.headers import read_headers
from features.links import read_links
from features.message import parse

HEAD = (
    b"From: Shop <news@mail.shop.example.com>\r\nReply-To: help@shop.example.net\r\n"
    b"To: erika@example.org\r\nSubject: Hello\r\n"
)


def links_of(body, kind="html", limits=None):
    context = Context(limits=limits or Limits())
    envelope = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    raw = HEAD + f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n{body}".encode()
    message = parse(raw, context.limits)
    headers = read_headers(message, envelope, context)
    content = read_content(message, headers, context.limits)
    return read_links(content, headers, envelope, context.limits)


def link_to(target, text="Click"):
    (link,) = links_of(f'<a href="{target}">{text}</a>').all
    return link


def test_links_of_plain_text_are_found():
    links = links_of("Look at https://a.example.com/x and www.example.de.", "plain")

    assert [(link.url, link.source) for link in links.all] == [
        ("https://a.example.com/x", "plain"),
        ("http://www.example.de/", "plain"),
    ]
    assert links.domains == {"example.com", "example.de"}


def test_a_bare_address_in_html_counts_unless_it_is_a_links_text():
    links = links_of(
        '<a href="https://evil.example.de/">https://paypal.com/login</a> or http://bare.example.fr/x'
    )

    assert [(link.host, link.source) for link in links.all] == [
        ("evil.example.de", "a"),
        ("bare.example.fr", "bare"),
    ]


@pytest.mark.parametrize(
    ("shown", "host"),
    [
        ("https://www.paypal.com/login", "www.paypal.com"),
        ("paypal.com", "paypal.com"),
        ("(paypal.com/login)", "paypal.com"),
        ("PayPal", ""),
        ("Pay at paypal.com now", ""),
        ("me@paypal.com", ""),
        ("README.md", ""),
        ("invoice.zip", ""),
        ("v1.2.3", ""),
    ],
)
def test_the_host_that_a_links_text_shows(shown, host):
    assert link_to("https://evil.example.de/", shown).text_host == host


@pytest.mark.parametrize(
    ("target", "trait"),
    [
        ("http://192.0.2.1/", "ip"),
        ("http://0xC0000201/", "ip_obfuscated"),
        ("http://paypal.com@example.de/", "userinfo"),
        ("http://example.de:8080/", "port"),
        ("http://xn--80ak6aa92e.com/", "punycode"),
        ("https://bit.ly/abc", "shortener"),
        ("https://x.weebly.com/", "free_host"),
        ("https://gateway.example.de/ipfs/Qm123", "free_host"),
        ("https://storage.googleapis.com/b/x", "raw_storage"),
        ("https://storage.googleapis.com/b/index.html", "storage_page"),
        ("https://b.s3.amazonaws.com/x#frag", "storage_page"),
        ("https://www.google.com/url?q=https://evil.example.de", "open_redirector"),
        ("https://u1.ct.sendgrid.net/ls/click", "mail_service"),
        ("https://login.example.top/", "cheap_tld"),
        ("https://example.shop/", "new_tld"),
        ("https://example.de/x?e=erika@example.org", "recipient_clear"),
        ("https://example.de/x#ZXJpa2FAZXhhbXBsZS5vcmc", "recipient_encoded"),
        ("https://example.de/aB3dEfGhIjKlMnOpQrStUvWxYz0123456789aBcDeF/x", "root_blob"),
        ("https://example.de/?u=https%3A%2F%2Fevil.example.fr%2F", "nested_url"),
        ("https://example.de/files/setup.EXE?x=1", "executable"),
        ("http://intranet/", "no_suffix"),
        ("http:\\\\example.de/", "slashes"),
    ],
)
def test_a_notable_target_has_its_trait(target, trait):
    assert trait in link_to(target).traits


@pytest.mark.parametrize(
    "target",
    [
        "https://www.example.de/",
        "https://example.de/articles/a-long-title-of-an-article-about-nothing-much-in-2026",
        "https://example.de/news/index.html#top",
        "https://example.de/?next=https://shop.example.de/",
        "https://example.de/paypal.com",
        "https://example.de:443/",
    ],
)
def test_an_everyday_target_has_none(target):
    assert link_to(target).traits == frozenset()


def test_a_page_on_a_delivery_network_is_no_page_in_raw_storage():
    traits = link_to("https://d1.cloudfront.net/index.html").traits

    assert "raw_storage" in traits
    assert "storage_page" not in traits


def test_the_senders_own_domains_and_mail_services_are_not_foreign():
    links = links_of(
        '<a href="https://example.com/">a</a><a href="https://x.example.net/">b</a>'
        '<a href="https://u1.ct.sendgrid.net/">c</a><a href="https://other.de/">d</a>'
    )

    assert links.own == {"example.com", "example.net"}
    assert links.foreign == {"other.de"}


def test_mail_and_odd_targets_are_counted_and_are_no_links():
    links = links_of(
        '<a href="mailto:a@example.com">m</a><a href="javascript:x()">j</a>'
        '<a href="data:text/html,x">d</a><a href="hxxp://x.de/">h</a><a href="#top">t</a>'
    )

    assert links.all == ()
    assert (links.mailto, links.odd_schemes) == (1, 3)


def test_relative_links_start_from_the_base():
    links = links_of('<base href="https://evil.example.de/"><a href="paypal.com/login">x</a>')

    assert links.all[0].url == "https://evil.example.de/paypal.com/login"


def test_hosts_of_pictures_are_kept_apart():
    links = links_of('<img src="https://pics.example.de/a.png"><img src="cid:1">')

    assert links.image_hosts == {"pics.example.de"}
    assert links.domains == frozenset()


def test_links_beyond_the_limit_are_counted_and_not_read():
    html = "".join(f'<a href="https://example.de/{n}">x</a>' for n in range(30))
    links = links_of(html, limits=Limits(links=20))

    assert (len(links.all), links.dropped) == (20, 10)
    assert [links.all[0].path, links.all[-1].path] == ["/0", "/29"]


def test_one_target_written_many_times_hides_no_other():
    padding = '<a href="https://example.de/">x</a>' * 30
    links = links_of(f'{padding}<a href="https://evil.example.fr/">y</a>', limits=Limits(links=20))

    assert "example.fr" in links.domains


@given(st.text(), st.text())
@settings(derandomize=True)
def test_no_link_raises(target, text):
    links_of(f'<base href="{text}"><a href="{target}">{text}</a><a href="http://{target}">x</a>')
    links_of(f"http://{target} www.{text}", "plain")
