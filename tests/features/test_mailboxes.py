"""Mailboxes as real mail writes them, and the faults that forgers leave in From."""

import pytest

from features.domains import split_host
from features.mailboxes import from_faults, parse_mailbox, parse_mailboxes


def faults(raw, count=1):
    mailbox = parse_mailbox(raw)
    return from_faults(raw, mailbox.host, mailbox.domain, count)


@pytest.mark.parametrize(
    ("raw", "display", "address"),
    [
        ("ada@example.org", "", "ada@example.org"),
        ("<Ada@Example.ORG>", "", "ada@example.org"),
        ('"Ada, Countess" <ada@example.org>', "Ada, Countess", "ada@example.org"),
        ("Ada, Countess <ada@example.org>", "Ada, Countess", "ada@example.org"),
        ("'Ada' <ada@example.org>", "Ada", "ada@example.org"),
        ('"A \\"B\\" C" <ada@example.org>', 'A "B" C', "ada@example.org"),
        ("=?utf-8?q?J=C3=B6rg?= <j@example.org>", "Jörg", "j@example.org"),
        ("=?utf-8?q?Ada_=3Cada=40example=2Eorg=3E?=", "Ada", "ada@example.org"),
        ("J\udcf6rg <j@example.org>", "Jörg", "j@example.org"),
        ("Ada\n <ada@example.org>", "Ada", "ada@example.org"),
        ("ada@example.org (Ada)", "Ada", "ada@example.org"),
        ("Ada,_<ada@example.org>", "Ada", "ada@example.org"),
        ("ada@example.net <ada@example.org>", "ada@example.net", "ada@example.org"),
        ("Ada <ada@example.org", "Ada", "ada@example.org"),
        ("Ada <ada@example.org.>", "Ada", "ada@example.org"),
        ("< ada@example.org >", "", "ada@example.org"),
        ("two@signs@example.org", "", "two@signs@example.org"),
        ('"ada@example.net"@example.org', "", '"ada@example.net"@example.org'),
        ("Ada", "Ada", ""),
        ("Ada <>", "Ada", ""),
        ("", "", ""),
    ],
)
def test_a_mailbox_is_what_a_mail_reader_shows(raw, display, address):
    mailbox = parse_mailbox(raw)

    assert (mailbox.display, mailbox.address) == (display, address)


def test_an_address_is_split_at_its_last_at_sign_and_its_host_at_the_suffix():
    mailbox = parse_mailbox("x@y@mail.example.co.uk")

    assert (mailbox.local, mailbox.host) == ("x@y", "mail.example.co.uk")
    assert mailbox.domain.registrable == "example.co.uk"


def test_commas_split_a_list_only_between_mailboxes():
    raw = (
        'Doe, Jane <j@example.org>, "A, B" <b@example.org>, c@example.org (x, y); '
        "d@example.org,, =?utf-8?q?a@b,c?= <e@example.org>"
    )

    assert [(box.display, box.address) for box in parse_mailboxes(raw, 10)] == [
        ("Doe, Jane", "j@example.org"),
        ("A, B", "b@example.org"),
        ("x, y", "c@example.org"),
        ("", "d@example.org"),
        ("a@b,c", "e@example.org"),
    ]


def test_a_list_is_read_up_to_its_limit():
    assert len(parse_mailboxes("a@example.org, " * 50, 7)) == 7
    assert parse_mailboxes("", 7) == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Ada <ada@example.org>", set()),
        ('"Doe, Ada" <ada@example.org>', set()),
        ("=?utf-8?q?Doe,_Ada?= <ada@example.org>", set()),
        ("Walter (x, y) <w@example.org>", set()),
        ("ada@example.org", set()),
        ("me@iki.fi", set()),
        ("Doe, Ada <ada@example.org>", {"comma"}),
        ("Ada,_<ada@example.org>", {"comma", "glue", "nospace"}),
        ("Ada ( <ada@example.org>", {"glue"}),
        ("Ada <<ada@example.org>", {"angles"}),
        ("Ada <ada@example.org> now", {"after"}),
        ("Ada<ada@example.org>", {"nospace"}),
        ("Ada <a@example.org> <b@example.org>", {"multi"}),
        ("Ada <ada@example.org >", {"spaced"}),
        ("Ada <ada@example.org.>", {"spaced"}),
        ("Ada", {"noaddr"}),
        ("Ada <>", {"noaddr"}),
        ("", {"noaddr"}),
        ("Ada <ada@exa_mple.org>", {"badchar"}),
        ("Ada <ada@example.invalid>", {"badtld"}),
        ("Ada <ada@localhost>", {"badtld"}),
    ],
)
def test_each_fault_of_a_raw_from_is_named(raw, expected):
    assert faults(raw) == expected


def test_a_second_from_field_is_a_fault():
    assert faults("Ada <ada@example.org>", count=2) == {"duplicate"}


def test_international_hosts_are_no_fault():
    host = "пример.рф"

    assert from_faults(f"<a@{host}>", host, split_host(host), 1) == frozenset()
