"""Hosts are split at their public suffix."""

import pytest

from features.domains import host_suffixes, split_host


@pytest.mark.parametrize(
    ("host", "registrable", "label", "suffix", "subdomain"),
    [
        ("mail.Example.co.uk.", "example.co.uk", "example", "co.uk", "mail"),
        ("example.com", "example.com", "example", "com", ""),
        ("a.b.github.io", "b.github.io", "b", "github.io", "a"),
        ("iki.fi", "iki.fi", "iki", "fi", ""),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd", "xn--p1ai", ""),
    ],
)
def test_a_host_splits_into_its_parts(host, registrable, label, suffix, subdomain):
    assert split_host(host) == (registrable, label, suffix, subdomain)


@pytest.mark.parametrize(
    "host", ["", "localhost", "co.uk", "192.0.2.1", "example.invalid", "a..com", "x." * 200 + "com"]
)
def test_what_nobody_registered_is_empty(host):
    assert split_host(host) == ("", "", "", "")


def test_the_names_to_look_up_are_the_host_s_suffixes():
    assert host_suffixes("A.b.c.") == ["a.b.c", "b.c", "c"]
    assert len(host_suffixes("1.2.3.4.5.6.7.8")) == 6
