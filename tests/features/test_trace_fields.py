"""Received fields of the servers that are out there, and dates that clocks and people wrote."""

from datetime import UTC, datetime

import pytest

from features.trace_fields import Hop, parse_date, parse_hop


@pytest.mark.parametrize(
    ("value", "helo", "ip", "ptr", "by"),
    [
        (  # Postfix
            "from helo.example (ptr.example.net [192.0.2.1]) by mx.example.com (Postfix)",
            "helo.example", "192.0.2.1", "ptr.example.net", "mx.example.com",
        ),
        (
            "from helo (unknown [IPv6:2001:db8::1]) (using TLSv1.3) by mx.example.com",
            "helo", "2001:db8::1", "", "mx.example.com",
        ),
        (  # Sendmail
            "from helo (IDENT:root@ptr.example.net [192.0.2.1] (may be forged)) by mx (8.11)",
            "helo", "192.0.2.1", "ptr.example.net", "mx",
        ),
        (  # Exim
            "from ptr.example.net ([192.0.2.1] helo=helo.example) by mx with esmtp",
            "helo.example", "192.0.2.1", "ptr.example.net", "mx",
        ),
        ("from [192.0.2.1] (helo=helo.example) by mx", "helo.example", "192.0.2.1", "", "mx"),
        (  # qmail
            "from unknown (HELO helo.example) (192.0.2.1) by mx with SMTP",
            "helo.example", "192.0.2.1", "", "mx",
        ),
        (
            "from ptr.example.net (HELO helo) (user@192.0.2.1) by mx",
            "helo", "192.0.2.1", "ptr.example.net", "mx",
        ),
        ("(qmail 1 invoked by uid 500)", "", "", "", ""),
        (  # Google
            "from helo.example (ptr.example.net. [2001:db8::1])        by mx.google.com with",
            "helo.example", "2001:db8::1", "ptr.example.net", "mx.google.com",
        ),
        ("by 2002:a05:6a00 with SMTP id x", "", "", "", "2002:a05:6a00"),
        (  # Exchange
            "from A.OUTLOOK.COM (2001:db8::1) by B.outlook.com (2001:db8::2) with HTTPS",
            "a.outlook.com", "2001:db8::1", "", "b.outlook.com",
        ),
        # What the client says of itself never goes before what the server saw.
        ("from [198.51.100.9] (ptr.example.net [192.0.2.1]) by mx", "198.51.100.9", "192.0.2.1",
         "ptr.example.net", "mx"),
        ("from x (y [::ffff:192.0.2.1]) by z", "x", "192.0.2.1", "", "z"),
        ("from x(192.0.2.1) by z", "x", "192.0.2.1", "", "z"),
        ("from x (y [999.0.2.1]) by z", "x", "", "", "z"),
        ("from", "", "", "", ""),
        ("", "", "", "", ""),
    ],
)  # fmt: skip
def test_hops_of_many_servers(value, helo, ip, ptr, by):
    assert parse_hop(value) == Hop(helo, ip, ptr, by)


def test_a_hop_s_time_is_what_follows_the_last_semicolon():
    hop = parse_hop("from a (b [192.0.2.1]; x) by c; Thu, 1 Jan 2026 02:00:00 +0200 (EET)")

    assert hop.at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 01 Jan 2026 12:30:15 +0000", (2026, 1, 1, 12, 30, 15)),
        ("1 Jan 2026 12:30 -0800", (2026, 1, 1, 20, 30, 0)),
        ("Thu, 1 January 2026 12:30:15 EST", (2026, 1, 1, 17, 30, 15)),
        ("Thu,  1 Jan 26 12:30:15 GMT", (2026, 1, 1, 12, 30, 15)),
        ("1-Jan-99 12:30:15", (1999, 1, 1, 12, 30, 15)),
        ("Thu Jan  1 12:30:15 2026", (2026, 1, 1, 12, 30, 15)),
        ("31 Dec 2016 23:59:60 +0000", (2016, 12, 31, 23, 59, 59)),
        ("1 Jan 2026 12:30:15 +9999", (2026, 1, 1, 12, 30, 15)),
    ],
)
def test_dates_are_read_in_the_forms_that_are_found(text, expected):
    assert parse_date(text).astimezone(UTC) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31 Feb 2026 10:00:00 +0000", "1 Jan 2026 25:00:00", "1 Foo 2026 1:1"]
)
def test_what_is_no_date_is_none(text):
    assert parse_date(text) is None
